"""Which objects lie over which, and by how much."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import Ints, Runs


class Parents(NamedTuple):
    """For each object the one below it that it shares most pixels with.

    Attributes
    ----------
    label
        Of two with as many pixels, the smaller label; 0 where there is none.
    shared
        Number of pixels that both have.
    """

    label: Ints
    shared: Ints


@kernel
def main_parents(runs: Runs, parents: npt.NDArray[np.int32]) -> Parents:
    """The parent of each object in a label image (y, x)."""
    count = runs.labels.size
    label, shared = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for k in range(count):
        area = 0
        for i in range(runs.first[k], runs.first[k + 1]):
            area += runs.stop[i] - runs.start[i]
        below = np.empty(area, np.int32)
        n = 0
        for i in range(runs.first[k], runs.first[k + 1]):
            for value in parents[runs.row[i], runs.start[i] : runs.stop[i]]:
                if value > 0:
                    below[n] = value
                    n += 1
        # Mostly there is but one, so that sorting costs little.
        below = below[:n]
        below.sort()
        begin = 0
        for i in range(1, n + 1):
            if i == n or below[i] != below[begin]:
                if i - begin > shared[k]:
                    label[k], shared[k] = below[begin], i - begin
                begin = i
    return Parents(label, shared)


@kernel
def keep_inside(runs: Runs, parents: npt.NDArray[np.int32], of: Ints) -> npt.NDArray[np.int32]:
    """Label image of the objects within their parents `of`; those of parent 0 are left out."""
    result = np.zeros(parents.shape, np.int32)
    for k in range(runs.labels.size):
        if of[k] == 0:
            continue
        for i in range(runs.first[k], runs.first[k + 1]):
            for x in range(runs.start[i], runs.stop[i]):
                if parents[runs.row[i], x] == of[k]:
                    result[runs.row[i], x] = runs.labels[k]
    return result
