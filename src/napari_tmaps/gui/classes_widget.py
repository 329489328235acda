"""Dock widget "Classes": selections by clicks on the map, and a classifier that learns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSplitter, QWidget

from napari_tmaps.gui.classifier_panel import ClassifierPanel
from napari_tmaps.gui.empty_page import GALLERY, open_widget
from napari_tmaps.gui.object_page import ObjectPage
from napari_tmaps.gui.parts import scrolled
from napari_tmaps.gui.selection_list import SelectionList

if TYPE_CHECKING:
    import napari.viewer


class ClassesWidget(ObjectPage):
    """Selections of objects, and a classifier trained with them.

    Parameters
    ----------
    viewer
        Its desk tells which experiment is open.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(viewer, parent)
        self.selections = SelectionList(self.book)
        self.classifier = ClassifierPanel(self.book)
        scroll = scrolled(self.classifier)
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(self.selections)
        split.addWidget(scroll)
        split.setStretchFactor(0, 1)
        split.setStretchFactor(1, 2)
        self.add(split)
        self._viewer = viewer
        self.classifier.galleryRequested.connect(self._on_gallery_requested)

    @property
    def is_busy(self) -> bool:
        """True while something is worked out in the background."""
        return self.classifier.is_busy

    def _on_gallery_requested(self) -> None:
        open_widget(self._viewer, GALLERY)
        if self.classifier.result is not None:
            self.book.offered.emit(self.classifier.result.uncertain, "least sure")
