"""Objects as runs: the horizontal pieces of each object, object by object.

A label image is read once; then a kernel sees the pixels of an object as few contiguous pieces,
without looking at labels again, whatever their numbers are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.known import Known
from napari_tmaps.measure.lanes import changes, lowest, number
from napari_tmaps.measure.prefetch import prefetch

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
AHEAD = 8  # runs that are asked for before they are needed
_TOGETHER = 32  # pixels of 16 bits that come from memory together


class Runs(NamedTuple):
    """The objects of a label image.

    Attributes
    ----------
    labels
        Labels of the n objects, ascending.
    first
        Object k owns the runs first[k] to first[k + 1] - 1; n + 1 values.
    row, start, stop
        Pixels start … stop - 1 of the row are one run. Runs of an object go from top to bottom
        and from left to right.
    """

    labels: Ints
    first: Ints
    row: Ints
    start: Ints
    stop: Ints


class Seeds(NamedTuple):
    """The same pieces without objects: value, row, start and stop, in reading order."""

    value: Ints
    row: Ints
    start: Ints
    stop: Ints


class Boxes(NamedTuple):
    """Bounding boxes of objects in pixels; bottom and right are exclusive."""

    top: Ints
    left: Ints
    bottom: Ints
    right: Ints


_known: Known[Runs] = Known()


def find_runs(labels: npt.NDArray[Any]) -> Runs:
    """Runs of the objects of a label image (y, x); everything but 0 is an object.

    Those of a read-only image are found once and then shared: do not change them.
    """
    known = known_runs(labels)
    if known is not None:
        return known
    return _known.keep(labels, by_value(*scan(labels)))


def known_runs(labels: npt.NDArray[Any]) -> Runs | None:
    """The runs of a read-only label image if they were found before."""
    return _known.of(labels)


def in_reading_order(runs: Runs) -> Seeds:
    """All runs from top to bottom, those of a row from left to right."""
    owner = np.repeat(runs.labels, np.diff(runs.first))
    width = int(runs.stop.max(initial=0)) + 1
    order = np.argsort(runs.row * width + runs.start)
    return Seeds(owner[order], runs.row[order], runs.start[order], runs.stop[order])


def find_boxes(runs: Runs) -> Boxes:
    """Bounding boxes of the objects."""
    if runs.labels.size == 0:
        return Boxes(*(np.zeros(0, np.int64) for _ in range(4)))
    begin = runs.first[:-1]
    return Boxes(
        runs.row[begin],
        np.minimum.reduceat(runs.start, begin),
        runs.row[runs.first[1:] - 1] + 1,
        np.maximum.reduceat(runs.stop, begin),
    )


@kernel
def boxes_of(runs: Runs) -> Boxes:
    """The same for kernels."""
    number = runs.labels.size
    top, left = np.empty(number, np.int64), np.empty(number, np.int64)
    bottom, right = np.empty(number, np.int64), np.empty(number, np.int64)
    for k in range(number):
        begin, end = runs.first[k], runs.first[k + 1]
        top[k], bottom[k] = runs.row[begin], runs.row[end - 1] + 1
        left[k], right[k] = runs.start[begin:end].min(), runs.stop[begin:end].max()
    return Boxes(top, left, bottom, right)


def count_pixels(runs: Runs) -> Ints:
    """Number of pixels of each object."""
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(runs.stop - runs.start)])
    sizes: Ints = np.diff(ends[runs.first])
    return sizes


def by_value(value: Ints, row: Ints, start: Ints, stop: Ints) -> Runs:
    """Runs of objects from pieces in reading order; those of the same value are an object."""
    names, rank = _rank(value)
    first, row, start, stop = group(rank, names.size, row, start, stop)
    present = np.flatnonzero(np.diff(first))
    return Runs(names[present], np.append(first[present], first[-1]), row, start, stop)


def _rank(values: Ints) -> tuple[Ints, Ints]:
    """Values ascending, all that occur and maybe more, and the place of each among them."""
    if values.size == 0 or values.min() < 0 or values.max() > 16 * values.size + 65536:
        return np.unique(values, return_inverse=True)
    return np.arange(values.max() + 1), values


@kernel
def scan(labels: npt.NDArray[Any]) -> tuple[Ints, Ints, Ints, Ints]:
    """Value, row, start and stop of the runs of an image (y, x), in reading order."""
    pixels = np.ascontiguousarray(labels)
    height, width = pixels.shape
    room = 1024 + 8 * height
    table, ends = np.empty((4, room), np.int64), np.empty(width + 3, np.int64)
    n, last, lines = np.uintp(0), np.uintp(width - 1), np.uintp(pixels.itemsize)
    in_line = np.uintp(64) // lines
    value, row, start, stop = table[0], table[1], table[2], table[3]
    for y in range(np.uintp(height if width else 0)):
        if n + np.uintp(width) > np.uintp(room):
            room = 2 * room + width
            larger = np.empty((4, room), np.int64)
            larger[:, :n] = table[:, :n]
            table = larger
            value, row, start, stop = table[0], table[1], table[2], table[3]
        pieces, x = np.uintp(0), np.uintp(0)
        while x < last:
            # Where a pixel differs from the next one; runs are long, so that most are alike.
            if x + np.uintp(64) <= last:
                unlike = changes(pixels, y, x)
            else:
                unlike = np.uint64(0)
                for i in range(last - x):
                    bit = np.uint64(pixels[y, x + i] != pixels[y, x + i + np.uintp(1)])
                    unlike |= bit << np.uint64(i)
            for line in range(lines):  # 64 pixels of the next row are on their way
                prefetch(pixels, (y + np.uintp(1), x + line * in_line))
            pieces = _add_ends(unlike, x + np.uintp(1), ends, pieces)
            x += np.uintp(64)
        ends[pieces] = width
        # Without a branch: all pieces are written, those of the background one over the other.
        begin = np.int64(0)
        for i in range(pieces + np.uintp(1)):
            name = np.int64(pixels[y, np.uintp(begin)])
            value[n], row[n], start[n], stop[n] = name, y, begin, ends[i]
            n += np.uintp(name != 0)
            begin = ends[i]
    return value[:n], row[:n], start[:n], stop[:n]


@kernel
def _add_ends(unlike: np.uint64, after: np.uintp, ends: Ints, n: np.uintp) -> np.uintp:
    """Write after + the place of each bit that is set from ends[n] on; the new n."""
    one, stop = np.uint64(1), n + number(unlike)
    # The first three are written whether they are set or not: nobody foresees how many are.
    for i in range(np.uintp(3)):
        ends[n + i] = np.int64(after) + lowest(unlike)
        unlike &= unlike - one
    for i in range(n + np.uintp(3), stop):
        ends[i] = np.int64(after) + lowest(unlike)
        unlike &= unlike - one
    return np.uintp(stop)


@kernel
def group(
    rank: Ints, groups: int, row: Ints, start: Ints, stop: Ints
) -> tuple[Ints, Ints, Ints, Ints]:
    """Counting sort of pieces: where each group begins and the last ends; row, start and stop."""
    first = np.zeros(groups + 1, np.int64)
    for r in rank:
        first[r + 1] += 1
    for k in range(groups):
        first[k + 1] += first[k]
    free = first[:-1].copy()
    to_row, to_start, to_stop = np.empty_like(row), np.empty_like(start), np.empty_like(stop)
    for i in range(rank.size):
        place = free[rank[i]]
        to_row[place], to_start[place], to_stop[place] = row[i], start[i], stop[i]
        free[rank[i]] += 1
    return first, to_row, to_start, to_stop


@kernel
def paint(runs: Runs, k: int, top: int, left: int, canvas: npt.NDArray[np.uint8]) -> None:
    """Set the pixels of object k to 1 on a canvas whose first pixel is (top, left)."""
    for i in range(runs.first[k], runs.first[k + 1]):
        canvas[runs.row[i] - top, runs.start[i] - left : runs.stop[i] - left] = 1


@kernel
def ask_for_run(runs: Runs, i: int, image: npt.NDArray[Any]) -> None:
    """Prefetch the pixels of run i; rows of an object lie too far apart to be foreseen."""
    if i < runs.row.size:
        y, x, stop = np.uintp(runs.row[i]), np.uintp(runs.start[i]), np.uintp(runs.stop[i])
        while x < stop:
            prefetch(image, (y, x))
            x += np.uintp(_TOGETHER)
        prefetch(image, (y, stop - np.uintp(1)))


@kernel
def gather(runs: Runs, k: int, image: npt.NDArray[Any], values: npt.NDArray[Any]) -> int:
    """The pixels of object k one after the other; their number.

    Runs are short: loops over all pixels of an object at once make the most of vector registers.
    """
    n = np.uintp(0)
    for i in range(runs.first[k], runs.first[k + 1]):
        ask_for_run(runs, i + AHEAD, image)
        y, begin = np.uintp(runs.row[i]), np.uintp(runs.start[i])
        length = np.uintp(runs.stop[i]) - begin
        for x in range(length):
            values[n + x] = image[y, begin + x]
        n += length
    return int(n)


@kernel
def areas(runs: Runs) -> Ints:
    """Number of pixels of each object."""
    result = np.zeros(runs.labels.size, np.int64)
    for k in range(runs.labels.size):
        for i in range(runs.first[k], runs.first[k + 1]):
            result[k] += runs.stop[i] - runs.start[i]
    return result


@kernel
def largest_area(runs: Runs) -> int:
    """Number of pixels of the largest object."""
    largest = np.int64(0)
    for area in areas(runs):
        largest = max(largest, area)
    return int(largest)


def draw(runs: Runs, values: Ints, shape: tuple[int, int]) -> npt.NDArray[np.int32]:
    """Label image (y, x) in which each object has its value."""
    # Of numpy, which asks for large pages of memory: a kernel's own image would cost more in
    # page faults than in painting.
    result = np.zeros(shape, np.int32)
    draw_into(runs, values, result)
    return result


def draw_known(runs: Runs, shape: tuple[int, int]) -> npt.NDArray[np.int32]:
    """Label image (y, x) of objects, read-only, so that nobody has to find its runs again."""
    result = draw(runs, runs.labels, shape)
    result.flags.writeable = False
    _known.keep(result, runs)
    return result


def keep(runs: Runs, stays: npt.NDArray[np.bool_]) -> Runs:
    """The objects that stay, numbered 1 … n in their order."""
    number = np.diff(runs.first)
    kept = np.repeat(stays, number)
    first = np.concatenate([np.zeros(1, np.int64), np.cumsum(number[stays])])
    labels = np.arange(1, first.size)
    return Runs(labels, first, runs.row[kept], runs.start[kept], runs.stop[kept])


@kernel
def draw_into(runs: Runs, values: npt.NDArray[Any], result: npt.NDArray[Any]) -> None:
    """The same into an image that may have something already."""
    for k in range(runs.labels.size):
        for i in range(runs.first[k], runs.first[k + 1]):
            result[runs.row[i], runs.start[i] : runs.stop[i]] = values[k]
