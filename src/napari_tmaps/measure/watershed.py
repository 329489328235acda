"""Growing of objects over a landscape."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.histogram import histogram
from napari_tmaps.measure.prefetch import prefetch
from napari_tmaps.measure.runs import Ints, Seeds, find_runs, in_reading_order

_AHEAD = 8  # pixels whose neighbours are on their way

Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int32]


def flood(levels: npt.NDArray[Any], seeds: Labels, mask: Mask) -> Labels:
    """Flood a landscape (y, x) from seeds; low levels first, within the mask.

    The watershed of Meyer, "Topographic distance and watershed lines" (1994), over 4 neighbours
    and without lines: a pixel takes the label of the neighbour that reaches it first. Water rises
    level by level; at one level, pixels are reached in the order of their neighbours, seeds in
    reading order. The result is therefore unique. Seeds outside the mask do not grow into it.

    Parameters
    ----------
    levels
        uint8 or uint16.
    """
    regions = flooded(levels, in_reading_order(find_runs(seeds)), mask)
    result = np.empty(levels.shape, np.int32)
    _read_labels(regions, result)
    return result


def flooded(
    levels: npt.NDArray[Any], seeds: Seeds, mask: Mask, *, bright_first: bool = False
) -> npt.NDArray[np.signedinteger[Any]]:
    """`flood` as it ends: above 0 labels, everything else is at most 0.

    Parameters
    ----------
    bright_first
        Whether the highest level comes first instead of the lowest.
    """
    height, width = levels.shape
    stride = width + 2
    place = np.int32 if (height + 2) * stride < 2**31 else np.int64
    # Room for each level: what is outside the mask leaves its own unused, and costs nothing.
    counts = histogram(levels)
    low, high = np.flatnonzero(counts)[[0, -1]]
    counts = counts[low : high + 1]
    if bright_first:
        counts = counts[::-1]
    room = np.empty(room_for(levels.size), place)
    # A closed frame around everything saves the tests for the rim. Above 0 the label; -1 closed;
    # below that free, and -2 - state is the level above the lowest. The fewer bytes, the more of
    # it stays near the processor.
    highest = int(seeds.value.max(initial=0))
    small = max(counts.size + 1, highest) <= np.iinfo(np.int16).max
    state = np.empty((height + 2, stride), np.int16 if small else np.int32)
    state[0], state[-1], state[:, 0], state[:, -1] = -1, -1, -1, -1
    first, sign = (high, -1) if bright_first else (low, 1)
    line = np.ascontiguousarray(levels)
    flood_into(line, first, sign, counts, seeds, mask, room, state.reshape(-1))
    return state[1:-1, 1:-1]


@kernel
def room_for(pixels: int) -> int:
    """Places that `flood_into` needs for so many pixels."""
    return int(2 * pixels + 4 + _AHEAD)


@kernel
def flood_into(
    levels: npt.NDArray[Any],
    first: int,
    sign: int,
    counts: Ints,
    seeds: Seeds,
    mask: Mask,
    room: npt.NDArray[Any],
    state: npt.NDArray[Any],
) -> None:
    """`flood` with its memory: `room_for` all pixels, and their state, closed around them.

    Level first + sign × n comes as number n, and is that of at most counts[n] pixels.
    """
    height, width = np.uintp(levels.shape[0]), np.uintp(levels.shape[1])
    stride, one = width + np.uintp(2), np.uintp(1)
    begin_at, up = np.int32(first), np.int32(sign)
    for y in range(height):
        at = (y + one) * stride + one
        here, line, inside = state[at : at + width], levels[y], mask[y]
        for x in range(width):
            free = (begin_at - np.int32(line[x])) * up - np.int32(2)
            here[x] = free if inside[x] else np.int32(-1)
    # Pixels of higher levels wait in a part of the room that holds all of their level.
    depths = counts.size
    begin = np.zeros(depths + 1, np.int64)
    for level in range(depths):
        begin[level + 1] = begin[level] + counts[level]
    # Behind them four places take what counts for nothing, so that nobody has to ask.
    end = np.empty(depths + 4, np.int64)
    end[:depths] = begin[:depths]
    for place in range(4):
        end[depths + place] = begin[depths] + place
    _add_seeds(levels, begin_at, up, seeds, stride, state, room, end)
    for level in range(depths):
        # Then what is reached at this level, or is below it, in the order in which it is reached.
        waited, reached = np.uintp(end[level]), np.uintp(begin[depths] + 4)
        end[level] = reached
        for i in range(np.uintp(begin[level]), waited):
            _ask_for(state, np.uintp(room[i + np.uintp(_AHEAD)]), stride)
            _spread(np.uintp(room[i]), stride, level, depths, state, room, end)
        while reached < end[level]:
            _ask_for(state, np.uintp(room[reached + np.uintp(_AHEAD)]), stride)
            _spread(np.uintp(room[reached]), stride, level, depths, state, room, end)
            reached += one


@kernel
def _read_labels(regions: npt.NDArray[Any], result: Labels) -> None:
    height, width = result.shape
    for y in range(height):
        inner, line = regions[y], result[y]
        for x in range(width):
            line[x] = max(np.int32(inner[x]), np.int32(0))


@kernel
def _ask_for(state: npt.NDArray[Any], p: np.uintp, stride: np.uintp) -> None:
    """Pixels of a level lie far apart: their neighbours are on their way when their turn comes.

    Behind the last of them is no pixel, which does no harm.
    """
    prefetch(state, p - stride)
    prefetch(state, p)
    prefetch(state, p + stride)


@kernel
def _add_seeds(
    levels: npt.NDArray[Any],
    first: np.int32,
    sign: np.int32,
    seeds: Seeds,
    stride: np.uintp,
    state: npt.NDArray[Any],
    room: npt.NDArray[Any],
    end: Ints,
) -> None:
    """Draw the seeds, and let those of their pixels wait that have somewhere to grow."""
    one = np.uintp(1)
    for i in range(seeds.row.size):
        at = (np.uintp(seeds.row[i]) + one) * stride + one
        for p in range(at + np.uintp(seeds.start[i]), at + np.uintp(seeds.stop[i])):
            state[p] = seeds.value[i] if state[p] < -1 else np.int64(-1)
    for i in range(seeds.row.size):
        at = (np.uintp(seeds.row[i]) + one) * stride + one
        line = levels[seeds.row[i]]
        for p in range(at + np.uintp(seeds.start[i]), at + np.uintp(seeds.stop[i])):
            above, below = min(state[p - stride], state[p + stride]), state[p - one]
            lowest = min(above, min(below, state[p + one]))
            if state[p] > 0 and lowest < -1:
                depth = np.uintp((np.int32(line[p - at]) - first) * sign)
                room[end[depth]] = p
                end[depth] += 1


@kernel
def _spread(
    p: np.uintp,
    stride: np.uintp,
    level: int,
    depths: int,
    state: npt.NDArray[Any],
    room: npt.NDArray[Any],
    end: Ints,
) -> None:
    """Give the label of pixel p to its free neighbours, and let them wait for their turn."""
    one, label = np.uintp(1), state[p]
    _take(p - stride, label, level, depths, state, room, end)
    _take(p - one, label, level, depths + 1, state, room, end)
    _take(p + one, label, level, depths + 2, state, room, end)
    _take(p + stride, label, level, depths + 3, state, room, end)


@kernel
def _take(
    q: np.uintp,
    label: np.int32,
    level: int,
    nowhere: int,
    state: npt.NDArray[Any],
    room: npt.NDArray[Any],
    end: Ints,
) -> None:
    # Without a branch, which the processor would guess wrong half of the time: everything is
    # written, and what must not count is written over by the next.
    was = state[q]
    free = was < -1
    depth = max(np.int64(-2) - np.int64(was), np.int64(level))
    slot = np.uintp(depth if free else nowhere)
    state[q] = label if free else was
    place = end[slot]
    room[np.uintp(place)] = q
    end[slot] = place + np.int64(free)


def parted(regions: npt.NDArray[np.signedinteger[Any]]) -> Labels:
    """Regions (y, x), what is above 0, with a line of background between them, one pixel wide.

    On the line are the pixels with another region directly above or to the left.
    """
    result = np.empty(regions.shape, np.int32)
    _part(regions, np.zeros(regions.shape[1], np.int32), result)
    return result


@kernel
def _part(regions: npt.NDArray[Any], above: Labels, result: Labels) -> None:
    height, width = regions.shape
    here = above.copy()
    for y in range(height):
        here, above = above, here
        inner, line = regions[y], result[y]
        for x in range(width):
            here[x] = max(np.int32(inner[x]), np.int32(0))
        line[0] = 0 if (above[0] != here[0]) & (above[0] > 0) else here[0]
        # Views of the rows instead of x - 1: the loop then runs on vector registers.
        left, right, top, rest = here[:-1], here[1:], above[1:], line[1:]
        for x in range(width - 1):
            meets = (left[x] != right[x]) & (left[x] > 0)
            meets |= (top[x] != right[x]) & (top[x] > 0)
            rest[x] = 0 if meets else right[x]
