"""Corrects metadata in place: what holds beside what the microscope's files say."""

from __future__ import annotations

from collections.abc import Generator, Mapping

from qtpy.QtCore import QModelIndex, QSize, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QBrush
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMessageBox,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.latest import Latest
from napari_tmaps.gui.metadata_state import (
    Key,
    Reach,
    Value,
    edit_text,
    edits_of,
    faults,
    read_values,
    shown_text,
)
from napari_tmaps.gui.parts import Fault, Message, push_button
from napari_tmaps.gui.state_bar import BAD
from napari_tmaps.gui.workers import Outcome, Work
from napari_tmaps.model.metadata_edits import MetadataEdits, doubts
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.experiment import Experiment

_VALUE = Qt.ItemDataRole.UserRole
_NOW = 1
"""The column that is edited."""
_ROOM = 8
"""Pixels that a row is higher than its text."""
_HEAD = "Sizes and objective"


class MetadataEditor(QWidget):
    """Shows the values that can be corrected; a double click edits one.

    Parameters
    ----------
    plate, acquisition
        Their names.

    Signals
    -------
    applied
        The experiment has other metadata than before.
    """

    applied = Signal()

    def __init__(
        self, experiment: Experiment, plate: str, acquisition: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._experiment, self._place = experiment, (plate, acquisition)
        self._typed: dict[Key, str] = {}
        self._filling = False
        self._work, self._outlook = Work(self), Latest(self)
        self.tree = QTreeWidget()
        self.tree.setHeaderLabels(["", "Value", "As recorded"])
        self.tree.setRootIsDecorated(False)
        self.tree.setIndentation(12)
        self.tree.setUniformRowHeights(True)
        self.tree.setToolTip(
            "Double click or F2 edits a value; empty goes back to what is recorded"
        )
        self.tree.setEditTriggers(
            QTreeWidget.EditTrigger.DoubleClicked | QTreeWidget.EditTrigger.EditKeyPressed
        )
        self.tree.setItemDelegate(_OnlyNow(self.tree))
        header = self.tree.header()
        if header is not None:
            header.setStretchLastSection(False)
            for column, mode in enumerate(
                (
                    QHeaderView.ResizeMode.ResizeToContents,
                    QHeaderView.ResizeMode.Stretch,
                    QHeaderView.ResizeMode.Stretch,
                )
            ):
                header.setSectionResizeMode(column, mode)
        self.reach = QComboBox()
        self.reach.addItems([str(each) for each in Reach])
        self.reach.setCurrentText(Reach.PLATE)
        self.reach.setToolTip("Channels are the same in all acquisitions")
        self.outlook = Message()
        self.fault = Fault()
        self.apply_button = push_button("Apply", "Correct what is marked; no pixel is touched")
        self.reset_button = push_button("Reset", "Forget what was typed")
        self.recorded_button = push_button(
            "As recorded", "Take the chosen value back to what the microscope's files say"
        )
        row = QHBoxLayout()
        row.addWidget(QLabel("Sizes and objective of"))
        row.addWidget(self.reach, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.recorded_button)
        buttons.addStretch()
        buttons.addWidget(self.reset_button)
        buttons.addWidget(self.apply_button)
        layout = QVBoxLayout(self)
        layout.addWidget(self.tree, 1)
        layout.addLayout(row)
        layout.addWidget(self.outlook)
        layout.addWidget(self.fault)
        layout.addLayout(buttons)
        for button in (self.apply_button, self.reset_button, self.recorded_button):
            button.setAutoDefault(False)

        self.tree.itemChanged.connect(self._on_item_changed)
        self.tree.currentItemChanged.connect(lambda _new, _old: self._enable())
        self.reach.currentTextChanged.connect(lambda _: self._look_ahead())
        self.apply_button.clicked.connect(self.apply)
        self.reset_button.clicked.connect(self.reset)
        self.recorded_button.clicked.connect(self.take_back)
        self._work.progressed.connect(self._on_progressed)
        self._work.ended.connect(self._on_applied)
        self._outlook.ended.connect(self._on_outlook)
        self.reload()

    @property
    def is_busy(self) -> bool:
        """True while corrections are written, or what follows from them is worked out."""
        return self._work.is_running or self._outlook.is_running

    @property
    def is_writing(self) -> bool:
        """True while corrections are written."""
        return self._work.is_running

    def value(self) -> Mapping[Key, str]:
        """What was typed and is not applied."""
        return dict(self._typed)

    def setValue(self, typed: Mapping[Key, str]) -> None:
        """Have something typed."""
        self._typed = dict(typed)
        self._show()
        self._look_ahead()

    def leave(self) -> None:
        """What would follow is of no interest any more."""
        self._outlook.cancel()

    def reload(self) -> None:
        """Read the experiment again; what was typed stays."""
        values: tuple[Value, ...] = ()
        fault = ""
        try:
            values = read_values(self._experiment, *self._place)
        except TmapsError as error:
            fault = str(error)
        self._filling = True
        self.tree.clear()
        groups: dict[str, QTreeWidgetItem] = {}
        for value in values:
            channel = value.key[0]
            if channel not in groups:
                title = f"Channel {channel}" if channel else _HEAD
                groups[channel] = QTreeWidgetItem(self.tree, [title])
                groups[channel].setFirstColumnSpanned(True)
                font = groups[channel].font(0)
                font.setBold(True)
                groups[channel].setFont(0, font)
                groups[channel].setFlags(Qt.ItemFlag.ItemIsEnabled)
            item = QTreeWidgetItem(groups[channel], [value.title])
            item.setData(0, _VALUE, value)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
        self.tree.expandAll()
        self._filling = False
        self._show()
        if fault:
            self.fault.warn(fault)

    # -- what is shown --------------------------------------------------------------------------

    def _items(self) -> dict[Key, QTreeWidgetItem]:
        groups = (self.tree.topLevelItem(n) for n in range(self.tree.topLevelItemCount()))
        items = [group.child(n) for group in groups if group for n in range(group.childCount())]
        return {item.data(0, _VALUE).key: item for item in items if item is not None}

    def _show(self) -> None:
        """Show values, and mark what was typed and what does not fit."""
        self._filling = True
        wrong = faults(self._typed)
        for key, item in self._items().items():
            value: Value = item.data(0, _VALUE)
            text = self._typed.get(key)
            back = text is not None and not text.strip()
            now = value.recorded if back else value.now
            item.setText(_NOW, text if text and not back else shown_text(key[1], now))
            item.setText(2, shown_text(key[1], value.recorded))
            font = item.font(_NOW)
            font.setBold(value.corrected and not back)
            font.setItalic(text is not None)
            item.setFont(_NOW, font)
            item.setForeground(_NOW, QBrush(BAD) if key in wrong else QBrush())
            marks = ["not applied yet"] if text is not None else []
            marks += ["corrected"] if value.corrected and text is None else []
            item.setText(0, value.title + (" •" if text is not None else ""))
            item.setToolTip(_NOW, wrong.get(key) or ", ".join(marks))
        self._filling = False
        self.fault.warn(*dict.fromkeys(wrong.values()))
        self._enable()

    def _enable(self) -> None:
        free = not self._work.is_running
        self.tree.setEnabled(free)
        self.reach.setEnabled(free)
        self.apply_button.setEnabled(free and bool(self._typed) and not faults(self._typed))
        self.reset_button.setEnabled(free and bool(self._typed))
        item = self.tree.currentItem()
        value: Value | None = item.data(0, _VALUE) if item is not None else None
        self.recorded_button.setEnabled(free and value is not None and value.corrected)

    def _on_item_changed(self, item: QTreeWidgetItem, column: int) -> None:
        if self._filling or column != _NOW:
            return
        value: Value = item.data(0, _VALUE)
        text, field = item.text(_NOW).strip(), value.key[1]
        same = text in (edit_text(field, value.now), shown_text(field, value.now))
        typed = {key: typed for key, typed in self._typed.items() if key != value.key}
        if not same or (not text and value.corrected):
            typed[value.key] = text
        self.setValue(typed)

    # -- what follows ---------------------------------------------------------------------------

    def _edits(self) -> MetadataEdits:
        return edits_of(self._typed, Reach(self.reach.currentText()), *self._place)

    def _look_ahead(self) -> None:
        """Say what would follow, before it is done."""
        if not self._typed or faults(self._typed):
            self._outlook.cancel()
            self.outlook.say("")
            return
        edits, experiment = self._edits(), self._experiment

        def make() -> Generator[Progress, None, list[str]]:
            from napari_tmaps.store.metadata_edits import changes, consequences

            yield Progress("metadata", 0, 0)
            return consequences(experiment, changes(experiment, edits))

        self._outlook.ask("", make)

    def _on_outlook(self, outcome: Outcome) -> None:
        self.fault.warn(outcome.error)
        notes = outcome.value or ["Nothing that was made becomes stale."]
        self.outlook.say("" if outcome.error else "If applied:\n" + "\n".join(notes))
        self._enable()

    # -- actions --------------------------------------------------------------------------------

    def reset(self) -> None:
        """Forget what was typed."""
        self.setValue({})

    def take_back(self) -> None:
        """Have the chosen value go back to what is recorded."""
        item = self.tree.currentItem()
        if item is not None and item.data(0, _VALUE) is not None:
            self.setValue({**self._typed, item.data(0, _VALUE).key: ""})

    def apply(self) -> None:
        """Correct what was typed, after a question where a value is doubtful."""
        if not self.apply_button.isEnabled():
            return
        edits, experiment = self._edits(), self._experiment
        questions = doubts(edits)
        if questions:
            answer = QMessageBox.question(
                self,
                "Is that so?",
                "\n".join(question.message for question in questions) + "\n\nTake it as it is?",
            )
            if answer != QMessageBox.StandardButton.Yes:
                return

        def make() -> Generator[Progress, None, list[str]]:
            from napari_tmaps.workflow.correcting_metadata import correct_metadata

            return correct_metadata(experiment, edits, sure=bool(questions))

        self._outlook.cancel()
        self._work.start("Correcting metadata", make)
        self._enable()

    def _on_progressed(self, event: Progress) -> None:
        self.outlook.say(f"Writing… {event.message}".rstrip())

    def _on_applied(self, outcome: Outcome) -> None:
        if outcome.error:
            self.outlook.say("")
            self.fault.warn(outcome.error)
            self._enable()
            return
        self._typed = {}
        self.reload()
        self.outlook.say("\n".join(["Corrected.", *(outcome.value or [])]))
        self.applied.emit()


class _OnlyNow(QStyledItemDelegate):
    """Edits the one column, from what can be typed."""

    def createEditor(
        self, parent: QWidget | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> QWidget | None:
        """See Qt."""
        if index.column() != _NOW:
            return None
        return super().createEditor(parent, option, index)

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        """See Qt; high enough for the editor."""
        size = super().sizeHint(option, index)
        return QSize(size.width(), option.fontMetrics.height() + _ROOM)

    def setEditorData(self, editor: QWidget | None, index: QModelIndex) -> None:
        """See Qt; what is not known is empty, not in words."""
        super().setEditorData(editor, index)
        value: Value | None = index.siblingAtColumn(0).data(_VALUE)
        shown = index.data(Qt.ItemDataRole.EditRole)
        if editor is not None and value is not None and shown == shown_text(value.key[1], None):
            editor.setProperty("text", "")
