"""Which pipeline is edited: a list to choose from, undo and redo, and a menu."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSignalBlocker, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QInputDialog,
    QMenu,
    QToolButton,
    QWidget,
)

from napari_tmaps.gui.parts import tool_button
from napari_tmaps.gui.pipeline_files import OPENED, SAVED
from napari_tmaps.pipeline import ready_pipelines


class PipelineBar(QWidget):
    """One row.

    Signals
    -------
    opened
        Name of a pipeline, and whether it is a ready one; ready and "" is an empty one.
    renamed
        The name that a copy shall have.
    fileOpened, fileSaved
        Path of a file.
    undone, redone
        The buttons were pressed.
    """

    opened = Signal(str, bool)
    renamed = Signal(str)
    fileOpened = Signal(str)
    fileSaved = Signal(str)
    undone = Signal()
    redone = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ready = tuple(ready_pipelines())
        self._shown: list[str] | None = None
        self.box = QComboBox()
        self.box.setPlaceholderText("Choose a pipeline")
        self.box.setToolTip("The pipelines of the experiment, and ready ones to begin with")
        self.box.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.undo_button = tool_button("↶", "Undo")
        self.redo_button = tool_button("↷", "Redo")
        menu_button = tool_button("☰", "More")
        self.menu = QMenu(self)
        self.menu.addAction("New empty pipeline", lambda: self.opened.emit("", True))
        self.menu.addAction("Copy under another name…", self._copy)
        self.menu.addSeparator()
        self.menu.addAction("Open file (also of TissueMAPS or CellProfiler)…", self._open_file)
        for text, (kind, suffix) in SAVED.items():
            self.menu.addAction(
                text, lambda kind=kind, suffix=suffix: self._save_file(kind, suffix)
            )
        menu_button.setMenu(self.menu)
        menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.box, 1)
        for button in (self.undo_button, self.redo_button, menu_button):
            layout.addWidget(button)
        self.box.activated.connect(self._on_activated)
        self.undo_button.clicked.connect(self.undone.emit)
        self.redo_button.clicked.connect(self.redone.emit)

    def setState(self, names: Sequence[str], name: str, undoes: str, redoes: str) -> None:
        """Show the pipelines that there are, the one that is edited, and what undo would do."""
        shown = list(names) if name in names or not name else [*names, name]
        with QSignalBlocker(self.box):
            if shown != self._shown:
                self._shown = shown
                self._fill(shown)
            self.box.setCurrentIndex(shown.index(name) if name in shown else -1)
        self.undo_button.setEnabled(bool(undoes))
        self.undo_button.setToolTip(f"Undo: {undoes} (Ctrl+Z)" if undoes else "Nothing to undo")
        self.redo_button.setEnabled(bool(redoes))
        self.redo_button.setToolTip(
            f"Redo: {redoes} (Ctrl+Shift+Z)" if redoes else "Nothing to redo"
        )

    def _fill(self, names: Sequence[str]) -> None:
        self.box.clear()
        for each in names:
            self.box.addItem(each, (each, False))
        if names:
            self.box.insertSeparator(self.box.count())
        for each in self._ready:
            self.box.addItem(f"New from: {each.replace('_', ' ')}", (each, True))

    def _on_activated(self, at: int) -> None:
        chosen = self.box.itemData(at)
        if chosen is not None:
            self.opened.emit(*chosen)

    def _copy(self) -> None:
        name, agreed = QInputDialog.getText(self, "Copy pipeline", "Name of the copy")
        if agreed and name:
            self.renamed.emit(name)

    def _open_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open pipeline", "", OPENED)
        if path:
            self.fileOpened.emit(path)

    def _save_file(self, kind: str, suffix: str) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save pipeline", "", kind)
        if path:
            self.fileSaved.emit(path if path.endswith(suffix) else path + suffix)
