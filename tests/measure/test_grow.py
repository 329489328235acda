"""Growing of labels against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from napari_tmaps.measure.distance import grow


@pytest.mark.parametrize("distance", [1, 2, 3, 5, 8, 40, 200])
@pytest.mark.parametrize("seed", range(4))
def test_each_pixel_goes_to_the_nearest_then_to_the_smallest_label(distance, seed):
    random = np.random.default_rng(seed)
    labels = random.integers(1, [3, 9, 2_000_000_000, 70000][seed], (17, 23)).astype(np.int32)
    labels[random.random(labels.shape) < 0.96] = 0
    places = np.argwhere(labels)
    expected = np.zeros_like(labels)
    for y, x in np.ndindex(labels.shape):
        squared = ((places - (y, x)) ** 2).sum(axis=1)
        if squared.min() <= distance**2:
            expected[y, x] = labels[tuple(places[squared == squared.min()].T)].min()
    np.testing.assert_array_equal(grow(labels, distance), expected)


def test_nothing_grows_to_nothing():
    assert not grow(np.zeros((4, 5), np.int32), 3).any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1)])
def test_lines(shape):
    labels = np.zeros(shape, np.int32)
    labels.flat[0] = 5
    expected = np.where(np.arange(labels.size) <= 2, 5, 0).reshape(shape)
    np.testing.assert_array_equal(grow(labels, 2), expected)
