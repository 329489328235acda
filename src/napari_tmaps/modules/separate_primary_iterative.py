"""Touching objects become single ones, along dark lines between the dents of their outline."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from napari_tmaps.model.kinds import Depth, IntensityImage, LabelImage, MaskImage
from napari_tmaps.modules.images import (
    Labels,
    Mask,
    as_objects,
    check_intensity,
    check_same_shape,
    renumber,
)

# More bays are noise of the outline; the sharpest ones count.
MOST_BAYS = 30


def separate_primary_iterative(
    primary_objects: MaskImage,
    intensity_image: IntensityImage,
    *,
    cutting_passes: Annotated[int, Field(ge=1, le=20)] = 3,
    max_solidity: Annotated[float, Field(ge=0, le=1, json_schema_extra={"step": 0.01})] = 0.92,
    min_form_factor: Annotated[float, Field(ge=-1, le=10, json_schema_extra={"step": 0.05})] = 0.4,
    min_area: Annotated[int, Field(ge=0, le=100_000_000)] = 5000,
    max_area: Annotated[int, Field(ge=1, le=100_000_000)] = 500_000,
    min_area_cut: Annotated[int, Field(ge=1, le=1_000_000)] = 2000,
    sliding_window: Annotated[int, Field(ge=3, le=201)] = 9,
    filter_size: Annotated[int, Field(ge=1, le=200)] = 15,
    max_concave_radius: Annotated[float, Field(gt=0, le=1000)] = 20.0,
    min_concave_circular_segment: Annotated[float, Field(gt=0, le=360)] = 6.0,
) -> Annotated[
    LabelImage, "separated_objects", Depth(stacks=False, instead="find_seeds and watershed")
]:
    """Cut clumps of touching objects between the bays of their outline, along dark lines.

    Looks at the intensities too, unlike `separate_clumps`: nuclei that touch are darker where they
    meet.

    Parameters
    ----------
    primary_objects
        Mask (y, x), whose pixels belong together when they touch by an edge or a corner (8
        neighbours), or labels, which are never joined.
    intensity_image
        Stain (y, x) of the objects, uint8 or uint16; smooth it first.
    cutting_passes
        How often the parts are looked at again. Each pass cuts a clump once.
    max_solidity
        Clumps have less than this area / area of the convex hull (1 has no dents).
    min_form_factor
        Clumps have more than this -log(4π × area / (perimeter + 1)²) (about 0 for a disc; more
        for anything else).
    min_area, max_area
        Clumps have more and less pixels than this.
    min_area_cut
        Both parts must have more pixels than this.
    sliding_window
        Length in pixels of the piece of outline on which its turn is measured.
    filter_size
        In pixels: dents of the outline that are smaller do not count.
    max_concave_radius
        In pixels: bays turn inwards at least as sharply as a circle of this radius.
    min_concave_circular_segment
        In degrees: bays turn inwards by at least this.

    Returns
    -------
    LabelImage
        Objects numbered 1 … n. Cut lines, about three pixels wide, are background.

    Raises
    ------
    InputError
        The images do not fit, or the first is no mask and holds no labels.

    Notes
    -----
    Each pair of bays is joined by the way through the object that is short and dark. Of the ways
    that part the object in two, the best has the most solid parts, is darkest beside the whole
    object, and short: solidity of both parts - mean intensity on the way / mean intensity of the
    object - length / diameter of the disc with the object's area.

    The default areas fit nuclei of some 80 pixels in diameter; for nuclei of 25 pixels divide them
    by ten.
    """
    labels = as_objects("primary objects", primary_objects, connectivity=8).copy()
    check_intensity("intensity image", intensity_image)
    check_same_shape(primary_objects=labels, intensity_image=intensity_image)
    from napari_tmaps.measure import hull, shape
    from napari_tmaps.measure.concave import concave_points, dark_lines
    from napari_tmaps.measure.runs import count_pixels, find_boxes, find_runs

    for _ in range(cutting_passes):
        runs = find_runs(labels)
        boxes = find_boxes(runs)
        area = count_pixels(runs)
        solidity = area / shape.hull_areas(hull.find_hulls(runs))
        perimeter = shape.outlines(runs, boxes).perimeter
        form = -np.log(4 * np.pi * area / (perimeter + 1) ** 2)
        clumps = np.flatnonzero(
            (area > min_area)
            & (area < max_area)
            & (solidity < max_solidity)
            & (form > min_form_factor)
        )
        following = int(labels.max()) + 1
        for k in clumps:
            window = (slice(boxes.top[k], boxes.bottom[k]), slice(boxes.left[k], boxes.right[k]))
            clump = np.pad(labels[window] == runs.labels[k], 1)
            stain = np.pad(intensity_image[window], 1)
            bays = concave_points(
                clump,
                window=sliding_window,
                smoothing=filter_size / 4,
                max_radius=max_concave_radius,
                min_angle=np.deg2rad(min_concave_circular_segment),
            )
            parts = _cut(clump, stain, dark_lines(stain, clump, bays[:MOST_BAYS]), min_area_cut)
            if parts is not None:
                inner, own = parts[1:-1, 1:-1], clump[1:-1, 1:-1]
                labels[window][own] = np.where(inner > 0, inner + (following - 1), 0)[own]
                following += 2
    return renumber(labels)


def _cut(
    clump: Mask,
    stain: npt.NDArray[np.unsignedinteger],
    lines: list[npt.NDArray[np.int64]],
    min_area_cut: int,
) -> Labels | None:
    """The two parts that the best of the lines leaves, or None where no line is good."""
    from scipy import ndimage

    from napari_tmaps.measure import hull, shape
    from napari_tmaps.measure.components import label_components
    from napari_tmaps.measure.runs import count_pixels, find_runs

    brightness = float(stain[clump].mean()) or 1.0
    diameter = np.sqrt(4 * clump.sum() / np.pi)
    best, chosen = -np.inf, None
    for line in lines:
        way = np.zeros(clump.shape, bool)
        way[line[:, 0], line[:, 1]] = True
        parts = label_components(clump & ~ndimage.binary_dilation(way), True)
        runs = find_runs(parts)
        area = count_pixels(runs)
        if area.size != 2 or area.min() <= min_area_cut:
            continue
        solidity = area / shape.hull_areas(hull.find_hulls(runs))
        score = solidity.sum() - float(stain[way].mean()) / brightness - len(line) / diameter
        if score > best:
            best, chosen = score, parts
    return chosen
