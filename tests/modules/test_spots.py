"""Spots in planes and stacks: scenes whose truth is known, and the filter against its formula."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_tmaps.errors import InputError
from napari_tmaps.measure.spots import mark_centres, split_at_saddles, spot_filter
from napari_tmaps.modules import detect_blobs, identify_spots_2D, identify_spots_3D


def scene(places, size=(60, 70), height=400.0, sigma=1.2, background=100.0):
    """Gaussian spots on a flat background."""
    y, x = np.indices(size)
    image = np.full(size, background)
    for v, u in places:
        image += height * np.exp(-((y - v) ** 2 + (x - u) ** 2) / (2 * sigma**2))
    return np.rint(image).astype(np.uint16)


PLACES = [(10, 10), (10, 40), (33, 20), (50, 60), (45, 8)]
EVERYWHERE = np.ones((60, 70), bool)


@pytest.mark.parametrize("size", [2, 3, 4, 5, 9])
@pytest.mark.parametrize(("border", "mode"), [("mirror", "reflect"), ("repeat", "nearest")])
def test_filter_as_its_formula(size, border, mode):
    image = np.random.default_rng(0).integers(0, 4000, (30, 25), np.uint16)
    sigma = (size - 1) / 3
    y, x = np.indices((size, size)) - (size - 1) / 2
    bell = np.exp(-(y**2 + x**2) / (2 * sigma**2))
    window = bell / bell.sum() * (y**2 + x**2 - 2 * sigma**2) / sigma**4
    window -= window.mean()
    expected = -ndimage.correlate(image.astype(float), window, mode=mode)
    np.testing.assert_allclose(spot_filter(image, size, border), expected, rtol=1e-9, atol=1e-8)


def test_filter_of_an_even_image_is_zero():
    response = spot_filter(np.full((9, 9), 60000, np.uint16), 5)
    np.testing.assert_allclose(response, 0, atol=1e-9)


def test_blobs_are_where_they_were_put():
    found = detect_blobs(scene(PLACES), EVERYWHERE, threshold=20.0, mean_area=7)
    np.testing.assert_array_equal(np.argwhere(found.centroids), sorted(PLACES))
    assert found.blobs.max() == len(PLACES)
    assert found.centroids.dtype == found.blobs.dtype == np.int32
    # Each centre carries the label of the blob in which it lies.
    at = found.centroids > 0
    np.testing.assert_array_equal(found.centroids[at], found.blobs[at])


def test_touching_blobs_are_parted():
    image = scene([(20, 20), (20, 24)])
    found = detect_blobs(image, EVERYWHERE, threshold=5.0, mean_area=5)
    assert np.argwhere(found.centroids).tolist() == [[20, 20], [20, 24]]
    # The parts share one region above the threshold, so its only border is between them.
    assert ndimage.label(found.blobs > 0, np.ones((3, 3)))[1] == 1


def test_blobs_outside_the_mask_are_left_out():
    mask = EVERYWHERE.copy()
    mask[:, :30] = False
    found = detect_blobs(scene(PLACES), mask, threshold=20.0, mean_area=7)
    assert np.argwhere(found.centroids).tolist() == [[10, 40], [50, 60]]
    assert found.blobs.max() == 2
    assert not found.blobs[~mask].any()


def test_blobs_of_another_size_are_left_out():
    image = scene(PLACES)
    image[25:50, 30:55] += 3000  # dirt: its edge is a large bright region
    image[2, 65] += 1000  # a hot pixel
    found = detect_blobs(image, EVERYWHERE, threshold=50.0, mean_area=5, min_area=5)
    assert np.argwhere(found.centroids).tolist() == sorted(map(list, PLACES))
    small = detect_blobs(image, EVERYWHERE, threshold=50.0, mean_area=5, min_area=1)
    assert small.centroids[2, 65] > 0
    large = detect_blobs(image, EVERYWHERE, threshold=50.0, mean_area=5, max_area=4000)
    assert large.blobs[25:50, 30:55].any()


def test_an_empty_image_has_no_blobs():
    found = detect_blobs(np.full((60, 70), 7, np.uint8), EVERYWHERE)
    assert found.blobs.max() == found.centroids.max() == 0


# --- saddles -------------------------------------------------------------------------------

# Peaks 9 and 8 with a saddle of 3 between them, and a shoulder of 6 beside a 5.
RIDGE = np.array([[4, 9, 7, 3, 8, 5, 6, 1]], float)
WHOLE = np.ones(RIDGE.shape, np.int32)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({}, [1, 1, 1, 2, 2, 2, 3, 3], id="all"),
        pytest.param({"min_area": 2}, [1, 1, 1, 2, 2, 2, 2, 2], id="area"),
        pytest.param({"min_depth": 2.0}, [1, 1, 1, 2, 2, 2, 2, 2], id="depth"),
        pytest.param({"min_depth": 5.0}, [1, 1, 1, 2, 2, 2, 2, 2], id="exactly-deep-enough"),
        pytest.param({"min_depth": 5.1}, [1, 1, 1, 1, 1, 1, 1, 1], id="too-deep"),
        pytest.param({"min_share": 0.2}, [1, 1, 1, 2, 2, 2, 2, 2], id="share"),
        pytest.param({"min_share": 0.6}, [1, 1, 1, 1, 1, 1, 1, 1], id="no-share"),
    ],
)
def test_saddles_by_hand(settings, expected):
    assert split_at_saddles(RIDGE, WHOLE, **settings).tolist() == [expected]


def test_objects_that_touch_stay_two():
    labels = np.array([[2, 2, 2, 2, 1, 1, 1, 1]], np.int32)
    parted = split_at_saddles(RIDGE, labels, min_share=0.9)
    assert parted.tolist() == [[1, 1, 1, 1, 2, 2, 2, 2]]


def test_centre_is_the_nearest_pixel_of_the_object():
    """A ring has its centre of mass in the hole."""
    labels = np.ones((3, 3), np.int32) * 4
    labels[1, 1] = 0
    centres = mark_centres(np.ones((3, 3)), labels)
    assert np.argwhere(centres).tolist() == [[0, 1]]
    assert centres[0, 1] == 4


# --- identify_spots ------------------------------------------------------------------------

SCALE = {"rescale_thresholds": (0, 120, 500, 0), "detection_threshold": 0.05}


def test_spots_are_where_they_were_put():
    found = identify_spots_2D(scene(PLACES), spot_size=7, **SCALE)
    np.testing.assert_array_equal(np.argwhere(found.spots_deblend), sorted(PLACES))
    assert found.spots.max() == len(PLACES)


def test_spots_that_touch_are_parted_on_demand():
    image = scene([(20, 20), (20, 24)])
    low = SCALE | {"detection_threshold": 0.01}
    whole = identify_spots_2D(image, deblending_steps=0, **low)
    parted = identify_spots_2D(image, **low)
    assert (whole.spots.max(), (whole.spots_deblend > 0).sum()) == (1, 1)
    assert np.argwhere(parted.spots_deblend).tolist() == [[20, 20], [20, 24]]
    np.testing.assert_array_equal(parted.spots, whole.spots)


@pytest.mark.parametrize(("height", "count"), [(100.0, 1), (300.0, 2)])
def test_a_faint_neighbour_is_no_spot_of_its_own(height, count):
    """A fifth of the response is asked for."""
    image = scene([(20, 20)]) + scene([(20, 24)], height=height) - 100
    found = identify_spots_2D(image, **SCALE | {"detection_threshold": 0.001})
    assert found.spots[20, 20] == found.spots[20, 24] > 0
    assert np.count_nonzero(found.spots_deblend[:, 15:30]) == count


def test_limits_keep_images_without_spots_empty():
    image = np.random.default_rng(1).normal(100, 5, (60, 70)).astype(np.uint16)
    kept = identify_spots_2D(image, detection_threshold=0.1)
    free = identify_spots_2D(image, detection_threshold=0.1, rescale_thresholds=(0, 0, 0, 0))
    assert kept.spots.max() == 0
    assert free.spots.max() > 10


def test_an_even_image_has_no_spots():
    found = identify_spots_2D(np.full((20, 20), 900, np.uint16), rescale_thresholds=(0, 0, 0, 0))
    assert found.spots.max() == found.spots_deblend.max() == 0


def stack(places, planes=7):
    z = np.arange(planes)[:, None, None]
    image = np.full((planes, 60, 70), 100.0)
    for v, y, x in places:
        image += (scene([(y, x)]) - 100.0) * np.exp(-((z - v) ** 2) / 2)
    return np.rint(image).astype(np.uint16)


def test_spots_above_each_other_are_counted():
    places = [(1, 20, 20), (6, 20, 20), (3, 40, 50)]
    counts = identify_spots_3D(stack(places, 8), spot_size=5)
    assert counts.dtype == np.uint16
    assert np.argwhere(counts).tolist() == [[20, 20], [40, 50]]
    assert (counts[20, 20], counts[40, 50]) == (2, 1)


def test_hot_pixels_of_one_plane_are_no_spots_in_3d():
    image = stack([(3, 40, 50)])
    image[5, 10, 10] += 400
    settings = {"spot_size": 5, "detection_threshold": 0.08}
    assert identify_spots_3D(image, **settings)[10, 10] == 0
    assert identify_spots_3D(image, **settings).sum() == 1
    assert identify_spots_3D(image, log_filter_type="2D", **settings)[10, 10] == 1


def test_an_empty_stack_has_no_spots():
    assert identify_spots_3D(np.full((3, 20, 20), 5, np.uint8)).sum() == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(
            lambda: detect_blobs(scene([]), EVERYWHERE, min_area=9, max_area=8),
            "'min_area' is 9",
            id="areas",
        ),
        pytest.param(lambda: detect_blobs(scene([]), EVERYWHERE[1:]), "'mask' has", id="mask"),
        pytest.param(lambda: detect_blobs(scene([]) / 2, EVERYWHERE), "float64", id="type"),
        pytest.param(
            lambda: identify_spots_2D(scene([]), rescale_quantiles=(0.9, 0.1)),
            "'rescale_quantiles' has 0.9 before 0.1",
            id="quantiles",
        ),
        pytest.param(
            lambda: identify_spots_2D(scene([]), rescale_thresholds=(0, 0, 500, 300)),
            "'rescale_thresholds' has 500 before 300",
            id="limits",
        ),
        pytest.param(lambda: identify_spots_2D(stack([])), "single planes", id="stack-for-a-plane"),
        pytest.param(lambda: identify_spots_3D(scene([])), "works on stacks", id="plane"),
        pytest.param(lambda: identify_spots_3D(stack([]) / 2), "float64", id="stack-type"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
