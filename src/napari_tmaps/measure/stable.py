"""Numbers of objects that stay while their outlines change."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import Ints

Labels = npt.NDArray[np.int32]


@kernel
def _same_objects(labels: Labels, before: Labels, highest: int) -> Ints:
    """For each label the number that its object had before, 0 if it is new."""
    count = np.zeros(highest + 1, np.int64)
    row = np.zeros(highest + 1, np.int64)
    column = np.zeros(highest + 1, np.int64)
    height, width = labels.shape
    for y in range(height):
        for x in range(width):
            label = labels[y, x]
            if label:
                count[label] += 1
                row[label] += y
                column[label] += x
    numbers = np.zeros(highest + 1, np.int64)
    for label in range(1, highest + 1):
        if count[label]:
            # the middle of an object lies in what it was, unless it is bent
            numbers[label] = before[row[label] // count[label], column[label] // count[label]]
    return numbers


@kernel
def _renumbered(labels: Labels, numbers: Ints) -> Labels:
    out = np.empty_like(labels)
    flat, target = labels.ravel(), out.ravel()
    for i in range(flat.size):
        target[i] = numbers[flat[i]]
    return out


def carry_over(labels: Labels, before: Labels) -> Labels:
    """Labels under the numbers that the same objects had before, so that they keep their colours.

    Parameters
    ----------
    labels, before
        Labels (y, x) of one shape, int32, 0 is background.

    Returns
    -------
    Labels
        The same objects. One whose middle lies in an object of before has its number, the first
        if there are several; the others get numbers that were not used.
    """
    highest = int(labels.max(initial=0))
    if highest == 0 or labels.shape != before.shape or labels.ndim != 2:
        return labels
    numbers = _same_objects(labels, before, highest)
    known, first = np.unique(numbers, return_index=True)
    kept = np.zeros(numbers.size, bool)
    kept[first[known > 0]] = True
    fresh = np.flatnonzero(~kept[1:]) + 1
    numbers[fresh] = int(before.max(initial=0)) + 1 + np.arange(fresh.size)
    numbers[0] = 0
    return _renumbered(labels, numbers)
