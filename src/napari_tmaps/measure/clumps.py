"""Clumps of touching objects, and how they are cut at their waists."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.components import find_root, label_into
from napari_tmaps.measure.distance import squared_distances
from napari_tmaps.measure.histogram import count_values
from napari_tmaps.measure.hull import find_hulls
from napari_tmaps.measure.runs import (
    Boxes,
    Floats,
    Ints,
    Runs,
    Seeds,
    boxes_of,
    by_value,
    group,
    paint,
    scan,
)
from napari_tmaps.measure.shape import hull_areas, outlines
from napari_tmaps.measure.watershed import flood_into, room_for

Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.int32]


class Limits(NamedTuple):
    """Which objects are clumps, and which cuts are good.

    Attributes
    ----------
    min_area, max_area, max_convexity, max_circularity
        Clumps have more than the first, and at most the others.
    min_cut_area
        Every part has more pixels than this.
    crumbs
        Parts of fewer pixels beside more than one larger part are removed; 0 removes none.
    narrowness
        A waist is at most so wide, relative to the smaller of the places that it joins.
    attempts
        How many waists of a clump are tried, the deepest first.
    """

    min_area: int
    max_area: int
    max_convexity: float
    max_circularity: float
    min_cut_area: int
    crumbs: int
    narrowness: float
    attempts: int


def cut_clumps(runs: Runs, boxes: Boxes, limits: Limits) -> Runs:
    """Objects whose clumps are cut, until no part is a clump that can be cut.

    Labels are 1 … n: whole objects in their order, then the parts as they were made. The pixels
    of the cut lines, and crumbs, belong to no object.
    """
    whole, part, row, start, stop = _cut_clumps(runs, boxes, limits)
    owner = np.repeat(np.arange(runs.labels.size), np.diff(runs.first))
    stays = whole[owner]
    joined = by_value(
        np.concatenate([owner[stays], runs.labels.size + part]),
        np.concatenate([runs.row[stays], row]),
        np.concatenate([runs.start[stays], start]),
        np.concatenate([runs.stop[stays], stop]),
    )
    return joined._replace(labels=np.arange(1, joined.labels.size + 1))


@kernel
def _cut_clumps(runs: Runs, boxes: Boxes, limits: Limits) -> tuple[Mask, Ints, Ints, Ints, Ints]:
    """Which objects stay whole; number, row, start and stop of the runs of the parts."""
    whole = np.ones(runs.labels.size, np.bool_)
    # Clumps that wait: pixels in a frame; its first pixel in the image, and the number of the
    # part, or -1 - k for object k. The first of each list only says what type they have.
    masks = [np.zeros((0, 0), np.uint8)]
    places = [(np.int64(0), np.int64(0), np.int64(0))]
    for k in range(runs.labels.size):
        if _is_clump(runs, boxes, k, limits):
            masks.append(_crop(runs, boxes, k))
            places.append((boxes.top[k] - 1, boxes.left[k] - 1, np.int64(-1 - k)))
    # Of the runs of parts: number, row, start, stop.
    pieces = [(np.int64(0), np.int64(0), np.int64(0), np.int64(0))]
    made, i = 0, 1
    while i < len(masks):
        mask = masks[i]
        top, left, name = places[i]
        i += 1
        parts, number = _cut(mask, limits)
        if number == 0 and name < 0:
            continue
        if number and name < 0:
            whole[-1 - name] = False
        found = _parts(parts, max(1, number))
        part_boxes = boxes_of(found)
        for k in range(found.labels.size):
            if number and _is_clump(found, part_boxes, k, limits):
                masks.append(_crop(found, part_boxes, k))
                y, x = top + part_boxes.top[k] - 1, left + part_boxes.left[k] - 1
                places.append((y, x, np.int64(made + k)))
                continue
            for j in range(found.first[k], found.first[k + 1]):
                part = np.int64(made + k if number else name)
                start, stop = left + found.start[j], left + found.stop[j]
                pieces.append((part, top + found.row[j], start, stop))
        made += number
    table = np.array(pieces)[1:]
    return whole, table[:, 0], table[:, 1], table[:, 2], table[:, 3]


@kernel
def _is_clump(runs: Runs, boxes: Boxes, k: int, limits: Limits) -> bool:
    area = 0
    begin, end = runs.first[k], runs.first[k + 1]
    for i in range(begin, end):
        area += runs.stop[i] - runs.start[i]
    if area <= limits.min_area or area > limits.max_area:
        return False
    one = Runs(
        runs.labels[k : k + 1],
        np.array([0, end - begin]),
        runs.row[begin:end],
        runs.start[begin:end],
        runs.stop[begin:end],
    )
    box = Boxes(
        boxes.top[k : k + 1],
        boxes.left[k : k + 1],
        boxes.bottom[k : k + 1],
        boxes.right[k : k + 1],
    )
    if area / hull_areas(find_hulls(one))[0] > limits.max_convexity:
        return False
    perimeter = outlines(one, box).perimeter[0]
    return bool(perimeter > 0 and 4 * np.pi * area / perimeter**2 <= limits.max_circularity)


@kernel
def _crop(runs: Runs, boxes: Boxes, k: int) -> npt.NDArray[np.uint8]:
    """The object as 1, in its box with a frame of one pixel."""
    top, left = boxes.top[k] - 1, boxes.left[k] - 1
    mask = np.zeros((boxes.bottom[k] - top + 1, boxes.right[k] - left + 1), np.uint8)
    paint(runs, k, top, left, mask)
    return mask


@kernel
def _parts(labels: Labels, number: int) -> Runs:
    """Runs of labels 1 … number, all of which occur."""
    value, row, start, stop = scan(labels)
    first, row, start, stop = group(value - 1, number, row, start, stop)
    return Runs(np.arange(1, number + 1), first, row, start, stop)


@kernel
def _cut(mask: npt.NDArray[np.uint8], limits: Limits) -> tuple[Labels, int]:
    """The parts of a clump, numbered from 1, and how many; the clump and 0 where no cut is good.

    Two thick places of the object that are joined by a narrower one make a waist. The line, one
    pixel wide, is the watershed of the distance to the background, flooded from the two thickest
    points.
    """
    squared = squared_distances(mask)
    waist, smaller, larger = _find_waists(squared)
    height_of = squared.ravel()
    depth = np.sqrt(height_of[smaller]) - np.sqrt(height_of[waist])
    order = np.argsort(-depth, kind="mergesort")[: limits.attempts]
    clump = mask.astype(np.int32)
    inside = mask != 0
    levels, highest = np.empty(mask.shape, np.uint16), -1
    for i in order:
        if height_of[waist[i]] > limits.narrowness**2 * height_of[smaller[i]]:
            continue
        if highest < 0:
            highest = _sink(np.sqrt(squared), levels)
        regions = _flood(levels, highest, inside, larger[i], smaller[i])
        parts = np.zeros(mask.shape, np.int32)
        number = label_into(_without_line(inside, regions), True, parts)
        number, smallest = _remove_crumbs(parts, number, limits.crumbs)
        if number > 1 and smallest > limits.min_cut_area:
            return parts, number
    return clump, 0


@kernel
def _sink(distance: Floats, levels: npt.NDArray[np.uint16]) -> int:
    """The distance turned over, from 0 for the thickest place up; returns the highest level."""
    deepest = distance.max()
    # Levels of a sixteenth of a pixel, or coarser where the object is thicker than 4096 pixels.
    step = max(1 / 16, deepest / 65535)
    for y in range(distance.shape[0]):
        for x in range(distance.shape[1]):
            levels[y, x] = np.uint16((deepest - distance[y, x]) / step)
    return int(levels.max())


@kernel
def _flood(
    levels: npt.NDArray[np.uint16], highest: int, inside: Mask, one: int, two: int
) -> Labels:
    """Regions 1 and 2 that grow from two pixels."""
    height, width = levels.shape
    value, place = np.array([1, 2]), np.array([one, two])
    if one > two:
        value, place = value[::-1].copy(), place[::-1].copy()
    seeds = Seeds(value, place // width, place % width, place % width + 1)
    counts = count_values(levels.reshape(-1), highest + 1)
    room = np.empty(room_for(inside.size), np.int32)
    state = np.full((height + 2) * (width + 2), np.int32(-1))
    flood_into(levels, 0, 1, counts, seeds, inside, room, state)
    return state.reshape(height + 2, width + 2)[1:-1, 1:-1]


@kernel
def _without_line(inside: Mask, regions: Labels) -> Mask:
    """The object without the pixels of region 2 that touch region 1 over edges or corners."""
    result = inside.copy()
    for y in range(1, regions.shape[0] - 1):
        above, here, below = regions[y - 1], regions[y], regions[y + 1]
        for x in range(1, regions.shape[1] - 1):
            if here[x] == 2:
                near = (above[x - 1] == 1) | (above[x] == 1) | (above[x + 1] == 1)
                near |= (here[x - 1] == 1) | (here[x + 1] == 1)
                near |= (below[x - 1] == 1) | (below[x] == 1) | (below[x + 1] == 1)
                result[y, x] = not near
    return result


@kernel
def _remove_crumbs(parts: Labels, number: int, crumbs: int) -> tuple[int, int]:
    """Take small parts out where there are more than two; how many stay, and the smallest area."""
    area = np.zeros(number + 1, np.int64)
    for piece in parts.flat:
        area[piece] += 1
    name = np.arange(number + 1)
    stay, smallest = 0, np.int64(area.sum())
    for label in range(1, number + 1):
        if number > 2 and area[label] < crumbs:
            name[label] = 0
            continue
        stay += 1
        name[label] = stay
        smallest = min(smallest, area[label])
    if stay < number:
        for y in range(parts.shape[0]):
            for x in range(parts.shape[1]):
                parts[y, x] = name[parts[y, x]]
    return stay, int(smallest)


# The neighbours of a pixel, in reading order.
_AROUND = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)]


def _is_one_piece(around: int) -> bool:
    """Whether the neighbours whose bits are set are some, and connected without the pixel."""
    places = [place for i, place in enumerate(_AROUND) if around >> i & 1]
    reached = places[:1]
    for y, x in reached:  # which grows meanwhile
        near = [place for place in places if max(abs(place[0] - y), abs(place[1] - x)) == 1]
        reached += [place for place in near if place not in reached]
    return 0 < len(places) == len(reached)


_ONE_PIECE = np.array([_is_one_piece(around) for around in range(256)])


@kernel
def _find_waists(squared: npt.NDArray[Any]) -> tuple[Ints, Ints, Ints]:
    """Pixels of all waists, with the thickest pixels of the smaller and of the larger side.

    Pixels are taken from the thickest down; where two pieces meet is a waist. After Edelsbrunner,
    Letscher and Zomorodian, "Topological persistence and simplification" (2002).
    """
    width = squared.shape[1]
    height_of = squared.ravel()
    order = _from_high_to_low(height_of)
    parent = np.full(height_of.size, -1, np.int64)
    waist, smaller, larger = [], [], []
    steps = (-width - 1, -width, -width + 1, -1, 1, width - 1, width, width + 1)
    for p in order:
        around, taken = np.int64(0), p
        for i, step in enumerate(steps):
            is_taken = parent[p + step] >= 0
            around |= np.int64(is_taken) << i
            taken = p + step if is_taken else taken
        # Neighbours that are connected are of one piece, as is nearly always so.
        if _ONE_PIECE[around]:
            parent[p] = find_root(parent, taken)
            continue
        parent[p] = p
        own = p
        for step in steps:
            if parent[p + step] < 0 or parent[p + step] == own:
                continue
            a, b = own, find_root(parent, p + step)
            if a == b:
                continue
            # Each piece is known by its thickest pixel; the one taken earlier stays on top.
            if height_of[a] < height_of[b] or (height_of[a] == height_of[b] and a > b):
                a, b = b, a
            parent[b] = a
            own = a
            if b != p:
                waist.append(p)
                smaller.append(b)
                larger.append(a)
    return np.array(waist, np.int64), np.array(smaller, np.int64), np.array(larger, np.int64)


@kernel
def _from_high_to_low(values: npt.NDArray[Any]) -> Ints:
    """Places of the values above 0 by falling value, equal ones in their order: a counting sort."""
    first = np.zeros(values.max() + 2, np.int64)
    for value in values:
        first[value] += 1
    first[0] = 0
    place = np.int64(0)
    for value in range(first.size - 1, -1, -1):
        first[value], place = place, place + first[value]
    order = np.empty(place, np.int64)
    for i in range(values.size):
        if values[i]:
            order[first[values[i]]] = i
            first[values[i]] += 1
    return order
