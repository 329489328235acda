"""Colocalisation and radial distribution against plain definitions and values by hand."""

from __future__ import annotations

import heapq

import numpy as np
import pytest
from scipy import ndimage, stats

from napari_tmaps.measure.pairs import NAMES, colocalisation
from napari_tmaps.measure.radial import radial_distribution
from napari_tmaps.measure.runs import find_boxes, find_runs


def scene(seed, brightest=4000):
    """Touching blobs, not all of them convex, and two stains that have something in common."""
    random = np.random.default_rng(seed)
    labels = 3 * ndimage.label(ndimage.gaussian_filter(random.random((80, 70)), 2) > 0.51)[0]
    labels[(labels > 0) & (np.arange(70) > 35)] += 1
    a = random.integers(0, brightest, labels.shape, np.uint16, endpoint=True)
    b = (a // 2 + random.integers(0, brightest // 2, labels.shape)).astype(np.uint16)
    return labels.astype(np.int32), a, b


SCENES = [
    pytest.param(*scene(1), id="12-bit"),
    pytest.param(*scene(2, 65535), id="16-bit"),
    pytest.param(*scene(3, 7), id="ties"),
]


# --- two channels --------------------------------------------------------------------------


def plain_pairs(a, b, percent):
    bright_a, bright_b = a >= percent / 100 * a.max(), b >= percent / 100 * b.max()
    both = bright_a & bright_b
    ranks = [stats.rankdata(values, "dense") for values in (a, b)]
    n = max(rank.max() for rank in ranks)
    weight = (n - abs(ranks[0] - ranks[1])) / n
    ab, aa, bb = (a * b)[both].sum(), (a * a)[both].sum(), (b * b)[both].sum()
    slope = np.polyfit(a, b, 1)[0] if np.ptp(a) else np.nan
    pearson = np.corrcoef(a, b)[0, 1] if np.ptp(a) and np.ptp(b) else np.nan
    with np.errstate(invalid="ignore"):
        return [
            pearson,
            slope,
            ab / np.sqrt(aa * bb),
            ab / aa,
            ab / bb,
            a[both].sum() / a[bright_a].sum(),
            b[both].sum() / b[bright_b].sum(),
            (a * weight)[both].sum() / a[bright_a].sum(),
            (b * weight)[both].sum() / b[bright_b].sum(),
        ]


@pytest.mark.parametrize(("labels", "a", "b"), SCENES)
@pytest.mark.parametrize("percent", [0.0, 15.0, 60.0])
@pytest.mark.filterwarnings("ignore:Polyfit may be poorly conditioned")
def test_pairs_as_their_definition(labels, a, b, percent):
    runs = find_runs(labels)
    ours = colocalisation(runs, a, b, percent)
    for k, label in enumerate(runs.labels):
        own = labels == label
        theirs = plain_pairs(a[own].astype(float), b[own].astype(float), percent)
        np.testing.assert_allclose(ours[k], theirs, rtol=1e-9, atol=1e-11)


def test_pairs_by_hand():
    """a 10 0 4 and b 0 8 8; bright from 5 and 4: the first pixel in a, the others in b."""
    labels = np.ones((1, 3), np.int32)
    a, b = np.array([[10, 0, 4]], np.uint16), np.array([[0, 8, 8]], np.uint16)
    ours = dict(zip(NAMES, colocalisation(find_runs(labels), a, b, 50.0)[0], strict=True))
    assert ours["pearson"] == pytest.approx(np.corrcoef(a, b)[0, 1])
    assert [ours["manders_1"], ours["manders_2"], ours["rank_weighted_1"]] == [0, 0, 0]
    assert np.isnan(ours["overlap"])
    ours = dict(zip(NAMES, colocalisation(find_runs(labels), a, b, 40.0)[0], strict=True))
    assert [ours["manders_1"], ours["manders_2"]] == [4 / 14, 8 / 16]
    assert [ours["k_1"], ours["k_2"], ours["overlap"]] == [2, 0.5, 1]
    # The last pixel has rank 1 of 0 1 2 in a, and rank 1 of 0 1 in b: no difference.
    assert ours["rank_weighted_2"] == 8 / 16


@pytest.mark.parametrize("values", [0, 9])
def test_even_objects_have_no_correlation(values):
    labels = np.ones((2, 2), np.int32)
    even = np.full((2, 2), values, np.uint16)
    ours = colocalisation(find_runs(labels), even, even, 15.0)[0]
    assert np.isnan(ours[:2]).all()
    assert np.isnan(ours[2:]).all() == (values == 0)


# --- rings ---------------------------------------------------------------------------------


def plain_rings(own, mask, rings):
    """Distances by scipy and by Dijkstra's algorithm, rings by numpy."""
    mask = np.pad(mask, 1)
    own = np.pad(own, 1).astype(float)
    edge = ndimage.distance_transform_edt(mask)
    centre = np.unravel_index(np.argmax(np.rint(edge**2)), mask.shape)
    away, heap = np.full(mask.shape, np.inf), [(0.0, centre)]
    away[centre] = 0
    while heap:
        d, (y, x) = heapq.heappop(heap)
        for dy, dx in np.ndindex(3, 3):
            v, u = y + dy - 1, x + dx - 1
            way = d + np.hypot(dy - 1, dx - 1)
            if mask[v, u] and way < away[v, u] - 1e-9:
                away[v, u] = way
                heapq.heappush(heap, (way, (v, u)))
    there = np.isfinite(away)
    ring = np.zeros(mask.shape, int)
    ring[there] = rings * away[there] / (away[there] + edge[there] + 0.001)
    y, x = np.indices(mask.shape)
    dy, dx = y - centre[0], x - centre[1]
    eighth = (dy > 0) + 2 * (dx > 0) + 4 * (abs(dy) > abs(dx))
    result = []
    for i in range(rings):
        here = there & (ring == i)
        share = own[here].sum() / own[there].sum()
        means = np.array(
            [own[here & (eighth == e)].mean() for e in range(8) if (here & (eighth == e)).any()]
        )
        result.append(
            (
                share,
                share / (here.sum() / there.sum()) if here.any() else 0,
                means.std() / means.mean() if means.sum() else np.nan,
            )
        )
    return np.transpose(result)


@pytest.mark.parametrize(("labels", "a", "b"), SCENES)
@pytest.mark.parametrize("rings", [1, 4, 7])
def test_rings_as_their_definition(labels, a, b, rings):
    runs = find_runs(labels)
    ours = np.stack(radial_distribution(runs, find_boxes(runs), a, rings))
    judged = 0
    for k, label in enumerate(runs.labels):
        mask = labels == label
        if not a[mask].any():
            continue
        theirs = plain_rings(np.where(mask, a, 0), mask, rings)
        np.testing.assert_allclose(ours[:, k], theirs, rtol=1e-9, atol=1e-12)
        judged += 1
    assert judged > 10


def test_ways_go_around_corners():
    """A spiral of one pixel's width: the way, not the beeline, says which ring it is."""
    rows = ["#######", ".....", "###.#", "#...#", "#####"]
    mask = np.array([[c == "#" for c in row.ljust(7, ".")] for row in rows])
    mask[:5, 6] = True
    mask[4, 4:7] = True
    runs = find_runs(mask.astype(np.int32))
    image = np.random.default_rng(0).integers(1, 99, mask.shape, np.uint16)
    ours = np.stack(radial_distribution(runs, find_boxes(runs), image, 4))[:, 0]
    np.testing.assert_allclose(ours, plain_rings(np.where(mask, image, 0), mask, 4), rtol=1e-9)


def test_an_even_disc_by_hand():
    y, x = np.indices((41, 41)) - 20
    labels = (y**2 + x**2 <= 18**2).astype(np.int32)
    runs = find_runs(labels)
    of = radial_distribution(runs, find_boxes(runs), np.full((41, 41), 50, np.uint16), 4)
    assert of.fraction.sum() == pytest.approx(1, rel=1e-12)
    np.testing.assert_allclose(of.mean_fraction, 1, rtol=1e-12)
    np.testing.assert_allclose(of.variation, 0, atol=1e-12)
    # The farther out, the larger the ring.
    assert (np.diff(of.fraction[0]) > 0).all()


def test_a_black_object_has_no_distribution():
    runs = find_runs(np.ones((5, 5), np.int32))
    of = radial_distribution(runs, find_boxes(runs), np.zeros((5, 5), np.uint16), 2)
    assert np.isnan(np.stack(of)).all()
