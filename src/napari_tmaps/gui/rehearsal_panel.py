"""A whole pipeline tried on several sites: a row each, with figures and a log."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QImage, QPixmap, QResizeEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.parts import push_button
from napari_tmaps.gui.progress_row import ProgressRow
from napari_tmaps.pipeline.rehearsal import Rehearsed, save_rehearsed


class RehearsalPanel(QWidget):
    """Shows what came of a test run.

    Signals
    -------
    cancelled
        No more sites shall be tried.
    siteChosen
        Index of the site that was double-clicked.
    runRequested
        The whole experiment shall be run.
    """

    cancelled = Signal()
    siteChosen = Signal(int)
    runRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._found: list[Rehearsed] = []
        self.progress = ProgressRow()
        self.table = QTableWidget()
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setToolTip("Choose a site to see its figures and log; double-click goes to it")
        header = self.table.verticalHeader()
        if header is not None:
            header.setVisible(False)
        self.step = QComboBox()
        self.step.setToolTip("The step whose picture is shown")
        self.figure = QLabel()
        self.figure.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.figure.setMinimumSize(90, 90)
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.save_button = push_button("Save…", "Write figures, tables and logs into a folder")
        self.run_button = QPushButton("Run on the whole experiment…")
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.table, 1)
        column.addWidget(self.progress)
        row = QHBoxLayout()
        row.addWidget(self.save_button)
        row.addWidget(self.run_button)
        row.addStretch()
        column.addLayout(row)
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.step)
        column.addWidget(self.figure, 1)
        splitter = QSplitter()
        for each in (left, middle, self.log):
            splitter.addWidget(each)
        splitter.setSizes([460, 300, 420])
        layout = QVBoxLayout(self)
        layout.addWidget(splitter)
        self.table.setMinimumHeight(48)  # a low screen has room for no more
        self.table.itemSelectionChanged.connect(self._show_site)
        self.table.cellDoubleClicked.connect(lambda row, _: self.siteChosen.emit(row))
        self.step.currentIndexChanged.connect(self._show_figure)
        self.progress.cancelRequested.connect(self.cancelled.emit)
        self.save_button.clicked.connect(self._on_save)
        self.run_button.clicked.connect(self.runRequested.emit)

    def begin(self, objects: tuple[str, ...]) -> None:
        """Make room for new results, with a column for each object type."""
        self.clear()
        names = ["site", "compared as", *objects, "seconds", "result"]
        self.table.setColumnCount(len(names))
        self.table.setHorizontalHeaderLabels(names)
        self.progress.begin("Test run")

    def clear(self) -> None:
        """Show nothing."""
        self._found = []
        self.table.setRowCount(0)
        self.step.clear()
        self.log.clear()
        self.figure.clear()
        self.save_button.setEnabled(False)
        self.run_button.setEnabled(False)
        self.progress.end()

    def add(self, found: Rehearsed) -> None:
        """Show the result of the next site."""
        self._found.append(found)
        row = self.table.rowCount()
        self.table.insertRow(row)
        header = self.table.horizontalHeaderItem
        objects = [h.text() for n in range(2, self.table.columnCount() - 2) if (h := header(n))]
        counts = [str(len(found.tables[name])) if name in found.tables else "–" for name in objects]
        words = [found.title, found.group, *counts, f"{found.seconds:.2f}"]
        words.append("⚠ failed" if found.error else "done")
        for column, text in enumerate(words):
            item = QTableWidgetItem(text)
            item.setToolTip(found.error)
            self.table.setItem(row, column, item)
        self.table.resizeColumnsToContents()
        self.save_button.setEnabled(True)
        if row == 0:
            self.table.selectRow(0)

    def end(self, text: str) -> None:
        """All sites are through, or no more are tried; say why if it is not for the good."""
        self.progress.end()
        self.run_button.setEnabled(bool(self._found))
        if text:
            self.log.setPlainText(text)

    def results(self) -> tuple[Rehearsed, ...]:
        """What is shown so far."""
        return tuple(self._found)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """The figure is as large as there is room for."""
        super().resizeEvent(event)
        self._show_figure()

    def _shown(self) -> Rehearsed | None:
        row = self.table.currentRow()
        return self._found[row] if 0 <= row < len(self._found) else None

    def _show_site(self) -> None:
        found = self._shown()
        if found is None:
            return
        self.log.setPlainText("\n".join(found.log))
        names = list(found.figures)
        if names != [self.step.itemText(n) for n in range(self.step.count())]:
            chosen = self.step.currentText()
            self.step.blockSignals(True)
            self.step.clear()
            self.step.addItems(names)
            at = self.step.findText(chosen)
            self.step.setCurrentIndex(at if at >= 0 else len(names) - 1)
            self.step.blockSignals(False)
        self._show_figure()

    def _show_figure(self) -> None:
        found = self._shown()
        picture = found.figures.get(self.step.currentText()) if found else None
        if picture is None:
            self.figure.clear()
            return
        pixels = np.ascontiguousarray(picture)
        height, width, _ = pixels.shape
        image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
        self.figure.setPixmap(
            QPixmap.fromImage(image.copy()).scaled(
                self.figure.size(),
                Qt.AspectRatioMode.KeepAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
        )

    def _on_save(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Save the test run")
        if folder:
            self.save(Path(folder))

    def save(self, folder: Path) -> None:
        """Write all results into a folder."""
        try:
            for found in self._found:
                save_rehearsed(found, folder)
        except TmapsError as error:
            self.log.setPlainText(str(error))
