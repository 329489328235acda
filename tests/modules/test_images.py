"""Modules that turn images into images and masks, on images small enough to work out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage import filters as reference

from napari_tmaps.errors import InputError
from napari_tmaps.modules import (
    apply_mask,
    clip,
    combine_channels,
    combine_masks,
    fill,
    invert,
    project,
    rescale,
    smooth,
    threshold_adaptive,
    threshold_manual,
    threshold_otsu,
)

STEP = np.repeat(np.array([[10, 200]], np.uint16), 5, axis=1).repeat(8, axis=0)


@pytest.fixture
def image() -> np.ndarray:
    random = np.random.default_rng(1)
    return (ndimage.gaussian_filter(random.random((60, 50)), 3) * 60000).astype(np.uint16)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", ["average", "gaussian", "median", "bilateral"])
def test_smooth_keeps_type_shape_and_even_images(name, dtype):
    image = np.full((9, 14), 251, dtype)
    result = smooth(image, filter_name=name, filter_size=4)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, image)


def test_smooth_gaussian_is_scipys_rounded(image):
    expected = np.rint(ndimage.gaussian_filter(image.astype(float), 3, mode="reflect"))
    difference = smooth(image).astype(int) - expected
    assert np.abs(difference).max() <= 1
    assert (difference == 0).mean() > 0.99


def test_smooth_average_by_hand():
    image = np.array([[0, 3, 0], [0, 0, 0], [0, 0, 2]], np.uint8)
    # The middle sees 5 / 9 = 0.56; the upper left corner its mirror image: 2 × 3 / 9 = 0.67.
    result = smooth(image, filter_name="average", filter_size=3)
    assert (result[1, 1], result[0, 0]) == (1, 1)


def test_smooth_median_removes_a_single_bright_pixel():
    image = np.full((7, 7), 30, np.uint16)
    image[3, 3] = 60000
    np.testing.assert_array_equal(smooth(image, filter_name="median", filter_size=3), 30)


def test_bilateral_of_hours_is_refused():
    with pytest.raises(InputError, match=r"size 21 would take hours.*at most 20"):
        smooth(STEP, filter_name="bilateral", filter_size=21)


STACK = np.array([[[1, 60000]], [[5, 60000]]], np.uint16)


@pytest.mark.parametrize(
    ("stack", "method", "expected"),
    [
        pytest.param(STACK, "max", [[5, 60000]], id="max"),
        pytest.param(STACK, "sum", [[6, 65535]], id="sum-saturates"),
        pytest.param(np.full((3, 1, 1), 200, np.uint8), "sum", [[600]], id="sum-of-8-bit"),
        pytest.param(STACK[0], "sum", [[1, 60000]], id="plane"),
    ],
)
def test_project(stack, method, expected):
    result = project(stack, method=method)
    assert result.tolist() == expected
    assert result.dtype == np.uint16


@pytest.mark.parametrize("shape", [(4,), (1, 2, 3, 4), (0, 4, 4)], ids=str)
def test_project_refuses_what_is_no_stack(shape):
    with pytest.raises(InputError, match="a stack has three axes"):
        project(np.zeros(shape, np.uint16))


def test_threshold_manual_is_strict():
    image = np.array([[9, 10, 11]], np.uint8)
    assert threshold_manual(image, threshold=10).tolist() == [[False, False, True]]
    assert threshold_manual(image, threshold=9.5).tolist() == [[False, True, True]]


def test_threshold_otsu_as_scikit_image(image):
    np.testing.assert_array_equal(threshold_otsu(image), image > reference.threshold_otsu(image))


@pytest.mark.parametrize(
    ("settings", "foreground"),
    [
        pytest.param({}, [200], id="plain"),
        pytest.param({"correction_factor": 0.5}, [10, 200], id="lower"),
        pytest.param({"correction_factor": 30}, [], id="higher"),
        pytest.param({"min_threshold": 200}, [], id="at-least"),
        pytest.param({"max_threshold": 9}, [10, 200], id="at-most"),
    ],
)
def test_threshold_otsu_settings(settings, foreground):
    """Otsu's threshold of two values is the lower one, 10; × 0.5 it is 5, × 30 it is 300."""
    mask = threshold_otsu(STEP, **settings)
    assert np.unique(STEP[mask]).tolist() == foreground


def test_threshold_otsu_of_an_even_image_is_empty():
    assert not threshold_otsu(np.full((5, 5), 77, np.uint16)).any()


@pytest.mark.parametrize("module", [threshold_otsu, threshold_adaptive])
def test_thresholds_in_the_wrong_order(module):
    with pytest.raises(InputError, match="'min_threshold' is 20, which is above 'max_threshold'"):
        module(STEP, min_threshold=20, max_threshold=10)


@pytest.mark.parametrize("constant", [-0.5, 0.0, 0.7])
def test_niblack_by_its_definition(image, constant):
    values = np.minimum(image, np.sort(image, None)[int(np.ceil(0.9999 * image.size)) - 1])
    wide = np.pad(values.astype(float), 7, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(wide, (15, 15))
    expected = values > windows.mean((2, 3)) + constant * windows.std((2, 3))
    result = threshold_adaptive(image, kernel_size=15, constant=constant)
    np.testing.assert_array_equal(result, expected)


def test_niblack_of_an_even_image_is_empty():
    image = np.full((30, 30), 999, np.uint16)
    assert not threshold_adaptive(image, kernel_size=11, constant=-1.0).any()


@pytest.mark.parametrize("constant", [0.0, 20.0])
def test_crosscorr_by_its_definition(image, constant):
    """A Gaussian of the width that fits a window of 21 pixels: 0.3 × (10 - 1) + 0.8 = 3.5."""
    mean = ndimage.gaussian_filter(image.astype(float), 3.5, mode="nearest", radius=10)
    expected = image > mean - constant * np.ptp(image) / 255
    result = threshold_adaptive(image, method="crosscorr", kernel_size=21, constant=constant)
    assert (result == expected).mean() > 0.999


def test_adaptive_limits_decide_first():
    image = np.array([[100, 110, 100, 900, 5000, 5010]], np.uint16)
    mask = threshold_adaptive(image, kernel_size=3, min_threshold=800, max_threshold=4000)
    assert mask.tolist() == [[False, False, False, False, True, True]]


def test_adaptive_window_must_be_odd():
    with pytest.raises(InputError, match=r"'kernel_size' is 10.*e.g. 11"):
        threshold_adaptive(STEP, kernel_size=10)


RING = np.array(
    [
        [0, 0, 0, 0, 0, 0, 0],
        [0, 1, 1, 1, 1, 1, 1],
        [0, 1, 0, 1, 0, 0, 1],
        [0, 1, 1, 1, 0, 0, 1],
        [0, 0, 1, 1, 1, 1, 1],
    ],
    bool,
)


@pytest.mark.parametrize(
    ("max_hole_area", "filled"), [(0, 5), (1, 1), (3, 1), (4, 5)], ids=["any", "1", "3", "4"]
)
def test_fill(max_hole_area, filled):
    result = fill(RING, max_hole_area=max_hole_area)
    assert (result & ~RING).sum() == filled
    assert (result | ~RING).all()


def test_fill_takes_labels_and_gives_a_mask():
    assert fill(RING.astype(np.int32) * 7).dtype == bool


def test_a_hole_that_is_open_over_a_corner_is_none():
    mask = np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 0, 1], [0, 1, 1, 1]], bool)
    np.testing.assert_array_equal(fill(np.pad(mask, 1)), np.pad(mask, 1))


A = np.array([[0, 0, 5, 9]], np.int32)
B = np.array([[0, 1, 0, 1]], bool)


@pytest.mark.parametrize(
    ("operation", "expected"),
    [("AND", [[0, 0, 0, 1]]), ("OR", [[0, 1, 1, 1]]), ("EXCLUSIVE_OR", [[0, 1, 1, 0]])],
)
def test_combine_masks(operation, expected):
    result = combine_masks(A, B, logical_operation=operation)
    assert result.dtype == bool
    assert result.tolist() == expected


def test_clip_keeps_labels():
    assert clip(A, B).tolist() == [[0, 0, 5, 0]]
    assert clip(A, B).dtype == np.int32
    assert clip(B, A).tolist() == [[False, True, False, False]]


@pytest.mark.parametrize("module", [combine_masks, clip])
def test_shapes_must_agree(module):
    with pytest.raises(InputError, match=r"shape \(1, 4\).*has \(4, 1\)"):
        module(A, B.T)


RAMP = np.array([[0, 100, 150, 200, 255]], np.uint8)


def test_invert():
    assert invert(RAMP).tolist() == [[255, 155, 105, 55, 0]]
    assert invert(RAMP.astype(np.uint16))[0, 1] == 65435


def test_apply_mask():
    assert apply_mask(RAMP, np.array([[1, 0, 7, 0, 0]])).tolist() == [[0, 0, 150, 0, 0]]
    with pytest.raises(InputError, match="'mask' has"):
        apply_mask(RAMP, RAMP.T)


def test_rescale():
    """100 … 200 becomes 0 … 255: 150 lies half way, at 127.5, and is rounded to even."""
    assert rescale(RAMP, min_value=100, max_value=200).tolist() == [[0, 0, 128, 255, 255]]
    np.testing.assert_array_equal(rescale(STEP), STEP)
    with pytest.raises(InputError, match=r"'min_value' is 7, but must be below 'max_value' \(7\)"):
        rescale(RAMP, min_value=7, max_value=7)


def test_combine_channels():
    """Stretched to 0 … 1 they are (0, 1, 0.5) and (1, 0, 0.5); weighted 3 : 1 (1, 3, 2)."""
    first, second = np.array([[10, 20, 15]], np.uint8), np.array([[200, 0, 100]], np.uint8)
    result = combine_channels(first, second, weight_1=3)
    assert result.tolist() == [[0, 255, 128]]
    assert result.dtype == np.uint8
    assert combine_channels(first, first * 0).tolist() == [[0, 255, 128]]
    assert not combine_channels(first * 0, first * 0).any()
    with pytest.raises(InputError, match=r"uint8, but 'image_2' of uint16"):
        combine_channels(first, second.astype(np.uint16))


MODULES = [smooth, invert, threshold_manual, threshold_otsu, threshold_adaptive, project]


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.bool_])
def test_intensities_are_8_or_16_bit(module, dtype):
    with pytest.raises(InputError, match=f"type {np.dtype(dtype)}.*uint8, uint16"):
        module(np.zeros((3, 3), dtype))


@pytest.mark.parametrize("module", [smooth, threshold_otsu, fill])
@pytest.mark.parametrize("shape", [(2, 2, 3, 3), (0, 5)], ids=str)
def test_planes_and_stacks_only(module, shape):
    with pytest.raises(InputError, match="single planes"):
        module(np.zeros(shape, np.uint16))
