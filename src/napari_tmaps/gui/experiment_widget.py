"""Dock widget "Experiment": open an experiment, walk its sites, run pipelines on them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_tmaps.client.address import is_address
from napari_tmaps.client.session import LoggedOutError
from napari_tmaps.errors import NotFoundError, TmapsError
from napari_tmaps.gui import recent
from napari_tmaps.gui.connecting import Following, address_of, needs_server, open_there
from napari_tmaps.gui.correction_state import has_report
from napari_tmaps.gui.desk import desk_of
from napari_tmaps.gui.facts import default_pipeline, load, pipeline_keys, read_facts
from napari_tmaps.gui.import_page import ImportPage
from napari_tmaps.gui.making import Making
from napari_tmaps.gui.map_age import MapAge
from napari_tmaps.gui.map_colouring import MapColouring
from napari_tmaps.gui.map_status import PickedObject
from napari_tmaps.gui.map_values import Measure, measures
from napari_tmaps.gui.pages import Pages
from napari_tmaps.gui.parts import Message, push_button
from napari_tmaps.gui.plate_view import PlateView
from napari_tmaps.gui.plates_tree import PlatesTree
from napari_tmaps.gui.progress_row import ProgressRow
from napari_tmaps.gui.session import SessionRow
from napari_tmaps.gui.shown_work import ShownWork
from napari_tmaps.gui.site_page import SitePage
from napari_tmaps.gui.site_work import SiteWork
from napari_tmaps.gui.start_page import StartPage
from napari_tmaps.gui.state import Choice, Facts, State, View, resolve
from napari_tmaps.gui.still import still
from napari_tmaps.gui.undocked import Undocked
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.experiment import Experiment, is_experiment
from napari_tmaps.streams.mounts import ComingError

if TYPE_CHECKING:
    import napari.viewer


class ExperimentWidget(QWidget):
    """Edits which site of which experiment is shown; its value is a `Choice`.

    Parameters
    ----------
    viewer
        Gets the layers.
    """

    valueChanged = Signal(object)
    objectSelected = Signal(object)
    """The `PickedObject` that was clicked in the viewer."""

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk_of(viewer)
        self._view = PlateView(viewer, self.show_message)
        self._experiment: Experiment | None = None
        self._facts: Facts | None = None
        self._state: State | None = None
        self._files: list[str] = []
        self._age = MapAge(self)
        self.following = Following(self)
        self._waiting: Choice | None = None
        self._trouble = ""
        self._is_due = self._is_coming = False

        self._title = QElidingLabel()
        self.plates_button = push_button(
            "Plates", "Plates and acquisitions: add, describe, rename, remove"
        )
        open_button = push_button("Open", "Open another experiment, or make one")
        self.session_row = SessionRow(viewer, self._desk)
        self.start_page, self.import_page = StartPage(), ImportPage()
        self.site_page = SitePage(self._desk)
        self._colouring = MapColouring(self.site_page, self._view, self._desk, self)
        self.plates_tree = PlatesTree()
        self.making = Making(self.import_page, self)
        self._site_work = SiteWork(self.site_page, self._view, self)
        open_button.setMenu(self.making.menu)
        self.progress_row = ProgressRow()
        self._work = ShownWork(
            self.progress_row, self.start_page, self.import_page, self.site_page, self.plates_tree
        )
        self._message = Message()

        self._top = QWidget()
        top = QHBoxLayout(self._top)
        top.setContentsMargins(0, 0, 0, 0)
        top.addWidget(self._title, 1)
        top.addWidget(self.plates_button)
        top.addWidget(open_button)
        self._pages = Pages(
            (self._top, self.session_row),
            (self.start_page, self.import_page, self.site_page, self.plates_tree),
            (self.progress_row, self._message),
        )
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._pages)
        self.setAcceptDrops(True)

        self.start_page.openRequested.connect(self.making.ask_to_open)
        self.start_page.serverRequested.connect(self.making.ask_on_server)
        self.start_page.newRequested.connect(self.making.ask_for_new)
        self.start_page.sampleRequested.connect(self.making.make_sample)
        self.import_page.backRequested.connect(self._show_page)
        self.plates_button.clicked.connect(self.show_plates)
        self.plates_tree.backRequested.connect(self._show_page)
        self.plates_tree.addRequested.connect(self.making.ask_to_add)
        self.plates_tree.changed.connect(self._on_plates_changed)
        self.plates_tree.plateRenamed.connect(self._on_plate_renamed)
        self.plates_tree.unsaved = lambda: self._desk.unsaved
        self.site_page.valueChanged.connect(self.setValue)
        self._colouring.excluded.connect(lambda: self.refresh())
        self._colouring.failed.connect(self.show_message)
        self._view.status.objectSelected.connect(self._on_object_selected)
        self.site_page.pipelineFileRequested.connect(self._on_pipeline_file_requested)
        self._work.said.connect(self.show_message)
        self._work.ended.connect(self._on_work_ended)
        self._work.endedElsewhere.connect(self.tell_objects)
        self._work.watch.changed.connect(self._show_wells)
        self._age.changed.connect(self._show_map_state)
        self.following.changed.connect(self._on_server_changed)
        self.following.arrived.connect(self._on_files_arrived)
        self.following.said.connect(self.show_message)
        self._desk.choiceRequested.connect(self.setValue)
        self.session_row.restored.connect(self._on_restored)
        self._desk.tablesChanged.connect(self._on_tables_changed)
        self._desk.pipelineChosen.connect(self._on_pipeline_chosen)
        self._desk.is_kept, self._desk.locate = True, self._view.position_of
        self.destroyed.connect(self._desk.leave)
        self.destroyed.connect(self._view.close)
        Undocked(self, self._may_close, viewer)
        self._show_page()

    # -- value ----------------------------------------------------------------------------------

    def value(self) -> Choice:
        """What is shown."""
        return self._state.choice if self._state else Choice()

    def setValue(self, choice: Choice) -> None:
        """Show a site; opens the experiment if it is another one than before."""
        self.show_message("")
        before, self._waiting = self.value(), None
        is_other = bool(choice.experiment) and choice.experiment != before.experiment
        if is_other and self._desk.unsaved:
            what = f"{self._desk.unsaved}. Save or discard that, then open another experiment."
            self.show_message(what)
            return
        if is_other and needs_server(choice.experiment):
            self._connect(choice)
            return
        try:
            pipeline = self._open(choice.experiment) if is_other else before.pipeline
            choice = replace(choice, pipeline=choice.pipeline or pipeline)
            if self._facts is None:
                return
            self._state = resolve(self._facts, choice)
            self._colouring.setState(self._experiment, self._facts, self.value())
            self.site_page.setState(self._state, self._facts.pipelines)
            self._show_wells()
            with still(self):
                self._view.show(self._state)
            self._colouring.look_at_time()
            self._show_map_state()
            self._pages.fit()
            if self.value().plate != before.plate:
                self._colouring.show()
            told = self._message.text()  # e.g. of an image that cannot be read
            notes = (self._trouble, told, *self._view.notes)
            self.show_message("\n".join(dict.fromkeys(filter(None, notes))))
        except ComingError as error:
            self._waiting = choice
            self.show_message(str(error))
            return
        except TmapsError as error:
            self.show_message(str(error))
            return
        self._desk.setChoice(self.value())
        if self.value() != before:
            self.valueChanged.emit(self.value())

    @property
    def is_busy(self) -> bool:
        """True while work goes on in the background."""
        return self._work.is_busy

    @property
    def is_looking(self) -> bool:
        """True until it is known whether maps are older than the data."""
        return self._age.is_looking

    @property
    def message(self) -> str:
        """What is said in place."""
        return self._message.text()

    @property
    def title(self) -> str:
        """Name of the open experiment, and of the server that it is on."""
        return self._title.text()

    def open_folder(self, path: str) -> None:
        """Open an experiment, or look at what a microscope folder holds."""
        place = Path(path)
        if is_address(path) or is_experiment(place if place.is_dir() else place.parent):
            self.setValue(Choice(experiment=path))
        else:
            self.making.scan_folder(path)

    def close_experiment(self) -> None:
        """Give the files of the experiment back, and show the start page."""
        self._work.cancel()
        self._waiting, self._trouble, self._is_coming = None, "", False
        self.following.setExperiment(None)
        self._work.setExperiment(None)
        self._age.look(None)
        self._desk.setExperiment(None)
        with still(self):
            self._view.open(None)
        self.site_page.map_panel.show_object("")
        self.plates_tree.setExperiment(None)
        if self._experiment is not None:
            self._experiment.close()
        self._experiment = self._facts = self._state = None
        self._colouring.setState(None, None, Choice())
        self._colouring.look_at_time()
        self._show_page()

    def show_message(self, text: str) -> None:
        """Say something in place; "" to say nothing."""
        self._message.say(text)

    # -- experiment -----------------------------------------------------------------------------

    def _connect(self, choice: Choice) -> None:
        """Open an experiment of a server in the background, then show it."""

        def after(found: Experiment | LoggedOutError | None) -> None:
            if isinstance(found, LoggedOutError):
                self.making.ask_on_server(address_of(choice.experiment), str(found))
            elif found is not None:
                with found:  # it is opened once more, without asking the server
                    self.setValue(replace(choice, experiment=str(found.path)))

        if not self.is_busy:
            self.start_work("Opening", lambda: open_there(choice.experiment), after)

    def _on_server_changed(self) -> None:
        """Show what has changed on the server, unless work goes on there: its end is told."""
        if self._experiment is None:
            return
        self._work.watch.look()
        self._show_title()
        if not self._work.watch.value().who:
            self._desk.tablesChanged.emit("")

    def _on_files_arrived(self) -> None:
        self._desk.filesArrived.emit()
        if self._is_coming:
            self.refresh()
        elif self._waiting is not None:
            self.setValue(self._waiting)

    def _open(self, path: str) -> str:
        """Open an experiment; returns the first pipeline that fits it."""
        try:
            experiment = Experiment.open(path)
        except NotFoundError:
            recent.forget(path)
            self._show_page()
            raise
        try:
            facts = read_facts(experiment, self._files)
        except TmapsError:  # what is open stays open
            experiment.close()
            raise
        self._desk.setExperiment(None)
        self.plates_tree.setExperiment(None)
        if self._experiment is not None:
            self._experiment.close()
        with still(self):
            self._view.open(experiment)
        self._experiment, self._state = experiment, None
        self.site_page.map_panel.show_object("")
        self.site_page.map_panel.setCycles(1)  # all of them
        self.plates_tree.setExperiment(experiment)
        self._work.setExperiment(experiment)
        self.following.setExperiment(experiment)
        self._take(facts)
        recent.remember(experiment)
        self._show_title()
        self._show_page()
        self._desk.setExperiment(experiment)
        return default_pipeline(experiment, facts.pipelines)

    def _reload(self) -> None:
        """Read the facts again, after something was made."""
        assert self._experiment is not None
        self._take(read_facts(self._experiment, self._files))

    def _take(self, facts: Facts) -> None:
        """Go by these facts from now on."""
        assert self._experiment is not None
        self._facts = facts
        self._view.forget()
        self._age.look(self._experiment)
        self._trouble, self._is_coming, found = "", False, [Measure()]
        try:
            found = measures(self._experiment)
        except ComingError:
            self._is_coming = True
        except TmapsError as error:  # the pictures can be looked at nevertheless
            self._trouble = str(error)
        self.site_page.map_panel.setMeasures(found)
        self.site_page.map_panel.setReport(has_report(self._experiment))
        cycles = self._experiment.catalogue.channels()["cycle"].max()
        self.site_page.map_panel.setCycles(1 if pd.isna(cycles) else int(cycles) + 1)
        self._colouring.setState(self._experiment, self._facts, self.value())
        self._colouring.show()

    def _show_title(self) -> None:
        experiment = self._experiment
        assert experiment is not None, "an experiment is open"
        where = f" on {experiment.mirror.address.host}" if experiment.mirror else ""
        self._title.setText(experiment.name + where)
        self._title.setToolTip(experiment.place)

    def _show_page(self) -> None:
        page = self.start_page if self._experiment is None else self.site_page
        self.start_page.setRecent(recent.recent())
        self._switch(page)

    def _on_restored(self, choice: Choice) -> None:
        """Show what was shown, with all its layers: the session knows how each looked."""
        self.setValue(choice)
        self._view.mark()

    def show_plates(self) -> None:
        """Show plates and acquisitions of the open experiment as a tree."""
        if self._experiment is not None:
            self._switch(self.plates_tree)
            self.plates_tree.reload()

    def _switch(self, page: QWidget) -> None:
        self._top.setVisible(page is self.site_page)
        self._pages.setValue(page)

    # -- work -----------------------------------------------------------------------------------

    def start_work(
        self,
        title: str,
        make: Callable[[], Generator[Progress, None, Any]],
        after: Callable[[Any], None],
    ) -> None:
        """Begin work in the background; `after` gets what it returns."""
        self._work.start(title, make, after)

    def _show_map_state(self) -> None:
        """Say whether the maps of what is shown are old, and offer to build those that lack."""
        choice, old = self.value(), self._age.value()
        plates = list(old) if choice.view is View.PLATES else [choice.plate]
        texts = [old[plate] for plate in plates if plate in old]
        self.site_page.setMap(lacks=self._view.lacks_map, old=texts)

    def _show_wells(self) -> None:
        plate, wells = self.value().plate, self._work.watch.value().wells
        self.site_page.plate_map.setWork(
            {well: state for (on, well), state in wells.items() if on == plate}
        )

    def _on_object_selected(self, found: PickedObject) -> None:
        """Say what was clicked, and go to its well on the plate map."""
        self.site_page.map_panel.show_object(found.sentence(self._view.status.chosen))
        self.objectSelected.emit(found)
        self._desk.pick(found)

    def _on_tables_changed(self, _object_type: str) -> None:
        self._is_due = self.is_busy
        if not self.is_busy:
            self.refresh()

    def _on_work_ended(self) -> None:
        """Show what others have changed meanwhile."""
        if self._is_due:
            self.refresh()

    def _on_plates_changed(self) -> None:
        """Plates or names have changed: everything else shows it, too."""
        if self._experiment is not None:
            self._show_title()
            recent.remember(self._experiment)
        self.refresh()

    def _on_plate_renamed(self, old: str, new: str) -> None:
        """Open the experiment anew: all that is in memory knows the name of before."""
        choice = self.value()
        self.close_experiment()
        self.setValue(replace(choice, plate=new if choice.plate == old else choice.plate))
        self.show_plates()

    def settle(self) -> None:
        """Have in its file what was edited of a pipeline; see `Desk.settle`."""
        self._desk.settle()

    def refresh(self) -> None:
        """Show what has changed on disk, whether the work was finished or not."""
        self._is_due = False
        if self._experiment is None:
            return
        message = "" if self._waiting is not None else self._message.text()
        try:
            self._reload()
        except TmapsError as error:
            self.show_message(str(error))
            return
        self.setValue(self._waiting or self.value())
        if self.plates_tree.isVisible():
            self.plates_tree.reload()
        self.show_message(message or self._message.text())

    def tell_objects(self) -> None:
        """Show, and have all others show, objects that were found or measured anew."""
        if self._experiment is not None:
            self._desk.tablesChanged.emit("")

    # -- what Making asks of its host -----------------------------------------------------------

    @property
    def experiment(self) -> Experiment | None:
        """The open experiment."""
        return self._experiment

    def show_import(self) -> None:
        """Show what is about to be imported."""
        self._switch(self.import_page)

    def show_made(self, path: str) -> None:
        """Show an experiment that was made; "": the open one, which something was added to."""
        message = self._message.text()
        if path:
            self.setValue(Choice(experiment=path))
        else:
            self._show_page()
            self.refresh()
        self.show_message(message or self._message.text())

    # -- pipeline files -------------------------------------------------------------------------

    def _on_pipeline_file_requested(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self, "Open pipeline", "", "Pipelines (*.yaml *.yml)"
        )
        if chosen:
            self.add_pipeline(chosen)

    def add_pipeline(self, path: str) -> None:
        """Put a pipeline file into the list and choose it."""
        try:
            load(path)
        except TmapsError as error:
            self.show_message(str(error))
            return
        if path not in self._files:
            self._files.append(path)
        self._reload()
        self.setValue(replace(self.value(), pipeline=path))

    def _on_pipeline_chosen(self, key: str) -> None:
        """Choose what was opened or edited in the Pipeline widget, if it can be run here."""
        if self._experiment is None or self._facts is None or self._state is None:
            return
        pipelines = pipeline_keys(self._experiment, self._files)
        if key in pipelines and key != self.value().pipeline:
            self._facts = replace(self._facts, pipelines=pipelines)
            self._state = resolve(self._facts, replace(self.value(), pipeline=key))
            self.site_page.setState(self._state, pipelines)
            self._desk.setChoice(self.value())
            self.valueChanged.emit(self.value())

    # -- drop and close -------------------------------------------------------------------------

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Give back what is open, unless something would be lost."""
        if event is not None and not self._may_close():
            event.ignore()
        else:
            self.close_experiment()

    def _may_close(self) -> bool:
        if unsaved := self._desk.unsaved:
            self.show_message(f"{unsaved}. Save or discard that, then close this.")
        return not unsaved

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        if event is not None and _dropped(event) and not self.is_busy:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        if event is not None:
            self.open_folder(_dropped(event))


def _dropped(event: QDropEvent) -> str:
    """Path of the first file or folder that is dropped, "" if it is something else."""
    data = event.mimeData()
    urls = data.urls() if data is not None else []
    return urls[0].toLocalFile() if urls else ""
