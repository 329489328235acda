"""Growing of objects over a landscape."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
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
    pixels = np.count_nonzero(mask)
    waiting, queue = np.empty(pixels + 4, place), np.empty(pixels + 1, place)
    # A closed frame around everything saves the tests for the rim. Above 0 the label; -1 closed;
    # below that free, and -2 - state is the level above the lowest. The fewer bytes, the more of
    # it stays near the processor.
    depths = int(levels.max()) - int(levels.min()) + 1
    small = max(depths + 1, int(seeds.max())) <= np.iinfo(np.int16).max
    state = np.empty((height + 2, stride), np.int16 if small else np.int32)
    state[0], state[-1], state[:, 0], state[:, -1] = -1, -1, -1, -1
    flood_into(np.ascontiguousarray(levels), seeds, mask, waiting, queue, state.reshape(-1))
    result = np.empty(levels.shape, np.int32)
    _read_labels(state, result)
    return result


@kernel
def flood_into(
    levels: npt.NDArray[np.uint16],
    seeds: npt.NDArray[np.int32],
    mask: npt.NDArray[np.bool_],
    waiting: npt.NDArray[Any],
    queue: npt.NDArray[Any],
    state: npt.NDArray[Any],
) -> None:
    """`flood` with its memory: two queues, and the state of all pixels, closed around them.

    The queues have room for the pixels of the mask, `waiting` for four more, `queue` for one.
    """
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
    depths = int(high) - int(low) + 1
    counts = _count_levels(levels, mask, low, depths)
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
def _count_levels(
    levels: npt.NDArray[np.uint16], mask: npt.NDArray[np.bool_], low: np.uint16, depths: int
) -> npt.NDArray[np.int64]:
    """How many pixels of the mask have each level above the lowest."""
    # Two counters, because neighbouring pixels are alike and would wait for each other.
    parts = np.zeros((2, depths), np.int64)
    height, width = levels.shape
    for y in range(height):
        line, inside = levels[y], mask[y]
        for x in range(0, width - 1, 2):
            parts[0, line[x] - low] += inside[x]
            parts[1, line[x + 1] - low] += inside[x + 1]
        if width % 2:
            parts[0, line[width - 1] - low] += inside[width - 1]
    sums: npt.NDArray[np.int64] = parts[0] + parts[1]
    return sums


@kernel
def _read_labels(state: npt.NDArray[Any], result: npt.NDArray[np.int32]) -> None:
    height, width = result.shape
    for y in range(height):
        inner, line = state[y + 1, 1 : width + 1], result[y]
        for x in range(width):
            line[x] = max(np.int32(inner[x]), np.int32(0))


@kernel
def _ask_for(state: npt.NDArray[Any], p: np.uintp, stride: np.uintp) -> None:
    """Pixels of a level lie far apart: their neighbours are on their way when their turn comes."""
    prefetch(state, p - stride)
    prefetch(state, p)
    prefetch(state, p + stride)


@kernel
def _add_seeds(
    levels: npt.NDArray[np.uint16],
    state: npt.NDArray[Any],
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
    state: npt.NDArray[Any],
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
    state: npt.NDArray[Any],
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


def draw_lines(regions: npt.NDArray[np.int32], seeds: npt.NDArray[np.int32]) -> None:
    """Part regions (y, x) by a line of background, one pixel wide, in place; not within seeds.

    On the line are the pixels with another region directly above or to the left.
    """
    _draw_lines(regions, seeds, regions[:1].copy(), regions[:1].copy())


@kernel
def _draw_lines(
    regions: npt.NDArray[np.int32],
    seeds: npt.NDArray[np.int32],
    above: npt.NDArray[np.int32],
    here: npt.NDArray[np.int32],
) -> None:
    height, width = regions.shape
    for y in range(height):
        line, seed = regions[y], seeds[y]
        for x in range(width):
            here[0, x] = line[x]
        for x in range(width):
            line[x] = 0 if above[0, x] != here[0, x] and above[0, x] > 0 else here[0, x]
        left, right, rest = here[0, :-1], here[0, 1:], line[1:]
        for x in range(width - 1):
            rest[x] = 0 if left[x] != right[x] and left[x] > 0 else rest[x]
        for x in range(width):
            line[x] = seed[x] if seed[x] > 0 else line[x]
        above, here = here, above
