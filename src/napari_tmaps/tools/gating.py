"""Which objects lie in a gate."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import NotFoundError, unknown
from napari_tmaps.measure.compile import kernel
from napari_tmaps.store.feature_table import FeatureTable, Mask, Values
from napari_tmaps.store.gates import (
    CombinedGate,
    FilterGate,
    Gate,
    PolygonGate,
    RangeGate,
    RectangleGate,
)
from napari_tmaps.tools.expression import parse

_BLOCK, _THREADS = 1 << 20, 4


def objects_in(gate: Gate, table: FeatureTable, saved: Mapping[str, Gate] | None = None) -> Mask:
    """True for the objects in a gate, (rows,). A missing value is in no gate.

    Parameters
    ----------
    saved
        Gates by name, for gates that are joined by name.

    Raises
    ------
    NotFoundError
        A column or a gate that is gone.
    InputError
        A column of names.
    """
    named = saved or {}
    match gate:
        case RangeGate():
            values = _column(table, gate.column)
            return (values >= gate.low) & (values <= gate.high)
        case RectangleGate():
            x, y = _column(table, gate.x), _column(table, gate.y)
            inside = (x >= gate.x_low) & (x <= gate.x_high)
            inside &= (y >= gate.y_low) & (y <= gate.y_high)
            return inside
        case PolygonGate():
            corners = np.array(gate.vertices, np.float64)
            for axis, log in enumerate((gate.log_x, gate.log_y)):
                if log:
                    corners[:, axis] = np.log(corners[:, axis])
            x, y = _column(table, gate.x), _column(table, gate.y)
            inside = np.empty(x.size, bool)

            def look(rows: slice) -> None:
                _within(x[rows], y[rows], corners, gate.log_x, gate.log_y, inside[rows])

            blocks = [slice(start, start + _BLOCK) for start in range(0, x.size, _BLOCK)]
            with ThreadPoolExecutor(_THREADS) as pool:
                list(pool.map(look, blocks))
            return inside
        case FilterGate():
            return parse(gate.text).evaluate(table)
        case CombinedGate():
            masks = (objects_in(_named(part, named), table, named) for part in gate.gates)
            found = next(masks).copy()
            for mask in masks:
                found = found & mask if gate.kind == "and" else found | mask
            return ~found if gate.kind == "not" else found


def _named(part: Gate | str, saved: Mapping[str, Gate]) -> Gate:
    if not isinstance(part, str):
        return part
    if part not in saved:
        raise unknown("gate", part, saved)
    return saved[part]


def _column(table: FeatureTable, name: str) -> Values:
    if name not in table.columns:
        text = str(unknown("column", name, table.columns))
        raise NotFoundError(f"The gate cannot be used now: {text} The gate itself is kept.")
    return table.numbers(name)


@kernel
def _within(
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    corners: npt.NDArray[np.float64],
    log_x: bool,
    log_y: bool,
    inside: Mask,
) -> None:
    """Even-odd rule: a ray to the right meets an odd number of edges."""
    x_low, x_high = corners[:, 0].min(), corners[:, 0].max()
    y_low, y_high = corners[:, 1].min(), corners[:, 1].max()
    last = corners.shape[0] - 1
    for n in range(x.size):
        px, py = float(x[n]), float(y[n])
        if log_x:
            px = np.log(px)
        if log_y:
            py = np.log(py)
        odd = False
        # Also false for NaN, which lies nowhere.
        if px >= x_low and px <= x_high and py >= y_low and py <= y_high:
            j = last
            for i in range(last + 1):
                yi, yj = corners[i, 1], corners[j, 1]
                if (yi > py) != (yj > py):
                    xi, xj = corners[i, 0], corners[j, 0]
                    if px < (xj - xi) * (py - yi) / (yj - yi) + xi:
                        odd = not odd
                j = i
        inside[n] = odd
