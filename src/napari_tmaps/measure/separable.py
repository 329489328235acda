"""Sums over objects of intensities times a function that is a product of one of y and one of x.

Gaussians, waves and powers are such products. The sums along y come first, for all columns of an
object at once, which runs on vector registers; a short sum over the columns finishes them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import fused_kernel, kernel
from napari_tmaps.measure.runs import AHEAD, Floats, Runs, ask_for_run

_LANES = 16  # columns that are added at once


@kernel
def padded(width: int) -> int:
    """Columns that `add_columns` wants for an object of this width: whole registers."""
    return (width + _LANES - 1) // _LANES * _LANES


@fused_kernel
def add_columns(
    runs: Runs,
    k: int,
    top: int,
    left: int,
    image: npt.NDArray[Any],
    offset: float,
    factors: Floats,
    sums: Floats,
) -> None:
    """Add to sums[u, x - left], for each column x, factors[u, y - top] × (intensity - offset).

    Only pixels of object k count; the caller sets the sums, `padded` columns, to 0.
    """
    # Four rows at a time, so that sums are read and written a quarter as often. Positions are
    # unsigned and rows are no slices, so that the loops run on vector registers and nothing else.
    lines = np.empty((4, sums.shape[1]), np.float64)
    number = np.uintp(factors.shape[0])
    i, last = runs.first[k], runs.first[k + 1]
    while i < last:
        y, end = runs.row[i], i
        low, high = runs.start[i], runs.stop[i]
        while end < last and runs.row[end] < y + 4:
            low, high = min(low, runs.start[end]), max(high, runs.stop[end])
            end += 1
        begin = np.uintp((low - left) // _LANES * _LANES)
        stop = np.uintp(padded(high - left))
        for n in range(np.uintp(4)):
            for x in range(begin, stop):
                lines[n, x] = 0.0
        for j in range(i, end):
            ask_for_run(runs, j + AHEAD, image)
            row, first = np.uintp(runs.row[j]), np.uintp(runs.start[j])
            r, to = np.uintp(runs.row[j] - y), np.uintp(runs.start[j] - left)
            for x in range(np.uintp(runs.stop[j]) - first):
                lines[r, to + x] = image[row, first + x] - offset
        # Rows below the object are black, whatever their factor.
        one, lowest = np.uintp(y - top), np.uintp(factors.shape[1] - 1)
        two, three = min(one + np.uintp(1), lowest), min(one + np.uintp(2), lowest)
        four = min(one + np.uintp(3), lowest)
        for u in range(number):
            a, b, c, d = factors[u, one], factors[u, two], factors[u, three], factors[u, four]
            for x in range(begin, stop):
                sums[u, x] += (a * lines[0, x] + b * lines[1, x]) + (
                    c * lines[2, x] + d * lines[3, x]
                )
        i = end
