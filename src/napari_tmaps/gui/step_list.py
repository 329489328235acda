"""The steps of a pipeline as a numbered list: an eye for each, moved by dragging or by keys."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import QPoint, QSignalBlocker, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QDropEvent, QKeyEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QInputDialog,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QWidget,
)

from napari_tmaps.model.pipeline import PipelineDescription

_NAME = Qt.ItemDataRole.UserRole


class StepList(QListWidget):
    """Shows the steps; tells what the user does to them.

    Signals
    -------
    chosen
        Name of the step that the user looks at; "" for none.
    moved
        Name of a step, index to move it to.
    activeChanged
        Name of a step, whether it is on.
    renameRequested
        Name of a step, new name.
    removeRequested, duplicateRequested
        Name of a step.
    """

    chosen = Signal(str)
    moved = Signal(str, int)
    activeChanged = Signal(str, bool)
    renameRequested = Signal(str, str)
    removeRequested = Signal(str)
    duplicateRequested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setToolTip(
            "The check switches a step on or off. Drag to reorder, or press J and K; Delete "
            "removes, Ctrl+D duplicates, F2 renames."
        )
        self.currentItemChanged.connect(self._on_current_changed)
        self.itemChanged.connect(self._on_item_changed)
        self.itemDoubleClicked.connect(lambda item: self._rename(item.data(_NAME)))
        self.customContextMenuRequested.connect(self._show_menu)

    def setPipeline(
        self,
        pipeline: PipelineDescription,
        chosen: str,
        marks: Mapping[str, str],
    ) -> None:
        """Show the steps of a pipeline.

        Parameters
        ----------
        chosen
            Name of the step that is looked at.
        marks
            What to tell of steps, by name, e.g. why one cannot run.
        """
        with QSignalBlocker(self):
            while self.count() > len(pipeline.pipeline):
                self.takeItem(self.count() - 1)
            while self.count() < len(pipeline.pipeline):
                self.addItem(QListWidgetItem())
            for row, call in enumerate(pipeline.pipeline):
                item = self.item(row)
                assert item is not None
                mark = marks.get(call.name, "")
                module = "" if call.name.startswith(call.module) else f"   ({call.module})"
                item.setText(f"{row + 1}  {call.name}{module}" + ("   ⚠" if mark else ""))
                item.setToolTip(mark or call.module)
                item.setData(_NAME, call.name)
                item.setFlags(
                    Qt.ItemFlag.ItemIsEnabled
                    | Qt.ItemFlag.ItemIsSelectable
                    | Qt.ItemFlag.ItemIsDragEnabled
                    | Qt.ItemFlag.ItemIsUserCheckable
                )
                state = Qt.CheckState.Checked if call.active else Qt.CheckState.Unchecked
                item.setCheckState(state)
                font = item.font()
                font.setItalic(not call.active)
                item.setFont(font)
                if call.name == chosen:
                    self.setCurrentItem(item)
            if not chosen:
                self.setCurrentItem(None)

    def names(self) -> list[str]:
        """Names of the steps, from the top."""
        return [item.data(_NAME) for n in range(self.count()) if (item := self.item(n))]

    def dropEvent(self, event: QDropEvent | None) -> None:
        """A step was dragged: tell where to, and let the pipeline say how it looks then."""
        item = self.currentItem()
        if event is None or item is None:
            return
        at = self.row(item)
        index = self.indexAt(event.position().toPoint())
        to = index.row() if index.isValid() else self.count()
        if self.dropIndicatorPosition() == QAbstractItemView.DropIndicatorPosition.BelowItem:
            to += 1
        event.setDropAction(Qt.DropAction.IgnoreAction)
        event.accept()
        self.moved.emit(item.data(_NAME), to - 1 if to > at else to)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Keys that do something to the chosen step."""
        item = self.currentItem()
        if event is None or item is None:
            super().keyPressEvent(event)
            return
        name, key = item.data(_NAME), event.key()
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        if key == Qt.Key.Key_J:
            self.moved.emit(name, self.row(item) + 1)
        elif key == Qt.Key.Key_K:
            self.moved.emit(name, self.row(item) - 1)
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.removeRequested.emit(name)
        elif key == Qt.Key.Key_D and control:
            self.duplicateRequested.emit(name)
        elif key == Qt.Key.Key_F2:
            self._rename(name)
        else:
            super().keyPressEvent(event)

    def _show_menu(self, place: QPoint) -> None:
        item = self.currentItem()
        if item is None:
            return
        name, row = item.data(_NAME), self.row(item)
        menu = QMenu(self)
        menu.addAction("Rename…", lambda: self._rename(name))
        menu.addAction("Duplicate", lambda: self.duplicateRequested.emit(name))
        menu.addAction("Move up", lambda: self.moved.emit(name, row - 1))
        menu.addAction("Move down", lambda: self.moved.emit(name, row + 1))
        menu.addSeparator()
        menu.addAction("Remove", lambda: self.removeRequested.emit(name))
        menu.exec(self.mapToGlobal(place))

    def _rename(self, name: str) -> None:
        new, agreed = QInputDialog.getText(self, "Rename step", "Name of the step", text=name)
        if agreed and new != name:
            self.renameRequested.emit(name, new)

    def _on_current_changed(self, item: QListWidgetItem | None) -> None:
        self.chosen.emit(item.data(_NAME) if item is not None else "")

    def _on_item_changed(self, item: QListWidgetItem) -> None:
        self.activeChanged.emit(item.data(_NAME), item.checkState() == Qt.CheckState.Checked)
