"""The plot of objects: drawn as its state says; gates are drawn on it with the mouse."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QEvent, QPointF, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QColor, QPalette
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_tmaps.gui.log_axis import LogAxis
from napari_tmaps.gui.plot_state import PlotKind, PlotState, Point

_BLUE = "#4c9be8"  # all objects; seen on light and dark ground
_SHORTEST_PX = 3  # between two corners of a lasso


class Hand(StrEnum):
    """What dragging does; the value is what is offered to the user."""

    MOVE = "Move"
    BOX = "Range"
    LASSO = "Lasso"


class _DrawBox(pg.ViewBox):  # type: ignore[misc]
    """Draws a rectangle or a line after the mouse, where the view would be moved else."""

    drawn = Signal(object)
    """Corners (x, y) of what was drawn; two of a rectangle."""

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.hand = Hand.MOVE
        self.spans_height = False
        self._corners: list[QPointF] = []
        self._line = pg.PlotCurveItem(pen=pg.mkPen("#e6b800", width=2))
        self._line.setZValue(100)
        self.addItem(self._line, ignoreBounds=True)

    def mouseDragEvent(self, ev: Any, axis: int | None = None) -> None:
        if self.hand is Hand.MOVE or axis is not None or ev.button() != Qt.MouseButton.LeftButton:
            super().mouseDragEvent(ev, axis)
            return
        ev.accept()
        if ev.isStart():
            self._corners = [self.mapToView(ev.buttonDownPos())]
        at = self.mapToView(ev.pos())
        if self.hand is Hand.BOX:
            self._corners = [self._corners[0], at]
        else:
            step = self.mapViewToDevice(at) - self.mapViewToDevice(self._corners[-1])
            if step.manhattanLength() >= _SHORTEST_PX:
                self._corners.append(at)
        self._draw()
        if ev.isFinish():
            corners = [(corner.x(), corner.y()) for corner in self._corners]
            self._corners = []
            self._draw()
            if len(corners) >= (2 if self.hand is Hand.BOX else 3):
                self.drawn.emit(corners)

    def _draw(self) -> None:
        corners = [(corner.x(), corner.y()) for corner in self._corners]
        if self.hand is Hand.BOX and len(corners) == 2:
            (x0, y0), (x1, y1) = corners
            if self.spans_height:
                y0, y1 = self.viewRange()[1]
            corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
        if corners:
            corners.append(corners[0])
        self._line.setData(*np.array(corners, float).reshape(-1, 2).T)


class PlotView(QWidget):
    """Shows a `PlotState`."""

    drawn = Signal(object, bool)
    """Corners of a gate that was drawn, and whether it is a lasso."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.box = _DrawBox()
        self._axes = {side: LogAxis(side) for side in ("bottom", "left")}
        self.plot = pg.PlotWidget(viewBox=self.box, background=None, axisItems=self._axes)
        self.plot.setMinimumHeight(180)
        self.plot.hideButtons()
        item = self.plot.getPlotItem()
        item.layout.setContentsMargins(1, 1, 1, 6)  # where the name of x reaches below its axis
        self._items: list[Any] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.plot)
        self.box.drawn.connect(self._on_drawn)
        self._shown: Any = None
        self._colour_axes()

    def setHand(self, hand: Hand) -> None:
        """What dragging does."""
        self.box.hand = hand
        self.plot.setCursor(
            Qt.CursorShape.OpenHandCursor if hand is Hand.MOVE else Qt.CursorShape.CrossCursor
        )

    def setState(
        self, state: PlotState | None, outlines: list[tuple[str, list[Point]]] | None = None
    ) -> None:
        """Draw a state, with gates as (colour, corners); None for nothing."""
        for item in self._items:
            self.plot.removeItem(item)
        self._items = []
        for axis in self._axes.values():
            axis.setTicks(None)
            axis.setLogMode(False)
        if state is None:
            self._label("", "")
            return
        draw = {
            PlotKind.HISTOGRAM: self._draw_bars,
            PlotKind.SCATTER: self._draw_points,
            PlotKind.BOXES: self._draw_boxes,
        }
        draw[state.choice.kind](state)
        for color, corners in outlines or []:
            self._draw_outline(state, color, corners)
        # A view that somebody has moved stays while the same is drawn.
        if state.choice != self._shown:
            self._shown = state.choice
            self.box.enableAutoRange()

    # -- kinds of plots -------------------------------------------------------------------------

    def _draw_bars(self, state: PlotState) -> None:
        self.box.spans_height = True
        self._label(state.choice.x, "objects")
        self._axes["bottom"].setLogMode(state.choice.log_x)
        for n, bars in enumerate(state.bars):
            color = _BLUE if n == 0 else state.groups[n - 1].color
            faint = QColor(color)
            faint.setAlpha(150)
            self._add(
                pg.PlotCurveItem(
                    bars.edges,
                    bars.counts,
                    stepMode="center",
                    fillLevel=0,
                    brush=faint if n else QColor(color),
                    pen=pg.mkPen(color, width=1),
                )
            )

    def _draw_points(self, state: PlotState) -> None:
        self.box.spans_height = False
        choice = state.choice
        self._label(choice.x, choice.y)
        self._axes["bottom"].setLogMode(choice.log_x)
        self._axes["left"].setLogMode(choice.log_y)
        if state.picture is not None:
            counts, x, y = state.picture
            image = pg.ImageItem(axisOrder="row-major")
            # Empty places are seen through; few objects are told apart from none.
            image.setImage(np.where(counts > 0, np.log1p(counts), np.nan))
            image.setColorMap(pg.colormap.get("viridis"))
            image.setRect(x[0], y[0], x[-1] - x[0], y[-1] - y[0])
            self._add(image)
        for n, points in enumerate(state.points):
            color = QColor(_BLUE if n == 0 else state.groups[n - 1].color)
            color.setAlpha(140 if n == 0 else 255)
            size = 3 if len(points) > 3000 else 5
            self._add(pg.ScatterPlotItem(pos=points, size=size, pen=None, brush=color))

    def _draw_boxes(self, state: PlotState) -> None:
        self.box.spans_height = False
        choice = state.choice
        self._label(choice.by, choice.x)
        self._axes["left"].setLogMode(choice.log_x)
        boxes = state.boxes
        if not boxes:
            return
        at = np.arange(len(boxes), dtype=float)
        first, third = (np.array([getattr(b, name) for b in boxes]) for name in ("first", "third"))
        self._add(
            pg.BarGraphItem(
                x=at, y0=first, height=third - first, width=0.6, brush=_BLUE, pen=pg.mkPen(_BLUE)
            )
        )
        text = self.palette().color(QPalette.ColorRole.WindowText)
        lines = [((n - 0.3, b.median), (n + 0.3, b.median)) for n, b in enumerate(boxes)]
        lines += [((n, b.low), (n, b.first)) for n, b in enumerate(boxes)]
        lines += [((n, b.third), (n, b.high)) for n, b in enumerate(boxes)]
        ends = np.array(lines, float).reshape(-1, 2)
        self._add(pg.PlotCurveItem(*ends.T, connect="pairs", pen=pg.mkPen(text, width=2)))
        # As many names as there is room for.
        longest = max(len(box.name) for box in boxes)
        every = max(1, len(boxes) * (longest + 1) // 40)
        names = [(n, box.name) for n, box in enumerate(boxes) if n % every == 0]
        self._axes["bottom"].setTicks([names])

    def _draw_outline(self, state: PlotState, color: str, corners: list[Point]) -> None:
        pen = pg.mkPen(color, width=2)
        if state.choice.kind is PlotKind.HISTOGRAM:
            for x, _ in corners:
                self._add(pg.InfiniteLine(x, pen=pen))
        elif corners:
            self._add(pg.PlotCurveItem(*np.array(corners, float).T, pen=pen))

    def _add(self, item: Any) -> None:
        self._items.append(item)
        self.plot.addItem(item)

    def _label(self, bottom: str, left: str) -> None:
        self._axes["bottom"].setLabel(bottom)
        self._axes["left"].setLabel(left)

    def _colour_axes(self) -> None:
        text = self.palette().color(QPalette.ColorRole.WindowText)
        for axis in self._axes.values():
            axis.setPen(text)
            axis.setTextPen(text)
            axis.enableAutoSIPrefix(False)

    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if event is not None and event.type() in (
            QEvent.Type.PaletteChange,
            QEvent.Type.StyleChange,
        ):
            self._colour_axes()

    def _on_drawn(self, corners: list[Point]) -> None:
        self.drawn.emit(corners, self.box.hand is Hand.LASSO)
