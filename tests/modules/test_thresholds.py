"""Thresholds beside scikit-image, OpenCV and formulas written down plainly."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from scipy import ndimage
from skimage import data, filters

from napari_tmaps.errors import InputError
from napari_tmaps.measure.histogram import histogram
from napari_tmaps.measure.thresholds import THRESHOLDS
from napari_tmaps.modules import threshold_global, threshold_local, threshold_objects

IMAGES = {"camera": data.camera(), "coins": data.coins(), "moon": data.moon()}
SKIMAGE = {
    "otsu": filters.threshold_otsu,
    "otsu_3_lower": lambda image: filters.threshold_multiotsu(image, 3, nbins=256)[0],
    "otsu_3_upper": lambda image: filters.threshold_multiotsu(image, 3, nbins=256)[1],
    "minimum_cross_entropy": filters.threshold_li,
    "triangle": filters.threshold_triangle,
    "isodata": filters.threshold_isodata,
    "renyi_entropy": filters.threshold_yen,
}


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("method", SKIMAGE)
def test_global_thresholds_beside_scikit_image(method, name):
    image = IMAGES[name]
    expected = SKIMAGE[method](image)
    assert THRESHOLDS[method](histogram(image)) == pytest.approx(expected, abs=0.01)
    np.testing.assert_array_equal(
        threshold_global(image, method=method, smoothing=0.0), image > expected
    )


@pytest.mark.parametrize("name", IMAGES)
def test_maximum_entropy_beside_its_formula(name):
    counts = histogram(IMAGES[name])
    share = counts / counts.sum()

    def entropy(part):
        part = part[part > 0] / part.sum()
        return -(part * np.log(part)).sum()

    inner = range(int(np.flatnonzero(counts)[0]), int(np.flatnonzero(counts)[-1]))
    best = max(inner, key=lambda t: entropy(share[: t + 1]) + entropy(share[t + 1 :]))
    assert THRESHOLDS["maximum_entropy"](counts) == best


def test_robust_background_is_that_of_the_pixels_left():
    values = np.sort(np.random.default_rng(0).poisson(200, 4000)).astype(np.uint16)
    values[-100:] = 60000
    kept = values[200:-200].astype(float)
    expected = kept.mean() + 2 * kept.std()
    assert THRESHOLDS["robust_background"](histogram(values)) == pytest.approx(expected)


def test_background_mode_is_twice_the_peak_from_the_darkest():
    counts = np.zeros(256, np.int64)
    counts[[50, 60, 61, 200]] = [1, 90, 5, 30]
    assert THRESHOLDS["background_mode"](counts) == 70


def test_gaussian_mixture_parts_where_both_are_as_likely():
    """N(1000, 50) and N(2000, 200), 3 : 1; the densities cross near 1227."""
    random = np.random.default_rng(0)
    values = np.concatenate([random.normal(1000, 50, 300_000), random.normal(2000, 200, 100_000)])
    counts = histogram(np.rint(values).astype(np.uint16))
    x = np.arange(1000, 2000)
    dark = 3 / 50 * np.exp(-0.5 * ((x - 1000) / 50) ** 2)
    bright = 1 / 200 * np.exp(-0.5 * ((x - 2000) / 200) ** 2)
    expected = x[np.argmax(bright > dark)]
    assert THRESHOLDS["gaussian_mixture"](counts) == pytest.approx(expected, abs=8)


@pytest.mark.parametrize("method", THRESHOLDS)
def test_histograms_of_one_and_of_two_values(method):
    counts = np.zeros(65536, np.int64)
    counts[500] = 40
    assert THRESHOLDS[method](counts) == pytest.approx(500)
    if method in ("robust_background", "background_mode"):
        return  # two classes are nothing that they look for
    counts[900] = 40
    assert 500 <= THRESHOLDS[method](counts) < 900


@pytest.mark.parametrize("method", sorted(set(THRESHOLDS) - {"robust_background"}))
def test_sixteen_bits_give_what_eight_give(method):
    image = IMAGES["coins"]
    low_digits = np.random.default_rng(0).integers(0, 200, image.shape)
    wide = (image * 200.0 + 1000 + low_digits).astype(np.uint16)
    narrow = threshold_global(image, method=method, smoothing=0.0)
    result = threshold_global(wide, method=method, smoothing=0.0)
    assert (narrow != result).mean() < 0.03


@pytest.mark.parametrize(
    ("settings", "threshold"),
    [
        pytest.param({}, 107, id="otsu"),
        pytest.param({"correction_factor": 0.5}, 53.5, id="corrected"),
        pytest.param({"min_threshold": 120}, 120, id="at-least"),
        pytest.param({"max_threshold": 60}, 60, id="at-most"),
    ],
)
def test_correction_and_bounds(settings, threshold):
    image = IMAGES["coins"]
    result = threshold_global(image, method="otsu", smoothing=0.0, **settings)
    np.testing.assert_array_equal(result, image > threshold)


def test_smoothing_comes_first():
    image = IMAGES["coins"]
    smooth = ndimage.gaussian_filter(image.astype(float), 2)
    result = threshold_global(image, method="otsu", smoothing=2.0)
    expected = smooth > filters.threshold_otsu(np.rint(smooth).astype(np.uint8))
    assert (result != expected).mean() < 0.01


def test_threshold_within_a_mask_is_that_of_its_pixels_alone():
    image = IMAGES["coins"]
    mask = np.zeros(image.shape, bool)
    mask[100:, 150:] = True
    of_part = threshold_global(image[100:, 150:], method="otsu", smoothing=0.0)
    result = threshold_global(image, mask, method="otsu", smoothing=0.0)
    np.testing.assert_array_equal(result[100:, 150:], of_part)
    assert not result[~mask].any()
    np.testing.assert_array_equal(
        threshold_global(image, mask.astype(np.int32) * 7, method="otsu", smoothing=0.0), result
    )
    assert not threshold_global(image, np.zeros_like(mask)).any()


def test_mask_of_another_shape_is_refused():
    with pytest.raises(InputError, match="'mask' has"):
        threshold_global(IMAGES["coins"], np.ones((4, 5), bool))


@pytest.mark.parametrize("k", [-0.2, 0.2, 0.5])
def test_sauvola_beside_scikit_image(k):
    image = IMAGES["coins"]
    half = float(np.ptp(image)) / 2
    level = filters.threshold_sauvola(image.astype(float), 31, k=k, r=half)
    result = threshold_local(image, method="sauvola", window=31, k=k)
    # The library mirrors at the rim without its outermost pixel.
    inner = (slice(16, -16), slice(16, -16))
    np.testing.assert_array_equal(result[inner], (image > level)[inner])


def test_bernsen_beside_its_formula():
    image = IMAGES["coins"]
    y, x = np.ogrid[-7:8, -7:8]
    disc = y**2 + x**2 <= 49
    low = ndimage.minimum_filter(image, footprint=disc, mode="nearest").astype(float)
    high = ndimage.maximum_filter(image, footprint=disc, mode="nearest").astype(float)
    middle = (low + high) / 2
    expected = np.where(high - low < 20, middle > filters.threshold_otsu(image), image > middle)
    result = threshold_local(image, method="bernsen", window=15, min_contrast=20)
    np.testing.assert_array_equal(result, expected)


@pytest.fixture
def shaded() -> tuple[np.ndarray, np.ndarray]:
    """Discs of the same contrast under a light that falls to a quarter; noise."""
    y, x = np.indices((400, 400))
    light = 0.25 + 0.75 * x / 400
    truth = np.zeros(light.shape, bool)
    for top in range(25, 400, 50):
        for left in range(25, 400, 50):
            truth |= (y - top) ** 2 + (x - left) ** 2 <= 144
    clean = light * np.where(truth, 3000, 1000)
    return np.random.default_rng(0).poisson(clean).astype(np.uint16), truth


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"method": "otsu"}, id="otsu"),
        pytest.param({"method": "minimum_cross_entropy"}, id="minimum-cross-entropy"),
        pytest.param({"method": "sauvola", "k": 0.0, "window": 51}, id="sauvola"),
        pytest.param({"method": "bernsen", "window": 51}, id="bernsen"),
    ],
)
def test_local_thresholds_follow_the_light(shaded, settings):
    image, truth = shaded
    whole = (image > filters.threshold_otsu(image)) != truth
    wrong = (threshold_local(image, **settings) != truth).mean()
    assert wrong < 0.025
    assert wrong < whole.mean() / 2


def test_empty_tiles_stay_empty(shaded):
    image, _ = shaded
    random = np.random.default_rng(3)
    image = image.copy()
    image[:, 200:] = random.poisson(100, (400, 200))
    assert threshold_local(image, window=51)[:, 230:].mean() < 0.001


def test_limits_of_a_local_threshold():
    image = IMAGES["coins"]
    result = threshold_local(image, min_threshold=90, max_threshold=150)
    assert not result[image <= 90].any()
    assert result[image > 150].all()


MODULES = [threshold_global, threshold_local, threshold_objects]


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("value", [0, 7, 255])
def test_an_even_image_has_no_objects(module, value):
    assert not module(np.full((30, 40), value, np.uint8)).any()


@pytest.mark.parametrize("module", MODULES)
def test_bad_input_is_refused(module):
    image = np.zeros((5, 5), np.uint16)
    with pytest.raises(InputError, match="above 'max_threshold'"):
        module(image, min_threshold=5, max_threshold=4)
    with pytest.raises(InputError, match="uint8, uint16"):
        module(image.astype(float))
    with pytest.raises(InputError, match="single planes"):
        module(np.zeros((2, 2, 5, 5), np.uint16))


def test_a_window_has_a_middle():
    with pytest.raises(InputError, match="'window' is 20"):
        threshold_local(np.zeros((5, 5), np.uint16), window=20)


@pytest.fixture
def bright_and_dim() -> tuple[np.ndarray, list[np.ndarray]]:
    """Two blurred discs of radius 12, one four times as bright, and a hole in a third."""
    y, x = np.indices((100, 200))
    discs = [(y - 50) ** 2 + (x - left) ** 2 <= 144 for left in (40, 100, 160)]
    clean = 100.0 + 5000 * discs[0] + 1200 * discs[1] + 1200 * discs[2]
    clean[48:53, 158:163] = 100
    blurred = cv2.GaussianBlur(clean, (0, 0), 2.0)
    return np.random.default_rng(0).poisson(blurred).astype(np.uint16), discs


def test_bright_and_dim_objects_have_the_same_outline(bright_and_dim):
    image, discs = bright_and_dim

    def sizes(**settings: float) -> list[int]:
        result = threshold_objects(image, **settings)
        assert result[50, 160], "the hole is closed"
        return [int(result[:, a:b].sum()) for a, b in pairwise((0, 70, 130, 200))]

    assert sizes() == pytest.approx([np.mean(sizes())] * 3, rel=0.07)
    # Half-way up is where a disc ended before it was blurred.
    assert sizes(edge_height=0.5) == pytest.approx([disc.sum() for disc in discs], rel=0.03)
    # The threshold of the whole image alone gives the bright one a halo.
    halo = threshold_objects(image, edge_height=0.0)
    assert halo[:, :70].sum() > 1.3 * discs[0].sum()


def test_more_height_gives_smaller_objects(bright_and_dim):
    image, _ = bright_and_dim
    sizes = [threshold_objects(image, edge_height=h).sum() for h in (0.2, 0.4, 0.6)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[2]


def test_a_smallest_threshold_keeps_dim_objects_out(bright_and_dim):
    image, _ = bright_and_dim
    result = threshold_objects(image, min_threshold=2500)
    assert result[50, 40]
    assert not result[:, 70:].any()


def test_dim_8_bit_images_keep_their_levels(bright_and_dim):
    """As some microscopes write them: objects of 40 grey levels."""
    image, discs = bright_and_dim
    dim = (image[:, 70:] / 30).astype(np.uint8)
    result = threshold_objects(dim, edge_height=0.5)
    assert result[:, :60].sum() == pytest.approx(discs[1].sum(), rel=0.05)
