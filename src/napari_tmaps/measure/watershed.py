"""Growing of objects over a landscape."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.histogram import count_values
from napari_tmaps.measure.prefetch import prefetch

_AHEAD = 8  # pixels whose neighbours are on their way


def flood(
    levels: npt.NDArray[np.uint16], seeds: npt.NDArray[np.int32], mask: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int32]:
    """Flood a landscape (y, x) from seeds; low levels first, within the mask.

    The watershed of Meyer, "Topographic distance and watershed lines" (1994), over 4 neighbours
    and without lines: a pixel takes the label of the neighbour that reaches it first. Water rises
    level by level; at one level, pixels are reached in the order of their neighbours, seeds in
    reading order. The result is therefore unique. Seeds outside the mask do not grow into it.
    """
    height, width = levels.shape
    stride = width + 2
    place = np.int32 if (height + 2) * stride < 2**31 else np.int64
    waiting, queue = np.empty(levels.size + 4, place), np.empty(np.count_nonzero(mask) + 1, place)
    # A closed frame around everything saves the tests for the rim. Above 0 the label; -1 closed;
    # below that free, and -2 - state is the level above the lowest.
    state = np.empty((height + 2, stride), np.int32)
    state[0], state[-1], state[:, 0], state[:, -1] = -1, -1, -1, -1
    flood_into(np.ascontiguousarray(levels), seeds, mask, waiting, queue, state.reshape(-1))
    return np.maximum(state[1:-1, 1:-1], 0)


@kernel
def flood_into(
    levels: npt.NDArray[np.uint16],
    seeds: npt.NDArray[np.int32],
    mask: npt.NDArray[np.bool_],
    waiting: npt.NDArray[Any],
    queue: npt.NDArray[Any],
    state: npt.NDArray[np.int32],
) -> None:
    """`flood` with its memory: two queues, and the state of all pixels, closed around them."""
    height, width = np.uintp(levels.shape[0]), np.uintp(levels.shape[1])
    stride, one = width + np.uintp(2), np.uintp(1)
    low, high = levels.min(), levels.max()
    for y in range(height):
        at = (y + one) * stride + one
        for x in range(width):
            free = np.int32(np.int32(low) - np.int32(levels[y, x]) - np.int32(2))
            begun = seeds[y, x] if seeds[y, x] > 0 else free
            state[at + x] = begun if mask[y, x] else np.int32(-1)
    # Pixels of higher levels wait in a part of `waiting` that holds all of their level.
    counts = count_values(levels.reshape(-1), high + 1)[np.int64(low) :]
    depths = counts.size
    begin = np.zeros(depths + 1, np.int64)
    for level in range(depths):
        begin[level + 1] = begin[level] + counts[level]
    # Behind them four places take what must not wait, so that nobody has to ask.
    end = np.empty(depths + 4, np.int64)
    end[:depths] = begin[:depths]
    for place in range(4):
        end[depths + place] = begin[depths] + place
    _add_seeds(levels, state, waiting, end)
    ahead = np.uintp(_AHEAD)
    for level in range(depths):
        n = np.uintp(0)
        for i in range(np.uintp(begin[level]), np.uintp(end[level])):
            if i + ahead < waiting.size:
                _ask_for(state, np.uintp(waiting[i + ahead]), stride)
            n = _spread(np.uintp(waiting[i]), stride, level, depths, state, waiting, end, queue, n)
        next_ = np.uintp(0)
        while next_ < n:
            if next_ + ahead < n:
                _ask_for(state, np.uintp(queue[next_ + ahead]), stride)
            p = np.uintp(queue[next_])
            n = _spread(p, stride, level, depths, state, waiting, end, queue, n)
            next_ += one


@kernel
def _ask_for(state: npt.NDArray[np.int32], p: np.uintp, stride: np.uintp) -> None:
    """Pixels of a level lie far apart: their neighbours are on their way when their turn comes."""
    prefetch(state, p - stride)
    prefetch(state, p)
    prefetch(state, p + stride)


@kernel
def _add_seeds(
    levels: npt.NDArray[np.uint16],
    state: npt.NDArray[np.int32],
    waiting: npt.NDArray[Any],
    end: npt.NDArray[np.int64],
) -> None:
    """Let the pixels of seeds wait that have somewhere to grow."""
    height, width = np.uintp(levels.shape[0]), np.uintp(levels.shape[1])
    stride, one = width + np.uintp(2), np.uintp(1)
    low = levels.min()
    # Few do: eight pixels at a time are looked at.
    grows = np.zeros((levels.shape[1] + 7) // 8 * 8, np.uint8)
    eights = grows.view(np.uint64)
    for y in range(height):
        at = (y + one) * stride + one
        for x in range(width):
            p = at + x
            above, below = min(state[p - stride], state[p + stride]), state[p - one]
            lowest = min(above, min(below, state[p + one]))
            grows[x] = (state[p] > 0) & (lowest < -1)
        for eight in range(np.uintp(eights.size)):
            if eights[eight] == 0:
                continue
            for x in range(np.uintp(8) * eight, np.uintp(8) * (eight + one)):
                if grows[x]:
                    depth = np.uintp(levels[y, x] - low)
                    waiting[end[depth]] = at + x
                    end[depth] += 1


@kernel
def _spread(
    p: np.uintp,
    stride: np.uintp,
    level: int,
    depths: int,
    state: npt.NDArray[np.int32],
    waiting: npt.NDArray[Any],
    end: npt.NDArray[np.int64],
    queue: npt.NDArray[Any],
    n: np.uintp,
) -> np.uintp:
    """Give the label of pixel p to its free neighbours; the number of those that come next."""
    one, label = np.uintp(1), state[p]
    n = _take(p - stride, label, level, depths, state, waiting, end, queue, n)
    n = _take(p - one, label, level, depths + 1, state, waiting, end, queue, n)
    n = _take(p + one, label, level, depths + 2, state, waiting, end, queue, n)
    return _take(p + stride, label, level, depths + 3, state, waiting, end, queue, n)


@kernel
def _take(
    q: np.uintp,
    label: np.int32,
    level: int,
    nowhere: int,
    state: npt.NDArray[np.int32],
    waiting: npt.NDArray[Any],
    end: npt.NDArray[np.int64],
    queue: npt.NDArray[Any],
    n: np.uintp,
) -> np.uintp:
    # Without a branch, which the processor would guess wrong half of the time: everything is
    # written, and what must not count is written over by the next.
    was = state[q]
    free = was < -1
    depth = np.int64(-2) - np.int64(was)
    waits = free & (depth > level)
    state[q] = label if free else was
    queue[n] = q
    slot = np.uintp(depth if waits else nowhere)
    waiting[np.uintp(end[slot])] = q
    end[slot] += np.int64(waits)
    return n + np.uintp(free) - np.uintp(waits)


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
