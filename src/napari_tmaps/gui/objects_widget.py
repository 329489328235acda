"""Dock widget "Objects": the table of objects, plots of them, and gates that colour the map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.gui.empty_page import EmptyPage
from napari_tmaps.gui.gate_list import GateList
from napari_tmaps.gui.object_book import book_of
from napari_tmaps.gui.object_marks import marks_of
from napari_tmaps.gui.object_rows import Rows
from napari_tmaps.gui.plot_panel import PlotPanel
from napari_tmaps.gui.table_panel import TablePanel

if TYPE_CHECKING:
    import napari.viewer


_NARROWEST = 330
"""Pixels: below that the plot says nothing."""


class ObjectsWidget(QWidget):
    """Explores the objects of the open experiment.

    Parameters
    ----------
    viewer
        Its desk tells which experiment is open.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.book = book_of(viewer)
        self.type_box = QComboBox()
        self.type_box.setToolTip("Type of the objects")
        self.type_box.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self._count = QLabel()
        self._message = QLabel()
        self._message.setWordWrap(True)
        self._message.setVisible(False)
        self.empty = EmptyPage(viewer)
        self.table = TablePanel(self.book)
        self.plot = PlotPanel(self.book)
        self.gates = GateList(self.book)
        self.marks = marks_of(viewer)

        self.tabs = QTabWidget()
        self.tabs.setMinimumWidth(_NARROWEST)
        self.tabs.addTab(self.table, "Table")
        self.tabs.addTab(self.plot, "Plot")
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(self.tabs)
        split.addWidget(self.gates)
        split.setStretchFactor(0, 4)
        split.setStretchFactor(1, 1)
        split.setCollapsible(0, False)
        top = QHBoxLayout()
        top.addWidget(self.type_box, 1)
        top.addWidget(self._count)
        full = QWidget()
        page = QVBoxLayout(full)
        page.setContentsMargins(0, 0, 0, 0)
        page.addLayout(top)
        page.addWidget(self._message)
        page.addWidget(split, 1)
        self._pages = QStackedWidget()
        self._pages.addWidget(self.empty)
        self._pages.addWidget(full)
        layout = QVBoxLayout(self)
        layout.addWidget(self._pages)

        self.type_box.activated.connect(self._on_type_changed)
        self.table.rowsChanged.connect(self._on_rows_changed)
        self.book.opened.connect(self._on_opened)
        self.book.failed.connect(self.show_message)
        self.book.gatesChanged.connect(lambda: self.show_message(""))
        self._on_opened()

    @property
    def is_busy(self) -> bool:
        """True while something is worked out in the background."""
        return self.table.is_busy or self.plot.is_busy

    def show_message(self, text: str) -> None:
        """Say something in place; "" to say nothing."""
        self._message.setText(text)
        self._message.setVisible(bool(text))

    def _on_opened(self) -> None:
        types = self.book.object_types
        self.type_box.clear()
        self.type_box.addItems(types)
        self.type_box.setCurrentText(self.book.object_type)
        self.empty.show_state(has_experiment=self.book.desk.experiment is not None)
        self._pages.setCurrentIndex(0 if self.book.data is None and not types else 1)
        self._on_rows_changed(self.table.rows)

    def _on_type_changed(self, _at: int) -> None:
        if self.type_box.currentText() != self.book.object_type:
            self.show_message("")
            self.book.open(self.type_box.currentText())

    def _on_rows_changed(self, rows: Rows) -> None:
        shown, total = len(rows), rows.total
        self._count.setText(f"{total:,}" if shown == total else f"{shown:,} of {total:,}")
        self.plot.setRows(rows)
