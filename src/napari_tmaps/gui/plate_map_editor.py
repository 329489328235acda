"""Edits what is in which well, as a table: typed, pasted from a spreadsheet, or from a CSV file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

import pandas as pd
from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import (
    QApplication,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QInputDialog,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.errors import InputError, TmapsError
from napari_tmaps.gui.parts import wrapped
from napari_tmaps.model.wells import WellName, sorted_wells
from napari_tmaps.store.plate_map import (
    PlateMap,
    check_plate_map,
    layout_values,
    load_plate_map,
    read_plate_map,
    save_plate_map,
)

USUAL = ("treatment", "dose", "replicate", "control")
"""Columns that are offered; those that stay empty are not kept."""

_HELP = (
    "Type into the cells, or paste: cells of a spreadsheet, a table with the column well, or a "
    "layout with 1, 2, 3 … above and A, B, C … on the left. control is positive, negative or empty."
)


class PlateMapEditor(QDialog):
    """Edits the `PlateMap` of an experiment.

    Parameters
    ----------
    folder
        Of the experiment.
    wells
        Wells of each plate.

    Raises
    ------
    FormatError
        The plate map that is there is damaged.
    """

    saved = Signal()
    """The plate map has changed on disk."""

    def __init__(
        self, folder: Path, wells: Mapping[str, Sequence[str]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._folder = folder
        self.setWindowTitle("Plate map")
        self._plates = list(wells)
        self._fixed = 2 if len(wells) > 1 else 1
        self._rows = [(plate, well) for plate in wells for well in sorted_wells(wells[plate])]
        self.table = _Table()
        self.table.pasted.connect(self.paste)
        self.open_button = QPushButton("Open CSV…")
        self.paste_button = QPushButton("Paste")
        self.add_button = QPushButton("Add column…")
        self.remove_button = QPushButton("Remove column")
        self.fill_text = QLineEdit()
        self.fill_text.setPlaceholderText("one value for all selected cells")
        self.fill_button = QPushButton("Set")
        self._message = wrapped(_HELP)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel
        )
        for button in (*buttons.buttons(), self.open_button, self.paste_button, self.add_button,
                       self.remove_button, self.fill_button):  # fmt: skip
            assert isinstance(button, QPushButton)
            button.setAutoDefault(False)  # Return belongs to the cells

        layout = QVBoxLayout(self)
        top = QHBoxLayout()
        for button in (self.open_button, self.paste_button, self.add_button, self.remove_button):
            top.addWidget(button)
        layout.addLayout(top)
        fill = QHBoxLayout()
        fill.addWidget(self.fill_text, 1)
        fill.addWidget(self.fill_button)
        layout.addLayout(fill)
        layout.addWidget(self.table, 1)
        layout.addWidget(self._message)
        layout.addWidget(buttons)
        self.resize(560, 560)

        self.open_button.clicked.connect(self._on_open)
        self.paste_button.clicked.connect(lambda: self.paste(_clipboard()))
        self.add_button.clicked.connect(self._on_add)
        self.remove_button.clicked.connect(self._on_remove)
        self.fill_button.clicked.connect(self._on_fill)
        self.fill_text.returnPressed.connect(self._on_fill)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self.setValue(load_plate_map(folder, self._plates))

    # -- value ----------------------------------------------------------------------------------

    def value(self) -> PlateMap:
        """What the table says.

        Raises
        ------
        FormatError
            A value does not fit; the message says which.
        """
        names = self._columns()
        rows = []
        for row, (plate, well) in enumerate(self._rows):
            texts = [self._text(row, column).strip() for column in range(len(names))]
            if any(texts):
                rows.append([plate, well, *texts])
        frame = pd.DataFrame(rows, columns=["plate", "well", *names]).replace("", None)
        frame = frame.drop(columns=[name for name in names if frame[name].isna().all()])
        # As from a file, so that numbers are found in the same way.
        text = StringIO(frame.to_csv(index=False))
        read = pd.read_csv(text, dtype={"plate": str, "well": str})
        return check_plate_map(read, self._plates, "The plate map")

    def setValue(self, plate_map: PlateMap | None) -> None:
        """Show a plate map; None is an empty one."""
        names = list(USUAL)
        values: dict[tuple[str, str, str], str] = {}
        if plate_map is not None:
            names = [*plate_map.columns, *(n for n in USUAL if n not in plate_map.columns)]
            values = plate_map.values()
            known = set(self._rows)
            places = zip(plate_map.wells["plate"], plate_map.wells["well"], strict=True)
            self._rows += [place for place in places if place not in known]
        fixed = ["plate", "well"][2 - self._fixed :]
        self.table.clear()
        self.table.setRowCount(len(self._rows))
        self.table.setColumnCount(self._fixed + len(names))
        self.table.setHorizontalHeaderLabels([*fixed, *names])
        for row, place in enumerate(self._rows):
            for column, text in enumerate(place[2 - self._fixed :]):
                item = QTableWidgetItem(text)
                item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
                self.table.setItem(row, column, item)
            for column, name in enumerate(names):
                self._put(row, column, values.get((*place, name), ""))
        self.table.resizeColumnsToContents()

    def choose(self, plate: str, wells: Sequence[str]) -> None:
        """Select the cells of wells, so that one value can be given to all of them."""
        rows = [n for n, (on, well) in enumerate(self._rows) if on == plate and well in wells]
        self.table.clearSelection()
        for row in rows:
            item = self.table.item(row, self._fixed)
            if item is not None:
                item.setSelected(True)
        if rows:
            self.table.scrollToItem(self.table.item(rows[0], self._fixed))

    # -- cells ----------------------------------------------------------------------------------

    def _columns(self) -> list[str]:
        headers = (self.table.horizontalHeaderItem(n) for n in range(self.table.columnCount()))
        return [item.text() for item in headers if item is not None][self._fixed :]

    def _text(self, row: int, column: int) -> str:
        item = self.table.item(row, column + self._fixed)
        return item.text() if item is not None else ""

    def _put(self, row: int, column: int, text: str) -> None:
        self.table.setItem(row, column + self._fixed, QTableWidgetItem(text))

    def paste(self, text: str) -> None:
        """Put in cells as spreadsheets give them: tabs between columns, lines for rows."""
        lines = text.replace("\r\n", "\n").strip("\n").split("\n")
        separator = "\t" if "\t" in text else ","
        cells = [line.split(separator) for line in lines]
        if not text.strip():
            self._tell("There is no text to paste. Copy cells in your spreadsheet first.")
            return
        header = [name.strip().lower() for name in cells[0]]
        layout = layout_values(cells)
        if layout is None and "well" in header:
            self._paste_table([name.strip() for name in cells[0]], cells[1:])
        elif not self._rows or not self._columns():
            self._tell("There is no cell to paste into. Add a column first.")
        elif layout is not None:
            self._paste_layout(layout)
        else:
            self._paste_block(cells)

    def _paste_layout(self, layout: Mapping[str, str]) -> None:
        row, column = self._current()
        plate, name = self._rows[row][0], self._columns()[column]
        number = 0
        for at, (on, well) in enumerate(self._rows):
            if on == plate and well in layout:
                self._put(at, column, layout[well])
                number += 1
        self._tell(f"The layout filled '{name}' of {number} wells of {plate}.")

    def _paste_table(self, header: list[str], cells: Sequence[Sequence[str]]) -> None:
        lower = [name.lower() for name in header]
        well_at = lower.index("well")
        plate_at = lower.index("plate") if "plate" in lower else None
        known = {name.lower(): name for name in self._columns()}
        names = {
            at: known.get(name.lower(), name)
            for at, name in enumerate(header)
            if at not in (well_at, plate_at) and name
        }
        for name in names.values():
            if name not in self._columns():
                self._add(name)
        rows = {place: row for row, place in enumerate(self._rows)}
        left_out = 0
        for line in cells:
            try:
                well = str(WellName.parse(line[well_at]))
            except (InputError, IndexError):
                left_out += 1
                continue
            plates = self._plates if plate_at is None else [line[plate_at].strip()]
            here = [rows[plate, well] for plate in plates if (plate, well) in rows]
            left_out += not here
            for row in here:
                for at, name in names.items():
                    if at < len(line):
                        self._put(row, self._columns().index(name), line[at].strip())
        rest = f"; {left_out} lines are of no well of the experiment" if left_out else ""
        self._tell(f"{len(cells) - left_out} lines pasted by their wells{rest}.")

    def _paste_block(self, cells: Sequence[Sequence[str]]) -> None:
        if len(cells) == 1 and len(cells[0]) == 1:
            self._fill(cells[0][0])
            return
        top, left = self._current()
        beyond = 0
        for down, line in enumerate(cells):
            for right, text in enumerate(line):
                row, column = top + down, left + right
                if row < len(self._rows) and column < len(self._columns()):
                    self._put(row, column, text.strip())
                else:
                    beyond += 1
        rest = f"; {beyond} cells lie beyond the table" if beyond else ""
        self._tell(f"{len(cells)} rows pasted from {self._rows[top][1]} on{rest}.")

    def _current(self) -> tuple[int, int]:
        """The upper left one of the selected cells."""
        chosen = self.table.selectedIndexes()
        row = min((index.row() for index in chosen), default=0)
        column = min((index.column() for index in chosen), default=0)
        return row, max(column - self._fixed, 0)

    def _fill(self, text: str) -> None:
        chosen = [i for i in self.table.selectedIndexes() if i.column() >= self._fixed]
        for index in chosen:
            self._put(index.row(), index.column() - self._fixed, text.strip())
        self._tell(
            f"{len(chosen)} cells set." if chosen else "Select the cells that are to be set first."
        )

    def _add(self, name: str) -> None:
        column = self.table.columnCount()
        self.table.insertColumn(column)
        self.table.setHorizontalHeaderItem(column, QTableWidgetItem(name))

    def _tell(self, text: str) -> None:
        self.table.resizeColumnsToContents()
        self._message.setText(text)

    # -- buttons --------------------------------------------------------------------------------

    def _on_open(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Open plate map", "", "Tables (*.csv)")
        if not chosen:
            return
        try:
            self.setValue(read_plate_map(Path(chosen), self._plates))
        except TmapsError as error:
            self._tell(str(error))

    def _on_add(self) -> None:
        name, accepted = QInputDialog.getText(self, "Add column", "Name, e.g. cell_line:")
        name = name.strip()
        if not accepted or not name:
            return
        if name.lower() in ("plate", "well", *(other.lower() for other in self._columns())):
            self._tell(f"There is a column '{name}' already.")
        else:
            self._add(name)

    def _on_remove(self) -> None:
        columns = {i.column() for i in self.table.selectedIndexes() if i.column() >= self._fixed}
        if not columns:
            self._tell("Select a cell of the column that is to go first.")
        for column in sorted(columns, reverse=True):
            self.table.removeColumn(column)

    def _on_fill(self) -> None:
        self._fill(self.fill_text.text())

    def accept(self) -> None:
        """Save and close, if all values fit."""
        try:
            save_plate_map(self.value(), self._folder, self._plates)
        except TmapsError as error:
            self._tell(str(error))
            return
        self.saved.emit()
        super().accept()


def _clipboard() -> str:
    clipboard = QApplication.clipboard()
    return clipboard.text() if clipboard is not None else ""


class _Table(QTableWidget):
    """Cells that are pasted, copied and cleared by the usual keys."""

    pasted = Signal(str)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        if event is None:
            return
        if event.matches(QKeySequence.StandardKey.Paste):
            self.pasted.emit(_clipboard())
        elif event.matches(QKeySequence.StandardKey.Copy):
            self._copy()
        elif event.matches(QKeySequence.StandardKey.Delete):
            for item in self.selectedItems():
                if item.flags() & Qt.ItemFlag.ItemIsEditable:
                    item.setText("")
        else:
            super().keyPressEvent(event)

    def _copy(self) -> None:
        chosen = self.selectedIndexes()
        rows = sorted({index.row() for index in chosen})
        columns = sorted({index.column() for index in chosen})
        items = [[self.item(row, column) for column in columns] for row in rows]
        lines = ["\t".join(item.text() if item else "" for item in line) for line in items]
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText("\n".join(lines))
