"""The frame of the widgets of objects: the type of the objects, messages, and the empty page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.gui.empty_page import EmptyPage
from napari_tmaps.gui.object_book import book_of
from napari_tmaps.gui.object_marks import marks_of
from napari_tmaps.gui.parts import Message
from napari_tmaps.gui.undocked import Undocked

if TYPE_CHECKING:
    from napari.components import ViewerModel

_NARROWEST = 330
"""Pixels: below that a plot says nothing."""


class ObjectPage(QWidget):
    """A widget on the objects of the open experiment; subclasses put their content into it.

    Parameters
    ----------
    viewer
        Its desk tells which experiment is open.
    """

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # napari pushes anything else to the top of its dock.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.book = book_of(viewer)
        self.marks = marks_of(viewer)
        self.type_box = QComboBox()
        self.type_box.setToolTip("Type of the objects")
        self.type_box.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.note = QLabel()
        self._message = Message()
        self.empty = EmptyPage(viewer)
        full = QWidget()
        full.setMinimumWidth(_NARROWEST)
        self.top = QHBoxLayout()
        self.top.addWidget(self.type_box, 1)
        self.top.addWidget(self.note)
        self._inside = QVBoxLayout(full)
        self._inside.setContentsMargins(0, 0, 0, 0)
        self._inside.addLayout(self.top)
        self._inside.addWidget(self._message)
        self._pages = QStackedWidget()
        self._pages.addWidget(self.empty)
        self._pages.addWidget(full)
        layout = QVBoxLayout(self)
        layout.addWidget(self._pages)

        self.type_box.activated.connect(self._on_type_changed)
        self.book.opened.connect(self._on_opened)
        self.book.failed.connect(self.show_message)
        self.book.gatesChanged.connect(self._on_changed)
        self.book.selectionsChanged.connect(self._on_changed)
        Undocked(self)
        self._on_opened()

    def add(self, content: QWidget, stretch: int = 1) -> None:
        """Put content below the type of the objects."""
        self._inside.addWidget(content, stretch)

    def show_message(self, text: str) -> None:
        """Say something in place; "" to say nothing."""
        self._message.say(text)

    def _on_changed(self) -> None:
        self.show_message(self.book.fault)

    def _on_opened(self) -> None:
        types = self.book.object_types
        self.type_box.clear()
        self.type_box.addItems(types)
        self.type_box.setCurrentText(self.book.object_type)
        self.empty.show_state(has_experiment=self.book.desk.experiment is not None)
        self._pages.setCurrentIndex(0 if self.book.data is None and not types else 1)
        self.show_message(self.book.fault)

    def _on_type_changed(self, _at: int) -> None:
        if self.type_box.currentText() != self.book.object_type:
            self.show_message("")
            self.book.open(self.type_box.currentText())
