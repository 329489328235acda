"""Texture against mahotas, scikit-image, plain loops, and values worked out by hand."""

from __future__ import annotations

from decimal import Decimal
from math import floor

import numpy as np
import pytest
from scipy import ndimage
from skimage import measure

from napari_tmaps.measure.gabor import gabor
from napari_tmaps.measure.haralick import NAMES, haralick
from napari_tmaps.measure.patterns import (
    TAS_NAMES,
    lbp_bins,
    local_binary_patterns,
    threshold_adjacency,
)
from napari_tmaps.measure.runs import find_boxes, find_runs
from napari_tmaps.measure.shape import moments
from napari_tmaps.measure.weighted import hu, weighted_moments


def scene(seed: int, size: int = 90) -> tuple[np.ndarray, np.ndarray]:
    """Touching blobs with labels in gaps, some at the rim, and a grainy stain (12 bit)."""
    random = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(random.random((size, size)), 3)
    labels = 3 * ndimage.label(smooth > 0.5)[0]
    labels[(labels > 0) & (np.arange(size) < size // 2)] += 1
    grain = ndimage.gaussian_filter(random.random((size, size)), 0.7)
    image = 4000 * (grain - grain.min()) / np.ptp(grain)
    return labels.astype(np.int32), image.astype(np.uint16)


SCENES = [pytest.param(*scene(seed), id=f"scene-{seed}") for seed in (1, 2, 3)]


def prepare(labels):
    runs = find_runs(labels)
    return runs, find_boxes(runs)


def alone(labels, image, label, frame=0):
    """The object in its bounding box, everything else black."""
    own = np.pad(np.where(labels == label, image, 0), frame)
    mask = np.pad(labels == label, frame)
    y, x = np.nonzero(mask)
    box = (
        slice(y.min() - frame, y.max() + 1 + frame),
        slice(x.min() - frame, x.max() + 1 + frame),
    )
    return own[box], mask[box]


# --- Haralick ------------------------------------------------------------------------------


@pytest.mark.parametrize(("labels", "image"), SCENES)
@pytest.mark.parametrize("ceiling", [65535, 2500], ids=["all", "clipped"])
def test_haralick_as_mahotas(labels, image, ceiling):
    features = pytest.importorskip("mahotas.features", reason="mahotas is the judge here")
    runs, boxes = prepare(labels)
    ours = haralick(runs, boxes, image, ceiling, np.array([1, 2, 5]))
    judged = 0
    for k, label in enumerate(runs.labels):
        own, _ = alone(labels, np.minimum(image, ceiling), label)
        levels = (own.astype(np.int64) * 255 // own.max()).astype(np.uint8)
        for d, distance in enumerate((1, 2, 5)):
            try:
                theirs = features.haralick(
                    levels, ignore_zeros=True, distance=distance, return_mean=True
                )
            except ValueError:  # a direction without pairs
                continue
            judged += 1
            np.testing.assert_allclose(ours[k, d], theirs, rtol=1e-9, atol=1e-12)
    assert judged > 10


@pytest.mark.parametrize(
    "intensities",
    [
        pytest.param([10, 200, 255], id="thousands-of-like-pairs"),
        pytest.param([*range(256, 65535, 257), 65535], id="just-below-each-level"),
    ],
)
def test_haralick_of_a_large_object_as_mahotas(intensities):
    features = pytest.importorskip("mahotas.features", reason="mahotas is the judge here")
    image = np.random.default_rng(4).choice(np.array(intensities, np.uint16), (90, 90))
    ours = haralick(*prepare(np.ones((90, 90), np.int32)), image, 65535, np.array([1]))[0, 0]
    levels = (image.astype(np.int64) * 255 // image.max()).astype(np.uint8)
    theirs = features.haralick(levels, ignore_zeros=True, return_mean=True)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_haralick_by_hand():
    """Levels 255 | 127: one pair across, none in the other directions."""
    labels = np.array([[0, 7, 7, 0]], np.int32)
    image = np.array([[9, 4, 2, 9]], np.uint16)
    ours = haralick(*prepare(labels), image, 65535, np.array([1]))[0, 0]
    expected = {
        "angular-second-moment": 0.5,
        "contrast": 128**2,
        "correlation": -1,
        "sum-of-squares": 64**2,
        "inverse-diff-moment": 1 / (1 + 128**2),
        "sum-avg": 382,
        "sum-var": 0,
        "sum-entropy": 0,
        "entropy": 1,
        "diff-var": 1 / 256 - 1 / 256**2,
        "diff-entropy": 0,
        "info-measure-corr-1": -1,
        "info-measure-corr-2": np.sqrt(1 - np.exp(-2)),
    }
    assert dict(zip(NAMES, ours, strict=True)) == pytest.approx(expected, abs=1e-15)


def test_haralick_of_an_even_object_is_exact():
    labels = np.ones((5, 6), np.int32)
    ours = haralick(*prepare(labels), np.full((5, 6), 3, np.uint16), 65535, np.array([1]))[0, 0]
    expected = [1, 0, 1, 0, 1, 510, 0, 0, 0, 1 / 256 - 1 / 256**2, 0, 0, 0]
    assert ours.tolist() == pytest.approx(expected, abs=1e-18)


@pytest.mark.parametrize(
    ("labels", "image"),
    [
        pytest.param([[1, 0, 1]], [[5, 5, 5]], id="no-neighbours"),
        pytest.param([[1, 1, 1]], [[0, 0, 0]], id="black"),
    ],
)
def test_haralick_without_pairs_is_not_known(labels, image):
    ours = haralick(
        *prepare(np.array(labels, np.int32)), np.array(image, np.uint16), 65535, np.array([1])
    )
    assert np.isnan(ours).all()


# --- Gabor ---------------------------------------------------------------------------------


def plain_gabor(own, mask, wavelength):
    y, x = (i - i.mean() for i in np.nonzero(mask))
    sigma = np.sqrt(mask.sum() / np.pi) / 3
    intensities = own[mask] - own[mask].mean()
    responses = []
    for angle in np.deg2rad([0, 45, 90, 135]):
        phase = 2 * np.pi / wavelength * (y * np.cos(angle) + x * np.sin(angle))
        wave = np.exp(1j * phase - (y**2 + x**2) / (2 * sigma**2))
        responses.append(abs((intensities * (wave - wave.mean())).sum()))
    return 1000 / (2 * np.pi * sigma**2) * max(responses)


@pytest.mark.parametrize(("labels", "image"), SCENES)
def test_gabor_as_its_definition(labels, image):
    runs, boxes = prepare(labels)
    ours = gabor(runs, boxes, moments(runs, boxes), image, np.array([1.0, 4.0, 10.0]))
    for k, label in enumerate(runs.labels):
        own, mask = alone(labels, image, label)
        theirs = [plain_gabor(own, mask, wavelength) for wavelength in (1, 4, 10)]
        np.testing.assert_allclose(ours[k], theirs, rtol=1e-9, atol=1e-6)


def test_gabor_of_even_objects_is_zero():
    labels = np.array([[1, 1, 1, 0, 2]], np.int32)
    runs, boxes = prepare(labels)
    image = np.full((1, 5), 60000, np.uint16)
    assert gabor(runs, boxes, moments(runs, boxes), image, np.array([3.0])).tolist() == [[0], [0]]


# --- Hu ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("labels", "image"), SCENES)
def test_hu_and_centre_as_scikit_image(labels, image):
    runs, boxes = prepare(labels)
    ours = weighted_moments(runs, boxes, image)
    theirs = measure.regionprops_table(
        labels, image, properties=("moments_weighted_hu", "centroid_weighted")
    )
    np.testing.assert_allclose(ours.y, theirs["centroid_weighted-0"], rtol=1e-12)
    np.testing.assert_allclose(ours.x, theirs["centroid_weighted-1"], rtol=1e-12)
    expected = np.transpose([theirs[f"moments_weighted_hu-{n}"] for n in range(7)])
    # Invariants of a high order are differences of large terms: compare with the size of those.
    size = np.abs(expected[:, :1]) ** np.array([1, 2, 3, 3, 6, 4, 6])
    assert (np.abs(hu(ours.central) - expected) <= 1e-9 * np.abs(expected) + 1e-12 * size).all()


def test_hu_of_a_black_object_is_not_known():
    runs, boxes = prepare(np.ones((2, 2), np.int32))
    ours = weighted_moments(runs, boxes, np.zeros((2, 2), np.uint16))
    assert np.isnan(hu(ours.central)).all()
    assert np.isnan(ours.y).all()


# --- threshold adjacency -------------------------------------------------------------------


@pytest.mark.parametrize(("labels", "image"), SCENES)
@pytest.mark.parametrize("threshold", [0, 1500, 2500])
def test_threshold_adjacency_as_mahotas(labels, image, threshold):
    features = pytest.importorskip("mahotas.features", reason="mahotas is the judge here")
    runs, boxes = prepare(labels)
    ours = threshold_adjacency(runs, boxes, image, threshold)
    judged = 0
    for k, label in enumerate(runs.labels):
        own, _ = alone(labels, image, label, frame=1)
        above = own[own > threshold]
        if above.size == 0:
            assert np.isnan(ours[k]).all()
            continue
        limits = above.mean() + above.std() * np.array([-1, 0, 1])
        # mahotas' mean is a little too small, which shows where a pixel lies on a limit.
        if np.abs(own[..., np.newaxis] - limits).min() > 1e-4:
            theirs = features.pftas(own, threshold).reshape(6, 9)
            np.testing.assert_allclose(ours[k], theirs, rtol=0, atol=1e-12)
            judged += 1
    assert judged > 2


def test_threshold_adjacency_by_hand():
    """A bright pixel beside a dim one, in a frame of one pixel: 10 other pixels are black."""
    labels = np.array([[4, 4]], np.int32)
    image = np.array([[3, 1]], np.uint16)
    ours = dict(
        zip(TAS_NAMES, threshold_adjacency(*prepare(labels), image, 0)[0].tolist(), strict=True)
    )
    # mu 2, margin 1: no pixel strictly between 1 and 3; above 1 and above 2 the bright one.
    assert ours["center"] == [1, 0, 0, 0, 0, 0, 0, 0, 0]
    assert ours["n-center"] == [0, 0, 0, 0, 0, 0, 0, 0, 0]
    for name in ("mu", "mu-margin"):
        assert ours[name] == pytest.approx([3 / 11, 8 / 11, 0, 0, 0, 0, 0, 0, 0])
        assert ours[f"n-{name}"] == [0, 0, 0, 0, 0, 0, 0, 0, 1]


# --- local binary patterns -----------------------------------------------------------------


def plain_patterns(own, mask, radius):
    """Loops over pixels and points, with 28 digits; bins by the smallest rotation."""
    padded = np.pad(own.astype(int), radius + 1)
    slant = radius * Decimal("0.5").sqrt()
    steps = [0, slant, radius, slant, 0, -slant, -radius, -slant]
    smallest = sorted({min(_turns(code)) for code in range(256)})
    seen = np.zeros(36)
    for y, x in np.argwhere(mask) + radius + 1:
        code = 0
        for n in range(8):
            point_y, point_x = y + steps[n], x + steps[(n + 2) % 8]
            top, left = floor(point_y), floor(point_x)
            v, u = point_y - top, point_x - left
            difference = Decimal(0)
            for i, weight_y in ((0, 1 - v), (1, v)):
                for j, weight_x in ((0, 1 - u), (1, u)):
                    if weight_y * weight_x:
                        gap = int(padded[top + i, left + j] - padded[y, x])
                        difference += weight_y * weight_x * gap
            code |= int(difference > -1e-20) << n
        seen[smallest.index(min(_turns(code)))] += 1
    return seen / mask.sum()


def _turns(code):
    return [(code >> n | code << (8 - n)) & 255 for n in range(8)]


@pytest.mark.parametrize("levels", [6, 4000, 65535])
@pytest.mark.parametrize("radius", [1, 2, 5])
def test_patterns_as_plain_loops(radius, levels):
    """Points that are exactly as bright as the pixel count, even if interpolated."""
    labels, image = scene(4, 50)
    image = (image * (levels / image.max())).astype(np.uint16)
    runs, boxes = prepare(labels)
    ours = local_binary_patterns(runs, boxes, image, np.array([radius]), lbp_bins())
    for k, label in enumerate(runs.labels):
        expected = plain_patterns(*alone(labels, image, label), radius)
        np.testing.assert_allclose(ours[k, 0], expected, rtol=0, atol=1e-12)


def test_patterns_of_an_even_object_by_hand():
    """In the middle all 8 points are as bright; along the sides three points are black."""
    labels = np.zeros((9, 9), np.int32)
    labels[2:7, 2:7] = 1
    ours = local_binary_patterns(
        *prepare(labels), np.full((9, 9), 7, np.uint16), np.array([1]), lbp_bins()
    )[0, 0]
    expected = np.zeros(36)
    expected[35] = 9 / 25  # 11111111
    expected[lbp_bins()[0b00011111]] = 12 / 25
    expected[lbp_bins()[0b00000111]] = 4 / 25
    np.testing.assert_allclose(ours, expected, atol=1e-15)


# --- all -----------------------------------------------------------------------------------


def everything(labels, image):
    runs, boxes = prepare(labels)
    families = [
        haralick(runs, boxes, image, 65535, np.array([1, 2])),
        gabor(runs, boxes, moments(runs, boxes), image, np.array([2.0, 9.0])),
        threshold_adjacency(runs, boxes, image, 1000),
        local_binary_patterns(runs, boxes, image, np.array([1, 3]), lbp_bins()),
        hu(weighted_moments(runs, boxes, image).central)[:, :4],
    ]
    return np.array(
        [
            np.concatenate([family[k].ravel() for family in families])
            for k in range(runs.labels.size)
        ]
    )


def test_texture_does_not_depend_on_place_or_quarter_turns():
    labels, image = scene(5)
    expected = everything(labels, image)
    assert np.isfinite(expected).all()
    moved = everything(np.pad(labels, ((3, 1), (0, 7))), np.pad(image, ((3, 1), (0, 7))))
    turned = everything(np.rot90(labels).copy(), np.rot90(image).copy())
    np.testing.assert_allclose(moved, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(turned, expected, rtol=1e-9, atol=1e-12)


def test_no_objects_no_rows():
    labels = np.zeros((4, 5), np.int32)
    assert everything(labels, np.zeros((4, 5), np.uint16)).size == 0
    runs, boxes = prepare(labels)
    empty = haralick(runs, boxes, np.zeros((4, 5), np.uint16), 65535, np.array([1, 2]))
    assert empty.shape == (0, 2, 13)
