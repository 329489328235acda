"""Some of hundreds of columns: a list with a search, behind a button."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSignalBlocker, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
    QWidgetAction,
)


class ColumnMenu(QPushButton):
    """Edits the names of the columns that are chosen, in the order of the table."""

    valueChanged = Signal(object)

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(title, parent)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search")
        self.search.setClearButtonEnabled(True)
        self.list = QListWidget()
        self.list.setMinimumSize(260, 300)
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.addWidget(self.search)
        layout.addWidget(self.list)
        menu = QMenu(self)
        action = QWidgetAction(menu)
        action.setDefaultWidget(page)
        menu.addAction(action)
        self.setMenu(menu)
        self.search.textChanged.connect(self._on_searched)
        self.list.itemChanged.connect(lambda _: self.valueChanged.emit(self.value()))

    def value(self) -> tuple[str, ...]:
        """The names of the columns that are chosen."""
        items = (self.list.item(n) for n in range(self.list.count()))
        checked = Qt.CheckState.Checked
        return tuple(item.text() for item in items if item and item.checkState() == checked)

    def setValue(self, columns: Sequence[str]) -> None:
        """Show these as chosen; says nothing of it."""
        with QSignalBlocker(self.list):
            for n in range(self.list.count()):
                item = self.list.item(n)
                assert item is not None, "it is within the list"
                shown = item.text() in columns
                item.setCheckState(Qt.CheckState.Checked if shown else Qt.CheckState.Unchecked)

    def setNames(self, names: Sequence[str]) -> None:
        """Offer these."""
        with QSignalBlocker(self.list):
            self.list.clear()
            for name in names:
                item = QListWidgetItem(name)
                item.setFlags(Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled)
                item.setCheckState(Qt.CheckState.Unchecked)
                self.list.addItem(item)

    def _on_searched(self, text: str) -> None:
        for n in range(self.list.count()):
            item = self.list.item(n)
            assert item is not None, "it is within the list"
            item.setHidden(text.lower() not in item.text().lower())
