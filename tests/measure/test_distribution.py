"""Quantiles, edges and surroundings against numpy and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_tmaps.measure.distribution import (
    backgrounds,
    brightest_pixels,
    edge_intensities,
    quantiles,
)
from napari_tmaps.measure.runs import find_boxes, find_runs


def scene(seed, brightest):
    """Touching blobs and single pixels, some at the rim."""
    random = np.random.default_rng(seed)
    labels = 3 * ndimage.label(ndimage.gaussian_filter(random.random((60, 70)), 2) > 0.5)[0]
    labels[(labels > 0) & (np.arange(70) > 35)] += 1
    labels[random.random(labels.shape) < 0.02] = 0
    image = random.integers(0, brightest, labels.shape, np.uint16, endpoint=True)
    return labels.astype(np.int32), image


SCENES = [
    pytest.param(*scene(1, 65535), id="16-bit"),
    pytest.param(*scene(2, 9), id="many-ties"),
    pytest.param(*scene(3, 300), id="9-bit"),
]


@pytest.mark.parametrize(("labels", "image"), SCENES)
def test_quantiles_as_numpy(labels, image):
    runs = find_runs(labels)
    ours = quantiles(runs, image)
    for k, label in enumerate(runs.labels):
        values = image[labels == label]
        expected = np.quantile(values, [0.25, 0.5, 0.75])
        assert [ours.lower[k], ours.median[k], ours.upper[k]] == pytest.approx(expected, rel=1e-12)
        assert ours.mad[k] == np.median(np.abs(values - np.median(values)))


@pytest.mark.parametrize("size", range(1, 9))
def test_quantiles_of_few_pixels(size):
    image = np.random.default_rng(size).integers(0, 60000, (1, size), np.uint16)
    ours = quantiles(find_runs(np.ones((1, size), np.int32)), image)
    assert ours.median[0] == np.median(image)
    assert ours.upper[0] == pytest.approx(np.quantile(image, 0.75), rel=1e-12)
    assert ours.mad[0] == np.median(np.abs(image - np.median(image)))


@pytest.mark.parametrize(("labels", "image"), SCENES)
def test_edges_and_brightest_as_scipy(labels, image):
    runs = find_runs(labels)
    ours = edge_intensities(runs, find_boxes(runs), image)
    brightest = brightest_pixels(runs, image)
    for k, label in enumerate(runs.labels):
        own = labels == label
        values = image[own & ~ndimage.binary_erosion(own)].astype(np.int64)
        assert (ours.minimum[k], ours.maximum[k]) == (values.min(), values.max())
        assert ours.total[k] == values.sum()
        assert ours.mean[k] == pytest.approx(values.mean(), rel=1e-12)
        assert ours.std[k] == pytest.approx(values.std(), rel=1e-9, abs=1e-9)
        place = np.unravel_index(np.argmax(np.where(own, image, -1.0)), image.shape)
        assert (brightest.y[k], brightest.x[k]) == place


@pytest.mark.parametrize(("labels", "image"), SCENES)
@pytest.mark.parametrize("distance", [1, 4, 100])
def test_backgrounds_as_their_definition(labels, image, distance):
    runs = find_runs(labels)
    ours = backgrounds(runs, find_boxes(runs), labels, image, distance)
    for k, label in enumerate(runs.labels):
        away = ndimage.distance_transform_edt(labels != label)
        values = image[(away <= distance) & (labels == 0)]
        expected = values.mean() if values.size else np.nan
        assert ours[k] == pytest.approx(expected, rel=1e-12, nan_ok=True)


def test_without_surroundings_the_background_is_not_known():
    labels = np.ones((3, 3), np.int32)
    runs = find_runs(labels)
    image = np.ones((3, 3), np.uint16)
    assert np.isnan(backgrounds(runs, find_boxes(runs), labels, image, 5)).all()
