"""Outlines of objects in few numbers, beside scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.segmentation import find_boundaries

from napari_tmaps.measure.painting import borders


@pytest.fixture
def labels():
    """Rectangles that touch each other and the rim, with labels above 49."""
    rng = np.random.default_rng(0)
    image = np.zeros((60, 80), np.int32)
    for label in range(1, 120):
        y, x = rng.integers(0, 55), rng.integers(0, 75)
        image[y : y + rng.integers(1, 14), x : x + rng.integers(1, 14)] = label
    return image


def test_borders_lie_within_objects(labels):
    drawn = borders(labels, 49)
    expected = find_boundaries(labels, mode="inner", connectivity=1)
    np.testing.assert_array_equal(drawn > 0, expected)
    np.testing.assert_array_equal(drawn[expected], (labels[expected] - 1) % 49 + 1)


def test_wider_borders(labels):
    mask = labels > 0
    thin, wide = (borders(mask, 1, width) for width in (1, 3))
    assert set(np.unique(wide)) == {0, 1}
    assert (thin <= wide).all()
    assert not wide[~mask].any()
    square = np.zeros((20, 20), bool)
    square[4:16, 4:16] = True
    assert borders(square, 1, 3).sum() == 12 * 12 - 6 * 6


def test_planes_of_a_stack_are_outlined_each(labels):
    stack = np.stack([labels, np.zeros_like(labels), labels[::-1]])
    drawn = borders(stack, 49)
    np.testing.assert_array_equal(drawn[0], borders(labels, 49))
    np.testing.assert_array_equal(drawn[2], borders(np.ascontiguousarray(labels[::-1]), 49))
    assert not drawn[1].any()
