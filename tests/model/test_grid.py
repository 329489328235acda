from __future__ import annotations

import itertools

import numpy as np
import pytest

from napari_tmaps.errors import InputError
from napari_tmaps.model.grid import cluster_axis, grid_from_layout, grid_from_positions

SHAPES = [(1, 1), (1, 7), (3, 3), (4, 4), (6, 6), (5, 7), (7, 1), (2, 13)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("pitch", [(600.0, 600.0), (300.0, 900.0)], ids=["square", "wide"])
@pytest.mark.parametrize("known", [True, False], ids=["field-known", "field-unknown"])
def test_grid_from_jittered_positions(shape, pitch, known):
    """1, 3 × 3, 4 × 4, 6 × 6, 5 × 7 … with jitter: the cases in which TissueMAPS went wrong."""
    rng = np.random.default_rng(0)
    true = np.array(list(itertools.product(range(shape[0]), range(shape[1]))))
    rng.shuffle(true)
    y = true[:, 0] * pitch[0] - 812.5 + rng.uniform(-3, 3, len(true))
    x = true[:, 1] * pitch[1] + 77.0 + rng.uniform(-3, 3, len(true))
    if not known and (1 in shape):
        # Without the size of a field, jitter along an axis of one place cannot be told from steps.
        y, x = true[:, 0] * pitch[0], true[:, 1] * pitch[1]
    rows, columns = grid_from_positions(y, x, pitch if known else None)
    assert rows.tolist() == true[:, 0].tolist()
    assert columns.tolist() == true[:, 1].tolist()


def test_gaps_of_the_grid_stay_gaps():
    rows, columns = grid_from_positions([0, 0, 1000], [0, 500, 1500], (500, 500))
    assert rows.tolist() == [0, 0, 1]
    assert columns.tolist() == [0, 1, 3]


def test_overlapping_sites():
    """10 % overlap of Leica tiles: the pitch is smaller than the field."""
    rows, columns = grid_from_positions([0, 0, 523.1, 523.1], [0, 523.1, 0, 523.1], (583.5, 583.5))
    assert rows.tolist() == [0, 0, 1, 1]
    assert columns.tolist() == [0, 1, 0, 1]


def test_cluster_axis_of_nothing():
    assert cluster_axis([], 1.0).tolist() == []


LAYOUTS = [
    pytest.param("horizontal", [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)], id="horizontal"),
    pytest.param(
        "zigzag_horizontal",
        [(0, 0), (0, 1), (0, 2), (1, 2), (1, 1), (1, 0)],
        id="zigzag_horizontal",
    ),
    pytest.param("vertical", [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2)], id="vertical"),
    pytest.param(
        "zigzag_vertical",
        [(0, 0), (1, 0), (1, 1), (0, 1), (0, 2), (1, 2)],
        id="zigzag_vertical",
    ),
]


@pytest.mark.parametrize(("layout", "expected"), LAYOUTS)
def test_grid_from_layout(layout, expected):
    rows, columns = grid_from_layout(6, layout, n_vertical=2, n_horizontal=3)
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == expected


def test_grid_of_the_wrong_size():
    with pytest.raises(InputError, match="product is 6"):
        grid_from_layout(6, "horizontal", n_vertical=2, n_horizontal=2)
