"""Connected pieces of masks, and their holes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import Ints, Runs, group, scan

Labels = npt.NDArray[np.int32]


def label_components(mask: npt.NDArray[np.bool_], diagonal: bool) -> Labels:
    """Number the connected pieces of a mask (y, x) from 1, in reading order.

    Pixels are connected by their edges, with `diagonal` also by their corners (4 and 8
    neighbours).
    """
    # Images come from numpy, which asks for large pages of memory: page faults of a kernel's own
    # would cost more than the kernel.
    result = np.zeros(mask.shape, np.int32)
    label_into(mask, diagonal, result)
    return result


@kernel
def label_into(mask: npt.NDArray[np.bool_], diagonal: bool, result: Labels) -> int:
    """The same into an image of zeros; returns the number of pieces."""
    _, row, start, stop = scan(mask)
    piece, pieces = _connect(row, start, stop, diagonal)
    for i in range(row.size):
        result[row[i], start[i] : stop[i]] = piece[i] + 1
    return pieces


@kernel
def component_runs(mask: npt.NDArray[np.bool_], diagonal: bool) -> Runs:
    """The pieces of `label_components` as runs, without an image of them."""
    _, row, start, stop = scan(mask)
    piece, pieces = _connect(row, start, stop, diagonal)
    first, row, start, stop = group(piece, pieces, row, start, stop)
    return Runs(np.arange(1, pieces + 1), first, row, start, stop)


def fill_holes(mask: npt.NDArray[np.bool_], max_area: int) -> npt.NDArray[np.bool_]:
    """The mask with its holes closed that have at most `max_area` pixels.

    A hole is a piece of background, connected over edges and corners, that does not reach the rim
    of the image.
    """
    result = mask.copy()
    _fill_holes(~mask, max_area, result)
    return result


@kernel
def _fill_holes(
    background: npt.NDArray[np.bool_], max_area: int, result: npt.NDArray[np.bool_]
) -> None:
    _, row, start, stop = scan(background)
    piece, pieces = _connect(row, start, stop, True)
    open_ = _reaches_rim(row, start, stop, piece, pieces, background.shape)
    area = np.zeros(pieces, np.int64)
    for i in range(row.size):
        area[piece[i]] += stop[i] - start[i]
    for i in range(row.size):
        if not open_[piece[i]] and area[piece[i]] <= max_area:
            result[row[i], start[i] : stop[i]] = True


def fill_objects(labels: npt.NDArray[np.signedinteger[Any]]) -> None:
    """Give the holes that lie within a single object of labels (y, x) to it, in place.

    Gaps that several objects enclose together stay background, which is everything up to 0.
    """
    _fill_objects(labels, labels <= 0)


@kernel
def _fill_objects(labels: npt.NDArray[Any], background: npt.NDArray[np.bool_]) -> None:
    _, row, start, stop = scan(background)
    piece, pieces = _connect(row, start, stop, True)
    owner = np.zeros(pieces, np.int32)  # 0: none met yet, -1: several, or the rim
    for k, open_ in enumerate(_reaches_rim(row, start, stop, piece, pieces, labels.shape)):
        owner[k] = -1 if open_ else 0
    for i in range(row.size):
        k = piece[i]
        if owner[k] < 0:
            continue
        for y in range(row[i] - 1, row[i] + 2):
            for x in range(start[i] - 1, stop[i] + 1):
                label = labels[y, x]
                if label > 0 and label != owner[k]:
                    owner[k] = label if owner[k] == 0 else -1
                if owner[k] < 0:
                    break
            if owner[k] < 0:
                break
    for i in range(row.size):
        if owner[piece[i]] > 0:
            labels[row[i], start[i] : stop[i]] = owner[piece[i]]


@kernel
def _connect(row: Ints, start: Ints, stop: Ints, diagonal: bool) -> tuple[Ints, int]:
    """Piece of each run, numbered from 0 in reading order, and the number of pieces."""
    parent = np.arange(row.size)
    reach = 1 if diagonal else 0
    above = 0
    for i in range(row.size):
        while above < i and (
            row[above] < row[i] - 1
            or (row[above] == row[i] - 1 and stop[above] + reach <= start[i])
        ):
            above += 1
        j = above
        while j < i and row[j] == row[i] - 1 and start[j] < stop[i] + reach:
            a, b = find_root(parent, i), find_root(parent, j)
            parent[max(a, b)] = min(a, b)
            j += 1
    pieces = 0
    for i in range(row.size):
        if parent[i] == i:
            parent[i] = pieces
            pieces += 1
        else:
            parent[i] = parent[parent[i]]
    return parent, pieces


@kernel
def find_root(parent: Ints, i: int) -> int:
    """Piece that stands for all that were joined with piece i; shortens the way to it."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@kernel
def _reaches_rim(
    row: Ints, start: Ints, stop: Ints, piece: Ints, pieces: int, shape: Any
) -> npt.NDArray[np.bool_]:
    result = np.zeros(pieces, np.bool_)
    for i in range(row.size):
        if row[i] == 0 or row[i] == shape[0] - 1 or start[i] == 0 or stop[i] == shape[1]:
            result[piece[i]] = True
    return result
