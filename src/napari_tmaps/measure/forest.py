"""The walk of many samples through the trees of a random forest (Breiman, 2001).

All trees stand in one table of nodes, in which the two children of a node are neighbours. A leaf is
its own child and lets everything pass to the left, so that several samples may walk at once, and
the processor neither waits for the memory nor guesses which way each goes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import Floats

_GROUP = 8
"""Samples that walk at once."""
_BLOCK = 16 * _GROUP
"""Samples that meet one tree after the other: their features stay in the nearest cache."""


class Forest(NamedTuple):
    """Trees as arrays.

    Attributes
    ----------
    first
        (trees + 1,) uint32: root of each tree, and the number of nodes.
    left
        (nodes,) uint32: the child for values up to the threshold; the other child is next to it. A
        leaf has itself.
    feature
        (nodes,) uint32: which feature decides; 0 in a leaf.
    threshold
        (nodes,) float32; infinite in a leaf.
    values
        (nodes, classes) float64: shares of the classes in each leaf.
    """

    first: npt.NDArray[np.uint32]
    left: npt.NDArray[np.uint32]
    feature: npt.NDArray[np.uint32]
    threshold: npt.NDArray[np.float32]
    values: Floats


def predict(forest: Forest, features: npt.NDArray[np.float32]) -> Floats:
    """Probabilities of the classes, the mean over the trees.

    Parameters
    ----------
    features
        (features, samples), contiguous along the samples.

    Returns
    -------
    Array of shape (samples, classes).
    """
    sums = np.zeros((features.shape[1], forest.values.shape[1]))
    _walk(forest, features, sums)
    sums /= forest.first.size - 1
    return sums


@kernel
def _walk(forest: Forest, features: npt.NDArray[np.float32], sums: Floats) -> None:
    left, feature, threshold = forest.left, forest.feature, forest.threshold
    here = np.zeros((_BLOCK, features.shape[0]), np.float32)
    at = np.empty(_GROUP, np.uint32)
    for start in range(0, features.shape[1], _BLOCK):
        size = min(_BLOCK, features.shape[1] - start)
        for f in range(features.shape[0]):
            for p in range(size):
                here[p, f] = features[f, start + p]
        for tree in range(forest.first.size - 1):
            for p in range(0, size, _GROUP):
                for j in range(_GROUP):
                    at[j] = forest.first[tree]
                moving = True
                while moving:
                    moving = False
                    for j in range(_GROUP):
                        node = at[j]
                        child = left[node]
                        moving |= child != node
                        value = here[np.uint32(p + j), feature[node]]
                        at[j] = child + np.uint32(value > threshold[node])
                for j in range(min(_GROUP, size - p)):
                    for c in range(sums.shape[1]):
                        sums[start + p + j, c] += forest.values[at[j], c]
