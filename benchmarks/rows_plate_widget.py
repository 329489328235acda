"""Painting the plate map of 1536 wells, each in a colour of its own value."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pyqtgraph  # type: ignore[import-untyped]
from qtpy.QtGui import QImage, QPainter
from qtpy.QtWidgets import QApplication

from napari_tmaps.gui.plate_map import PlateMap
from napari_tmaps.gui.state import WellState
from napari_tmaps.gui.well_colours import WellColours, colours
from napari_tmaps.model.wells import PlateFormat, WellName
from timing import Contest

_APPLICATION = QApplication.instance() or QApplication([])  # lives as long as its widgets
_ROWS, _COLUMNS, _WIDTH = 32, 48, 420


def painting(folder: Path, full: bool) -> Contest:
    """One frame of the widget, against a scatter plot of as many points in pyqtgraph."""
    names = [WellName.at(row, column) for row in range(_ROWS) for column in range(_COLUMNS)]
    values = np.random.default_rng(0).uniform(0, 1, len(names))
    widget = PlateMap()
    widget.resize(_WIDTH, 10)
    wells = [str(name) for name in names]
    widget.setPlate(PlateFormat(_ROWS, _COLUMNS), dict.fromkeys(wells, WellState.ANALYSED))
    widget.setColours(WellColours(dict(zip(wells, values.tolist(), strict=True)), "value"))
    widget.resize(_WIDTH, widget.height())
    picture = QImage(widget.size(), QImage.Format.Format_ARGB32_Premultiplied)
    rgb = colours(np.rint(values * 63) / 63)
    plot = pyqtgraph.PlotWidget()
    plot.resize(widget.size())
    plot.addItem(
        pyqtgraph.ScatterPlotItem(
            x=[name.column_index for name in names],
            y=[-name.row_index for name in names],
            size=6,
            pen=None,
            brush=[pyqtgraph.mkBrush(*map(int, color)) for color in rgb],
        )
    )

    def ours() -> QImage:
        widget.render(picture)
        return picture

    def peer() -> QImage:
        painter = QPainter(picture)
        plot.render(painter)
        painter.end()
        return picture

    def right() -> float:
        """Share of wells whose middle has the colour of their value."""
        drawn = ours()
        found = [drawn.pixelColor(widget.well_center(well).toPoint()) for well in wells]
        seen = np.array([color.getRgb()[:3] for color in found])
        low, high = values.min(), values.max()
        wanted = colours(np.rint((values - low) / (high - low) * 63) / 63)
        return float((np.abs(seen - wanted.astype(int)).max(axis=1) <= 8).mean())

    return Contest(
        "pyqtgraph's scatter plot of 1536 points",
        ours,
        peer,
        accuracy=lambda a, b: right(),
        accuracy_is="share of wells in the colour of their value",
    )
