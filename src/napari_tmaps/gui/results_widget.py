"""Dock widget "Results": run a tool on objects; see what it found, also on the map."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.desk import ObjectColours
from napari_tmaps.gui.empty_page import EmptyPage
from napari_tmaps.gui.export_button import ExportButton, write
from napari_tmaps.gui.latest import Latest
from napari_tmaps.gui.object_book import book_of
from napari_tmaps.gui.parts import Message, push_button, scrolled
from napari_tmaps.gui.plates_panel import PlatesPanel
from napari_tmaps.gui.progress_row import ProgressRow
from napari_tmaps.gui.result_data import ResultView, colours_of, layer_name, view_result
from napari_tmaps.gui.result_list import ResultList
from napari_tmaps.gui.result_report import ResultReport
from napari_tmaps.gui.tool_form import ToolForm
from napari_tmaps.gui.undocked import Undocked
from napari_tmaps.gui.workers import Outcome, Work
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.results import AboutResult
from napari_tmaps.tools import TOOLS
from napari_tmaps.tools.run import iter_tool, results_of

if TYPE_CHECKING:
    import napari.viewer

_OFFERED = (
    "cluster", "embed", "heatmap", "classify_rules", "normalise", "assay", "dose_response",
    "classify",
)  # fmt: skip


class ResultsWidget(QWidget):
    """Edits the name of the result that is looked at.

    Parameters
    ----------
    viewer
        Gets the layers of results, through the Experiment widget.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.book = book_of(viewer)
        self._results: list[AboutResult] = []
        self._active: tuple[str, ...] = ()
        self._ran_on: tuple[Experiment, str] | None = None
        self._shown: dict[str, ObjectColours] = {}
        self._work, self._reading, self._colouring = Work(self), Latest(self), Latest(self)
        self._changing = Work(self)

        self.type_box = QComboBox()
        self.type_box.setToolTip("Type of the objects")
        self.export_button = ExportButton()
        self.tool_box = QComboBox()
        self.tool_box.setToolTip("What to do with the objects")
        for name in _OFFERED:
            self.tool_box.addItem(name.replace("_", " "), name)
        self.form = ToolForm()
        self.name_line = QLineEdit()
        self.name_line.setPlaceholderText("name of the result (may be left empty)")
        self.run_button = push_button(
            "Run", "Run the tool on all objects of the type, in the background"
        )
        self.progress_row = ProgressRow()
        self.results = ResultList()
        self.report = ResultReport()
        self.plates = PlatesPanel(self.book.desk)
        self._message = Message()
        self.empty = EmptyPage(viewer)

        tool_page = QWidget()
        layout = QVBoxLayout(tool_page)
        layout.addWidget(self.tool_box)
        layout.addWidget(self.form)
        row = QHBoxLayout()
        row.addWidget(self.name_line, 1)
        row.addWidget(self.run_button)
        layout.addLayout(row)
        layout.addStretch()
        result_page = QWidget()
        layout = QVBoxLayout(result_page)
        layout.addWidget(self.results)
        layout.addWidget(self.report, 1)
        layout.addStretch()
        self.tabs = QTabWidget()
        self.tabs.addTab(scrolled(tool_page, sideways=True), "Tool")
        self.tabs.addTab(scrolled(result_page, sideways=True), "Results")
        self.tabs.addTab(self.plates, "Plates")
        full = QWidget()
        page = QVBoxLayout(full)
        page.setContentsMargins(0, 0, 0, 0)
        top = QHBoxLayout()
        top.addWidget(self.type_box, 1)
        top.addWidget(self.export_button)
        page.addLayout(top)
        page.addWidget(self.progress_row)
        page.addWidget(self._message)
        page.addWidget(self.tabs, 1)
        self._pages = QStackedWidget()
        self._pages.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._pages.addWidget(self.empty)
        self._pages.addWidget(full)
        outer = QVBoxLayout(self)
        outer.addWidget(self._pages)

        self.type_box.activated.connect(self._on_type_changed)
        self.export_button.requested.connect(self._on_export)
        self.tool_box.currentIndexChanged.connect(lambda _: self._show_tool())
        self.form.valueChanged.connect(lambda _: self._enable())
        self.run_button.clicked.connect(self._on_run)
        self.progress_row.cancelRequested.connect(self._work.cancel)
        self._work.progressed.connect(self.progress_row.show_progress)
        self._work.ended.connect(self._on_run_ended)
        self._changing.ended.connect(self._on_changed)
        self._reading.ended.connect(self._on_read)
        self._colouring.ended.connect(self._on_coloured)
        self.results.valueChanged.connect(lambda _: self._read())
        self.results.activeChanged.connect(self._on_active_changed)
        self.results.opacityChanged.connect(self._on_opacity_changed)
        self.results.renamed.connect(self._on_renamed)
        self.results.deleteRequested.connect(self._on_delete_requested)
        self.report.wellRequested.connect(self._go)
        self.report.rowRequested.connect(self.book.go)
        self.plates.wellRequested.connect(self._go)
        self.plates.failed.connect(self.show_message)
        self.book.opened.connect(self._on_opened)
        self.destroyed.connect(self._colouring.cancel)
        Undocked(self)
        self.show_message("")
        self._on_opened()

    def value(self) -> str:
        """Name of the result that is looked at; "" if there is none."""
        return self.results.value()

    def setValue(self, name: str) -> None:
        """Look at a result."""
        self.results.setValue(name)

    @property
    def is_busy(self) -> bool:
        """True while something goes on in the background."""
        parts = (self._work, self._changing, self._reading, self._colouring)
        return any(part.is_running for part in parts) or self.plates.is_busy

    def show_message(self, text: str) -> None:
        """Say something in place; "" to say nothing."""
        self._message.say(text)

    def setTool(self, name: str, settings: dict[str, Any] | None = None) -> None:
        """Offer a tool, with other settings than its own."""
        self.tool_box.setCurrentIndex(self.tool_box.findData(name))
        self.form.setValue(settings or {})
        self.tabs.setCurrentIndex(0)

    # -- what there is --------------------------------------------------------------------------

    @property
    def _experiment(self) -> Experiment:
        assert self.book.desk.experiment is not None, "nothing is offered without one"
        return self.book.desk.experiment

    def _on_opened(self) -> None:
        data, types = self.book.data, self.book.object_types
        self.type_box.clear()
        self.type_box.addItems(types)
        self.type_box.setCurrentText(self.book.object_type)
        has_experiment = self.book.desk.experiment is not None
        self.empty.show_state(has_experiment=has_experiment)
        self._pages.setCurrentIndex(0 if data is None and not self.book.fault else 1)
        if self.book.fault:
            self.show_message(self.book.fault)
        self.report.setView(None)  # its rows are those of the table before
        self._list()
        if data is not None:
            self._show_tool()
        self.plates.setObjects(
            self.book.desk.experiment if data is not None else None,
            self.book.object_type,
            self._numbers(),
        )
        self._enable()

    def _numbers(self) -> list[str]:
        """Columns of numbers: features, and results that are no classes."""
        data = self.book.data
        if data is None:
            return []
        found = [name for name in data.table.features if name != "is_border"]
        for about in self._results:
            found += [f"{about.name}:{c}" for c in about.columns if c not in about.classes]
        return found

    def _show_tool(self) -> None:
        self.form.setTool(TOOLS[str(self.tool_box.currentData())], self._numbers())
        self._enable()

    def _enable(self) -> None:
        free = not self._work.is_running and self.book.data is not None
        self.run_button.setEnabled(free and self.form.is_valid)
        self.export_button.setEnabled(free)
        self.export_button.object_type = self.book.object_type

    def _list(self) -> None:
        results: list[AboutResult] = []
        if self.book.data is not None:
            store, object_type = results_of(self._experiment), self.book.object_type
            try:
                results = [store.about(object_type, name) for name in store.names(object_type)]
            except TmapsError as error:
                self.show_message(str(error))
        self._results = results
        names = {about.name for about in results}
        self._active = tuple(name for name in self._active if name in names)
        opacities = {name: self._layer_opacity(name) for name in names}
        self.results.setResults(results, self._active, opacities)
        self._read()
        self._colour()

    def _on_type_changed(self, _at: int) -> None:
        self._active = ()
        self.show_message("")
        self.book.open(self.type_box.currentText())

    # -- running --------------------------------------------------------------------------------

    def _on_run(self) -> None:
        experiment, object_type = self._experiment, self.book.object_type
        tool, settings = str(self.tool_box.currentData()), self.form.value()
        name = self.name_line.text().strip()
        self._ran_on = experiment, object_type
        self.show_message("")
        self.progress_row.begin(self.tool_box.currentText().capitalize())
        self._work.start(
            "Tool", lambda: iter_tool(experiment, tool, object_type, settings, name=name)
        )
        self._enable()

    def _on_export(self, key: str, path: Path | None) -> None:
        experiment, object_type = self._experiment, self.book.object_type
        plate, classes = self.book.desk.choice.plate, self.results.classes()
        self.show_message("")
        self.progress_row.begin("Export")
        self._work.start(
            "Export",
            lambda: write(key, path, experiment, object_type, plate=plate, classes=classes),
        )
        self._enable()

    def _on_run_ended(self, outcome: Outcome) -> None:
        self.progress_row.end()
        self._enable()
        if outcome.error:
            self.show_message(outcome.error)
        elif outcome.cancelled:
            self.show_message("Cancelled; nothing was kept.")
        elif isinstance(outcome.value, str):
            self.show_message(outcome.value)
        elif outcome.value is not None:
            about: AboutResult = outcome.value
            self.name_line.clear()
            if self._ran_on != (self.book.desk.experiment, self.book.object_type):
                self.show_message(f"The result '{about.name}' of {about.object_type} is kept.")
                return  # others are looked at now
            if about.columns:
                self._active = (about.name,)  # the others are a click away
            self.book.desk.tablesChanged.emit(about.object_type)
            self.results.setValue(about.name)
            self.tabs.setCurrentIndex(1)

    # -- results --------------------------------------------------------------------------------

    def _read(self) -> None:
        name = self.results.value()
        if not name:
            self._reading.cancel()
            self.report.setView(None)
            return
        experiment, object_type = self._experiment, self.book.object_type
        self._reading.ask("Result", lambda: view_result(experiment, object_type, name))

    def _on_read(self, outcome: Outcome) -> None:
        view: ResultView | None = outcome.value
        if outcome.error:
            self.show_message(outcome.error)
        self.report.setView(view)

    def _on_active_changed(self, names: tuple[str, ...]) -> None:
        self._active = tuple(names)
        self._colour()

    def _colour(self) -> None:
        if self.book.data is None or not self._active:
            self._colouring.cancel()
            self.book.desk.setResults({})
            return
        experiment, object_type, names = self._experiment, self.book.object_type, self._active

        def make() -> Generator[Progress, None, dict[str, ObjectColours]]:
            return colours_of(experiment, object_type, names)

        self._colouring.ask("Colours", make)

    def _on_coloured(self, outcome: Outcome) -> None:
        if outcome.error:
            self.show_message(outcome.error)
        elif outcome.value is not None:
            self.book.desk.setResults(outcome.value)

    def _layer(self, name: str) -> Any:
        wanted = layer_name(self.book.object_type, name)
        return next((layer for layer in self._viewer.layers if layer.name == wanted), None)

    def _layer_opacity(self, name: str) -> float:
        layer = self._layer(name)
        return 0.5 if layer is None else float(layer.opacity)

    def _on_opacity_changed(self, name: str, opacity: float) -> None:
        layer = self._layer(name)
        if layer is not None:
            layer.opacity = opacity

    def _on_renamed(self, old: str, new: str) -> None:
        experiment, object_type = self._experiment, self.book.object_type

        def after() -> None:
            self.show_message("")
            self._active = tuple(new if name == old else name for name in self._active)
            self.book.desk.tablesChanged.emit(object_type)
            self.results.setValue(new)

        self._change(lambda: results_of(experiment).rename(object_type, old, new), after)

    def _on_delete_requested(self, name: str) -> None:
        experiment, object_type = self._experiment, self.book.object_type

        def after() -> None:
            self.show_message(f"The result '{name}' is deleted.")
            self.book.desk.tablesChanged.emit(object_type)

        self._change(lambda: results_of(experiment).remove(object_type, name), after)

    def _change(self, act: Callable[[], None], after: Callable[[], None]) -> None:
        """Change a result; in the background, for the experiment may be on a server."""

        def make() -> Generator[Progress, None, Callable[[], None]]:
            yield Progress("", 0, 0)
            act()
            return after

        self._changing.start("", make)

    def _on_changed(self, outcome: Outcome) -> None:
        if outcome.error:
            self.show_message(outcome.error)
        elif outcome.value is not None:
            outcome.value()

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Nobody could take off the map what is shown there."""
        self._on_active_changed(())
        super().closeEvent(event)

    def _go(self, plate: str, well: str) -> None:
        desk = self.book.desk
        desk.go(replace(desk.choice, plate=plate, well=well, site=0))
