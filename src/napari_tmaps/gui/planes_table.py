"""The planes that a scan found, as a table that is filtered by typing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.gui.parts import push_button, timer
from napari_tmaps.model.planes import KEY

_COLUMNS = ("well", "site", "channel", "z", "t", "cycle", "plate", "path")
_TYPED_MS = 200
_WIDEST = 120  # pixels of a column
_TEXTS = (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.EditRole)


class _Model(QAbstractTableModel):
    """Reads the rows that are shown, however many there are; what is typed is told."""

    typed = Signal(int, str, str)

    def __init__(self) -> None:
        super().__init__()
        self.shown = pd.DataFrame(columns=[*_COLUMNS, "missing"])

    def setPlanes(self, planes: pd.DataFrame) -> None:
        self.beginResetModel()
        self.shown = planes
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self.shown)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(_COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        shown = orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole
        return _COLUMNS[section] if shown else None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role not in _TEXTS:
            return None
        name = _COLUMNS[index.column()]
        if name == "path" and self.shown["missing"].iloc[index.row()]:
            return "⚠ the image is missing"
        return str(self.shown[name].iloc[index.row()])

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """All but the files can be corrected."""
        found = super().flags(index)
        if index.isValid() and _COLUMNS[index.column()] in KEY:
            found |= Qt.ItemFlag.ItemIsEditable
        return found

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.EditRole or not index.isValid():
            return False
        if str(value) == self.data(index):
            return False
        self.typed.emit(index.row(), _COLUMNS[index.column()], str(value))
        return False  # whoever listens shows the table anew, or says what is wrong


class PlanesTable(QWidget):
    """Shows planes; asks to leave the chosen ones out, or to correct where they are.

    Signals
    -------
    excluded
        Rows of the table of the scan.
    corrected
        Rows, name of a column, and what was typed.
    """

    excluded = Signal(list)
    corrected = Signal(list, str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._planes = pd.DataFrame(columns=[*_COLUMNS, "missing"])
        self._model = _Model()
        self.search = QLineEdit()
        self.search.setPlaceholderText("Filter, e.g. B03 DAPI")
        self.search.setToolTip("Show planes that have all of these words")
        self.search.setClearButtonEnabled(True)
        self._count = QLabel()
        self.table = QTableView()
        self.table.setModel(self._model)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setMinimumHeight(140)
        self.table.setToolTip(
            "Double-click a value to correct it; F2 corrects that of all chosen rows"
        )
        if (rows := self.table.verticalHeader()) is not None:
            rows.setVisible(False)
            rows.setDefaultSectionSize(self.fontMetrics().height() + 8)
        if (header := self.table.horizontalHeader()) is not None:
            header.setMinimumSectionSize(36)
            header.setResizeContentsPrecision(100)
            header.setStretchLastSection(True)
        self.leave_button = push_button(
            "Leave these out",
            "Import neither the chosen planes nor, where none is chosen, those that are shown",
        )
        self._typed = timer(self, _TYPED_MS, self.filter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(self.search)
        layout.addWidget(self.table, 1)
        row = QHBoxLayout()
        row.addWidget(self._count, 1)
        row.addWidget(self.leave_button)
        layout.addLayout(row)
        self.search.textChanged.connect(lambda: self._typed.start())
        self.leave_button.clicked.connect(self._on_leave)
        self._model.typed.connect(self._on_typed)

    def setPlanes(self, planes: pd.DataFrame) -> None:
        """Show the planes of a scan."""
        bar = self.table.verticalScrollBar()
        at = bar.value() if bar else 0
        self._planes = planes
        self.filter()
        if bar is not None:
            bar.setValue(at)
        self.table.resizeColumnsToContents()
        for column in range(len(_COLUMNS) - 1):
            self.table.setColumnWidth(column, min(self.table.columnWidth(column), _WIDEST))

    def shown(self) -> pd.DataFrame:
        """The planes that the filter lets through."""
        return self._model.shown

    def filter(self) -> None:
        """Show the planes that have all words of the filter."""
        planes = self._planes
        for word in self.search.text().lower().split():
            fits = pd.Series(False, index=planes.index)
            for name in _COLUMNS:
                fits |= planes[name].astype(str).str.lower().str.contains(word, regex=False)
            planes = planes[fits]
        self._model.setPlanes(planes)
        self._count.setText(f"{len(planes)} of {len(self._planes)} planes")
        self.leave_button.setEnabled(len(planes) > 0)

    def _on_typed(self, row: int, column: str, text: str) -> None:
        rows = self._chosen()
        self.corrected.emit(self._rows_of(rows if row in rows else [row]), column, text)

    def _on_leave(self) -> None:
        self.excluded.emit(self._rows_of(self._chosen() or range(len(self._model.shown))))

    def _chosen(self) -> list[int]:
        selection = self.table.selectionModel()
        return [index.row() for index in selection.selectedRows()] if selection else []

    def _rows_of(self, shown: Sequence[int]) -> list[int]:
        """Rows of the scan, by those of the table."""
        found: list[int] = self._model.shown.index[list(shown)].tolist()
        return found
