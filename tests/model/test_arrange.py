"""Sites lie where the stage was, wells where the plate has them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_tmaps.model.arrange import arrange, arrange_wells


def places(*rows: tuple[str, int, int, int, float, float]) -> pd.DataFrame:
    """(well, site, y, x, stage y, stage x) of sites of 100 × 200 pixels."""
    names = ["well", "site", "y", "x", "stage_y_um", "stage_x_um"]
    return pd.DataFrame(rows, columns=names).assign(height=100, width=200)


NAN = float("nan")


@pytest.mark.parametrize(
    ("rows", "pixel", "top", "left"),
    [
        pytest.param(
            [("A01", 1, 0, 0, 0, 0), ("A01", 2, 0, 1, 5, 95)],
            (0.5, 0.5),
            [0, 10],
            [0, 190],
            id="stage positions, with overlap",
        ),
        pytest.param(
            [("A01", 1, 0, 0, 0, 0), ("A01", 2, 1, 1, 5, 95)],
            (None, None),
            [0, 100],
            [0, 200],
            id="grid, since the pixel size is unknown",
        ),
        pytest.param(
            [("A01", 1, 0, 0, NAN, NAN), ("A01", 2, 1, 0, 5, 95)],
            (0.5, 0.5),
            [0, 100],
            [0, 0],
            id="grid, since a position is unknown",
        ),
        pytest.param(
            [("B02", 1, 0, 0, 7, 9), ("B04", 1, 0, 0, 7, 9), ("C02", 1, 0, 0, 7, 9)],
            (0.5, 0.5),
            [0, 0, 112],
            [0, 432, 0],
            id="wells with a gap of at least 6 %, the empty one in between kept",
        ),
    ],
)
def test_corners(
    rows: list[tuple[str, int, int, int, float, float]],
    pixel: tuple[float | None, float | None],
    top: list[int],
    left: list[int],
) -> None:
    tiles = arrange(places(*rows), pixel)
    np.testing.assert_array_equal(tiles.top, top)
    np.testing.assert_array_equal(tiles.left, left)
    np.testing.assert_array_equal(tiles.place, range(len(rows)))


@pytest.mark.parametrize(
    ("stage", "cells", "top", "left"),
    [
        pytest.param(
            [(0, 0), (0, 1200), (900, 0), (900, 1200)],
            [(0, 0), (0, 1), (1, 0), (1, 1)],
            [0, 0, 100, 100],
            [0, 200, 0, 200],
            id="on their grid",
        ),
        pytest.param(
            [(0, 800), (300, 0), (700, 2000), (900, 1200), (900, 1210)],
            [(0, 1), (1, 0), (2, 3), (3, 2), (3, 2)],
            [0, 0, 0, 100, 100],
            [0, 200, 400, 0, 200],
            id="anywhere, and twice at the same place: in the order of their rows",
        ),
        pytest.param(
            [(0, 0), (0, 400), (150, 0), (150, 400)],
            [(0, 0), (0, 1), (1, 0), (1, 1)],
            [0, 0, 300, 300],
            [0, 800, 0, 800],
            id="with gaps, but not in the dark",
        ),
    ],
)
def test_sites_that_are_far_apart_lie_side_by_side(
    stage: list[tuple[float, float]],
    cells: list[tuple[int, int]],
    top: list[int],
    left: list[int],
) -> None:
    rows = [("A01", n, *cell, *at) for n, (cell, at) in enumerate(zip(cells, stage, strict=True))]
    others = [("A02", 1, 0, 0, 0.0, 0.0), ("A02", 2, 0, 1, 0.0, 95.0)]
    tiles = arrange(places(*rows, *others), (0.5, 0.5))
    assert tiles.top[:-2].tolist() == top
    assert tiles.left[:-2].tolist() == left
    assert tiles.left[-1] - tiles.left[-2] == 190, "another well lies as the stage says"
    alone = arrange(places(*rows[:1]), (0.5, 0.5))
    assert (alone.top.tolist(), alone.left.tolist()) == ([0], [0])


def test_index_is_the_number_of_the_image() -> None:
    table = places(("A01", 1, 0, 0, 0, 0), ("A02", 1, 0, 0, 0, 0)).loc[[1]]
    assert arrange(table, (1, 1)).place.tolist() == [1]
    assert arrange(table, (1, 1)).size == (100, 200)


def test_wells_begin_where_the_coarse_levels_begin() -> None:
    """A well of any size is cut into equal parts, each of them whole at three coarser levels."""
    wide = places(("A01", 1, 0, 0, 0, 0), ("A01", 2, 0, 1, 0, 4600), ("B02", 1, 0, 0, 0, 0))
    tiles, grid = arrange_wells(wide, (0.5, 0.5))
    assert grid.cells == {"A01": (0, 0), "B02": (1, 1)}
    assert grid.parts == (1, 3)  # 9400 pixels and the gap
    assert all(size % 8 == 0 for size in grid.part)
    assert grid.corner("B02") == (grid.part[0], 3 * grid.part[1]) == (112, tiles.left[2])
    assert 9400 * 1.06 <= grid.corner("B02")[1] <= 9400 * 1.06 + 24
