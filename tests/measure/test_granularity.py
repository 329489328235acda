"""Granularity against CellProfiler's steps, done with scipy and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage import morphology

from napari_tmaps.measure.granularity import find_peaks, granularity, reconstruct
from napari_tmaps.measure.runs import find_boxes, find_runs


def at(image, shape, scale):
    """The image at other places, interpolated linearly."""
    places = np.mgrid[: shape[0], : shape[1]].astype(float)
    return ndimage.map_coordinates(image, places * np.reshape(scale, (2, 1, 1)), order=1)


def spectrum(labels, image, length, factor, background_factor, radius):
    """Granularity_1 … of each object."""
    image = image.astype(float)
    full = np.array(image.shape)
    small = (full * factor).astype(int)
    stain = at(image, small, [1 / factor] * 2)
    back_shape = small * background_factor
    back = at(stain, np.ceil(back_shape).astype(int), [1 / background_factor] * 2)
    disc = morphology.disk(radius)
    back = morphology.dilation(morphology.erosion(back, disc), disc)
    if background_factor < 1:
        back = at(back, small, (back_shape - 1) / (small - 1))
    stain = np.maximum(stain - back, 0)
    names = np.unique(labels[labels > 0])
    start = before = ndimage.mean(image, labels, names)
    eroded, found = stain, []
    for _ in range(length):
        eroded = morphology.erosion(eroded, morphology.disk(1))
        rebuilt = morphology.reconstruction(eroded, stain, footprint=morphology.disk(1))
        mean = ndimage.mean(at(rebuilt, full, (small - 1) / (full - 1)), labels, names)
        found.append((before - mean) * 100 / start)
        before = mean
    return np.transpose(found)


def scene(shape, seed=1):
    """Grains of several sizes on a slope, in objects up to the rim."""
    random = np.random.default_rng(seed)
    grains = sum(
        300 * size * ndimage.gaussian_filter(random.random(shape) - 0.4, size) for size in (1, 3, 8)
    )
    image = 200 + 5 * np.arange(shape[1]) + 40 * grains.clip(0)
    labels = 3 * ndimage.label(ndimage.gaussian_filter(random.random(shape), 5) > 0.5)[0]
    return labels.astype(np.int32), image.clip(0, 65535).astype(np.uint16)


@pytest.mark.parametrize(
    ("shape", "step", "background_step", "radius"),
    [
        pytest.param((160, 200), 4, 4, 5, id="defaults"),
        pytest.param((163, 201), 4, 4, 5, id="no-multiple-of-the-steps"),
        pytest.param((90, 61), 2, 3, 4, id="other-steps"),
        pytest.param((70, 50), 1, 1, 10, id="all-pixels"),
    ],
)
def test_as_the_steps_of_cellprofiler(shape, step, background_step, radius):
    labels, image = scene(shape)
    runs = find_runs(labels)
    ours = granularity(
        runs,
        find_boxes(runs),
        image,
        length=7,
        step=step,
        background_step=background_step,
        background_radius=radius,
    )
    theirs = spectrum(labels, image, 7, 1 / step, 1 / background_step, radius)
    assert len(ours) > 2
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (3, 1), (5, 40)])
def test_small_images(shape):
    """The stain is even, so all of it is background and lost at once."""
    runs = find_runs(np.ones(shape, np.int32))
    ours = granularity(
        runs,
        find_boxes(runs),
        np.full(shape, 7, np.uint16),
        length=2,
        step=4,
        background_step=4,
        background_radius=10,
    )
    assert ours.tolist() == [[100, 0]]


def test_structures_are_lost_at_their_size():
    """Squares of 3 and of 7 pixels survive one and three erosions by a pixel."""
    image = np.zeros((40, 60), np.uint16)
    image[10:13, 10:13], image[10:17, 40:47] = 100, 100
    labels = np.zeros(image.shape, np.int32)
    labels[:, :30], labels[:, 30:] = 1, 2
    runs = find_runs(labels)
    ours = granularity(
        runs,
        find_boxes(runs),
        image,
        length=4,
        step=1,
        background_step=1,
        background_radius=10,
    )
    assert ours.tolist() == [[0, 100, 0, 0], [0, 0, 0, 100]]


def test_peaks_go_from_the_brightest_down():
    random = np.random.default_rng(3)
    image = np.pad(random.random((40, 50)) * random.choice([0, 1e-9, 1, 5e4], (40, 50)), 1)
    peaks = find_peaks(image)
    assert (np.diff(peaks.level) <= 0).all()
    assert np.sort(peaks.level).tolist() == np.sort(image[1:-1, 1:-1].ravel()).tolist()
    assert (image.ravel()[peaks.order] == peaks.level).all()
    assert (peaks.parent[:-1] > np.arange(peaks.parent.size - 1)).all()


@pytest.mark.parametrize("seed", range(6))
def test_reconstruction_as_scikit_image(seed):
    random = np.random.default_rng(seed)
    mask = np.pad(random.integers(0, 9, (30, 37)).astype(float), 1)
    marker = np.where(random.random(mask.shape) < 0.05, mask, 0.0)
    expected = morphology.reconstruction(marker, mask, footprint=morphology.disk(1))
    other = np.where(random.random(mask.shape) < 0.01, mask, 0.0)
    both = np.stack([marker, other], axis=2)
    reconstruct(both.reshape(-1, 2), find_peaks(mask))
    np.testing.assert_array_equal(both[..., 0], expected)
    expected = morphology.reconstruction(other, mask, footprint=morphology.disk(1))
    np.testing.assert_array_equal(both[..., 1], expected)
