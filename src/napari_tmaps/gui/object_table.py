"""The table of objects: ten million lines, of which only those on the screen are read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import (  # type: ignore[attr-defined]
    QAbstractTableModel,
    QItemSelectionModel,
    QModelIndex,
    QSignalBlocker,
    Qt,
    Signal,
)
from qtpy.QtGui import QFont, QKeyEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.object_rows import Rows
from napari_tmaps.store.feature_table import FeatureTable, Mask

_PAGE = 256  # lines that are read together
_KEPT_PAGES = 512
_LINE = 12  # letters of a line of a name

Parent = QModelIndex


class ObjectTableModel(QAbstractTableModel):
    """Some columns and rows of a `FeatureTable`; `failed`: why some cannot be shown."""

    failed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._table: FeatureTable | None = None
        self._columns: tuple[str, ...] = ()
        self.rows = Rows(0)
        self._here: Mask | None = None
        self._pages: OrderedDict[tuple[str, int], list[str]] = OrderedDict()
        self._bold = QFont()
        self._bold.setBold(True)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that are shown."""
        return self._columns

    def setObjects(
        self, table: FeatureTable | None, columns: Sequence[str] = (), rows: Rows | None = None
    ) -> None:
        """Show others."""
        self.beginResetModel()
        self._table, self._columns = table, tuple(columns) if table is not None else ()
        self.rows = rows or Rows(0 if table is None else len(table))
        self._here = None
        self._pages.clear()
        self.endResetModel()

    def width_of(self, section: int, letter: int) -> int:
        """Pixels that a column needs, for the width of a letter."""
        name = self._columns[section]
        longest = max(map(len, in_lines(name).split("\n"))) + 2
        letters = {"well": 6, "site": 5, "t": 4, "label": 7}.get(name, max(14, longest))
        return letters * letter

    def setHere(self, here: Mask | None) -> None:
        """Write the objects of what is looked at in bold."""
        self._here = here
        if len(self.rows) and self._columns:
            end = self.index(len(self.rows) - 1, len(self._columns) - 1)
            self.dataChanged.emit(self.index(0, 0), end, [Qt.ItemDataRole.FontRole])

    def rowCount(self, parent: Parent = QModelIndex()) -> int:  # noqa: B008  as Qt has it
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Parent = QModelIndex()) -> int:  # noqa: B008  as Qt has it
        return 0 if parent.isValid() else len(self._columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(index.row(), self._columns[index.column()])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            right = self._columns[index.column()] not in ("plate", "well")
            side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.FontRole and self._here is not None:
            row = int(self.rows.of(slice(index.row(), index.row() + 1))[0])
            return self._bold if self._here[row] else None
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal or section >= len(self._columns):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return in_lines(self._columns[section])
        return self._columns[section] if role == Qt.ItemDataRole.ToolTipRole else None

    def _text(self, line: int, name: str) -> str:
        number, at = divmod(line, _PAGE)
        key = (name, number)
        page = self._pages.get(key)
        if page is None:
            assert self._table is not None, "there are lines"
            rows = self.rows.of(slice(number * _PAGE, (number + 1) * _PAGE))
            try:
                values = self._table.frame([name], rows)[name].tolist()
            except TmapsError as error:  # measured anew just now, or damaged
                self.failed.emit(str(error))
                return "…"
            page = [_shown(value) for value in values]
            self._pages[key] = page
            while len(self._pages) > _KEPT_PAGES:
                self._pages.popitem(last=False)
        return page[at]


def in_lines(name: str) -> str:
    """A name of several parts in lines of about the width of a number.

    >>> in_lines("Intensity_mean_DAPI").split("\\n")
    ['Intensity_', 'mean_DAPI']
    """
    lines = [""]
    parts = name.split("_")
    for part in [*(f"{part}_" for part in parts[:-1]), parts[-1]]:
        if lines[-1] and len(lines[-1]) + len(part) > _LINE:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _shown(value: object) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


class ObjectTableView(QTableView):
    """Shows the lines; tells which one is chosen, and which column is to be sorted by."""

    rowChosen = Signal(int)
    """Row of the table of objects, by a double click, the arrow keys or Enter."""
    sortRequested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.objects = ObjectTableModel(self)
        self.setModel(self.objects)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setWordWrap(False)
        header, side = self.horizontalHeader(), self.verticalHeader()
        assert header is not None, "a table has both"
        assert side is not None, "a table has both"
        side.hide()
        # All lines alike: to ask ten million of them for their height would take a minute.
        side.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        side.setDefaultSectionSize(self.fontMetrics().height() + 6)
        header.setSectionsClickable(True)
        header.setDefaultSectionSize(84)
        self.setAccessibleName("Objects")
        header.sectionClicked.connect(self._on_section_clicked)
        self.doubleClicked.connect(self._on_double_clicked)
        self.objects.modelReset.connect(self._fit)

    def _fit(self) -> None:
        letter = self.fontMetrics().averageCharWidth()
        for section in range(len(self.objects.columns)):
            self.setColumnWidth(section, self.objects.width_of(section, letter))

    def show_row(self, row: int) -> None:
        """Select an object, where it is shown; says nothing of it."""
        line = self.objects.rows.line_of(row)
        model = self.selectionModel()
        if line < 0 or model is None or not self.objects.columns:
            return
        at = self.objects.index(line, max(self.currentIndex().column(), 0))
        if self.currentIndex().row() != line:
            with QSignalBlocker(self):
                flags = QItemSelectionModel.SelectionFlag
                model.setCurrentIndex(at, flags.ClearAndSelect | flags.Rows)
        self.scrollTo(at)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        before = self.currentIndex().row()
        super().keyPressEvent(event)
        after = self.currentIndex().row()
        is_enter = event is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if after >= 0 and (after != before or is_enter):
            self._tell(after)

    def _on_double_clicked(self, index: QModelIndex) -> None:
        self._tell(index.row())

    def _tell(self, line: int) -> None:
        self.rowChosen.emit(int(self.objects.rows.of(slice(line, line + 1))[0]))

    def _on_section_clicked(self, section: int) -> None:
        self.sortRequested.emit(self.objects.columns[section])
