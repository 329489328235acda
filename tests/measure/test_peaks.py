"""Peaks in a disc, against SciPy's filter with that disc."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_tmaps.measure.peaks import disc_peaks


@pytest.mark.parametrize("radius", [1, 2, 3, 7, 20, 60])
@pytest.mark.parametrize("levels", [3, 1000])
def test_as_a_filter_with_a_disc(radius, levels):
    rng = np.random.default_rng(radius)
    hills = ndimage.gaussian_filter(rng.random((70, 90)), 2)
    hills = np.floor(hills / hills.max() * levels)  # with plateaus
    mask = rng.random(hills.shape) < 0.7
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    highest = ndimage.maximum_filter(hills, footprint=y**2 + x**2 <= radius**2, mode="nearest")
    np.testing.assert_array_equal(disc_peaks(hills, mask, radius), mask & (hills == highest))
