"""The plot of objects with the choice of its columns and of what the mouse does."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import numpy as np
from pydantic import ValidationError
from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.latest import Latest
from napari_tmaps.gui.name_box import NameBox
from napari_tmaps.gui.object_book import ObjectBook
from napari_tmaps.gui.object_rows import Rows
from napari_tmaps.gui.parts import Fault, push_button, wrapped
from napari_tmaps.gui.plot_state import (
    Group,
    PlotChoice,
    PlotKind,
    PlotState,
    Point,
    complete,
    gate_of,
    outline_of,
    plot,
    plottable,
)
from napari_tmaps.gui.plot_view import Hand, PlotView
from napari_tmaps.gui.sight import Sight
from napari_tmaps.gui.table_panel import here_of
from napari_tmaps.gui.workers import Outcome
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.feature_table import FeatureTable, Mask
from napari_tmaps.tools.boxes import conditions

_HERE = "#e6e600"
_HANDS = {
    Hand.MOVE: "Drag to move the plot, turn the wheel to zoom",
    Hand.BOX: "Drag over a range, or a rectangle, to make a gate of it",
    Hand.LASSO: "Draw around objects to make a gate of them",
}


class PlotPanel(QWidget):
    """Edits a `PlotChoice`; gates that are drawn on it go to the book."""

    valueChanged = Signal(object)

    def __init__(self, book: ObjectBook, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._book = book
        self._choice = PlotChoice()
        self._mask: Mask | None = None
        self._state: PlotState | None = None
        self._work = Latest(self)
        self._sight = Sight(self, self.refresh)
        self.kind = QComboBox()
        for kind in PlotKind:
            self.kind.addItem(kind.value, kind)
        self.x_box = NameBox("Column along x")
        self.y_box = NameBox("Column along y")
        self.by_box = NameBox("Groups of objects: wells, or a column of the plate map")
        self.log_x, self.log_y = QCheckBox("log"), QCheckBox("log")
        self._labels = [QLabel("x"), QLabel("y"), QLabel("by")]
        self.hands = QButtonGroup(self)
        self.fault = Fault()
        self.view = PlotView()
        self._text = wrapped()

        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(1, 1)
        fields = ((self.x_box, self.log_x), (self.y_box, self.log_y), (self.by_box, None))
        for n, (label, (box, log)) in enumerate(zip(self._labels, fields, strict=True)):
            grid.addWidget(label, n, 0)
            grid.addWidget(box, n, 1)
            if log is not None:
                log.setToolTip("An axis of logarithms; values up to 0 are left out")
                grid.addWidget(log, n, 2)
        top = QHBoxLayout()
        top.addWidget(self.kind, 1)
        for hand, tip in _HANDS.items():
            button = push_button(hand.value, tip, checkable=True)
            self.hands.addButton(button)
            top.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addLayout(top)
        layout.addLayout(grid)
        layout.addWidget(self.fault)
        layout.addWidget(self.view, 1)
        layout.addWidget(self._text)

        self.kind.activated.connect(self._on_changed)
        for box in (self.x_box, self.y_box, self.by_box):
            box.valueChanged.connect(self._on_changed)
        for check in (self.log_x, self.log_y):
            check.clicked.connect(self._on_changed)
        self.hands.buttonClicked.connect(self._on_hand_changed)
        self.view.drawn.connect(self._on_drawn)
        self._work.ended.connect(self._on_worked)
        book.opened.connect(self._on_opened)
        book.gatesChanged.connect(self.refresh)
        book.desk.choiceChanged.connect(self.refresh)
        book.desk.timeChanged.connect(self.refresh)
        self.setHand(Hand.BOX)
        self._on_opened()

    def value(self) -> PlotChoice:
        """What is plotted."""
        return self._choice

    def setValue(self, choice: PlotChoice) -> None:
        """Plot something else; columns that there are not give way to others."""
        if self._book.data is None:
            return
        choice = self._completed(choice)
        if choice != self._choice:
            self._choice = choice
            self._show_choice()
            self.refresh()
            self.valueChanged.emit(choice)

    @property
    def is_busy(self) -> bool:
        """True while a plot is worked out."""
        return self._work.is_running

    @property
    def state(self) -> PlotState | None:
        """What is drawn."""
        return self._state

    def setHand(self, hand: Hand) -> None:
        """What dragging does."""
        for button in self.hands.buttons():
            button.setChecked(button.text() == hand.value)
        self.view.setHand(hand)

    def setRows(self, rows: Rows) -> None:
        """Plot the objects that the table shows."""
        self._mask = rows.mask
        self.refresh()

    def refresh(self, _changed: object = None) -> None:
        """Draw anew, if anybody looks."""
        data = self._book.data
        if data is None or not self._choice.x:
            self._work.cancel()
            self._show(None)
            if data is not None:
                self._say("These objects have no features: let the pipeline measure some.")
            return
        if self._sight.waits():
            return
        table, choice, mask = data.table, self._choice, self._mask
        groups = self._groups()
        self._work.ask("", lambda: _worked_out(table, choice, mask, groups))

    def _groups(self) -> list[Group]:
        book = self._book
        found = []
        if self._choice.kind is PlotKind.BOXES:
            return []
        # As on the map, an object of several gates has the colour of the first: it is drawn last.
        for name in reversed(book.active_gates):
            try:
                found.append(Group(name, book.gate_color(name), book.gate_mask(name)))
            except TmapsError:  # told by the list of gates
                continue
        here = here_of(book)
        if here is not None and not here.all():
            found.append(Group("here", _HERE, here))
        return found

    def _on_worked(self, outcome: Outcome) -> None:
        self._say(outcome.error)
        self._show(outcome.value)

    def _show(self, state: PlotState | None) -> None:
        self._state = state
        outlines = []
        if state is not None and self._book.data is not None:
            for name in self._book.active_gates:
                corners = outline_of(self._book.data.gates[name], state.choice)
                outlines.append((self._book.gate_color(name), corners))
        self.view.setState(state, outlines)
        self._text.setText("" if state is None else self._sentence(state))

    def _sentence(self, state: PlotState) -> str:
        marked = next((group for group in state.groups if group.name == "here"), None)
        if marked is None or (state.points and not len(state.points[-1])):
            return state.text
        choice = self._book.desk.choice
        where = {"site": f"site {choice.site} of {choice.well}", "well": choice.well}
        name = where.get(choice.view.value, choice.plate)
        return f"{state.text}; yellow: {int(np.count_nonzero(marked.mask)):,} of {name}"

    def _on_opened(self) -> None:
        self._mask = None
        if self._book.data is None:
            self.refresh()
            return
        numbers = plottable(self._book.data.table)
        self.x_box.setNames(numbers)
        self.y_box.setNames(numbers)
        self.by_box.setNames(self._book.read(lambda data: conditions(data.table), []))
        self._choice = self._completed(self._choice)
        self._show_choice()
        self.refresh()

    def _completed(self, choice: PlotChoice) -> PlotChoice:
        return self._book.read(lambda data: complete(data.table, choice), choice)

    def _show_choice(self) -> None:
        choice = self._choice
        self.kind.setCurrentIndex(list(PlotKind).index(choice.kind))
        for box, name in ((self.x_box, choice.x), (self.y_box, choice.y), (self.by_box, choice.by)):
            box.setValue(name)
        self.log_x.setChecked(choice.log_x)
        self.log_y.setChecked(choice.log_y)
        scatter, boxes = choice.kind is PlotKind.SCATTER, choice.kind is PlotKind.BOXES
        self._labels[0].setText("y" if boxes else "x")
        for widget in (self._labels[1], self.y_box, self.log_y):
            widget.setVisible(scatter)
        for widget in (self._labels[2], self.by_box):
            widget.setVisible(boxes)
        for button in self.hands.buttons():
            hand = Hand(button.text())
            usable = {Hand.BOX: not boxes, Hand.LASSO: scatter}.get(hand, True)
            button.setEnabled(usable)
            if button.isChecked() and not usable:
                self.setHand(Hand.MOVE if boxes else Hand.BOX)

    def _on_changed(self, _value: object = None) -> None:
        self.setValue(
            replace(
                self._choice,
                kind=self.kind.currentData(),
                x=self.x_box.value(),
                y=self.y_box.value(),
                by=self.by_box.value(),
                log_x=self.log_x.isChecked(),
                log_y=self.log_y.isChecked(),
            )
        )

    def _on_hand_changed(self, button: QPushButton) -> None:
        self.setHand(Hand(button.text()))

    def _on_drawn(self, corners: list[Point], is_lasso: bool) -> None:
        if self._state is None:
            return
        try:
            gate = gate_of(self._state.choice, corners, lasso=is_lasso)
        except (ValidationError, OverflowError):
            self._say("That is no place for a gate: draw it where there are values.")
            return
        self._book.save_gate(self._book.free_gate_name(), gate)

    def _say(self, text: str) -> None:
        self.fault.warn(text)


def _worked_out(
    table: FeatureTable, choice: PlotChoice, mask: Mask | None, groups: list[Group]
) -> Generator[Progress, None, PlotState]:
    yield Progress("plot", 0, 0)
    return plot(table, choice, mask, groups)
