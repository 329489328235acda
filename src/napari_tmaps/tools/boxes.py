"""Box plots: how the values of a column lie in each group of objects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import InputError
from napari_tmaps.store.feature_table import Categories, Column, FeatureTable, Mask, Values

_MOST_NUMBERS = 100
"""A column with more numbers than that is no condition."""
_WHISKER = 1.5  # of the distance of the quartiles (Tukey, 1977)


@dataclass(frozen=True, slots=True)
class Box:
    """One group.

    Attributes
    ----------
    count
        Objects that have a value.
    low, high
        The last values within 1.5 times the distance of the quartiles from the box.
    """

    name: str
    count: int
    low: float
    first: float
    median: float
    third: float
    high: float


def conditions(table: FeatureTable) -> list[str]:
    """Columns to group objects by: names, time points, the user's own numbers such as doses."""
    own = [name for name in table.columns if name not in table.features]
    skipped = ("label",) if table.times > 1 else ("t", "label")
    return [name for name in own if name not in skipped and _has_few(table.column(name))]


def boxes(
    table: FeatureTable, name: str, by: str, *, rows: Mask | None = None, log: bool = False
) -> list[Box]:
    """A box for each group, in the order of their names or numbers; empty groups have none.

    Parameters
    ----------
    by
        One of `conditions`.
    rows
        Only these objects.
    log
        Of the decadic logarithm; values up to 0 are left out.

    Raises
    ------
    NotFoundError
        There is no such column.
    InputError
        The values are no numbers, or `by` has too many different ones.
    """
    groups = _groups(table, by)
    if groups is None:
        raise InputError(
            f"'{by}' has more than {_MOST_NUMBERS} different numbers. Group by a column of names, "
            "such as the well or the treatment."
        )
    values = table.numbers(name)
    codes = groups.codes
    if rows is not None:
        values, codes = values[rows], codes[rows]
    if log:
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.log10(values)
    usable = np.isfinite(values) & (codes >= 0)
    if not usable.all():
        values, codes = values[usable], codes[usable]
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(groups.names)))
    values = values[order]
    parts = zip(groups.names, np.split(values, ends[:-1]), strict=True)
    return [_box(group, part) for group, part in parts if part.size]


def _box(name: str, values: Values) -> Box:
    first, median, third = (float(v) for v in np.quantile(values, (0.25, 0.5, 0.75)))
    reach = _WHISKER * (third - first)
    inside: npt.NDArray[np.floating] = values[(values >= first - reach) & (values <= third + reach)]
    return Box(name, values.size, float(inside.min()), first, median, third, float(inside.max()))


def _has_few(column: Column) -> bool:
    """Whether some of the values, which stand for millions, are as few as those of a condition."""
    if isinstance(column, Categories):
        return True
    return np.unique(column[:: max(column.size // 10_000, 1)]).size <= _MOST_NUMBERS


def _groups(table: FeatureTable, name: str) -> Categories | None:
    """The column as names in their order; None if it has too many numbers."""
    column = table.column(name)
    if isinstance(column, Categories):
        order = np.argsort(np.array(column.names, object), kind="stable")
        place = np.empty(len(order) + 1, np.int32)
        place[order] = np.arange(len(order))
        place[-1] = -1
        return Categories(place[column.codes], tuple(column.names[n] for n in order))
    if not _has_few(column):
        return None
    known = ~np.isnan(column.astype(np.float64))
    numbers, codes = np.unique(column[known], return_inverse=True)
    if numbers.size > _MOST_NUMBERS:
        return None
    found = np.full(column.size, -1, np.int32)
    found[known] = codes
    return Categories(found, tuple(f"{number:g}" for number in numbers))
