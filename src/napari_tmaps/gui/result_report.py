"""What a tool found: its sentences, a plot, and a table of wells or numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyqtgraph as pg
from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QPalette
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.gui.log_axis import LogAxis
from napari_tmaps.gui.parts import Message
from napari_tmaps.gui.result_data import ResultView, report_rows
from napari_tmaps.tools.values import PALETTE

_MOST_ROWS = 2000


class ResultReport(QWidget):
    """Shows a `ResultView`.

    Signals
    -------
    wellRequested
        Plate, well of a row of the table that was clicked.
    rowRequested
        Row of the table of objects whose point was clicked.
    """

    wellRequested = Signal(str, str)
    rowRequested = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view: ResultView | None = None
        self._notes = Message()
        self.plot = pg.PlotWidget(background=None, axisItems={"bottom": LogAxis("bottom")})
        self.plot.setMinimumHeight(200)
        self.plot.hideButtons()
        self.table = QTableWidget()
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setMinimumHeight(160)
        vertical = self.table.verticalHeader()
        if vertical is not None:
            vertical.setVisible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._notes)
        layout.addWidget(self.plot, 1)
        layout.addWidget(self.table, 1)
        self.table.cellClicked.connect(lambda row, _: self._on_row(row))
        self.setView(None)

    def setView(self, view: ResultView | None) -> None:
        """Show another result, or none."""
        self._view = view
        self.plot.clear()
        self.plot.setVisible(False)
        self.table.setVisible(False)
        notes = () if view is None else view.about.notes
        self._notes.warn(*notes)
        if view is None:
            return
        if view.points is not None:
            self._draw_points(view)
        elif view.curves:
            self._draw_curves(view)
        if view.wells is not None:
            self._fill(view.wells)
            clickable = "well" in view.wells.columns
            self.table.setToolTip("Click to show the well" if clickable else "")
        else:
            rows = report_rows(view.about.report)
            self._fill(pd.DataFrame(rows, columns=["", "value"]))
            self.table.setVisible(bool(rows))

    # -- plots ----------------------------------------------------------------------------------

    def _draw_points(self, view: ResultView) -> None:
        assert view.points is not None, "there are points"
        points = pg.ScatterPlotItem(
            pos=view.points, size=5, pen=None, brush=pg.mkBrush(76, 155, 232, 120), hoverable=True
        )
        points.sigClicked.connect(self._on_point)
        self.plot.addItem(points)
        self._axes(*view.about.columns[:2], logarithmic=False)
        self.plot.setToolTip("Click a point to show its object on the map")

    def _draw_curves(self, view: ResultView) -> None:
        for n, curve in enumerate(view.curves):
            color = PALETTE[n % len(PALETTE)]
            known = curve.doses > 0
            x = np.log10(curve.doses[known])
            self.plot.plot(
                x, curve.values[known], pen=None, symbol="o", symbolSize=6, symbolBrush=color,
                symbolPen=None, name=curve.treatment,
            )  # fmt: skip
            if x.size:
                at = np.linspace(x.min(), x.max(), 100)
                self.plot.plot(at, curve.fit.at(10**at), pen=pg.mkPen(color, width=2))
        feature = str(view.about.settings.get("feature", ""))
        self._axes("dose", feature, logarithmic=True)
        self.plot.setToolTip(", ".join(curve.treatment for curve in view.curves))

    def _axes(self, bottom: str, left: str, *, logarithmic: bool) -> None:
        item = self.plot.getPlotItem()
        item.setLogMode(False, False)
        color = self.palette().color(QPalette.ColorRole.WindowText)
        for side, text in (("bottom", bottom), ("left", left)):
            axis = item.getAxis(side)
            axis.setLogMode(logarithmic and side == "bottom")
            axis.setPen(color)
            axis.setTextPen(color)
            axis.setLabel(text)
        self.plot.autoRange()
        self.plot.setVisible(True)

    def _on_point(self, _item: Any, points: Any, *_: Any) -> None:
        if self._view is not None and self._view.rows is not None and len(points):
            self.rowRequested.emit(int(self._view.rows[points[0].index()]))

    # -- table ----------------------------------------------------------------------------------

    def _fill(self, frame: pd.DataFrame) -> None:
        shown = frame.head(_MOST_ROWS)
        self.table.clear()
        self.table.setColumnCount(len(frame.columns))
        self.table.setRowCount(len(shown))
        self.table.setHorizontalHeaderLabels([str(n).replace("_", " ") for n in frame.columns])
        for row, values in enumerate(shown.itertuples(index=False)):
            for column, value in enumerate(values):
                number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
                item = QTableWidgetItem(_text(value))
                if number:
                    item.setTextAlignment(
                        Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                    )
                item.setToolTip(_text(value))
                self.table.setItem(row, column, item)
        header = self.table.horizontalHeader()
        if header is not None:
            header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            header.setStretchLastSection(True)
        self.table.setVisible(len(frame) > 0)

    def _on_row(self, row: int) -> None:
        wells = None if self._view is None else self._view.wells
        if wells is not None and {"plate", "well"} <= set(wells.columns):
            one = wells.iloc[row]
            self.wellRequested.emit(str(one["plate"]), str(one["well"]))


def _text(value: Any) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and not np.isfinite(value)):
        return "–"
    return f"{value:.4g}" if isinstance(value, (float, np.floating)) else str(value)
