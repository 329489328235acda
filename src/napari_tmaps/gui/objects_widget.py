"""Dock widget "Objects": the table of objects, plots of them, and gates that colour the map."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSplitter, QTabWidget, QWidget

from napari_tmaps.gui.export_button import OF_OBJECTS, ExportButton, write
from napari_tmaps.gui.gate_list import GateList
from napari_tmaps.gui.object_page import ObjectPage
from napari_tmaps.gui.object_rows import Rows
from napari_tmaps.gui.plot_panel import PlotPanel
from napari_tmaps.gui.progress_row import ProgressRow
from napari_tmaps.gui.table_panel import TablePanel
from napari_tmaps.gui.workers import Outcome, Work
from napari_tmaps.tools.population import ALL

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
        self.export_button = ExportButton(OF_OBJECTS)
        self.export_button.setToolTip("Write the objects that the table shows")
        self.progress_row = ProgressRow()
        self._work = Work(self)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.table, "Table")
        self.tabs.addTab(self.plot, "Plot")
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(self.tabs)
        split.addWidget(self.gates)
        split.setStretchFactor(0, 4)
        split.setStretchFactor(1, 1)
        split.setCollapsible(0, False)
        self.top.addWidget(self.export_button)
        self.add(split)
        self.add(self.progress_row, stretch=0)

        self.export_button.requested.connect(self._on_export)
        self.progress_row.cancelRequested.connect(self._work.cancel)
        self._work.progressed.connect(self.progress_row.show_progress)
        self._work.ended.connect(self._on_exported)
        self.table.rowsChanged.connect(self._on_rows_changed)
        self._on_rows_changed(self.table.rows)

    @property
    def is_busy(self) -> bool:
        """True while something is worked out in the background."""
        return self.table.is_busy or self.plot.is_busy or self._work.is_running

    def _on_export(self, key: str, path: Path | None) -> None:
        """Write what the table shows."""
        experiment, object_type = self.book.desk.experiment, self.book.object_type
        assert experiment is not None, "there are objects"
        plate, choice = self.book.desk.choice.plate, self.table.value()
        self.show_message("")
        self.export_button.setEnabled(False)
        self.progress_row.begin("Export")
        self._work.start(
            "Export",
            lambda: write(
                key,
                path,
                experiment,
                object_type,
                plate=plate,
                where=choice.where,
                of=() if choice.population == ALL else (choice.population,),
            ),
        )

    def _on_exported(self, outcome: Outcome) -> None:
        self.progress_row.end()
        self.export_button.setEnabled(True)
        self.show_message(outcome.error or outcome.value or "Cancelled; nothing was kept.")

    def _on_rows_changed(self, rows: Rows) -> None:
        shown, total = len(rows), rows.total
        self.export_button.object_type = self.book.object_type
        self.note.setText(f"{total:,}" if shown == total else f"{shown:,} of {total:,}")
        self.plot.setRows(rows)
