"""Selections: named, coloured groups of objects, to which a click on the map adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from qtpy.QtCore import QSignalBlocker, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QColor, QKeySequence, QShortcut  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QColorDialog,
    QHBoxLayout,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.gui.colour_list import ColourList, name_of
from napari_tmaps.gui.map_status import PickedObject
from napari_tmaps.gui.object_book import ObjectBook
from napari_tmaps.gui.object_index import objects_of
from napari_tmaps.gui.parts import Message, push_button
from napari_tmaps.store.features import INDEX
from napari_tmaps.store.selections import Selection
from napari_tmaps.tools.values import PALETTE


@dataclass(frozen=True)
class SelectionRow:
    """What is shown of a selection.

    Attributes
    ----------
    gone
        Objects that are no more since an analysis.
    """

    name: str
    color: str
    count: int
    gone: int


def selection_rows(book: ObjectBook) -> list[SelectionRow]:
    """All selections of the objects, in the order in which they were made."""
    found = []
    for name, selection in book.selections.items():
        rows, gone = book.selected(name)
        found.append(SelectionRow(name, selection.color, len(rows), len(gone)))
    return found


def new_selection(existing: Mapping[str, Selection]) -> tuple[str, Selection]:
    """An empty selection with a name and a colour of its own."""
    name = next(f"class {n}" for n in range(1, len(existing) + 2) if f"class {n}" not in existing)
    used = {selection.color for selection in existing.values()}
    color = next((color for color in PALETTE if color not in used), PALETTE[0])
    return name, Selection(pd.DataFrame(columns=INDEX), color)


class SelectionList(QWidget):
    """Shows the selections of a book and changes them.

    Signals
    -------
    changed
        Objects came or went.
    """

    changed = Signal()

    def __init__(self, book: ObjectBook, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._book = book
        self.list = ColourList("Selection")
        self.click_button = push_button(
            "Click on the map to add or remove",
            "A click on an object adds it to the chosen selection, another click takes it out",
            checkable=True,
        )
        self.buttons = {
            name: push_button(name, tip)
            for name, tip in (
                ("New", "Another selection"),
                ("Colour", "Another colour for the chosen selection"),
                ("Undo", "Take the last change back (Ctrl+Z while clicking on the map)"),
                ("Delete", "Forget the chosen selection; its objects stay"),
            )
        }
        self._hint = Message()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.list, 1)
        row = QHBoxLayout()
        for button in self.buttons.values():
            button.setMinimumWidth(10)
            row.addWidget(button)
        layout.addLayout(row)
        layout.addWidget(self.click_button)
        layout.addWidget(self._hint)
        self._undo_keys = QShortcut(QKeySequence(QKeySequence.StandardKey.Undo), self)
        self._undo_keys.setEnabled(False)

        self.list.itemChanged.connect(self._on_item_changed)
        self.list.itemSelectionChanged.connect(self._show_hint)
        self.click_button.toggled.connect(self._on_click_toggled)
        self.buttons["New"].clicked.connect(self._on_new)
        self.buttons["Colour"].clicked.connect(self._on_colour)
        self.buttons["Undo"].clicked.connect(book.undo)
        self.buttons["Delete"].clicked.connect(self._on_delete)
        self._undo_keys.activated.connect(book.undo)
        book.selectionsChanged.connect(self.refresh)
        book.clicked.connect(self._on_clicked)
        self.refresh()

    def value(self) -> str:
        """Name of the chosen selection; "" if there is none."""
        return next(iter(self.list.chosen()), "")

    def setValue(self, name: str) -> None:
        """Choose a selection."""
        self.list.choose(name)

    def refresh(self) -> None:
        """Show the selections as they are now."""
        chosen = self.value()
        rows = selection_rows(self._book)
        with QSignalBlocker(self.list):
            items = self.list.setGroups([(row.name, row.color, _number(row)) for row in rows])
            for item, row in zip(items, rows, strict=True):
                gone = f"{row.gone} objects are gone since an analysis"
                item.setToolTip(1, gone if row.gone else "")
            self.setValue(
                chosen if chosen in {row.name for row in rows} else rows[-1].name if rows else ""
            )
        self._show_hint()
        self.changed.emit()

    def _show_hint(self) -> None:
        name = self.value()
        for key in ("Colour", "Delete"):
            self.buttons[key].setEnabled(bool(name))
        self.buttons["New"].setEnabled(self._book.data is not None)
        self.buttons["Undo"].setEnabled(self._book.can_undo)
        self.click_button.setEnabled(bool(name))
        if not name:
            self._hint.setText("No selections yet: make one, then click on objects of the map.")
        elif self.click_button.isChecked():
            self._hint.setText(f"Clicks on {self._book.object_type} go to “{name}”.")
        else:
            self._hint.clear()
        self._hint.setVisible(bool(self._hint.text()))

    def _on_click_toggled(self, is_on: bool) -> None:
        self._undo_keys.setEnabled(is_on)
        self._show_hint()

    def _on_clicked(self, found: PickedObject) -> None:
        name = self.value()
        if not (self.click_button.isChecked() and self.click_button.isEnabled() and name):
            return
        if found.object_type != self._book.object_type:
            self._hint.setText(
                f"That is one of the {found.object_type}; “{name}” is a selection of "
                f"{self._book.object_type}. Hide the layer {found.object_type} to click on them."
            )
        elif self._book.row_of(found) < 0:
            self._hint.setText("That object has no features: run the analysis of its site again.")
        else:
            self._book.toggle(name, objects_of([found]))

    def _on_new(self) -> None:
        name, selection = new_selection(self._book.selections)
        if self._book.save_selection(name, selection):
            self.setValue(name)
            self.click_button.setChecked(True)

    def _on_colour(self) -> None:
        name = self.value()
        before, place = QColor(self._book.selections[name].color), self._book.place
        color = QColorDialog.getColor(before, self, f"Colour of {name}")
        now = self._book.selections.get(name)
        if color.isValid() and place == self._book.place and now is not None:
            self._book.save_selection(name, Selection(now.objects, color.name()))

    def _on_delete(self) -> None:
        self._book.save_selection(self.value(), None)

    def _on_item_changed(self, item: QTreeWidgetItem, _column: int) -> None:
        name, new = name_of(item), item.text(0).strip()
        if new != name and not (new and self._book.rename_selection(name, new)):
            self.refresh()


def _number(row: SelectionRow) -> str:
    gone = f" (+{row.gone} gone)" if row.gone else ""
    return f"{row.count:,}{gone}"
