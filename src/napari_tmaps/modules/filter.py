"""Keep the objects that look right."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from napari_tmaps.errors import InputError
from napari_tmaps.model.kinds import Depth, MaskImage
from napari_tmaps.modules.images import as_objects


def filter(  # noqa: A001 - the name that its users know
    mask: MaskImage,
    *,
    feature: Literal["area", "eccentricity", "circularity", "convexity"] = "area",
    lower_threshold: Annotated[float, Field(ge=0, le=1e10, json_schema_extra={"step": 0.05})] = 0.0,
    upper_threshold: Annotated[
        float, Field(ge=0, le=1e10, json_schema_extra={"step": 0.05})
    ] = 1e10,
) -> Annotated[
    MaskImage, "filtered_mask", Depth(stacks=False, instead="remove_objects or filter_by_feature")
]:
    """Remove objects by their size or shape, e.g. dirt and fragments.

    Parameters
    ----------
    mask
        Labels (y, x), or a mask, whose pixels belong together when they touch by an edge (4
        neighbours).
    feature
        "area" in pixels; "eccentricity" 0 (round) to 1 (a line); "circularity" 4π × area /
        perimeter², about 1 for a disc and less for anything else; "convexity" area / area of the
        convex hull, at most 1.
    lower_threshold
        Objects with less are removed; 0 removes none.
    upper_threshold
        Objects with more are removed; the largest value removes none.

    Returns
    -------
    MaskImage
        Labels of the objects that stay, numbered 1 … n in their order. Objects of a single pixel
        have no circularity: they are removed when that is the feature.

    Raises
    ------
    InputError
        The image is no mask and holds no labels, or the lower threshold exceeds the upper.
    """
    if lower_threshold > upper_threshold:
        raise InputError(
            f"'lower_threshold' is {lower_threshold}, which is above 'upper_threshold' "
            f"({upper_threshold}), so that no object could stay. Choose it equal or smaller."
        )
    labels = as_objects("mask", mask, connectivity=4)
    from napari_tmaps.measure import hull, shape
    from napari_tmaps.measure.runs import count_pixels, draw_known, find_boxes, find_runs, keep

    runs = find_runs(labels)
    boxes = find_boxes(runs)
    area = count_pixels(runs)
    if feature == "area":
        value = area.astype(float)
    elif feature == "eccentricity":
        value = shape.axes(shape.moments(runs, boxes)).eccentricity
    elif feature == "circularity":
        value = shape.circularity(area, shape.outlines(runs, boxes).perimeter)
    else:
        value = area / shape.hull_areas(hull.find_hulls(runs))
    stays = (value >= lower_threshold) & (value <= upper_threshold)
    return draw_known(keep(runs, stays), labels.shape)
