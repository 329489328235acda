"""A list of names of columns, of which there may be hundreds: type to search."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSignalBlocker, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QComboBox, QWidget


class NameBox(QComboBox):
    """Edits one of some names."""

    valueChanged = Signal(str)

    def __init__(self, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setToolTip(f"{tip}; type to search")
        completer = self.completer()
        if completer is not None:
            completer.setFilterMode(Qt.MatchFlag.MatchContains)
            completer.setCompletionMode(completer.CompletionMode.PopupCompletion)
        self.activated.connect(self._on_activated)

    def value(self) -> str:
        """The name; "" while there are none."""
        return self.itemText(self.currentIndex()) if self.currentIndex() >= 0 else ""

    def setValue(self, name: str) -> None:
        """Choose a name, if it is among them; says nothing of it."""
        with QSignalBlocker(self):
            self.setCurrentIndex(self.findText(name))
        line = self.lineEdit()
        if line is not None:
            line.setCursorPosition(0)  # the beginning tells more than the end

    def setNames(self, names: Sequence[str]) -> None:
        """Offer these; the choice stays if it can."""
        if [self.itemText(n) for n in range(self.count())] == list(names):
            return
        before = self.value()
        with QSignalBlocker(self):
            self.clear()
            self.addItems(list(names))
            self.setCurrentIndex(max(self.findText(before), 0) if names else -1)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        if event is not None:
            event.ignore()  # the wheel scrolls the page

    def _on_activated(self, _at: int) -> None:
        self.valueChanged.emit(self.value())
