"""The steps of a pipeline as a numbered list: an eye for each, moved by dragging or by keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import QEvent, QPoint, QSignalBlocker, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import (
    QBrush,
    QDragEnterEvent,
    QDragMoveEvent,
    QDropEvent,
    QIcon,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
)
from qtpy.QtWidgets import (
    QAbstractItemView,
    QInputDialog,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QWidget,
)

from napari_tmaps.gui.fault_icon import fault_icon
from napari_tmaps.gui.module_picker import dragged_module
from napari_tmaps.gui.state_bar import BAD
from napari_tmaps.gui.wire_arcs import draw_wires, read_by, story
from napari_tmaps.model.pipeline import ModuleCall, PipelineDescription
from napari_tmaps.pipeline.wiring import Wire, wires_of

_NAME = Qt.ItemDataRole.UserRole
_SHOWN = Qt.ItemDataRole.UserRole + 1


class StepList(QListWidget):
    """Shows the steps; tells what the user does to them.

    Signals
    -------
    chosen
        Name of the step that the user looks at; "" for none.
    moved
        Name of a step, index to move it to.
    moduleDropped
        Name of a module, index that its step shall have.
    activeChanged
        Name of a step, whether it is on.
    renameRequested
        Name of a step, new name.
    removeRequested, duplicateRequested
        Name of a step.
    """

    chosen = Signal(str)
    moved = Signal(str, int)
    moduleDropped = Signal(str, int)
    activeChanged = Signal(str, bool)
    renameRequested = Signal(str, str)
    removeRequested = Signal(str)
    duplicateRequested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: tuple[Any, ...] = ()
        self._fault = fault_icon()
        self._wires: list[Wire] = []
        self._hovered = -1
        self.setMouseTracking(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragDrop)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setToolTip(
            "The check switches a step on or off. Drag to reorder, or press J and K; Delete "
            "removes, Ctrl+D duplicates, F2 renames. The arcs show which step feeds which."
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
        calls = [call.model_copy(update={"settings": {}}) for call in pipeline.pipeline]
        shown = (pipeline.input, calls, dict(marks))
        names = [call.name for call in calls]
        row = names.index(chosen) if chosen in names else -1
        if shown == self._shown and row == self.currentRow():
            return
        if shown != self._shown:
            self._shown, self._wires = shown, wires_of(pipeline)
            self._fill(pipeline, marks)
        with QSignalBlocker(self):
            self.setCurrentRow(row)
        self._view().update()

    def _fill(self, pipeline: PipelineDescription, marks: Mapping[str, str]) -> None:
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
                read = read_by(pipeline, row)
                reads = f"   ← {', '.join(read)}" if read else ""
                text = f"{row + 1}  {call.name}{module}{reads}"
                tip = mark or f"{call.module}\n{story(pipeline, self._wires, row)}"
                self._fill_row(item, call, text, tip, is_bad=bool(mark))

    def _fill_row(
        self, item: QListWidgetItem, call: ModuleCall, text: str, tip: str, *, is_bad: bool
    ) -> None:
        shown = (call.name, call.active, text, tip, is_bad)
        before = item.data(_SHOWN)
        if before == shown:
            return
        # The list is laid out anew for each of these: of a row that moved down only the words.
        item.setData(_SHOWN, shown)
        item.setData(_NAME, call.name)
        item.setText(text)
        item.setToolTip(tip)
        if before is None:
            item.setFlags(
                Qt.ItemFlag.ItemIsEnabled
                | Qt.ItemFlag.ItemIsSelectable
                | Qt.ItemFlag.ItemIsDragEnabled
                | Qt.ItemFlag.ItemIsUserCheckable
            )
        if before is None or before[-1] != is_bad:
            item.setIcon(self._fault if is_bad else QIcon())
            item.setForeground(QBrush(BAD) if is_bad else QBrush())
        if before is None or before[1] != call.active:
            item.setCheckState(Qt.CheckState.Checked if call.active else Qt.CheckState.Unchecked)
            font = item.font()
            font.setItalic(not call.active)
            item.setFont(font)

    def names(self) -> list[str]:
        """Names of the steps, from the top."""
        return [item.data(_NAME) for n in range(self.count()) if (item := self.item(n))]

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """The rows, and the wires of the one that is looked at or pointed at."""
        super().paintEvent(event)
        self._draw_wires()

    def _draw_wires(self) -> None:
        step = self._hovered if self._hovered >= 0 else self.currentRow()
        faint = self.palette().color(self.foregroundRole())
        faint.setAlpha(60)
        rows = [self.visualItemRect(self.item(n)) for n in range(self.count())]
        heights = [row.top() + row.height() / 2 for row in rows]
        view = self._view()
        with QPainter(view) as painter:
            draw_wires(painter, self._wires, heights, view.width() - 6.0, step, faint)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """The wires of the row below the pointer are coloured."""
        super().mouseMoveEvent(event)
        if event is not None:
            self._hover(self.indexAt(event.position().toPoint()).row())

    def leaveEvent(self, event: QEvent | None) -> None:
        """Those of the chosen row again."""
        super().leaveEvent(event)
        self._hover(-1)

    def _hover(self, row: int) -> None:
        if row != self._hovered:
            self._hovered = row
            self._view().update()

    def _view(self) -> QWidget:
        view = self.viewport()
        assert view is not None, "every list has one"
        return view

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Steps of this list, and modules."""
        if event is not None and dragged_module(event.mimeData()):
            event.acceptProposedAction()
        elif event is not None and event.source() is self:
            super().dragEnterEvent(event)

    def dragMoveEvent(self, event: QDragMoveEvent | None) -> None:
        """A line shows where it would go."""
        super().dragMoveEvent(event)
        if event is not None and dragged_module(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Something was dragged: tell where to, and let the pipeline say how it looks then."""
        if event is None:
            return
        index = self.indexAt(event.position().toPoint())
        to = index.row() if index.isValid() else self.count()
        if self.dropIndicatorPosition() == QAbstractItemView.DropIndicatorPosition.BelowItem:
            to += 1
        module, item = dragged_module(event.mimeData()), self.currentItem()
        event.setDropAction(Qt.DropAction.CopyAction if module else Qt.DropAction.IgnoreAction)
        event.accept()
        if module:
            self.moduleDropped.emit(module, to)
        elif item is not None:
            at = self.row(item)
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
