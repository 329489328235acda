"""Objects cut, joined and deleted by a stroke, as a person corrects them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int32]
Point = tuple[float, float]


def touched(labels: Labels, start: Point, end: Point) -> list[int]:
    """Objects under a line, in the order in which it meets them.

    Parameters
    ----------
    labels
        (y, x); 0 is background.
    start, end
        (y, x) in pixels; parts of the line beyond the image meet nothing.
    """
    rows, columns = _line(labels.shape, start, end)
    return [int(label) for label in dict.fromkeys(labels[rows, columns].tolist()) if label]


def split(labels: Labels, start: Point, end: Point, first: int) -> Labels:
    """Cut the objects that a line crosses in two, without a gap.

    Parameters
    ----------
    first
        Number of the first new object; those after it must be free, too.

    Returns
    -------
    A copy. The largest piece keeps its label; objects that do not fall apart stay as they are.
    """
    from scipy import ndimage

    cut = labels.copy()
    rows, columns = _line(labels.shape, start, end)
    line = np.zeros(labels.shape, bool)
    line[rows, columns] = True
    for label in touched(labels, start, end):
        mask = labels == label
        parts, number = ndimage.label(mask & ~line)
        if number < 2:
            continue
        # The pixels below the line go to the piece that is nearest.
        nearest = ndimage.distance_transform_edt(
            parts == 0, return_distances=False, return_indices=True
        )
        parts = np.where(mask, parts[tuple(nearest)], 0)
        order = np.argsort(-np.bincount(parts.ravel(), minlength=number + 1)[1:]) + 1
        for part in order[1:]:
            cut[parts == part] = first
            first += 1
    return cut


def merge(labels: Labels, start: Point, end: Point) -> Labels:
    """Make one object of all that a line meets; it has the label of the first. A copy."""
    found = touched(labels, start, end)
    joined = labels.copy()
    if found:
        joined[np.isin(labels, found[1:])] = found[0]
    return joined


def delete(labels: Labels, start: Point, end: Point) -> Labels:
    """Remove all objects that a line meets, or a point. A copy."""
    left = labels.copy()
    left[np.isin(labels, touched(labels, start, end))] = 0
    return left


def _line(
    shape: tuple[int, ...], start: Point, end: Point
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    from skimage.draw import line

    ends = (round(n) for n in (*start, *end))
    rows, columns = line(*ends)  # type: ignore[no-untyped-call]
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    return rows[inside], columns[inside]
