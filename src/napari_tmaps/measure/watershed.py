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
    place = np.int32 if pixels < 2**31 else np.int64
    queues = np.empty((2, np.count_nonzero(mask)), place)
    return _flood(levels, seeds, mask, queues[0], queues[1])


@kernel
def _flood(
    levels: npt.NDArray[np.uint16],
    seeds: npt.NDArray[np.int32],
    mask: npt.NDArray[np.bool_],
    waiting: npt.NDArray[Any],
    queue: npt.NDArray[Any],
) -> npt.NDArray[np.int32]:
    height, width = levels.shape
    # A closed frame around everything saves the tests for the rim.
    stride = width + 2
    # Above 0 the label; -1 closed; below that free, and -2 - state is the level.
    state = np.full((height + 2) * stride, -1, np.int32)
    end = np.zeros(65537, np.int64)
    for y in range(height):
        at = (y + 1) * stride + 1
        for x in range(width):
            if mask[y, x]:
                depth = np.int32(levels[y, x])
                state[at + x] = seeds[y, x] if seeds[y, x] > 0 else -2 - depth
                end[depth + 1] += 1
    # Pixels of higher levels wait in a part of `waiting` that holds all of their level.
    for level in range(65536):
        end[level + 1] += end[level]
    begin = end.copy()
    for y in range(height):
        at = (y + 1) * stride + 1
        for x in range(width):
            p = at + x
            if state[p] > 0 and (
                state[p - stride] < -1
                or state[p - 1] < -1
                or state[p + 1] < -1
                or state[p + stride] < -1
            ):
                waiting[end[levels[y, x]]] = p
                end[levels[y, x]] += 1
    for level in range(65536):
        n = end[level] - begin[level]
        for i in range(n):
            queue[i] = waiting[begin[level] + i]
        i = 0
        while i < n:
            p = queue[i]
            i += 1
            for step in (-stride, -1, 1, stride):
                q = p + step
                free = state[q]
                if free < -1:
                    state[q] = state[p]
                    if -2 - free <= level:
                        queue[n] = q
                        n += 1
                    else:
                        waiting[end[-2 - free]] = q
                        end[-2 - free] += 1
    result = np.empty((height, width), np.int32)
    for y in range(height):
        at = (y + 1) * stride + 1
        for x in range(width):
            result[y, x] = max(state[at + x], 0)
    return result


@kernel
def draw_lines(
    regions: npt.NDArray[np.int32], seeds: npt.NDArray[np.int32]
) -> npt.NDArray[np.int32]:
    """Regions (y, x) parted by a line of background, one pixel wide; seeds stay as they are.

    On the line are the pixels with another region directly above or to the left.
    """
    height, width = regions.shape
    result = np.empty((height, width), np.int32)
    for y in range(height):
        line, above, seed = regions[y], regions[max(0, y - 1)], seeds[y]
        parted = result[y]
        for x in range(width):
            parted[x] = 0 if above[x] != line[x] and above[x] > 0 else line[x]
        here, left, rest = line[1:], line[:-1], parted[1:]
        for x in range(width - 1):
            rest[x] = 0 if left[x] != here[x] and left[x] > 0 else rest[x]
        for x in range(width):
            parted[x] = seed[x] if seed[x] > 0 else parted[x]
    return result
