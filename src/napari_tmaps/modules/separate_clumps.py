"""Cut clumps of touching nuclei."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from napari_tmaps.model.kinds import LabelImage, MaskImage
from napari_tmaps.modules.images import Labels, as_objects, renumber

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
) -> Annotated[LabelImage, "separated_label_image"]:
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
    labels = as_objects("mask", mask, connectivity=8).copy()
    from napari_tmaps.measure import shape
    from napari_tmaps.measure.runs import count_pixels, find_boxes, find_runs, paint

    def find_clumps(labels: Labels, top: int, left: int) -> Iterator[Clump]:
        runs = find_runs(labels)
        boxes = find_boxes(runs)
        area = count_pixels(runs)
        convexity = area / shape.hull_areas(runs, boxes)
        circularity = shape.circularity(area, shape.outlines(runs, boxes).perimeter)
        chosen = (area > min_area) & (area <= max_area)
        chosen &= (convexity <= max_convexity) & (circularity <= max_circularity)
        for k in np.flatnonzero(chosen):
            y, x = int(boxes.top[k]) - 1, int(boxes.left[k]) - 1
            clump = np.zeros((boxes.bottom[k] - y + 1, boxes.right[k] - x + 1), np.uint8)
            paint(runs, int(k), y, x, clump)
            yield Clump(top + y, left + x, clump)

    todo = deque(find_clumps(labels, 0, 0))
    following = int(labels.max(initial=0)) + 1
    while todo:
        clump = todo.popleft()
        parts = _cut(clump.mask, min_cut_area, trimming)
        if parts is None:
            continue
        todo.extend(find_clumps(parts, clump.top, clump.left))
        # The frame of one pixel may lie outside the image; nothing is ever written there.
        inner, own = parts[1:-1, 1:-1], clump.mask[1:-1, 1:-1] > 0
        top, left = clump.top + 1, clump.left + 1
        view = labels[top : top + inner.shape[0], left : left + inner.shape[1]]
        view[own] = np.where(inner > 0, inner + (following - 1), 0)[own]
        following += int(inner.max())
    return renumber(labels)


class Clump(NamedTuple):
    """An object (y, x) as 1 in a frame of 0, whose first pixel is (top, left) of the image."""

    top: int
    left: int
    mask: npt.NDArray[np.uint8]


def _cut(clump: npt.NDArray[np.uint8], min_cut_area: int, trimming: bool) -> Labels | None:
    """The parts of a clump, numbered from 1, or None where no cut is good."""
    from napari_tmaps.measure.clumps import find_cuts
    from napari_tmaps.measure.components import label_components

    for line in find_cuts(clump, narrowness=NARROWNESS, attempts=ATTEMPTS):
        parts = label_components((clump > 0) & ~line, True)
        area = np.bincount(parts.ravel())
        area[0] = 0
        if trimming and area.size > 3:
            crumbs = area < SMALLEST_FRAGMENT
            parts = renumber(np.where(crumbs[parts], np.int32(0), parts))
            area = area[~crumbs]
            area = np.concatenate([np.zeros(1, area.dtype), area])
        if area.size > 2 and area[1:].min() > min_cut_area:
            return parts
    return None
