"""Growing of objects over a landscape."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel


def flood(
    levels: npt.NDArray[np.uint16], seeds: npt.NDArray[np.int32], mask: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int32]:
    """Flood a landscape (y, x) from seeds; low levels first, within the mask.

    The watershed of Meyer, "Topographic distance and watershed lines" (1994), over 4 neighbours
    and without lines: a pixel takes the label of the neighbour that reaches it first. Water rises
    level by level; at one level, pixels are reached in the order of their neighbours, seeds in
    reading order. The result is therefore unique. Seeds outside the mask do not grow into it.
    """
    pixels = (levels.shape[0] + 2) * (levels.shape[1] + 2)
    after = np.full(pixels, -1, np.int32 if pixels < 2**31 else np.int64)
    return _flood(levels, seeds, mask, after)


@kernel
def _flood(
    levels: npt.NDArray[np.uint16],
    seeds: npt.NDArray[np.int32],
    mask: npt.NDArray[np.bool_],
    after: npt.NDArray[Any],
) -> npt.NDArray[np.int32]:
    height, width = levels.shape
    # A closed frame around everything saves the tests for the rim.
    stride = width + 2
    state = np.full(after.size, -1, np.int32)  # -1 closed, 0 free, else label
    depth = np.zeros(state.size, np.uint16)
    for y in range(height):
        at = (y + 1) * stride + 1
        for x in range(width):
            if mask[y, x]:
                state[at + x] = max(seeds[y, x], 0)
                depth[at + x] = levels[y, x]
    # One queue a level: the pixels of a queue are chained by `after`.
    head = np.full(65536, -1, np.int64)
    tail = np.full(65536, -1, np.int64)
    steps = (-stride, -1, 1, stride)
    for p in range(state.size):
        if state[p] > 0:
            for step in steps:
                if state[p + step] == 0:
                    _append(head, tail, after, depth[p], p)
                    break
    for level in range(65536):
        while head[level] >= 0:
            p = head[level]
            head[level] = after[p]
            for step in steps:
                q = p + step
                if state[q] == 0:
                    state[q] = state[p]
                    _append(head, tail, after, max(level, depth[q]), q)
    result = np.empty((height, width), np.int32)
    for y in range(height):
        at = (y + 1) * stride + 1
        for x in range(width):
            result[y, x] = max(state[at + x], 0)
    return result


@kernel
def _append(
    head: npt.NDArray[np.int64],
    tail: npt.NDArray[np.int64],
    after: npt.NDArray[Any],
    level: int,
    pixel: int,
) -> None:
    if head[level] < 0:
        head[level] = pixel
    else:
        after[tail[level]] = pixel
    after[pixel] = -1
    tail[level] = pixel
