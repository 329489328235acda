"""Objects of stacks against scikit-image, numpy and analytic shapes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import marching_cubes, mesh_surface_area, regionprops

from napari_tmaps.measure.runs import find_runs
from napari_tmaps.measure.solid import principal_axes, solids, surfaces


def stack(seed):
    random = np.random.default_rng(seed)
    mask = ndimage.gaussian_filter(random.random((12, 30, 34)), (1, 2, 2)) > 0.52
    return (2 * ndimage.label(mask)[0]).astype(np.int32)


def measured(labels):
    runs = find_runs(labels.reshape(-1, labels.shape[2]))
    return runs, solids(runs, labels.shape[1])


@pytest.mark.parametrize("seed", range(3))
def test_as_scikit_image(seed):
    labels = stack(seed)
    runs, of = measured(labels)
    props = regionprops(labels)
    assert runs.labels.tolist() == [prop.label for prop in props]
    for k, prop in enumerate(props):
        assert of.voxels[k] == prop.area
        assert (*of.low[k], *of.high[k]) == prop.bbox
        np.testing.assert_allclose(of.centre[k], prop.centroid, rtol=1e-12)
        expected = np.cov(prop.coords.T, ddof=0) if prop.area > 1 else np.zeros((3, 3))
        np.testing.assert_allclose(of.spread[k], expected, atol=1e-10)


@pytest.mark.parametrize("size", [(1.0, 1.0, 1.0), (2.5, 0.65, 0.65)], ids=["cubes", "flat"])
def test_surfaces_as_marching_cubes(size):
    labels = stack(7)
    runs, of = measured(labels)
    ours = surfaces(runs, of, labels.shape[1], size)
    for k, label in enumerate(runs.labels):
        mesh = marching_cubes(np.pad(labels == label, 1).astype(np.float32), 0.5, spacing=size)
        assert ours[k] == pytest.approx(mesh_surface_area(*mesh[:2]), rel=1e-6)


def test_an_ellipsoid_of_thick_planes():
    """Half axes of 24, 10 and 12 µm, in planes of 2 µm and pixels of 0.5 µm."""
    size = (2.0, 0.5, 0.5)
    z, y, x = (np.arange(-n, n + 1) * s for n, s in zip((16, 26, 28), size, strict=True))
    inside = (z[:, None, None] / 24) ** 2 + (y[:, None] / 10) ** 2 + (x / 12) ** 2 <= 1
    labels = inside.astype(np.int32)
    _, of = measured(labels)
    assert of.voxels[0] * np.prod(size) == pytest.approx(4 / 3 * np.pi * 24 * 10 * 12, rel=5e-3)
    axes = principal_axes(of.spread, size)
    assert axes[0] == pytest.approx([48, 24, 20], rel=0.01)


def test_an_unknown_size_gives_no_surface():
    runs, of = measured(stack(1))
    assert np.isnan(surfaces(runs, of, 30, (np.nan, 1.0, 1.0))).all()
    assert np.isnan(principal_axes(of.spread, (np.nan, 1.0, 1.0))).all()
