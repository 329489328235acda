"""Spots of several sizes, beside scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.feature import blob_dog, blob_log

from napari_tmaps.errors import InputError
from napari_tmaps.modules import find_spots

PLACES = [(y, x) for y in range(20, 190, 24) for x in range(20, 190, 24)]


def spots(diameter: float, height: float = 400, seed: int = 0) -> np.ndarray:
    y, x = np.indices((200, 200))
    clean = np.full((200, 200), 100.0)
    for top, left in PLACES:
        clean[np.hypot(y - top, x - left) <= diameter / 2] += height
    return np.random.default_rng(seed).poisson(clean).astype(np.uint16)


def places(labels: np.ndarray) -> np.ndarray:
    return np.argwhere(labels > 0)


@pytest.mark.parametrize("method", ["LoG", "DoG"])
@pytest.mark.parametrize("diameter", [4, 7, 11])
def test_every_spot_is_found_once_at_its_size(method, diameter):
    found = find_spots(spots(diameter), method=method, min_diameter=3.0, max_diameter=14.0)
    assert found.centres.max() == len(PLACES)
    # Reading order changes where centres are found a pixel higher.
    nearest = np.abs(places(found.centres)[:, None] - np.array(PLACES)).max(axis=2)
    assert nearest.min(axis=0).max() <= 1
    area = np.bincount(found.spots.ravel())[1:]
    width = np.sqrt(4 * area / np.pi)
    assert np.median(width) == pytest.approx(diameter, rel=0.35)
    inside = found.spots[found.centres > 0]
    np.testing.assert_array_equal(inside, found.centres[found.centres > 0])


@pytest.mark.parametrize(("method", "peer"), [("LoG", blob_log), ("DoG", blob_dog)])
def test_the_same_spots_as_scikit_image(method, peer):
    image = spots(6)
    blobs = peer(image.astype(float), min_sigma=1.5, max_sigma=4, threshold=60)
    found = find_spots(image, method=method, min_diameter=4.0, max_diameter=11.0)
    assert len(blobs) == found.centres.max()
    nearest = np.abs(places(found.centres)[:, None] - blobs[:, :2]).max(axis=2)
    assert nearest.min(axis=0).max() <= 1


@pytest.mark.parametrize("method", ["LoG", "DoG"])
def test_noise_is_no_spot_whatever_its_strength(method):
    random = np.random.default_rng(0)
    for mean in (10, 1000, 30000):
        image = random.poisson(mean, (200, 200)).astype(np.uint16)
        assert find_spots(image, method=method).centres.max() == 0


@pytest.mark.parametrize("value", [0, 255])
def test_an_even_image_has_no_spots(value):
    found = find_spots(np.full((30, 40), value, np.uint8))
    assert not found.centres.any()
    assert not found.spots.any()
    assert found.spots.dtype == np.int32


def test_spots_without_noise_are_found():
    image = np.zeros((40, 40), np.uint8)
    image[10:13, 10:13] = 200
    assert places(find_spots(image).centres).tolist() == [[11, 11]]


def test_only_within_the_mask():
    image = spots(5)
    mask = np.zeros(image.shape, np.int32)
    mask[:, :100] = 3
    centres = find_spots(image, mask).centres
    assert centres.max() == sum(x < 100 for _, x in PLACES)
    assert not centres[:, 100:].any()


def test_bad_input_is_refused():
    image = np.zeros((5, 5), np.uint16)
    with pytest.raises(InputError, match=r"'min_diameter' is 9\.0, which is above"):
        find_spots(image, min_diameter=9.0, max_diameter=4.0)
    with pytest.raises(InputError, match="same size"):
        find_spots(image, image[:2])
    with pytest.raises(InputError, match="uint8, uint16"):
        find_spots(image.astype(float))
