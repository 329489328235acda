"""Shifts that we made, against scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift
from skimage.registration import phase_cross_correlation

from napari_tmaps.errors import FormatError
from napari_tmaps.measure.registration import binned, correlation, find_shift, overlap

MARGIN = 64


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    rng = np.random.default_rng(5)
    spots = np.zeros((1200 + 2 * MARGIN, 1280 + 2 * MARGIN))
    spots[rng.integers(0, spots.shape[0], 900), rng.integers(0, spots.shape[1], 900)] = 1
    return 200 + 400000 * gaussian_filter(spots, 6) * rng.uniform(0.5, 1.5, spots.shape)


def seen(scene: np.ndarray, y: float, x: float, size: tuple[int, int], gain: float = 1.0):
    """The middle of the scene, moved by (y, x), with noise."""
    moved = shift(scene, (y, x), order=3, mode="nearest")
    top, left = ((full - part) // 2 for full, part in zip(scene.shape, size, strict=True))
    part = moved[top : top + size[0], left : left + size[1]] * gain
    noise = np.random.default_rng(int(100 * (y + x)) % 1000).normal(0, 10, part.shape)
    return np.clip(np.rint(part + noise), 0, 65535).astype(np.uint16)


@pytest.mark.parametrize(
    ("y", "x"),
    [(0, 0), (0.5, -0.5), (3.3, -7.6), (-41.25, 60.7), (55.9, 0.1)],
    ids=str,
)
@pytest.mark.parametrize("size", [(1200, 1280), (300, 421)], ids=["large", "small"])
def test_error_below_a_twentieth_of_a_pixel(scene, y, x, size):
    reference, image = seen(scene, 0, 0, size), seen(scene, y, x, size, gain=0.5)
    found = find_shift(reference, image)
    assert np.hypot(found.y + y, found.x + x) < 0.05
    assert found.quality > 0.85


def test_as_scikit_image(scene):
    reference, image = seen(scene, 0, 0, (1200, 1280)), seen(scene, 12.7, -20.2, (1200, 1280))
    theirs, *_ = phase_cross_correlation(reference, image, upsample_factor=20)
    found = find_shift(reference, image)
    assert (found.y, found.x) == pytest.approx(tuple(theirs), abs=0.15)


def test_pictures_without_anything_in_common(scene):
    other = seen(scene[::-1], 0, 0, (600, 600))
    assert find_shift(seen(scene, 0, 0, (600, 600)), other).quality < 0.3
    empty = np.full((100, 100), 7, np.uint8)
    assert find_shift(empty, empty).quality == 0
    small = find_shift(np.eye(8, dtype=np.float32), np.eye(8, dtype=np.float32))
    assert (small.y, small.x) == (0, 0)


def test_images_of_different_size():
    with pytest.raises(FormatError, match="same size"):
        find_shift(np.zeros((4, 4)), np.zeros((4, 5)))


def test_binning_and_overlap():
    image = np.arange(42, dtype=np.uint16).reshape(6, 7)
    np.testing.assert_allclose(binned(image, 3), image[:, :6].reshape(2, 3, 2, 3).mean(axis=(1, 3)))
    one, other = overlap(image, image, (2, -3))
    np.testing.assert_array_equal(one, image[2:, :4])
    np.testing.assert_array_equal(other, image[:4, 3:])
    noise = np.random.default_rng(0).normal(size=(2, 20, 30)).astype(np.float32)
    expected = np.corrcoef(noise[0][3:].ravel(), noise[1][:-3].ravel())[0, 1]
    assert correlation(noise[0], noise[1], (3, 0)) == pytest.approx(expected, abs=1e-6)
    assert correlation(noise[0], noise[1], (30, 0)) == 0
