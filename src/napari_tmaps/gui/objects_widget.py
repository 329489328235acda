"""Dock widget "Objects": the table of objects, plots of them, and gates that colour the map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSplitter, QTabWidget, QWidget

from napari_tmaps.gui.gate_list import GateList
from napari_tmaps.gui.object_page import ObjectPage
from napari_tmaps.gui.object_rows import Rows
from napari_tmaps.gui.plot_panel import PlotPanel
from napari_tmaps.gui.table_panel import TablePanel

if TYPE_CHECKING:
    import napari.viewer


class ObjectsWidget(ObjectPage):
    """Explores the objects of the open experiment.

    Parameters
    ----------
    viewer
        Its desk tells which experiment is open.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(viewer, parent)
        self.table = TablePanel(self.book)
        self.plot = PlotPanel(self.book)
        self.gates = GateList(self.book)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.table, "Table")
        self.tabs.addTab(self.plot, "Plot")
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(self.tabs)
        split.addWidget(self.gates)
        split.setStretchFactor(0, 4)
        split.setStretchFactor(1, 1)
        split.setCollapsible(0, False)
        self.add(split)

        self.table.rowsChanged.connect(self._on_rows_changed)
        self._on_rows_changed(self.table.rows)

    @property
    def is_busy(self) -> bool:
        """True while something is worked out in the background."""
        return self.table.is_busy or self.plot.is_busy

    def _on_rows_changed(self, rows: Rows) -> None:
        shown, total = len(rows), rows.total
        self.note.setText(f"{total:,}" if shown == total else f"{shown:,} of {total:,}")
        self.plot.setRows(rows)
