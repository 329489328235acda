"""Offsets of neighbours, and the places that follow from them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from napari_tmaps.measure.stitching import find_offset
from napari_tmaps.model.stitching import neighbours, stitch


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    noise = np.random.default_rng(8).normal(size=(700, 700))
    return 500 + 1000 * gaussian_filter(noise, 3)


OFFSETS = [
    pytest.param((0, 270), (0, 270), id="as-expected"),
    pytest.param((5, 279), (0, 270), id="beside"),
    pytest.param((-11, 262), (0, 270), id="above"),
    pytest.param((268, -7), (272, 0), id="below"),
    pytest.param((150, 140), (155, 135), id="brick"),
    pytest.param((-150, 141), (-155, 135), id="backwards"),
]


@pytest.mark.parametrize(("true", "expected"), OFFSETS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_whole_offsets(scene, true, expected, dtype):
    image = scene if dtype != np.uint8 else scene / 8
    one = image[200:500, 100:420].astype(dtype)
    other = image[200 + true[0] : 480 + true[0], 100 + true[1] : 410 + true[1]].astype(dtype)
    found = find_offset(one, other, expected)
    assert np.hypot(found.y - true[0], found.x - true[1]) < 0.1
    assert found.quality > 0.95


def test_parts_of_a_pixel_and_noise(scene):
    rng = np.random.default_rng(3)
    y, x = np.mgrid[0:300.0, 0:320.0]
    true = (3.4, 285.7)
    one = map_coordinates(scene, (y + 100, x + 40), order=3)
    other = map_coordinates(scene, (y + 100 + true[0], x + 40 + true[1]), order=3)
    one, other = (part + rng.normal(0, one.std() / 3, one.shape) for part in (one, other))
    found = find_offset(one, other, (0.0, 288.0))
    assert np.hypot(found.y - true[0], found.x - true[1]) < 0.15


def test_few_objects_far_from_the_middle():
    rng = np.random.default_rng(5)
    scene = np.zeros((1300, 400))
    scene[rng.integers(60, 200, 12), rng.integers(100, 300, 12)] = 1
    scene = 300 + 60000 * gaussian_filter(scene, 5)
    true = (-7, 196)
    one, other = scene[20:1220, :250], scene[20 + true[0] : 1220 + true[0], true[1] :]
    one, other = (part + rng.normal(0, 20, part.shape) for part in (one, other))
    found = find_offset(one, other, (0, 200))
    assert np.hypot(found.y - true[0], found.x - true[1]) < 0.1
    assert found.quality > 0.8


def test_the_lamp_is_no_sample():
    """Blank images that share the fall-off of the light do not agree."""
    rng = np.random.default_rng(1)
    lamp = 1000 - 400 * np.linspace(-1, 1, 300)[:, None] ** 2 * np.ones(320)
    one, other = (lamp + rng.normal(0, 10, lamp.shape) for _ in range(2))
    assert np.corrcoef(one[:, 288:].ravel(), other[:, :32].ravel())[0, 1] > 0.9
    assert abs(find_offset(one, other, (0, 288)).quality) < 0.2


@pytest.mark.parametrize("expected", [(0, 330), (0, 310), (295, 0)], ids=str)
def test_hardly_an_overlap(scene, expected):
    found = find_offset(scene[:300, :320], scene[:300, 310:630], expected)
    assert (found.y, found.x, found.quality) == (*expected, 0.0)


@pytest.mark.parametrize("level", [0, 7, 65535])
def test_uniform_images(level):
    flat = np.full((300, 320), level, np.uint16)
    assert find_offset(flat, flat, (0, 270)).quality == 0
    bowl = level + 1e-3 * level * np.linspace(-1, 1, 300)[:, None] ** 2 * np.ones(320)
    assert find_offset(bowl, bowl, (0, 270)).quality == 0


def test_neighbours_share_a_strip():
    corners = np.array([(0, 0), (0, 90), (90, 0), (90, 90), (0, 185), (300, 0)], float)
    sizes = np.full((6, 2), 100.0)
    # 10 px are too few, corners are too small, and the last one is alone.
    assert neighbours(corners, sizes).size == 0
    sizes += 10
    assert neighbours(corners, sizes).tolist() == [[0, 1], [0, 2], [1, 3], [2, 3]]
    # A brick that lies across two others
    bricks = np.array([(0, 0), (0, 100), (90, 50)], float)
    assert neighbours(bricks, np.full((3, 2), 110.0)).tolist() == [[0, 2], [1, 2]]


def grid(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    places = 100.0 * np.array([(y, x) for y in range(rows) for x in range(columns)])
    return places, neighbours(places, np.full(places.shape, 120.0))


def test_one_wrong_pair_is_dropped():
    places, pairs = grid(4, 4)
    true = places + np.random.default_rng(2).uniform(-6, 6, places.shape)
    offsets = true[pairs[:, 1]] - true[pairs[:, 0]]
    offsets += np.random.default_rng(3).normal(0, 0.1, offsets.shape)
    offsets[7] += (9, -14)
    quality = np.full(len(pairs), 0.8)
    found = stitch(places, pairs, offsets, quality, min_quality=0.3, max_shift_px=0)
    assert np.flatnonzero(~found.used).tolist() == [7]
    assert np.isnan(found.residuals[7])
    off = places + found.moves - true
    assert np.hypot(*(off - off.mean(axis=0)).T).max() < 0.3
    assert np.nanmax(found.residuals) < 0.5
    # All that is there would have been met, with everything bent.
    bent = stitch(places, pairs[:7], offsets[:7], quality[:7], min_quality=0.3, max_shift_px=0)
    assert bent.used.all()


def test_in_a_ring_the_pair_that_disagrees_with_the_stage_is_dropped():
    places, pairs = grid(2, 2)
    true = places + np.array([(1, 0), (0, 2), (-1, 0), (0, -1)])
    offsets = true[pairs[:, 1]] - true[pairs[:, 0]]
    offsets[2] += (30, 30)
    found = stitch(places, pairs, offsets, np.full(4, 0.8), min_quality=0.3, max_shift_px=0)
    assert found.used.tolist() == [True, True, False, True]
    np.testing.assert_allclose(np.diff(places + found.moves - true, axis=0), 0, atol=1e-4)


def test_good_pairs_weigh_more():
    places, pairs = np.array([(0, 0), (0, 100.0)]), np.array([[0, 1], [0, 1]])
    offsets = np.array([(0, 101.0), (0, 102.0)])
    found = stitch(places, pairs, offsets, np.array([0.9, 0.3]), min_quality=0, max_shift_px=0)
    # (0.9 · 1 + 0.3 · 2) / 1.2 = 1.25, half of it each
    np.testing.assert_allclose(found.moves, [(0, -0.625), (0, 0.625)], atol=1e-5)
    np.testing.assert_allclose(found.residuals, [0.25, 0.75], atol=1e-5)


def test_parts_that_do_not_hang_together_stay_where_they_are():
    places = np.array([(0, 0), (0, 100), (0, 500), (0, 600), (0, 900)], float)
    pairs = np.array([[0, 1], [2, 3], [3, 4]])
    offsets = np.array([(2, 104), (0, 98), (0, 300.0)])
    quality = np.array([0.9, 0.9, 0.1])
    found = stitch(places, pairs, offsets, quality, min_quality=0.3, max_shift_px=0)
    np.testing.assert_allclose(found.moves, [(-1, -2), (1, 2), (0, 1), (0, -1), (0, 0)], atol=1e-5)
    assert found.used.tolist() == [True, True, False]
    near = stitch(places, pairs, offsets, quality, min_quality=0.3, max_shift_px=3)
    assert near.used.tolist() == [False, True, False]


def test_nothing_to_go_by():
    places, pairs = grid(2, 2)
    offsets = np.zeros((4, 2))
    found = stitch(places, pairs, offsets, np.zeros(4), min_quality=0.3, max_shift_px=0)
    assert not found.moves.any()
    assert not found.used.any()
    none = stitch(places, pairs[:0], offsets[:0], np.zeros(0), min_quality=0.3, max_shift_px=5)
    assert not none.moves.any()
