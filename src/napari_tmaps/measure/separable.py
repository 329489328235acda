"""Sums over objects of intensities times a function that is a product of one of y and one of x.

Gaussians, waves and powers are such products. The sums along y come first, for all columns of an
object at once, which runs on vector registers; a short sum over the columns finishes them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import Floats, Runs


@kernel
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

    Only pixels of object k count; the caller sets the sums to 0.
    """
    # Four rows at a time, so that sums are read and written a quarter as often.
    lines = np.empty((4, sums.shape[1]), np.float64)
    one, two, three, four = lines[0], lines[1], lines[2], lines[3]
    weights = np.zeros((4, factors.shape[0]), np.float64)
    i, last = runs.first[k], runs.first[k + 1]
    while i < last:
        y, end = runs.row[i], i
        low, high = runs.start[i], runs.stop[i]
        while end < last and runs.row[end] < y + 4:
            low, high = min(low, runs.start[end]), max(high, runs.stop[end])
            end += 1
        begin, stop = np.uintp(low - left), np.uintp(high - left)
        for r in range(4):
            for x in range(begin, stop):
                lines[r, x] = 0.0
            for u in range(factors.shape[0]):
                inside = y + r - top < factors.shape[1]
                weights[r, u] = factors[u, y + r - top] if inside else 0.0
        for j in range(i, end):
            values = image[runs.row[j], runs.start[j] : runs.stop[j]]
            line, at = lines[runs.row[j] - y], np.uintp(runs.start[j] - left)
            for x in range(np.uintp(values.size)):
                line[at + x] = values[x] - offset
        for u in range(factors.shape[0]):
            a, b, c, d = weights[0, u], weights[1, u], weights[2, u], weights[3, u]
            line = sums[u]
            # Unsigned positions: such loops run on vector registers.
            for x in range(begin, stop):
                line[x] += (a * one[x] + b * two[x]) + (c * three[x] + d * four[x])
        i = end
