"""Skeletons of objects: lines in their middle, one pixel wide, that keep their form."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import Boxes, Floats, Ints, Runs, paint

Canvas = npt.NDArray[np.uint8]


class Skeletons(NamedTuple):
    """One value an object.

    Attributes
    ----------
    straight, slanted
        Number of steps of the skeleton to a pixel at a side, and to one at a corner.
    branch_points
        Places where three or more lines meet; pixels that touch are one place.
    end_points
        Pixels of the skeleton with a single neighbour, or none.
    trunks
        Lines that begin at a seed.
    """

    straight: Ints
    slanted: Ints
    branch_points: Ints
    end_points: Ints
    trunks: Ints


@kernel
def skeletons(runs: Runs, boxes: Boxes, seeds: npt.NDArray[np.int32]) -> Skeletons:
    """Skeletons of the objects, each by itself, without the pixels that `seeds` (y, x) holds."""
    count = runs.labels.size
    straight, slanted = np.zeros(count, np.int64), np.zeros(count, np.int64)
    branches, ends = np.zeros(count, np.int64), np.zeros(count, np.int64)
    trunks = np.zeros(count, np.int64)
    for k in range(count):
        top, left = boxes.top[k] - 1, boxes.left[k] - 1
        lines = thinned(runs, boxes, k)
        height, width = lines.shape
        seeded = np.zeros((height, width), np.uint8)
        for y in range(1, height - 1):
            for x in range(1, width - 1):
                if seeds[top + y, left + x] != 0:
                    seeded[y, x] = lines[y, x]
                    lines[y, x] = 0
        crossing, starting = np.zeros_like(lines), np.zeros_like(lines)
        for y in range(1, height - 1):
            for x in range(1, width - 1):
                if lines[y, x] == 0:
                    continue
                sides = lines[y - 1, x] + lines[y + 1, x] + lines[y, x - 1] + lines[y, x + 1]
                straight[k] += lines[y, x + 1] + lines[y + 1, x]
                corners = 0
                for dy in (-1, 1):
                    for dx in (-1, 1):
                        # Not past a corner that the line goes around in two straight steps.
                        if lines[y + dy, x + dx] and not (lines[y + dy, x] or lines[y, x + dx]):
                            corners += 1
                            slanted[k] += dy == 1
                crossing[y, x] = sides + corners > 2
                near_seed = seeded[y - 1 : y + 2, x - 1 : x + 2].max()
                starting[y, x] = near_seed
                ends[k] += sides + corners <= 1 and not near_seed
        branches[k] = _pieces(crossing)
        trunks[k] = _pieces(starting)
    return Skeletons(straight, slanted, branches, ends, trunks)


@kernel
def thinned(runs: Runs, boxes: Boxes, k: int) -> Canvas:
    """Skeleton of object k in its box with a frame of one pixel.

    After Guo and Hall, "Parallel thinning with two-subiteration algorithms" (1989), in turns from
    two sides. A pixel is looked at again only after something beside it has changed.
    """
    top, left = boxes.top[k] - 1, boxes.left[k] - 1
    height, width = boxes.bottom[k] - top + 1, boxes.right[k] - left + 1
    mask = np.zeros((height, width), np.uint8)
    paint(runs, k, top, left, mask)
    flat = mask.reshape(-1)
    around = np.array([1, 1 - width, -width, -width - 1, -1, width - 1, width, width + 1])
    # For each pixel the last turn in which something beside it changed.
    changed = np.full(flat.size, -2)
    here = np.empty(flat.size, np.int64)
    number = 0
    for p in range(flat.size):
        if flat[p]:
            here[number] = p
            changed[p] = 0
            number += 1
    gone = np.empty(number, np.int64)
    turn = 0
    while number > 0:
        removed = 0
        for i in range(number):
            p = here[i]
            if _removable(flat, p, around, 4 * (turn % 2)):
                gone[removed] = p
                removed += 1
        for i in range(removed):
            flat[gone[i]] = 0
        turn += 1
        kept = 0
        for i in range(number):
            # Both turns must have seen a pixel as it is now before it rests.
            if flat[here[i]] and changed[here[i]] >= turn - 1:
                here[kept] = here[i]
                kept += 1
            else:
                changed[here[i]] = min(changed[here[i]], turn - 2)
        number = kept
        for i in range(removed):
            for step in around:
                q = gone[i] + step
                if flat[q]:
                    if changed[q] < turn - 1:
                        here[number] = q
                        number += 1
                    changed[q] = turn
    return mask


@kernel
def _removable(flat: Canvas, p: int, around: Ints, side: int) -> bool:
    """Whether a pixel can go without a hole, a gap or a shorter line; `side` is 0 or 4."""
    starts, one, two = 0, 0, 0
    for i in range(0, 8, 2):
        here, next_ = flat[p + around[i]], flat[p + around[i + 1]]
        after = flat[p + around[(i + 2) % 8]]
        starts += here == 0 and (next_ == 1 or after == 1)
        one += here | next_
        two += next_ | after
    if starts != 1 or min(one, two) < 2 or min(one, two) > 3:
        return False
    east, north_east = flat[p + around[side]], flat[p + around[side + 1]]
    north, south_east = flat[p + around[side + 2]], flat[p + around[(side + 7) % 8]]
    return not (east and (north_east or north or not south_east))


@kernel
def _pieces(mask: Canvas) -> int:
    """Number of parts of a mask that hang together by sides or corners; the mask is used up."""
    height, width = mask.shape
    pieces = 0
    stack = np.empty((mask.size + 1, 2), np.int64)
    for y in range(height):
        for x in range(width):
            if mask[y, x] == 0:
                continue
            pieces += 1
            mask[y, x] = 0
            stack[0, 0], stack[0, 1] = y, x
            n = 1
            while n > 0:
                n -= 1
                v, u = stack[n]
                for dy in range(-1, 2):
                    for dx in range(-1, 2):
                        inside = 0 <= v + dy < height and 0 <= u + dx < width
                        if inside and mask[v + dy, u + dx]:
                            mask[v + dy, u + dx] = 0
                            stack[n, 0], stack[n, 1] = v + dy, u + dx
                            n += 1
    return pieces


def lengths(of: Skeletons, pixel_yx: tuple[float, float]) -> Floats:
    """Length of the skeletons, for pixels of a size; steps to either side are alike."""
    y, x = pixel_yx
    found: Floats = of.straight * np.sqrt(y * x) + of.slanted * np.hypot(y, x)
    return found
