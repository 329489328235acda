"""Enclosing circles, calipers and Zernike moments against brute force and plain definitions."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pytest
from scipy import ndimage

from napari_tmaps.measure.hull import calipers, enclosing_circles, find_hulls
from napari_tmaps.measure.runs import find_boxes, find_runs
from napari_tmaps.measure.zernike import (
    ORDERS,
    polynomials,
    zernike_of_shape,
    zernike_of_stain,
)

SHAPES = [
    pytest.param(["#"], id="pixel"),
    pytest.param(["##"], id="pair"),
    pytest.param(["#.", ".#"], id="diagonal"),
    pytest.param(["#####"], id="line"),
    pytest.param(["#..", ".#.", "..#"], id="long-diagonal"),
    pytest.param(["##", "##"], id="square"),
    pytest.param(["..#..", "#####", "#####", "..#.."], id="cross"),
    pytest.param(["#....", "#....", "#####"], id="angle"),
    pytest.param(["#...#", ".....", "..#.."], id="loose"),
    pytest.param([".###...", "#####..", "#######", ".####..", "...#..."], id="blob"),
    pytest.param(["##......", ".#######", "....##.."], id="flat"),
    pytest.param(["##..", "..##", "##.."], id="three-corners-of-thirds"),
]


def draw(rows):
    return np.array([[symbol == "#" for symbol in row] for row in rows], np.int32)


@pytest.mark.parametrize("rows", SHAPES)
def test_circle_is_the_smallest_of_all(rows):
    labels = np.pad(draw(rows), ((2, 0), (1, 3)))
    points = np.argwhere(labels).astype(float)
    candidates = [(points[0], 0.0)]
    for chosen in [*combinations(points, 2), *combinations(points, 3)]:
        # The centre is as far from all of them, within the plane that they span.
        a, *others = chosen
        sides = np.array(others) - a
        centre = a + np.linalg.lstsq(sides, (sides**2).sum(axis=1) / 2, rcond=None)[0]
        radius = np.hypot(*(a - centre))
        if np.allclose([np.hypot(*(p - centre)) for p in chosen], radius):
            candidates.append((centre, radius))
    holding = [
        (radius, *centre)
        for centre, radius in candidates
        if (np.hypot(*(points - centre).T) <= radius + 1e-9).all()
    ]
    ours = enclosing_circles(find_hulls(find_runs(labels)))
    assert (ours.radius[0], ours.y[0], ours.x[0]) == pytest.approx(min(holding), abs=1e-9)


@pytest.mark.parametrize("rows", SHAPES)
def test_circle_is_the_same_far_from_the_origin(rows):
    runs, far = find_runs(draw(rows)), 100_003
    moved = runs._replace(row=runs.row + far, start=runs.start + far, stop=runs.stop + far)
    near, away = (enclosing_circles(find_hulls(each)) for each in (runs, moved))
    np.testing.assert_allclose(away.radius, near.radius, rtol=1e-15)
    np.testing.assert_allclose(away.y - far, near.y, atol=1e-10)
    np.testing.assert_allclose(away.x - far, near.x, atol=1e-10)


@pytest.mark.parametrize("rows", SHAPES)
def test_calipers_as_their_definition(rows):
    labels = np.pad(draw(rows), ((2, 0), (1, 3)))
    points = np.argwhere(labels).astype(float)
    widths, lengths = [], [0.0]
    for a, b in combinations(points, 2):
        length = np.hypot(*(b - a))
        across = (points @ np.array([b[1] - a[1], a[0] - b[0]])) / length
        widths.append(np.ptp(across))
        lengths.append(length)
    ours = calipers(find_hulls(find_runs(labels)))
    assert ours.maximum[0] == pytest.approx(max(lengths), rel=1e-12)
    # The narrowest pair of lines lies along two of the pixels.
    assert ours.minimum[0] == pytest.approx(min(widths, default=0), rel=1e-12, abs=1e-12)


def plain_zernike(y, x, weights, n, m):
    radius, angle = np.hypot(y, x), np.arctan2(x, y)
    radial = sum(
        (-1) ** s
        * factorial(n - s)
        / (factorial(s) * factorial((n + m) // 2 - s) * factorial((n - m) // 2 - s))
        * radius ** (n - 2 * s)
        for s in range((n - m) // 2 + 1)
    )
    return abs((weights * radial * np.exp(1j * m * angle)).sum())


def scene():
    random = np.random.default_rng(8)
    labels = 5 * ndimage.label(ndimage.gaussian_filter(random.random((120, 100)), 4) > 0.5)[0]
    return labels.astype(np.int32), random.integers(0, 65536, labels.shape, np.uint16)


def test_moments_as_their_definition():
    labels, image = scene()
    runs = find_runs(labels)
    boxes, circles = find_boxes(runs), enclosing_circles(find_hulls(runs))
    shapes = zernike_of_shape(runs, boxes, circles, polynomials())
    stains = zernike_of_stain(runs, boxes, circles, image, polynomials())
    assert len(ORDERS) == 49
    assert runs.labels.size > 5
    for k, label in enumerate(runs.labels):
        mask = labels == label
        radius = circles.radius[k]
        y, x = np.nonzero(mask)
        y, x = (y - circles.y[k]) / radius, (x - circles.x[k]) / radius
        expected = [plain_zernike(y, x, 1, n, m) / (np.pi * radius**2) for n, m in ORDERS]
        np.testing.assert_allclose(shapes[k], expected, rtol=1e-9, atol=1e-11)
        expected = [plain_zernike(y, x, image[mask], n, m) / mask.sum() for n, m in ORDERS]
        np.testing.assert_allclose(stains[k], expected, rtol=1e-9, atol=1e-11 * 65535)


def test_moments_as_mahotas():
    """mahotas takes the whole image as 1 and weighs by (n + 1) / π."""
    features = pytest.importorskip("mahotas.features", reason="mahotas is the judge here")
    labels, image = scene()
    runs = find_runs(labels)
    circles = enclosing_circles(find_hulls(runs))
    ours = zernike_of_stain(runs, find_boxes(runs), circles, image, polynomials())
    weight = np.array([(n + 1) / np.pi for n, _ in ORDERS])
    for k, label in enumerate(runs.labels):
        own = np.where(labels == label, image, 0)
        theirs = features.zernike_moments(
            # A little wider, or rounding leaves out pixels on the circle.
            own,
            circles.radius[k] * (1 + 1e-12),
            12,
            cm=(circles.y[k], circles.x[k]),
        )
        mean = own.sum() / (labels == label).sum()
        np.testing.assert_allclose(ours[k] * weight / mean, theirs, rtol=1e-9, atol=1e-10)


def test_moments_of_a_full_disc():
    """Of a disc, only the moment of order 0 is left, which is its area over that of the circle."""
    y, x = np.indices((401, 401)) - 200
    labels = (y**2 + x**2 <= 200**2).astype(np.int32)
    runs = find_runs(labels)
    ours = zernike_of_shape(
        runs, find_boxes(runs), enclosing_circles(find_hulls(runs)), polynomials()
    )[0]
    assert ours[0] == pytest.approx(1, abs=1e-3)
    assert ours[1:].max() < 0.01


def test_moments_of_a_single_pixel_are_not_known():
    runs = find_runs(np.ones((1, 1), np.int32))
    boxes, circles = find_boxes(runs), enclosing_circles(find_hulls(runs))
    assert np.isnan(zernike_of_shape(runs, boxes, circles, polynomials())).all()
    stain = np.ones((1, 1), np.uint16)
    assert np.isnan(zernike_of_stain(runs, boxes, circles, stain, polynomials())).all()


def test_no_objects_no_rows():
    runs = find_runs(np.zeros((3, 4), np.int32))
    boxes, circles = find_boxes(runs), enclosing_circles(find_hulls(runs))
    assert calipers(find_hulls(runs)).maximum.size == 0
    assert zernike_of_shape(runs, boxes, circles, polynomials()).shape == (0, 49)
