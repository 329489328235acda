"""Cut clumps of touching nuclei."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from napari_tmaps.model.kinds import Depth, LabelImage, MaskImage
from napari_tmaps.modules.images import as_labels, check_plane

SMALLEST_FRAGMENT = 10
# A waist as wide as this, relative to the thinner of the parts it joins, is none: outlines are
# rough, and every long object is a little thinner somewhere.
NARROWNESS = 0.9
ATTEMPTS = 4


def separate_clumps(
    mask: MaskImage,
    *,
    min_cut_area: Annotated[int, Field(ge=1, le=1_000_000)] = 2000,
    max_convexity: Annotated[float, Field(ge=0, le=1, json_schema_extra={"step": 0.01})] = 0.92,
    max_circularity: Annotated[float, Field(ge=0, le=2, json_schema_extra={"step": 0.01})] = 0.70,
    min_area: Annotated[int, Field(ge=0, le=100_000_000)] = 5000,
    max_area: Annotated[int, Field(ge=1, le=100_000_000)] = 50000,
    trimming: bool = True,
) -> Annotated[
    LabelImage, "separated_label_image", Depth(stacks=False, instead="find_seeds and watershed")
]:
    """Cut clumps of touching objects, e.g. nuclei, at their waists.

    An object is a clump when its area lies between `min_area` and `max_area` and it is neither
    convex nor circular. It is cut where it is narrowest, if that leaves parts of some size; the
    parts are looked at again, until nothing qualifies. Objects without a waist, such as a C or a
    long fibre, stay whole.

    Parameters
    ----------
    mask
        Mask (y, x), whose pixels belong together when they touch by an edge or a corner (8
        neighbours). Objects of a label image are never joined, each is looked at by itself.
    min_cut_area
        Every part of a cut object must be larger than this, in pixels; about half the area of a
        small nucleus.
    max_convexity
        Clumps have at most this convexity (area / area of the convex hull; 1 has no dents).
    max_circularity
        Clumps have at most this circularity (4π × area / perimeter²; 1 is a disc).
    min_area
        Clumps are larger than this, in pixels; about the area of one large nucleus.
    max_area
        Clumps have at most this area, in pixels.
    trimming
        Crumbs of less than 10 pixels, which a cut may leave beside more than one part, are
        removed. Off: they count as parts, so that such a cut is refused.

    Returns
    -------
    LabelImage
        Objects numbered 1 … n. Cut lines, one pixel wide, are background.

    Raises
    ------
    InputError
        The image is no mask and holds no labels.

    Notes
    -----
    The default areas fit nuclei of some 80 pixels in diameter. For nuclei of 25 pixels take
    `min_area` 400 and `min_cut_area` 150; for others scale these with the square of the diameter.
    The default shapes choose discs that overlap by less than a fifth of their radius; convexity
    0.95 and circularity 0.8 choose those that overlap by two fifths.

    The line is the watershed of the distance to the background between the two thickest points
    on either side of the deepest waist.
    """
    from napari_tmaps.measure.clumps import Limits, cut_clumps
    from napari_tmaps.measure.components import component_runs
    from napari_tmaps.measure.runs import draw_known, find_boxes, find_runs

    check_plane("mask", mask)
    if mask.dtype == np.bool_:
        runs = component_runs(mask, diagonal=True)
    else:
        runs = find_runs(as_labels("mask", mask))
    limits = Limits(
        min_area=min_area,
        max_area=max_area,
        max_convexity=float(max_convexity),
        max_circularity=float(max_circularity),
        min_cut_area=min_cut_area,
        crumbs=SMALLEST_FRAGMENT if trimming else 0,
        narrowness=NARROWNESS,
        attempts=ATTEMPTS,
    )
    return draw_known(cut_clumps(runs, find_boxes(runs), limits), mask.shape)
