"""Costes' thresholds against a search through all of them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_tmaps.measure.pairs import costes
from napari_tmaps.measure.runs import find_runs


def shares(labels, a, b):
    """As the paper says, one threshold after the other."""
    inside = labels > 0
    u, v = a[inside].astype(float), b[inside].astype(float)
    seen = (u > 0) | (v > 0)
    (var_u, cov), (_, var_v) = np.cov(u[seen], v[seen])
    slope = (var_v - var_u + np.hypot(var_v - var_u, 2 * cov)) / (2 * cov)
    shift = v[seen].mean() - slope * u[seen].mean()
    t = 2000  # brighter than all pixels, on both axes
    while t > 1:
        dark = (u < t) | (v < slope * t + shift)
        if dark.sum() < 2 or np.cov(u[dark], v[dark])[0, 1] <= 0:
            break
        t -= 1
    low = slope * t + shift
    found = []
    for label in np.unique(labels[inside]):
        u, v = a[labels == label].astype(float), b[labels == label].astype(float)
        both = (u > t) & (v > low)
        found.append(
            [u[both].sum() / u[u >= t].sum(), v[both].sum() / v[v >= low].sum()]
            if both.any()
            else [0, 0]
        )
    return found


def scene(seed, gain):
    """Two channels of noise that share some spots; three objects, one without spots."""
    random = np.random.default_rng(seed)
    labels = np.repeat([0, 4, 9, 2], 6).reshape(1, -1) * np.ones((20, 1), np.int32)
    a, b = random.poisson(20, labels.shape), random.poisson(15, labels.shape)
    spots = (random.random(labels.shape) < 0.2) & (labels != 2)
    light = random.integers(50, 200, labels.shape)
    alone = (random.random(labels.shape) < 0.05) & (labels == 9)
    a = a + spots * light
    b = b + (spots * light * gain + alone * 150).astype(int)
    return labels.astype(np.int32), a.astype(np.uint16), b.astype(np.uint16)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("gain", [0.5, 1, 3])
def test_as_the_paper_says(seed, gain):
    labels, a, b = scene(seed, gain)
    ours = costes(find_runs(labels), a, b)
    np.testing.assert_allclose(ours, shares(labels, a, b), rtol=1e-12)
    assert ours[1:, 0].min() > 0.5


def test_channels_that_do_not_go_together_have_no_share():
    labels, a, _ = scene(1, 1)
    assert not costes(find_runs(labels), a, 1000 - a).any()
    assert not costes(find_runs(labels), a * 0, a * 0).any()


def test_a_channel_goes_with_itself():
    labels, a, _ = scene(1, 1)
    ours = costes(find_runs(labels), a, a)
    # Pixels as bright as the threshold count below the line only.
    assert ours[1:].min() > 0.8
    assert (ours[:, 0] == ours[:, 1]).all()


def test_no_objects():
    nothing = np.zeros((3, 4), np.int32)
    assert costes(find_runs(nothing), *[np.ones((3, 4), np.uint16)] * 2).shape == (0, 2)
