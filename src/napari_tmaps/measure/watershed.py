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
    low, high = int(levels.min(initial=65535)), int(levels.max(initial=0))
    # A closed frame around everything saves the tests for the rim. Above 0 the label; -1 closed;
    # below that free, and -2 - state is the level above the lowest.
    state = np.full((levels.shape[0] + 2, levels.shape[1] + 2), -1, np.int32)
    flood_into(levels, seeds, mask, low, max(low, high), queues[0], queues[1], state.reshape(-1))
    inner = state[1:-1, 1:-1]
    return np.maximum(inner, 0)


@kernel
def flood_into(
    levels: npt.NDArray[np.uint16],
    seeds: npt.NDArray[np.int32],
    mask: npt.NDArray[np.bool_],
    low: int,
    high: int,
    waiting: npt.NDArray[Any],
    queue: npt.NDArray[Any],
    state: npt.NDArray[np.int32],
) -> None:
    """`flood` with its memory: levels low … high, two queues, and the state of all pixels."""
    height, width = levels.shape
    stride = width + 2
    depths = high - low + 1
    end = np.zeros(depths + 1, np.int64)
    for y in range(height):
        at = (y + 1) * stride + 1
        for x in range(width):
            if mask[y, x]:
                depth = np.int32(levels[y, x] - low)
                state[at + x] = seeds[y, x] if seeds[y, x] > 0 else -2 - depth
                end[depth + 1] += 1
    # Pixels of higher levels wait in a part of `waiting` that holds all of their level.
    for level in range(depths):
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
                waiting[end[levels[y, x] - low]] = p
                end[levels[y, x] - low] += 1
    for level in range(depths):
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


def draw_lines(
    regions: npt.NDArray[np.int32], seeds: npt.NDArray[np.int32]
) -> npt.NDArray[np.int32]:
    """Regions (y, x) parted by a line of background, one pixel wide; seeds stay as they are.

    On the line are the pixels with another region directly above or to the left.
    """
    result = np.empty(regions.shape, np.int32)
    _draw_lines(regions, seeds, result)
    return result


@kernel
def _draw_lines(
    regions: npt.NDArray[np.int32], seeds: npt.NDArray[np.int32], result: npt.NDArray[np.int32]
) -> None:
    height, width = regions.shape
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
