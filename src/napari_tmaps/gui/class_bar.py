"""Buttons for classes: objects are dropped on them, or sent to them by a click."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from qtpy.QtWidgets import QGridLayout, QPushButton, QWidget

from napari_tmaps.gui.colour_list import color_icon
from napari_tmaps.gui.gallery_view import MIME
from napari_tmaps.gui.parts import push_button

_IN_A_ROW = 3
_LONGEST = 12  # letters of a name that are shown


class ClassButton(QPushButton):
    """A class: tiles are dropped on it, or sent to it by a click.

    Signals
    -------
    dropped
        Places of the tiles.
    """

    dropped = Signal(object)

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setAcceptDrops(True)
        self.setMinimumWidth(10)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        if event is not None and _has_objects(event):
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent | None) -> None:
        if event is not None and _has_objects(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        data = event.mimeData() if event is not None else None
        if event is not None and data is not None and data.hasFormat(MIME):
            text = bytes(data.data(MIME).data()).decode()
            event.acceptProposedAction()
            self.dropped.emit([int(part) for part in text.split(",") if part])


class ClassBar(QWidget):
    """A button for each class, and one for another class.

    Signals
    -------
    chosen
        Name of the class that the selected tiles are put into.
    dropped
        Places of tiles, and name of the class that they are put into.
    newRequested
        Another class is wanted, for the selected tiles.
    """

    chosen = Signal(str)
    dropped = Signal(object, str)
    newRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons: list[ClassButton] = []
        self._more = push_button(
            "New class", "Another selection, for the objects that are chosen here"
        )
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        for column in range(_IN_A_ROW):
            self._grid.setColumnStretch(column, 1)
        self._more.clicked.connect(self.newRequested)
        self.setClasses({})

    def setClasses(self, classes: Mapping[str, tuple[str, int]]) -> None:
        """Offer others: by name "#rrggbb" and number of objects."""
        for button in self.buttons:
            button.hide()
            button.deleteLater()
        self.buttons = []
        for n, (name, (color, count)) in enumerate(classes.items()):
            shown = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
            button = ClassButton(f"{n + 1} {shown} ({count})")
            button.setIcon(color_icon(color))
            button.setToolTip(f"Put objects into “{name}”: drop them here, or press {n + 1}")
            button.clicked.connect(lambda _=False, name=name: self.chosen.emit(name))
            button.dropped.connect(lambda tiles, name=name: self.dropped.emit(tiles, name))
            self.buttons.append(button)
        for n, widget in enumerate([*self.buttons, self._more]):
            self._grid.addWidget(widget, n // _IN_A_ROW, n % _IN_A_ROW)


def _has_objects(event: QDropEvent) -> bool:
    data = event.mimeData()
    return data is not None and data.hasFormat(MIME)
