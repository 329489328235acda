"""Modules that change images, beside OpenCV, SciPy and scikit-image."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy import ndimage
from skimage import morphology

from napari_tmaps.errors import InputError
from napari_tmaps.measure.background import rolling_ball
from napari_tmaps.modules import (
    denoise,
    enhance_contrast,
    image_math,
    morph_image,
    morph_mask,
    subtract_background,
)
from napari_tmaps.modules.denoise import noise_of

IMAGE = np.random.default_rng(0).integers(0, 4000, (57, 83)).astype(np.uint16)
SMOOTH = ndimage.gaussian_filter(IMAGE, 2)

GREY = {
    "erode": morphology.erosion,
    "dilate": morphology.dilation,
    "open": morphology.opening,
    "close": morphology.closing,
    "white_top_hat": morphology.white_tophat,
    "black_top_hat": morphology.black_tophat,
}


@pytest.mark.parametrize("operation", GREY)
@pytest.mark.parametrize("radius", [1, 4, 9])
def test_morph_image_beside_scikit_image(operation, radius):
    expected = GREY[operation](SMOOTH, morphology.disk(radius), mode="ignore")
    result = morph_image(SMOOTH, operation=operation, radius=radius)
    np.testing.assert_array_equal(result, expected)
    assert result.dtype == SMOOTH.dtype


def test_gradient_beside_opencv():
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))  # the disc of radius 1
    expected = cv2.morphologyEx(SMOOTH, cv2.MORPH_GRADIENT, cross)
    np.testing.assert_array_equal(morph_image(SMOOTH, operation="gradient", radius=1), expected)


MASKS = {
    "erode": lambda mask, disc: ndimage.binary_erosion(mask, disc, border_value=1),
    "dilate": ndimage.binary_dilation,
    "open": lambda mask, disc: ndimage.binary_dilation(MASKS["erode"](mask, disc), disc),
    "close": lambda mask, disc: MASKS["erode"](ndimage.binary_dilation(mask, disc), disc),
}


@pytest.mark.parametrize("operation", MASKS)
@pytest.mark.parametrize("radius", [0.5, 1.0, 1.5, 3.0, 6.0])
def test_morph_mask_beside_scipy(operation, radius):
    mask = SMOOTH.mean() < SMOOTH
    y, x = np.ogrid[-7:8, -7:8]
    expected = MASKS[operation](mask, y**2 + x**2 <= radius**2)
    np.testing.assert_array_equal(morph_mask(mask, operation=operation, radius=radius), expected)
    labels = ndimage.label(mask)[0].astype(np.int32)
    np.testing.assert_array_equal(morph_mask(labels, operation=operation, radius=radius), expected)


@pytest.mark.parametrize("value", [False, True])
@pytest.mark.parametrize("operation", MASKS)
def test_morph_mask_leaves_full_and_empty_masks(operation, value):
    mask = np.full((5, 7), value)
    np.testing.assert_array_equal(morph_mask(mask, operation=operation), mask)


A = np.array([[10, 200, 7]], np.uint8)
B = np.array([[20, 100, 0]], np.uint8)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({"operation": "add"}, [30, 255, 7], id="add-stops-at-the-top"),
        pytest.param({"operation": "subtract"}, [0, 100, 7], id="subtract-stops-at-0"),
        pytest.param({"operation": "subtract", "offset": 50.0}, [40, 150, 57], id="offset"),
        pytest.param({"operation": "subtract", "factor_2": 0.25}, [5, 175, 7], id="bleed-through"),
        pytest.param({"operation": "difference"}, [10, 100, 7], id="difference"),
        pytest.param({"operation": "multiply", "factor": 0.01}, [2, 200, 0], id="multiply"),
        pytest.param({"operation": "divide", "factor": 100.0}, [50, 200, 0], id="ratio"),
        pytest.param({"operation": "minimum"}, [10, 100, 0], id="minimum"),
        pytest.param({"operation": "maximum"}, [20, 200, 7], id="maximum"),
        pytest.param({"operation": "average", "factor_1": 3.0}, [25, 255, 10], id="average"),
    ],
)
def test_image_math(settings, expected):
    result = image_math(A, B, **settings)
    assert result.tolist() == [expected]
    assert result.dtype == np.uint8


def test_image_math_takes_the_wider_type():
    result = image_math(A, B.astype(np.uint16), operation="add")
    assert result.dtype == np.uint16
    assert result.tolist() == [[30, 300, 7]]


def test_images_of_other_shapes_are_refused():
    with pytest.raises(InputError, match="same size"):
        image_math(A, B[:, :2])


def test_unsharp_mask_beside_scipy():
    values = SMOOTH.astype(float)
    expected = values + 1.5 * (values - ndimage.gaussian_filter(values, 3))
    result = enhance_contrast(SMOOTH, size=3, amount=1.5)
    assert np.abs(result - np.clip(expected, 0, 65535)).max() <= 0.51


def test_clahe_gives_dim_regions_the_contrast_of_bright_ones():
    y, x = np.indices((120, 120))
    pattern = ((y // 6 + x // 6) % 2).astype(float)
    image = np.where(x < 60, 1000 + 200 * pattern, 1000 + 8000 * pattern).astype(np.uint16)
    result = enhance_contrast(image, method="clahe", size=30, amount=5.0)
    assert result.dtype == np.uint16

    def contrast(part):
        return float(np.ptp(part[30:90]))

    before = contrast(image[:, :40]) / contrast(image[:, 80:])
    assert contrast(result[:, :40]) / contrast(result[:, 80:]) > 2.5 * before
    even = np.full((20, 20), 7, np.uint8)
    np.testing.assert_array_equal(enhance_contrast(even, method="clahe"), even)


@pytest.mark.parametrize("sigma", [3.0, 20.0])
def test_noise_is_measured(sigma):
    random = np.random.default_rng(1)
    plane = 1000 + 2.0 * np.arange(200)[:, None] + np.arange(200)
    image = np.rint(plane + random.normal(0, sigma, plane.shape)).astype(np.uint16)
    assert noise_of(image) == pytest.approx(sigma, rel=0.03)
    assert noise_of(image[:2]) == 0


@pytest.mark.parametrize("method", ["total_variation", "non_local_means"])
def test_denoise_keeps_edges(method):
    clean = np.full((80, 80), 500.0)
    clean[20:60, 20:60] = 1500
    noisy = np.rint(clean + np.random.default_rng(2).normal(0, 60, clean.shape)).astype(np.uint16)
    result = denoise(noisy, method=method)
    assert np.std(result - clean) < 0.5 * np.std(noisy - clean)
    blurred = ndimage.gaussian_filter(noisy, 2)
    edge = (slice(30, 50), slice(18, 22))
    assert np.abs(result - clean)[edge].mean() < 0.3 * np.abs(blurred - clean)[edge].mean()
    even = np.full((10, 10), 9, np.uint8)
    np.testing.assert_array_equal(denoise(even, method=method), even)


def ball(radius: int) -> np.ndarray:
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    square = (radius**2 - y**2 - x**2).astype(float)
    return np.where(square >= 0, np.sqrt(np.maximum(square, 0)), -np.inf)


@pytest.mark.parametrize("radius", [2, 5, 8])
def test_rolling_ball_beside_an_opening_of_scipy(radius):
    image = (SMOOTH / 50).astype(np.uint16)
    solid = ball(radius)
    expected = ndimage.grey_dilation(
        ndimage.grey_erosion(image.astype(float), structure=solid, mode="constant", cval=np.inf),
        structure=solid,
        mode="constant",
        cval=-np.inf,
    )
    np.testing.assert_allclose(rolling_ball(image, radius), expected, atol=1e-3)


@pytest.fixture
def uneven() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An image of discs on a bowl, the discs alone, and the bowl."""
    y, x = np.indices((300, 260))
    bowl = 400 + 0.01 * (y - 120) ** 2 + 0.6 * x
    objects = np.zeros(bowl.shape)
    for top in range(20, 280, 40):
        for left in range(20, 240, 40):
            objects[(y - top) ** 2 + (x - left) ** 2 <= 64] = 2000
    return np.rint(bowl + objects).astype(np.uint16), objects, bowl


@pytest.mark.parametrize(
    ("settings", "tolerance"),
    [
        pytest.param({"method": "rolling_ball", "size": 60}, 80, id="rolling-ball"),
        pytest.param({"method": "median_grid", "size": 40}, 25, id="median-grid"),
        pytest.param({"method": "polynomial", "size": 40}, 10, id="polynomial"),
    ],
)
def test_backgrounds_go_and_objects_stay(uneven, settings, tolerance):
    image, objects, _ = uneven
    result = subtract_background(image, **settings)
    assert result.dtype == image.dtype
    assert np.ptp(image[objects == 0]) > 400
    # Away from the rim, where tiles see but half of the curve.
    inner = (slice(20, -20), slice(20, -20))
    assert np.abs(result - objects)[inner].max() <= tolerance


def test_bright_tiles_do_not_lift_the_polynomial(uneven):
    _, _, bowl = uneven
    image = np.rint(bowl).astype(np.uint16)
    image[100:160, 60:160] += 5000
    result = subtract_background(image, method="polynomial", size=20)
    assert np.abs(result[100:160, 60:160] - 5000.0).max() <= 5
    assert result[:90].max() <= 5


@pytest.mark.parametrize("method", ["rolling_ball", "median_grid", "polynomial"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (40, 41)])
def test_an_even_image_becomes_black(method, shape):
    image = np.full(shape, 300, np.uint16)
    assert not subtract_background(image, method=method, size=40).any()


@pytest.mark.parametrize(
    "module",
    [morph_image, enhance_contrast, denoise, subtract_background],
    ids=lambda m: m.__name__,
)
def test_stacks_of_intensities_are_taken_plane_by_plane(module):
    with pytest.raises(InputError, match="uint8, uint16"):
        module(np.zeros((5, 5), np.float32))
    with pytest.raises(InputError, match=r"shape \(2, 2, 5, 5\)"):
        module(np.zeros((2, 2, 5, 5), np.uint16))
    stack = np.random.default_rng(0).integers(0, 1000, (3, 40, 50)).astype(np.uint16)
    np.testing.assert_array_equal(module(stack), np.stack([module(plane) for plane in stack]))


def test_stacks_of_masks_are_taken_plane_by_plane():
    with pytest.raises(InputError, match=r"shape \(2, 2, 5, 5\)"):
        morph_mask(np.zeros((2, 2, 5, 5), bool))
    stack = np.random.default_rng(0).random((3, 40, 50)) > 0.5
    np.testing.assert_array_equal(
        morph_mask(stack), np.stack([morph_mask(plane) for plane in stack])
    )
