"""What the plot of objects shows, worked out from choices; no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from napari_tmaps.store.feature_table import FeatureTable, Mask, Values
from napari_tmaps.store.gates import Gate, PolygonGate, RangeGate, RectangleGate
from napari_tmaps.tools.binning import Density, Histogram, density, histogram
from napari_tmaps.tools.boxes import Box, boxes, conditions

MOST_POINTS = 50_000
"""More points are shown as a picture of how many lie where."""
_BARS = 100
_BINS = (200, 260)

Point = tuple[float, float]


class PlotKind(StrEnum):
    """How objects are plotted; the value is what is offered to the user."""

    HISTOGRAM = "Histogram"
    SCATTER = "Scatter"
    BOXES = "Boxes"


@dataclass(frozen=True)
class PlotChoice:
    """What the user asked for; empty names mean: whatever comes first.

    Attributes
    ----------
    by
        Column of conditions, for boxes.
    """

    kind: PlotKind = PlotKind.HISTOGRAM
    x: str = ""
    y: str = ""
    by: str = ""
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True, eq=False)
class Group:
    """Objects that are drawn in a colour of their own."""

    name: str
    color: str
    mask: Mask


@dataclass(frozen=True, eq=False)
class PlotState:
    """What is drawn; positions on an axis of logarithms are logarithms.

    Attributes
    ----------
    bars
        The histogram of all, and of each group.
    points
        (x, y) of all, and of each group; none where there are too many.
    picture
        Instead of the points of all, where there are many.
    outlines
        (name, corners) of gates; one corner twice is a line across the plot.
    text
        How many objects are drawn.
    """

    choice: PlotChoice
    groups: tuple[Group, ...] = ()
    bars: tuple[Histogram, ...] = ()
    points: tuple[npt.NDArray[np.float64], ...] = ()
    picture: Density | None = None
    boxes: tuple[Box, ...] = ()
    text: str = ""


def complete(table: FeatureTable, choice: PlotChoice) -> PlotChoice:
    """The choice with everything filled in; columns that are gone give way to others."""
    numbers = plottable(table)
    x = choice.x if choice.x in numbers else next(iter(numbers), "")
    others = [name for name in numbers if name != x] or [x]
    y = choice.y if choice.y in numbers else next(iter(others), "")
    groups = conditions(table) if choice.kind is PlotKind.BOXES else [choice.by]
    by = choice.by if choice.by in groups else next((n for n in groups if n != "plate"), "")
    return replace(choice, x=x, y=y, by=by)


def plottable(table: FeatureTable) -> list[str]:
    """Columns of numbers: features, and numbers of results and of the plate map."""
    own = [name for name in table.features if name != "is_border"]
    return own + [
        name
        for name in table.columns
        if ":" in name and name not in table.classes and name not in table.features
    ]


def plot(
    table: FeatureTable, choice: PlotChoice, rows: Mask | None, groups: Sequence[Group] = ()
) -> PlotState:
    """Work out what is drawn.

    Parameters
    ----------
    choice
        Complete.
    rows
        Only these objects; None for all.
    groups
        Drawn over all, in this order.

    Raises
    ------
    TmapsError
        A column has no numbers that can be drawn.
    """
    shown = len(table) if rows is None else int(np.count_nonzero(rows))
    state = PlotState(choice, tuple(groups), text=f"{shown:,} objects")
    if choice.kind is PlotKind.HISTOGRAM:
        whole = histogram(table, choice.x, bins=_BARS, rows=rows, log=choice.log_x)
        ends = float(whole.edges[0]), float(whole.edges[-1])
        parts = [
            histogram(
                table,
                choice.x,
                bins=_BARS,
                limits=ends,
                rows=_both(rows, group.mask),
                log=choice.log_x,
            )
            for group in groups
        ]
        return replace(state, bars=(whole, *parts))
    if choice.kind is PlotKind.BOXES:
        found = boxes(table, choice.x, choice.by, rows=rows, log=choice.log_x)
        return replace(state, boxes=tuple(found))
    if shown > MOST_POINTS:
        picture = density(
            table,
            choice.x,
            choice.y,
            bins=_BINS,
            rows=rows,
            log_x=choice.log_x,
            log_y=choice.log_y,
        )
        state = replace(state, picture=picture)
    masks = (rows, *(_both(rows, group.mask) for group in groups))
    return replace(state, points=tuple(_points(table, choice, mask) for mask in masks))


def gate_of(choice: PlotChoice, corners: Sequence[Point], *, lasso: bool) -> Gate:
    """The gate that was drawn on a plot: a range, a rectangle of two corners, or a polygon.

    Raises
    ------
    ValueError
        It has no extent.
    """
    xs = [_linear(x, choice.log_x) for x, _ in corners]
    ys = [_linear(y, choice.log_y) for _, y in corners]
    if choice.kind is PlotKind.HISTOGRAM:
        return RangeGate(column=choice.x, low=min(xs), high=max(xs))
    if lasso:
        return PolygonGate(
            x=choice.x,
            y=choice.y,
            vertices=tuple(zip(xs, ys, strict=True)),
            log_x=choice.log_x,
            log_y=choice.log_y,
        )
    return RectangleGate(
        x=choice.x, y=choice.y, x_low=min(xs), x_high=max(xs), y_low=min(ys), y_high=max(ys)
    )


def outline_of(gate: Gate, choice: PlotChoice) -> list[Point]:
    """Corners of a gate on a plot, closed; empty where it cannot be drawn on it.

    Of a range in a histogram the two ends alone.
    """
    match gate:
        case RangeGate() if choice.kind is PlotKind.HISTOGRAM and gate.column == choice.x:
            ends = [_shown(value, choice.log_x) for value in (gate.low, gate.high)]
            return [(end, 0.0) for end in ends]
        case RectangleGate() if _on(choice, gate.x, gate.y):
            x = [_shown(value, choice.log_x) for value in (gate.x_low, gate.x_high)]
            y = [_shown(value, choice.log_y) for value in (gate.y_low, gate.y_high)]
            return [(x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1]), (x[0], y[0])]
        case PolygonGate() if _on(choice, gate.x, gate.y) and (gate.log_x, gate.log_y) == (
            choice.log_x,
            choice.log_y,
        ):
            corners = [(_shown(x, choice.log_x), _shown(y, choice.log_y)) for x, y in gate.vertices]
            return [*corners, corners[0]]
    return []


def _on(choice: PlotChoice, x: str, y: str) -> bool:
    return choice.kind is PlotKind.SCATTER and (x, y) == (choice.x, choice.y)


def _linear(value: float, log: bool) -> float:
    return float(10**value if log else value)


def _shown(value: float, log: bool) -> float:
    if not log:
        return value
    return float(np.log10(value)) if value > 0 else -300.0


def _both(rows: Mask | None, mask: Mask) -> Mask:
    return mask if rows is None else rows & mask


def _points(table: FeatureTable, choice: PlotChoice, rows: Mask | None) -> npt.NDArray[np.float64]:
    if (len(table) if rows is None else np.count_nonzero(rows)) > MOST_POINTS:
        return np.empty((0, 2))
    columns: list[Values] = []
    for name, log in ((choice.x, choice.log_x), (choice.y, choice.log_y)):
        values = table.numbers(name)
        values = (values if rows is None else values[rows]).astype(np.float64)
        if log:
            with np.errstate(divide="ignore", invalid="ignore"):
                values = np.log10(values)
        columns.append(values)
    both = np.column_stack(columns)
    finite: npt.NDArray[np.float64] = both[np.isfinite(both).all(axis=1)]
    return finite
