"""Statistics and correction of illumination, against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from napari_tmaps.errors import FormatError
from napari_tmaps.measure.flatfield import find_flat_field, shrink
from napari_tmaps.measure.illumination import (
    FlatField,
    Gathering,
    LogField,
    add_planes,
    empty_sums,
    log_field,
    mean_and_std,
    merge,
    unevenness,
)


def field(shape: tuple[int, int], value: float) -> np.ndarray:
    return np.full(shape, value, np.float32)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_mean_and_deviation_of_logarithms(dtype):
    rng = np.random.default_rng(0)
    top = np.iinfo(dtype).max
    images = rng.integers(0, top, (50, 40, 30), dtype=dtype, endpoint=True)
    images[:, 0, 0] = 0  # counts as 1
    images[:, 0, 1] = top
    sums = empty_sums((40, 30), dtype)
    for image in images:
        sums = add_planes(sums, [image])
    # Several at a time are the same to the last bit.
    gathered = Gathering()
    for image in images:
        gathered.add(image)
    together = gathered.sums()
    assert together is not None
    assert together.count == sums.count == 50
    for name in ("total", "squares", "counts"):
        np.testing.assert_array_equal(getattr(together, name), getattr(sums, name))
    mean, std = mean_and_std(sums)
    logs = np.log10(np.maximum(images, 1).astype(float))
    np.testing.assert_allclose(mean, logs.mean(axis=0), atol=8e-6)
    np.testing.assert_allclose(std, logs.std(axis=0, ddof=1), atol=2e-5)
    assert std[0, 0] == std[0, 1] == 0
    np.testing.assert_array_equal(sums.counts, np.bincount(images.ravel(), minlength=top + 1))


def test_one_image_has_no_deviation():
    sums = add_planes(empty_sums((2, 2), np.uint16), [np.array([[1, 10], [100, 0]], np.uint16)])
    mean, std = mean_and_std(sums)
    np.testing.assert_allclose(mean, [[0, 1], [2, 0]])
    assert not std.any()


def test_correction_is_the_formula():
    rng = np.random.default_rng(1)
    image = rng.integers(0, 65536, (70, 50), dtype=np.uint16)
    mean, std = rng.uniform(1, 4, (2, 70, 50))
    logs = np.log10(np.maximum(image, 1))
    exact = 10 ** ((logs - mean) / std * std.mean() + mean.mean())
    found = log_field(mean, std).correct(image)
    assert found.dtype == np.uint16
    expected = np.clip(np.rint(np.maximum(exact, 1)), 0, 65535)
    assert np.abs(found - expected).max() <= 1
    assert (expected == 65535).any()  # kept within the type, not wrapped around


def test_pixels_that_never_change_are_not_blown_up():
    mean, std = np.full((4, 4), 2.0), np.full((4, 4), 0.1)
    std[0, 0] = 0
    found = log_field(mean, std)
    assert found.gain.max() <= 100
    flat = log_field(mean, np.zeros((4, 4)))
    image = np.full((4, 4), 77, np.uint8)
    np.testing.assert_array_equal(flat.correct(image), image)


def test_flat_and_dark_field():
    image = np.array([[0, 100, 200, 255]], np.uint8)
    flat = np.array([[1, 0.5, 2, 0.5]], np.float32)
    found = FlatField(flat, np.full((1, 4), 10, np.float32)).correct(image)
    np.testing.assert_array_equal(found, [[0, 180, 95, 255]])


@pytest.mark.parametrize(
    ("image", "words"),
    [
        pytest.param(np.zeros((4, 4), np.float32), "these are float32", id="type"),
        pytest.param(np.zeros((4, 5), np.uint16), "cannot be corrected", id="size"),
    ],
)
def test_images_that_are_not_corrected(image, words):
    for correction in (
        LogField(field((4, 4), 1), field((4, 4), 0)),
        FlatField(field((4, 4), 1), field((4, 4), 0)),
    ):
        with pytest.raises(FormatError, match=words):
            correction.correct(image)


def test_images_that_cannot_be_pooled():
    sums = empty_sums((4, 4), np.uint16)
    with pytest.raises(FormatError, match="cannot be pooled"):
        add_planes(sums, [np.zeros((4, 5), np.uint16)])
    with pytest.raises(FormatError, match="cannot be pooled"):
        add_planes(sums, [np.zeros((4, 4), np.uint8)])
    with pytest.raises(FormatError, match="these are float64"):
        empty_sums((4, 4), float)
    with pytest.raises(FormatError, match="share one illumination field"):
        merge([sums, empty_sums((4, 5), np.uint16)])


def test_unevenness():
    assert unevenness(np.array([1.0, 3.0])) == pytest.approx(50)
    assert unevenness(np.zeros(3)) == 0


@pytest.mark.parametrize("dark", [0, 100])
def test_flat_field_of_images_with_bright_objects(dark):
    """Objects cover a tenth of each image; the field is found all the same."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:100, :140] / 140
    true = 1 / (1 + 0.9 * ((y - 0.3) ** 2 + (x - 0.6) ** 2))
    true /= true.mean()
    images = []
    for _ in range(30):
        light = np.full(true.shape, rng.uniform(80, 300))
        for _ in range(8):
            row, column = rng.integers(0, 100), rng.integers(0, 140)
            disc = (y * 140 - row) ** 2 + (x * 140 - column) ** 2 < 64
            light[disc] += rng.uniform(300, 900)
        images.append(shrink(rng.poisson(light * true) + dark))
    found = find_flat_field(np.stack(images), true.shape)
    error = found.flat / true - 1
    assert np.sqrt(np.mean(error**2)) < 0.3 * np.std(true)
    assert found.dark.mean() == pytest.approx(dark, abs=25)
    known = find_flat_field(np.stack(images), true.shape, dark_level=dark)
    assert (known.dark == dark).all()
    assert np.std(known.flat / true) < 0.15 * np.std(true)


def test_shrinking_keeps_the_mean():
    image = np.random.default_rng(0).integers(0, 65536, (131, 77), dtype=np.uint16)
    assert shrink(image).mean() == pytest.approx(image.mean(), rel=1e-5)
