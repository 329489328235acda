from __future__ import annotations

import numpy as np
import pytest
import shapely
from shapely.geometry import Polygon as Shape

from napari_tmaps.measure.outlines import outlines


def filled(polygons, shape):
    """Pixels whose middle lies in one of the polygons, by another library."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    mask = np.zeros(shape, bool)
    for polygon in polygons:
        mask |= shapely.contains_xy(Shape(polygon.outer, polygon.holes), x, y)
    return mask


def test_a_square_with_a_hole_by_hand():
    labels = np.zeros((5, 6), np.int32)
    labels[1:4, 2:5] = 7
    labels[2, 3] = 0
    ((label, (polygon,)),) = outlines(labels)
    assert label == 7
    assert sorted(map(tuple, polygon.outer.tolist())) == [(2, 1), (2, 4), (5, 1), (5, 4)]
    (hole,) = polygon.holes
    assert sorted(map(tuple, hole.tolist())) == [(3, 2), (3, 3), (4, 2), (4, 3)]


CASES = [
    pytest.param(["1"], 1, 0, id="one-pixel"),
    pytest.param(["10", "01"], 2, 0, id="touch-at-a-corner"),
    pytest.param(["111", "101", "110"], 1, 1, id="hole-that-touches-the-outside"),
    pytest.param(["1111", "1011", "1101", "1111"], 1, 2, id="holes-that-touch"),
    pytest.param(["11111", "10001", "10101", "10001", "11111"], 2, 1, id="island-in-a-hole"),
    pytest.param(["1011", "1111", "1101"], 1, 0, id="bays"),
]


@pytest.mark.parametrize(("rows", "pieces", "holes"), CASES)
def test_rings_are_valid_and_fill_the_same_pixels(rows, pieces, holes):
    labels = np.array([[int(sign) for sign in row] for row in rows], np.int32)
    ((_, polygons),) = outlines(labels)
    assert len(polygons) == pieces
    assert sum(len(polygon.holes) for polygon in polygons) == holes
    assert np.array_equal(filled(polygons, labels.shape), labels == 1)
    shapes = [Shape(p.outer, p.holes) for p in polygons]
    assert all(shape.is_valid for shape in shapes)
    assert sum(shape.area for shape in shapes) == (labels == 1).sum()


def test_random_objects_come_back_exactly():
    labels = np.random.default_rng(5).integers(0, 4, (40, 37)).astype(np.int32)
    found = dict(outlines(labels))
    assert list(found) == [1, 2, 3]
    for label, polygons in found.items():
        assert np.array_equal(filled(polygons, labels.shape), labels == label)
        assert all(Shape(p.outer, p.holes).is_valid for p in polygons)
    assert list(outlines(np.zeros((4, 4), np.int32))) == []
    assert list(outlines(np.zeros((0, 4), np.int32))) == []
