"""Small pictures of what a step made: outlines over the image, for grids and reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.model.kinds import Kind
from napari_tmaps.pipeline.cache import Value
from napari_tmaps.pipeline.checked import CheckedPipeline, Step

Picture = npt.NDArray[np.uint8]

OUTLINE_RGB = (255, 176, 0)  # seen by everybody, on dark and on bright


def step_picture(
    checked: CheckedPipeline, step: Step, values: Mapping[str, Value], size_px: int = 512
) -> Picture | None:
    """What a step made, on the image that it was made from.

    Parameters
    ----------
    values
        Items by name: what the step made, what it worked on, and the channels.
    size_px
        Longest side of the picture; larger images are thinned out.

    Returns
    -------
    Picture | None
        uint8 (y, x, 3); of a stack its middle plane. None if the step made no image.
    """
    made = next(
        (
            (values[step.outputs[out.name]], out.kind)
            for out in step.spec.outputs
            if out.kind is not Kind.MEASUREMENT
        ),
        None,
    )
    if made is None:
        measured = step.inputs.get("extract_objects", "")
        made = (values[measured], Kind.SEGMENTED_OBJECTS) if measured in values else None
    if made is None or not isinstance(made[0], np.ndarray):
        return None
    value = _thinned(made[0], size_px)
    if made[1] is Kind.INTENSITY_IMAGE:
        return grey(value)
    channel = _channel_of(checked, step, values)
    below = values.get(channel)
    if not isinstance(below, np.ndarray):
        return outlined(np.zeros(value.shape, np.uint8), value)
    return outlined(_thinned(below, size_px), value)


def grey(image: npt.NDArray[Any]) -> Picture:
    """An image (y, x) of intensities as uint8 (y, x, 3), from its 1st to its 99.8th percentile."""
    low, high = np.percentile(image, (1, 99.8))
    scaled = (image.astype(np.float32) - low) * (255 / max(float(high - low), 1e-6))
    return np.repeat(np.clip(scaled, 0, 255).astype(np.uint8)[..., np.newaxis], 3, axis=2)


def outlined(image: npt.NDArray[Any], labels: npt.NDArray[Any]) -> Picture:
    """An image (y, x) with the outlines of a mask or of labels of the same shape."""
    picture = grey(image)
    whole = labels.astype(np.int32)
    edge = np.zeros(whole.shape, bool)
    edge[:-1] |= whole[:-1] != whole[1:]
    edge[:, :-1] |= whole[:, :-1] != whole[:, 1:]
    picture[edge] = OUTLINE_RGB
    return picture


def _thinned(image: npt.NDArray[Any], size_px: int) -> npt.NDArray[Any]:
    plane = image[image.shape[0] // 2] if image.ndim == 3 else image
    step = -(-max(plane.shape) // size_px)
    return plane[::step, ::step]


def _channel_of(checked: CheckedPipeline, step: Step, values: Mapping[str, Value]) -> str:
    """The channel that an item was made from, by the first way upstream."""
    makers = {item: each for each in checked.steps for item in each.outputs.values()}
    waiting = list(step.inputs.values())
    seen = set()
    while waiting:
        item = waiting.pop(0)
        if item in checked.channels:
            return item
        if item in makers and item not in seen:
            waiting += makers[item].inputs.values()
        seen.add(item)
    return next((name for name in checked.channels if name in values), "")
