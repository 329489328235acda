"""The table of objects with its filter, its search and the choice of its columns."""

from __future__ import annotations

from dataclasses import replace

from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.column_menu import ColumnMenu
from napari_tmaps.gui.latest import Latest
from napari_tmaps.gui.object_book import ObjectBook
from napari_tmaps.gui.object_rows import (
    RowChoice,
    Rows,
    choose_rows,
    default_columns,
    find,
    in_view,
)
from napari_tmaps.gui.object_table import ObjectTableView
from napari_tmaps.gui.parts import Fault, push_button
from napari_tmaps.gui.population_box import PopulationBox
from napari_tmaps.gui.state import View
from napari_tmaps.gui.time_box import TimeBox
from napari_tmaps.gui.workers import Outcome
from napari_tmaps.store.feature_table import FeatureTable, Mask
from napari_tmaps.store.gates import FilterGate
from napari_tmaps.tools.population import Population


class TablePanel(QWidget):
    """Edits a `RowChoice`; shows its rows.

    Signals
    -------
    rowsChanged
        The `Rows` that are shown.
    """

    valueChanged = Signal(object)
    rowsChanged = Signal(object)

    def __init__(self, book: ObjectBook, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._book = book
        self._choice = RowChoice()
        self._rows = Rows(0)
        self._table: FeatureTable | None = None
        self._found: list[int] = []
        self._work = Latest(self)
        self.filter_line = QLineEdit()
        self.filter_line.setPlaceholderText("Filter, e.g. Area > 200 and well == 'B03'")
        self.filter_line.setClearButtonEnabled(True)
        self.gate_button = push_button(
            "Keep as gate", "A gate of the objects that the filter lets through"
        )
        self.find_line = QLineEdit()
        self.find_line.setPlaceholderText("Find, e.g. B03 2 17 (well, site, label)")
        self.find_line.setClearButtonEnabled(True)
        self.columns = ColumnMenu("Columns")
        self.columns.setToolTip("Choose the columns that the table shows")
        self.fault = Fault()
        self.population = PopulationBox()
        self.time_box = TimeBox(book.desk, follows=False)
        self.view = ObjectTableView()

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        for pair in ((self.filter_line, self.gate_button), (self.find_line, self.columns)):
            row = QHBoxLayout()
            row.addWidget(pair[0], 1)
            row.addWidget(pair[1])
            layout.addLayout(row)
        row = QHBoxLayout()
        row.addWidget(self.population, 1)
        row.addWidget(self.time_box)
        layout.addLayout(row)
        layout.addWidget(self.fault)
        layout.addWidget(self.view, 1)

        self.filter_line.editingFinished.connect(self._on_filter_changed)
        self.filter_line.textChanged.connect(self._on_filter_typed)
        self.find_line.returnPressed.connect(self._on_find)
        self.gate_button.clicked.connect(self._on_keep_as_gate)
        self.columns.valueChanged.connect(self._on_columns_changed)
        self.view.sortRequested.connect(self._on_sort_requested)
        self.view.rowChosen.connect(self._on_row_chosen)
        # Said once the cells are painted: the line may take room from them.
        self.view.objects.failed.connect(self._say, Qt.ConnectionType.QueuedConnection)
        self.time_box.valueChanged.connect(self._on_time_changed)
        self.population.valueChanged.connect(self._on_population_changed)
        book.gatesChanged.connect(self._on_populations_changed)
        book.selectionsChanged.connect(self._on_populations_changed)
        self._work.ended.connect(self._on_worked)
        book.opened.connect(self._on_opened)
        book.rowPicked.connect(self.view.show_row)
        book.desk.choiceChanged.connect(self._show_here)
        book.desk.timeChanged.connect(self._show_here)
        self._on_opened()

    def value(self) -> RowChoice:
        """What is shown, and in which order."""
        return self._choice

    def setValue(self, choice: RowChoice) -> None:
        """Show others."""
        if choice != self._choice:
            self._choice = choice
            if self.filter_line.text() != choice.filter:
                self.filter_line.setText(choice.filter)
            self.population.setValue(choice.population)
            self._work_out()
            self.valueChanged.emit(choice)

    @property
    def rows(self) -> Rows:
        """The rows that are shown now."""
        return self._rows

    @property
    def is_busy(self) -> bool:
        """True while rows are worked out."""
        return self._work.is_running

    def _work_out(self) -> None:
        data, choice = self._book.data, self._choice
        self._say("")
        self.gate_button.setEnabled(data is not None and bool(choice.filter.strip()))
        if data is not None:
            self._work.ask("", lambda: choose_rows(data, choice))

    def _on_worked(self, outcome: Outcome) -> None:
        if outcome.error:
            self._say(outcome.error)
            self.gate_button.setEnabled(False)
        elif outcome.value is not None:
            self._rows = outcome.value
            self.view.objects.setObjects(self._table, self.columns.value(), self._rows)
            self._show_here()
            self.rowsChanged.emit(self._rows)

    def _on_opened(self) -> None:
        data = self._book.data
        before = self._table
        self._table = None if data is None else data.table
        self._work.cancel()  # its rows are those of the table before
        if self._table is None:
            self._rows = Rows(0)
            self.view.objects.setObjects(None)
            self.gate_button.setEnabled(False)
            return
        kept = self.columns.value()
        self.columns.setNames(self._table.columns)
        same = before is not None and before.object_type == self._table.object_type
        self.population.setData(data)
        if not same:
            self._choice = RowChoice(time=self.time_box.value())
            self.population.setValue(self._choice.population)
            self.filter_line.clear()
        shown = kept if same and kept else default_columns(self._table)
        self.columns.setValue(shown)
        self._rows = Rows(len(self._table))
        self.view.objects.setObjects(self._table, self.columns.value(), self._rows)
        self._show_here()
        self.gate_button.setEnabled(False)
        self._say("")
        if self._choice != RowChoice():
            self._work_out()
        self.rowsChanged.emit(self._rows)

    def _show_here(self, _choice: object = None) -> None:
        self.view.objects.setHere(here_of(self._book))

    def _on_columns_changed(self, columns: tuple[str, ...]) -> None:
        self.view.objects.setObjects(self._table, columns, self._rows)
        self._show_here()

    def _on_filter_typed(self, text: str) -> None:
        if not text:  # cleared by its button
            self._on_filter_changed()

    def _on_filter_changed(self) -> None:
        self.setValue(replace(self._choice, filter=self.filter_line.text().strip()))

    def _on_population_changed(self, population: Population) -> None:
        self.setValue(replace(self._choice, population=population))

    def _on_populations_changed(self) -> None:
        """Gates or selections were made, changed, or are gone."""
        self.population.setData(self._book.data)
        if self.population.value() != self._choice.population:  # it is gone
            self._on_population_changed(self.population.value())
        elif self._choice.population.kind in ("gate", "selection"):
            self._work_out()

    def _on_time_changed(self, time: int | None) -> None:
        self.setValue(replace(self._choice, time=time))

    def _on_sort_requested(self, column: str) -> None:
        again = column == self._choice.sort
        if again and self._choice.descending:
            self.setValue(replace(self._choice, sort="", descending=False))
        else:
            self.setValue(replace(self._choice, sort=column, descending=again))

    def _on_find(self) -> None:
        """Go to the first object that fits; again, to the next one."""
        if self._table is None:
            return
        try:
            rows = find(self._table, self.find_line.text())
        except TmapsError as error:
            self._say(str(error))
            return
        lines = [line for line in map(self._rows.line_of, rows[:1000].tolist()) if line >= 0]
        if not lines:
            text = self.find_line.text()
            hidden = f"The filter hides what is at {text}: clear it."
            self._say(hidden if len(rows) else f"There is no object at {text}.")
            return
        self._say("")
        now = self.view.currentIndex().row()
        lines.sort()
        line = next((line for line in lines if line > now), lines[0])
        self._book.go(int(self._rows.of(slice(line, line + 1))[0]))

    def _on_keep_as_gate(self) -> None:
        if self._table is None:  # gone since the button was offered
            return
        name = self._book.free_gate_name()
        self._book.save_gate(name, FilterGate(text=self._choice.filter))

    def _on_row_chosen(self, row: int) -> None:
        self._book.go(row)

    def _say(self, text: str) -> None:
        self.fault.warn(text)


def here_of(book: ObjectBook) -> Mask | None:
    """The objects of the site, the well or the plate that is looked at."""
    choice = book.desk.choice
    if book.data is None or not choice.plate:
        return None
    well = choice.well if choice.view in (View.SITE, View.WELL) else ""
    site = choice.site if choice.view is View.SITE else 0
    t = book.desk.time if book.desk.times > 1 else None
    return book.read(lambda data: in_view(data.table, choice.plate, well, site, t), None)
