"""Components, holes, floods, thresholds and filters against libraries and plain definitions."""

from __future__ import annotations

import heapq

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage import filters as reference
from skimage import measure

from napari_tmaps.measure import filters, histogram
from napari_tmaps.measure.components import fill_holes, fill_objects, label_components
from napari_tmaps.measure.watershed import flood

many = settings(max_examples=60, deadline=None, derandomize=True)


@st.composite
def noise(draw: st.DrawFn, values: int = 65536, dtype: type = np.uint16) -> np.ndarray:
    shape = draw(st.integers(1, 21)), draw(st.integers(1, 21))
    random = np.random.default_rng(draw(st.integers(0, 9999)))
    return random.integers(0, draw(st.sampled_from([2, 9, values])), shape).astype(dtype)


@st.composite
def masks(draw: st.DrawFn) -> np.ndarray:
    shape = draw(st.integers(1, 25)), draw(st.integers(1, 25))
    random = np.random.default_rng(draw(st.integers(0, 9999)))
    return random.random(shape) < draw(st.sampled_from([0.0, 0.2, 0.5, 0.7, 0.9, 1.0]))


@many
@given(masks(), st.booleans())
def test_components_as_scikit_image(mask, diagonal):
    expected = measure.label(mask, connectivity=2 if diagonal else 1)
    result = label_components(mask, diagonal)
    np.testing.assert_array_equal(result, expected)
    assert result.dtype == np.int32


@many
@given(masks())
def test_all_holes_as_scipy(mask):
    """scipy's background is connected over edges by default; ours over corners too."""
    expected = ndimage.binary_fill_holes(mask, np.ones((3, 3)))
    np.testing.assert_array_equal(fill_holes(mask, mask.size), expected)


@many
@given(masks(), st.integers(0, 9))
def test_small_holes_alone(mask, area):
    filled = ndimage.binary_fill_holes(mask, np.ones((3, 3)))
    holes, _ = ndimage.label(filled & ~mask, np.ones((3, 3)))
    small = np.bincount(holes.ravel()) <= area
    small[0] = False
    np.testing.assert_array_equal(fill_holes(mask, area), mask | small[holes])


def test_holes_of_an_object_belong_to_it_and_gaps_between_objects_to_none():
    labels = np.array(
        [
            [5, 5, 5, 0, 9, 9, 0, 0],
            [5, 0, 5, 9, 0, 0, 2, 0],
            [5, 5, 5, 0, 9, 2, 2, 0],
            [7, 7, 0, 0, 0, 0, 0, 0],
            [0, 7, 0, 0, 0, 0, 0, 0],
        ],
        np.int32,
    )
    expected = labels.copy()
    expected[1, 1] = 5  # the hole at (1, 4) has 9 and 2 around it, (4, 0) lies at the rim
    fill_objects(labels)
    np.testing.assert_array_equal(labels, expected)


def slow_flood(levels: np.ndarray, seeds: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The definition with a sorted queue: (level, order of arrival)."""
    labels = np.where(mask, seeds, 0)
    arrival = iter(range(10**9))
    queue = [(levels[p], next(arrival), p) for p in map(tuple, np.argwhere(labels > 0))]
    heapq.heapify(queue)
    while queue:
        level, _, (y, x) = heapq.heappop(queue)
        for q in ((y - 1, x), (y, x - 1), (y, x + 1), (y + 1, x)):
            inside = 0 <= q[0] < mask.shape[0] and 0 <= q[1] < mask.shape[1]
            if inside and mask[q] and labels[q] == 0:
                labels[q] = labels[y, x]
                heapq.heappush(queue, (max(level, levels[q]), next(arrival), q))
    return labels


@many
@given(
    noise(), st.integers(0, 99), st.integers(1, 6), st.booleans(), st.sampled_from([99, 2**31 - 1])
)
def test_flood_as_its_definition(levels, seed, count, closed, highest):
    random = np.random.default_rng(seed)
    seeds = np.zeros(levels.shape, np.int32)
    seeds.flat[random.integers(0, levels.size, count)] = random.integers(1, highest, count)
    mask = random.random(levels.shape) < (0.8 if closed else 1)
    np.testing.assert_array_equal(flood(levels, seeds, mask), slow_flood(levels, seeds, mask))


def test_flood_meets_on_the_ridge():
    levels = np.array([[0, 1, 2, 9, 2, 1, 0]], np.uint16)
    seeds = np.array([[4, 0, 0, 0, 0, 0, 3]], np.int32)
    result = flood(levels, seeds, np.ones(levels.shape, bool))
    assert result[0, :3].tolist() == [4, 4, 4]
    assert result[0, 4:].tolist() == [3, 3, 3]


@many
@given(noise())
def test_thresholds_as_scikit_image(image):
    counts = histogram.histogram(image)
    np.testing.assert_array_equal(counts, np.bincount(image.ravel(), minlength=65536))
    assert histogram.otsu(counts) == reference.threshold_otsu(image)
    expected = reference.threshold_li(image) if np.ptp(image) else image[0, 0]
    assert histogram.minimum_cross_entropy(counts) == pytest.approx(expected, rel=1e-9)


def test_histogram_of_8_bit_has_256_values():
    assert histogram.histogram(np.array([[3, 255, 3]], np.uint8)).nonzero()[0].tolist() == [3, 255]


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (50, 1), (75, 4), (99.99, 9), (100, 9)])
def test_percentile(percent, value):
    image = np.array([[1, 1, 4, 9]], np.uint16)
    assert histogram.percentile(histogram.histogram(image), percent) == value


@many
@given(noise(), st.sampled_from([0.5, 1.0, 2.5, 9.0]))
def test_gaussian_as_scipy(image, sigma):
    expected = ndimage.gaussian_filter(image.astype(float), sigma, mode="reflect", truncate=4)
    np.testing.assert_allclose(filters.gaussian(image, sigma), expected, rtol=1e-5, atol=1e-3)


def test_gaussian_with_repeated_rim_as_scipy():
    image = np.random.default_rng(3).integers(0, 65535, (30, 20), np.uint16)
    expected = ndimage.gaussian_filter(image.astype(float), 2, mode="nearest", radius=3)
    ours = filters.gaussian(image, 2, radius=3, border="repeat")
    np.testing.assert_allclose(ours, expected, rtol=1e-5)


@many
@given(noise(), st.integers(1, 30), st.sampled_from(["mirror", "repeat"]))
def test_box_sums_window_by_window(image, size, border):
    around = (size // 2, (size - 1) // 2)
    mode = {"mirror": "symmetric", "repeat": "edge"}[border]
    wide = np.pad(image.astype(np.int64), (around, around), mode=mode)
    windows = np.lib.stride_tricks.sliding_window_view(wide, (size, size))
    total, squares = filters.box_sums(image, size, border)
    np.testing.assert_array_equal(total, windows.sum((2, 3)))
    np.testing.assert_array_equal(squares, (windows**2).sum((2, 3)))


@many
@given(noise(), st.integers(1, 9))
def test_median_as_scipy(image, size):
    np.testing.assert_array_equal(
        filters.median(image, size), ndimage.median_filter(image, size, mode="reflect")
    )


def test_bilateral_by_its_definition():
    image = np.random.default_rng(5).integers(0, 12, (9, 7)).astype(np.uint16)
    ours = filters.bilateral(image, 2.0)
    wide = np.pad(image.astype(float), 3, mode="symmetric")
    dy, dx = np.mgrid[-3:4, -3:4]
    for y, x in np.ndindex(image.shape):
        window = wide[y : y + 7, x : x + 7]
        weight = np.exp(-(dy**2 + dx**2) / 8 - (window - float(image[y, x])) ** 2 / 8)
        weight[dy**2 + dx**2 > 9] = 0
        assert ours[y, x] == pytest.approx((weight * window).sum() / weight.sum(), rel=1e-12)


def test_bilateral_keeps_edges():
    image = np.zeros((8, 12), np.uint16)
    image[:, 6:] = 1000
    np.testing.assert_allclose(filters.bilateral(image, 3.0), image, rtol=1e-12)
