"""Runs, intensities and shapes against scikit-image, scipy and values worked out by hand."""

from __future__ import annotations

import gc
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage import measure

from napari_tmaps.measure import shape
from napari_tmaps.measure.distance import squared_distances
from napari_tmaps.measure.hull import find_hulls
from napari_tmaps.measure.intensity import intensities
from napari_tmaps.measure.runs import count_pixels, find_boxes, find_runs, scan

NUMBERS = (1, 2, 3, 7, 40, 65536, 2_000_000_000)
many = settings(max_examples=60, deadline=None, derandomize=True)


@st.composite
def label_images(draw: st.DrawFn) -> np.ndarray:
    """Blocks, discs, noise and single pixels; objects touch each other and the border."""
    height, width = draw(st.integers(1, 24)), draw(st.integers(1, 24))
    image = np.zeros((height, width), np.int32)
    for _ in range(draw(st.integers(0, 5))):
        top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        size_y, size_x = draw(st.integers(1, 14)), draw(st.integers(1, 14))
        part = image[top : top + size_y, left : left + size_x]
        y, x = np.indices(part.shape)
        inside = {
            "block": np.ones(part.shape, bool),
            "disc": (2 * y + 1 - size_y) ** 2 + (2 * x + 1 - size_x) ** 2 <= size_y * size_x,
            "noise": np.random.default_rng(draw(st.integers(0, 99))).random(part.shape) < 0.6,
        }[draw(st.sampled_from(["block", "disc", "noise"]))]
        part[inside] = draw(st.sampled_from(NUMBERS))
    return image


def table(labels: np.ndarray, *properties: str) -> dict[str, np.ndarray]:
    """The same from scikit-image, which is measured on small numbers to save its memory."""
    _, small = np.unique(np.concatenate([[0], labels.ravel()]), return_inverse=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return measure.regionprops_table(small[1:].reshape(labels.shape), properties=properties)


@many
@given(label_images())
def test_runs_hold_all_pixels_once(labels):
    runs = find_runs(labels)
    again = np.zeros_like(labels)
    for k, label in enumerate(runs.labels):
        for i in range(runs.first[k], runs.first[k + 1]):
            assert (again[runs.row[i], runs.start[i] : runs.stop[i]] == 0).all()
            again[runs.row[i], runs.start[i] : runs.stop[i]] = label
    np.testing.assert_array_equal(again, labels)
    np.testing.assert_array_equal(runs.labels, np.unique(labels[labels != 0]))
    np.testing.assert_array_equal(
        count_pixels(runs), np.unique(labels[labels != 0], return_counts=True)[1]
    )


@many
@given(label_images())
def test_boxes_and_moments_as_scikit_image(labels):
    runs = find_runs(labels)
    boxes = find_boxes(runs)
    of = shape.moments(runs, boxes)
    axes = shape.axes(of)
    expected = table(
        labels, "bbox", "area", "centroid", "axis_major_length", "axis_minor_length", "eccentricity"
    )
    np.testing.assert_array_equal(np.transpose(boxes).ravel(), _columns(expected, "bbox").ravel())
    np.testing.assert_array_equal(of.area, expected["area"])
    np.testing.assert_allclose(of.y, expected["centroid-0"], rtol=1e-12)
    np.testing.assert_allclose(of.x, expected["centroid-1"], rtol=1e-12)
    np.testing.assert_allclose(axes.major, expected["axis_major_length"], rtol=1e-9)
    # The square roots of scikit-image's rounding errors: 1e-16 becomes 1e-8.
    np.testing.assert_allclose(axes.minor, expected["axis_minor_length"], rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(axes.eccentricity, expected["eccentricity"], rtol=1e-9, atol=1e-6)


def _columns(of: dict[str, np.ndarray], name: str) -> np.ndarray:
    return np.transpose([of[f"{name}-{i}"] for i in range(4)])


@many
@given(label_images())
def test_perimeter_as_scikit_image(labels):
    runs = find_runs(labels)
    ours = shape.outlines(runs, find_boxes(runs))
    np.testing.assert_allclose(ours.perimeter, table(labels, "perimeter")["perimeter"], rtol=1e-12)


@many
@given(label_images())
def test_outline_pixels_are_what_erosion_removes(labels):
    runs = find_runs(labels)
    ours = shape.outlines(runs, find_boxes(runs)).pixels
    masks = [labels == label for label in runs.labels]
    assert ours.tolist() == [int((m & ~ndimage.binary_erosion(m)).sum()) for m in masks]


@many
@given(label_images())
def test_hull_as_scikit_image(labels):
    runs = find_runs(labels)
    ours = shape.hull_areas(find_hulls(runs))
    np.testing.assert_array_equal(ours, table(labels, "area_convex")["area_convex"])


@many
@given(label_images())
def test_radii_as_scipy_object_by_object(labels):
    runs = find_runs(labels)
    ours = shape.radii(runs, find_boxes(runs))
    for k, label in enumerate(runs.labels):
        mask = np.pad(labels == label, 1)
        distance = ndimage.distance_transform_edt(mask)[mask]
        assert ours.maximum[k] == pytest.approx(distance.max(), rel=1e-12)
        assert ours.mean[k] == pytest.approx(distance.mean(), rel=1e-12)


@many
@given(label_images())
def test_squared_distances_are_exact(labels):
    mask = np.pad(labels != 0, 1)
    expected = ndimage.distance_transform_edt(mask) ** 2
    np.testing.assert_array_equal(
        squared_distances(mask.astype(np.uint8)), np.rint(expected).astype(int)
    )


@pytest.mark.parametrize("shape", [(340, 700), (700, 340), (250, 250)])
def test_squared_distances_of_large_objects(shape):
    """Some rows are far from the background along the columns, some along the row."""
    mask = np.zeros(shape, np.uint8)
    mask[1:-1, 1:-1] = 1
    mask[tuple(np.random.default_rng(1).integers(0, shape, (12, 2)).T)] = 0
    expected = ndimage.distance_transform_edt(mask) ** 2
    np.testing.assert_array_equal(squared_distances(mask), np.rint(expected).astype(int))


def test_runs_of_a_read_only_image_are_found_once():
    labels = np.eye(5, dtype=np.int32)
    assert find_runs(labels) is not find_runs(labels)
    labels.flags.writeable = False
    runs = find_runs(labels)
    assert find_runs(labels) is runs
    # Who owns the image may change it again; what was found before then no longer counts.
    labels.flags.writeable = True
    labels[0] = 7
    assert find_runs(labels).labels.tolist() == [1, 7]


def test_runs_of_a_view_are_found_anew():
    labels = np.ones((3, 3), np.int32)
    view = labels.view()
    view.flags.writeable = False
    assert count_pixels(find_runs(view)).tolist() == [9]
    labels[0] = 0
    assert count_pixels(find_runs(view)).tolist() == [6]


def test_runs_live_no_longer_than_their_image():
    labels = np.ones((3, 3), np.int32)
    labels.flags.writeable = False
    image, runs = weakref.ref(labels), find_runs(labels)
    kept = weakref.ref(runs.row)
    del labels, runs
    gc.collect()
    assert image() is None
    assert kept() is None


def test_runs_of_one_image_from_many_threads():
    images = [np.full((64, 64), n, np.int32) for n in range(1, 9)]
    for image in images:
        image.flags.writeable = False
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(find_runs, images * 20))
    assert [int(runs.labels[0]) for runs in found] == list(range(1, 9)) * 20


@many
@given(label_images(), st.sampled_from([np.uint8, np.uint16]), st.integers(0, 9))
def test_intensities_as_scipy(labels, dtype, seed):
    image = np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, labels.shape, dtype, True)
    runs = find_runs(labels)
    ours = intensities(runs, image)
    values = [image[labels == label] for label in runs.labels]
    assert ours.minimum.tolist() == [v.min() for v in values]
    assert ours.maximum.tolist() == [v.max() for v in values]
    assert ours.total.tolist() == [int(v.sum(dtype=np.int64)) for v in values]
    np.testing.assert_allclose(ours.mean, [v.mean() for v in values], rtol=1e-12)
    np.testing.assert_allclose(ours.std, [v.std() for v in values], rtol=1e-9, atol=1e-9)


def test_std_of_a_bright_object_with_a_tiny_spread_is_exact():
    image = np.full((300, 300), 65535, np.uint16)
    image[0, 0] = 65534
    ours = intensities(find_runs(np.ones((300, 300), np.int32)), image)
    p = 1 / 90000
    assert ours.std[0] == pytest.approx(np.sqrt(p * (1 - p)), rel=1e-12)


def test_numbers_of_a_rectangle_by_hand():
    """3 rows × 5 columns: the outline runs through pixel centres; variances are (n² - 1) / 12."""
    labels = np.zeros((7, 9), np.int32)
    labels[2:5, 3:8] = 12
    runs = find_runs(labels)
    boxes = find_boxes(runs)
    of = shape.moments(runs, boxes)
    assert (of.area[0], of.y[0], of.x[0]) == (15, 3.0, 5.0)
    assert (of.var_y[0], of.var_x[0], of.cov[0]) == pytest.approx((8 / 12, 24 / 12, 0))
    assert shape.outlines(runs, boxes).perimeter[0] == 12
    assert shape.outlines(runs, boxes).pixels[0] == 12
    assert shape.hull_areas(find_hulls(runs))[0] == 15
    largest, mean = shape.radii(runs, boxes)
    assert (largest[0], mean[0]) == (2.0, (12 * 1 + 3 * 2) / 15)


def test_touching_objects_have_their_own_radius():
    """Two 3 × 3 squares side by side: the radius is 2 for each, not that of the 3 × 6 whole."""
    labels = np.zeros((5, 8), np.int32)
    labels[1:4, 1:4], labels[1:4, 4:7] = 1, 2
    runs = find_runs(labels)
    assert shape.radii(runs, find_boxes(runs)).mean.tolist() == pytest.approx([10 / 9, 10 / 9])


def test_hull_of_an_open_angle_by_hand():
    """An L of 5 + 4 pixels. Its hull is cut from (row 0.5, column 0) … to (4, column 4.5)."""
    labels = np.zeros((5, 5), np.int32)
    labels[:, 0] = labels[4, :] = 1
    runs = find_runs(labels)
    assert shape.hull_areas(find_hulls(runs))[0] == 15


def test_no_objects_no_rows():
    runs = find_runs(np.zeros((4, 5), np.int32))
    boxes = find_boxes(runs)
    assert shape.moments(runs, boxes).area.size == 0
    assert shape.hull_areas(find_hulls(runs)).size == 0
    assert intensities(runs, np.zeros((4, 5), np.uint16)).mean.size == 0


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int32])
@pytest.mark.parametrize("width", [1, 2, 63, 64, 65, 66, 128, 129, 200])
def test_runs_are_the_pieces_of_rows_that_are_alike(width, dtype):
    """Whatever the width, since 64 pixels are looked at together; of views of images too."""
    random = np.random.default_rng(width)
    image = np.repeat(random.integers(0, 3, (7, width)), random.integers(1, 30, width), axis=1)
    for labels in (image[:, :width].astype(dtype), image.astype(dtype)[::2, ::-1][:, :width]):
        expected = []
        for y, line in enumerate(labels):
            ends = np.flatnonzero(np.diff(line.astype(int))) + 1
            for start, stop in pairwise([0, *ends, width]):
                if line[start]:
                    expected.append((int(line[start]), y, start, stop))
        assert list(zip(*(column.tolist() for column in scan(labels)), strict=True)) == expected
