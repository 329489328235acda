"""Histograms and density pictures of columns: what plots show instead of ten million points."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import InputError
from napari_tmaps.measure.compile import kernel
from napari_tmaps.store.feature_table import FeatureTable, Mask, Values


class Histogram(NamedTuple):
    """Counts (bins,) int64, and edges (bins + 1,)."""

    counts: npt.NDArray[np.int64]
    edges: npt.NDArray[np.float64]


class Density(NamedTuple):
    """Counts (bins of y, bins of x) int64, and the edges of both."""

    counts: npt.NDArray[np.int64]
    x_edges: npt.NDArray[np.float64]
    y_edges: npt.NDArray[np.float64]


def histogram(
    table: FeatureTable,
    name: str,
    *,
    bins: int = 100,
    limits: tuple[float, float] | None = None,
    rows: Mask | None = None,
    log: bool = False,
) -> Histogram:
    """How many objects have which value. Missing and infinite values are left out.

    Parameters
    ----------
    limits
        First and last edge; smallest and largest value if not given. Values outside are left out.
    rows
        Only these objects.
    log
        Bins, edges and limits are of the decadic logarithm; values up to 0 are left out.

    Raises
    ------
    NotFoundError
        There is no such column.
    InputError
        The column holds no number, or the limits are not in order.
    """
    values = _scaled(table, name, log)
    low, high = _limits(name, values, limits, rows)
    counts = np.zeros((1, bins), np.int64)
    _count(values, values[:0], _rows(rows), low, high, 0.0, 1.0, counts)
    return Histogram(counts[0], np.linspace(low, high, bins + 1))


def density(
    table: FeatureTable,
    x: str,
    y: str,
    *,
    bins: tuple[int, int] = (256, 256),
    x_limits: tuple[float, float] | None = None,
    y_limits: tuple[float, float] | None = None,
    rows: Mask | None = None,
    log_x: bool = False,
    log_y: bool = False,
) -> Density:
    """How many objects have which pair of values, as a picture of (y, x) `bins`.

    Parameters are as of `histogram`.

    Raises
    ------
    NotFoundError
        There is no such column.
    InputError
        A column holds no number, or limits are not in order.
    """
    across, up = _scaled(table, x, log_x), _scaled(table, y, log_y)
    x_low, x_high = _limits(x, across, x_limits, rows)
    y_low, y_high = _limits(y, up, y_limits, rows)
    counts = np.zeros(bins, np.int64)
    _count(across, up, _rows(rows), x_low, x_high, y_low, y_high, counts)
    return Density(
        counts,
        np.linspace(x_low, x_high, bins[1] + 1),
        np.linspace(y_low, y_high, bins[0] + 1),
    )


def _scaled(table: FeatureTable, name: str, log: bool) -> Values:
    values = table.numbers(name)
    if not log:
        return values
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithms: Values = np.log10(values)
    return logarithms


def _rows(rows: Mask | None) -> Mask:
    return np.empty(0, bool) if rows is None else rows


def _limits(
    name: str, values: Values, limits: tuple[float, float] | None, rows: Mask | None
) -> tuple[float, float]:
    if limits is not None:
        if not limits[0] < limits[1]:
            raise InputError(f"The limits of '{name}' are {limits}; the first must be the smaller.")
        return limits
    low, high = _range(values, _rows(rows))
    if low > high:
        raise InputError(
            f"'{name}' has no number that can be shown for these objects. Choose another column, "
            "other objects, or no logarithm."
        )
    if low == high:  # all the same: one bar in the middle
        around = max(abs(low), 1.0) / 2
        return low - around, high + around
    return low, high


@kernel
def _range(values: Values, rows: Mask) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    for n in range(values.size):
        if rows.size == 0 or rows[n]:
            value = float(values[n])
            if np.isfinite(value):
                low = min(low, value)
                high = max(high, value)
    return low, high


@kernel
def _count(
    across: Values,
    up: Values,
    rows: Mask,
    x_low: float,
    x_high: float,
    y_low: float,
    y_high: float,
    counts: npt.NDArray[np.int64],
) -> None:
    """Bins are half open but for the last, as NumPy has them."""
    high, wide = counts.shape
    x_scale, y_scale = wide / (x_high - x_low), high / (y_high - y_low)
    for n in range(across.size):
        if rows.size and not rows[n]:
            continue
        x = float(across[n])
        y = float(up[n]) if up.size else y_low
        if x >= x_low and x <= x_high and y >= y_low and y <= y_high:
            i = min(int((x - x_low) * x_scale), wide - 1)
            j = min(int((y - y_low) * y_scale), high - 1)
            counts[j, i] += 1
