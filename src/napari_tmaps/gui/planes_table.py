"""The planes that a scan found, as a table that is filtered by typing."""

from __future__ import annotations

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

_COLUMNS = ("well", "site", "channel", "z", "t", "cycle", "plate", "path")
_TYPED_MS = 200
_WIDEST = 120  # pixels of a column


class _Model(QAbstractTableModel):
    """Reads the rows that are shown, however many there are."""

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
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        name = _COLUMNS[index.column()]
        row: Any = self.shown.iloc[index.row()]
        if name == "path" and row["missing"]:
            return "⚠ the image is missing"
        return str(row[name])


class PlanesTable(QWidget):
    """Shows planes; asks to leave the chosen ones out.

    Signals
    -------
    excluded
        Rows of the table of the scan.
    """

    excluded = Signal(list)

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
        if (rows := self.table.verticalHeader()) is not None:
            rows.setVisible(False)
            rows.setDefaultSectionSize(self.fontMetrics().height() + 8)
        if (header := self.table.horizontalHeader()) is not None:
            header.setMinimumSectionSize(36)
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

    def setPlanes(self, planes: pd.DataFrame) -> None:
        """Show the planes of a scan."""
        self._planes = planes
        self.filter()
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

    def _on_leave(self) -> None:
        selection = self.table.selectionModel()
        rows = [index.row() for index in selection.selectedRows()] if selection else []
        chosen = self._model.shown.iloc[rows] if rows else self._model.shown
        self.excluded.emit(chosen.index.tolist())
