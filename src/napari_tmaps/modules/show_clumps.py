"""What 'separate_clumps' sees: which objects it looks at, why, and where it would cut."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from napari_tmaps.model.kinds import Depth, IntensityImage, LabelImage, MaskImage
from napari_tmaps.modules.images import as_objects
from napari_tmaps.modules.separate_clumps import separate_clumps


class ShownClumps(NamedTuple):
    """What `show_clumps` returns."""

    area: IntensityImage
    convexity: IntensityImage
    circularity: IntensityImage
    clumps: LabelImage
    cuts: MaskImage


def show_clumps(
    mask: MaskImage,
    *,
    min_cut_area: Annotated[int, Field(ge=1, le=1_000_000)] = 2000,
    max_convexity: Annotated[float, Field(ge=0, le=1, json_schema_extra={"step": 0.01})] = 0.92,
    max_circularity: Annotated[float, Field(ge=0, le=2, json_schema_extra={"step": 0.01})] = 0.70,
    min_area: Annotated[int, Field(ge=0, le=100_000_000)] = 5000,
    max_area: Annotated[int, Field(ge=1, le=100_000_000)] = 50000,
    trimming: bool = True,
    remaining: bool = False,
) -> Annotated[ShownClumps, Depth(stacks=False, instead="find_seeds and watershed")]:
    """Show the size and shape of objects, to find the cut-offs of 'separate_clumps'.

    Put it beside that step with the same input, look at the values of good objects and of clumps
    under the pointer, and choose cut-offs between them. Switch it off for the run.

    Parameters
    ----------
    mask
        What 'separate_clumps' gets: mask (y, x) or labels.
    min_cut_area, max_convexity, max_circularity, min_area, max_area, trimming
        As in 'separate_clumps'.
    remaining
        Show the objects that are left after the cuts, to see what would be cut next.

    Returns
    -------
    ShownClumps
        `area` in pixels (65535 for larger ones), `convexity` and `circularity` in thousandths, of
        the object at each pixel, 0 on background; `clumps`, the objects that the cut-offs choose;
        `cuts`, the lines (and crumbs) that are removed.

    Raises
    ------
    InputError
        The image is no mask and holds no labels.
    """
    before = as_objects("mask", mask, connectivity=8)
    after = separate_clumps(
        before,
        min_cut_area=min_cut_area,
        max_convexity=max_convexity,
        max_circularity=max_circularity,
        min_area=min_area,
        max_area=max_area,
        trimming=trimming,
    )
    labels = after if remaining else before
    from napari_tmaps.measure import hull, shape
    from napari_tmaps.measure.runs import count_pixels, draw, find_boxes, find_runs

    runs = find_runs(labels)
    boxes = find_boxes(runs)
    area = count_pixels(runs)
    convexity = area / shape.hull_areas(hull.find_hulls(runs))
    circularity = shape.circularity(area, shape.outlines(runs, boxes).perimeter)
    chosen = (
        (area > min_area)
        & (area <= max_area)
        & (convexity <= max_convexity)
        & (circularity <= max_circularity)
    )

    def heat(values: npt.NDArray[np.float64]) -> IntensityImage:
        # Objects are never 0, so that they stand out from the background.
        shown = np.clip(np.nan_to_num(np.rint(values)), 1, 65535).astype(np.int64)
        return draw(runs, shown, labels.shape).astype(np.uint16)

    return ShownClumps(
        area=heat(area.astype(float)),
        convexity=heat(1000 * convexity),
        circularity=heat(1000 * circularity),
        clumps=draw(runs, np.where(chosen, runs.labels, 0), labels.shape),
        cuts=(before > 0) & (after == 0),
    )
