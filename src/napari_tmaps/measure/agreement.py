"""How well found objects agree with true ones."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import InputError


class Agreement(NamedTuple):
    """Scores from 0 (nothing) to 1 (everything).

    Attributes
    ----------
    f1
        Harmonic mean of precision and recall.
    precision
        Share of the found objects that are true.
    recall
        Share of the true objects that were found.
    """

    f1: float
    precision: float
    recall: float


def object_f1(
    truth_labels: npt.NDArray[Any], found_labels: npt.NDArray[Any], iou: float = 0.5
) -> Agreement:
    """Match found objects with true ones, one to one, and count.

    Two objects match if the pixels they share are at least `iou` of the pixels that either has
    (intersection over union, as in Caicedo et al., Nature Methods 2019). Of all ways to pair the
    objects, one with the most pairs counts. Two images without objects agree perfectly.

    Parameters
    ----------
    truth_labels, found_labels
        Label images of the same shape; 0 is background. Numbers need not be the same, nor dense.
    iou
        What counts as a match, above 0 and up to 1.

    Raises
    ------
    InputError
        The images differ in shape or are no label images, or `iou` is out of range.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    if truth_labels.shape != found_labels.shape:
        raise InputError(
            f"Labels of shape {truth_labels.shape} and {found_labels.shape} cannot be compared: "
            "both must come from the same image."
        )
    for labels in (truth_labels, found_labels):
        if labels.dtype.kind not in "ui":
            raise InputError(
                f"Pixels of type {labels.dtype} are no labels: labels are whole numbers. Label "
                "the objects of a mask first."
            )
    if not 0 < iou <= 1:
        raise InputError(f"An overlap of {iou} cannot be asked for: give more than 0, at most 1.")
    truth, true_areas = _dense(truth_labels)
    found, found_areas = _dense(found_labels)
    if not len(true_areas) or not len(found_areas):
        both = float(len(true_areas) == len(found_areas))
        return Agreement(both, both, both)
    both_there = (truth >= 0) & (found >= 0)
    pairs = truth[both_there] * len(found_areas) + found[both_there]
    pairs, shared = np.unique(pairs, return_counts=True)
    i, j = np.divmod(pairs, len(found_areas))
    match = shared / (true_areas[i] + found_areas[j] - shared) >= iou
    matches = i[match].astype(np.int32), j[match].astype(np.int32)  # older SciPy takes no others
    graph = coo_array(
        (np.ones(match.sum(), np.int8), matches), shape=(len(true_areas), len(found_areas))
    )
    matched = int((maximum_bipartite_matching(graph.tocsr()) >= 0).sum())
    return Agreement(
        2 * matched / (len(true_areas) + len(found_areas)),
        matched / len(found_areas),
        matched / len(true_areas),
    )


def _dense(labels: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Each pixel's object counted from 0, background -1; pixels of each object."""
    names, index, areas = np.unique(labels, return_inverse=True, return_counts=True)
    objects = names != 0
    number = np.where(objects, np.cumsum(objects) - 1, -1)
    return number[index.ravel()], areas[objects]
