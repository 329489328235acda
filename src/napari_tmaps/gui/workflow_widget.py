"""Dock widget "Workflow": stages and steps with their arguments, sent off and watched."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.desk import desk_of
from napari_tmaps.gui.facts import READY, pipeline_keys, pipeline_name
from napari_tmaps.gui.flow_buttons import FlowButtons
from napari_tmaps.gui.flow_state import (
    SIGNS,
    STAGE_TITLES,
    FlowState,
    estimate_text,
    flow_state,
    with_step,
)
from napari_tmaps.gui.flow_watch import FlowWatch
from napari_tmaps.gui.jobs_page import JobsPage
from napari_tmaps.gui.parts import Fault, Message, tool_button, wrapped
from napari_tmaps.gui.preferences import preference
from napari_tmaps.gui.progress_row import ProgressRow
from napari_tmaps.gui.sending_page import SendingPage
from napari_tmaps.gui.sight import Sight
from napari_tmaps.gui.stage_page import StagePage
from napari_tmaps.gui.state import Choice, View
from napari_tmaps.gui.undocked import Undocked
from napari_tmaps.gui.workers import Outcome, Work
from napari_tmaps.model.progress import Progress
from napari_tmaps.model.workflow import WorkflowDescription
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.workflow.description import (
    FILE,
    check_description,
    default_description,
    load_workflow,
    save_workflow,
    with_argument,
    workflow_of,
)
from napari_tmaps.workflow.engines import EngineChoice
from napari_tmaps.workflow.submission import Subset, last_submission, steps_done

if TYPE_CHECKING:
    import napari.viewer

_TOLD = 3
_FILES = "Workflows (*.yaml *.yml)"
_STOPPING = "Stopping at the next site …"
_Form = tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]
"""Stages with their steps, and names of pipelines."""


class WorkflowWidget(QWidget):
    """Edits the workflow of the open experiment; its value is a `WorkflowDescription`.

    Parameters
    ----------
    viewer
        Its desk tells which experiment is open.
    """

    valueChanged = Signal(object)

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk_of(viewer)
        self._experiment: Experiment | None = None
        self._value = WorkflowDescription()
        self._saved = self._value
        self._sent: WorkflowDescription | None = None
        self._asked = Path()
        self._built: _Form = (), ()
        self._followed = self._taken = ""
        """Pipeline that is chosen in the Experiment widget; name of the one taken over from it."""
        self._pages: dict[str, StagePage] = {}
        self._work = Work(self)
        self._watch = FlowWatch(self)
        self._sight = Sight(self, self._show_experiment)

        self._empty = wrapped(
            "No experiment is open. Open or make one in the Experiment widget; its workflow "
            "appears here."
        )
        self._headline = wrapped()
        self._more = tool_button("☰", "Save, reload, open and reset the workflow")
        self._more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self)
        self.save_action = _action(menu, "Save the workflow", lambda: self._try(self.save))
        self.reload_action = _action(menu, "Reload the saved one", self.reload)
        menu.addSeparator()
        _action(menu, "Open file (also of TissueMAPS)…", self._on_open)
        _action(menu, "Save as…", self._on_save_as)
        _action(menu, "Begin with the default", self._on_default)
        self._more.setMenu(menu)
        self.tabs = QTabWidget()
        self.tabs.setUsesScrollButtons(True)
        self.sending, self.jobs = SendingPage(), JobsPage()
        self._message = Message()
        self._fault = Fault()
        self.progress_row = ProgressRow()
        self.buttons = FlowButtons()

        self._inside = QWidget()
        layout = QVBoxLayout(self)
        layout.addWidget(self._empty)
        layout.addWidget(self._inside, 1)
        layout.addStretch()
        inside = QVBoxLayout(self._inside)
        inside.setContentsMargins(0, 0, 0, 0)
        top = QHBoxLayout()
        top.addWidget(self._headline, 1)
        top.addWidget(self._more, 0, Qt.AlignmentFlag.AlignTop)
        inside.addLayout(top)
        inside.addWidget(self.tabs, 1)
        inside.addWidget(self._fault)
        inside.addWidget(self._message)
        inside.addWidget(self.progress_row)
        inside.addWidget(self.buttons)

        self.buttons.submitRequested.connect(lambda until: self.submit(until or None))
        self.buttons.againRequested.connect(self.resubmit)
        self.buttons.resume.clicked.connect(self.resume)
        self.buttons.stop.clicked.connect(self.stop)
        self.buttons.estimate.clicked.connect(self._on_estimate)
        self.sending.valueChanged.connect(self._show)
        self.jobs.siteRequested.connect(self._on_site_requested)
        self.progress_row.cancelRequested.connect(self._work.cancel)
        self._watch.changed.connect(lambda _: self._on_watched())
        self._work.progressed.connect(self.progress_row.show_progress)
        self._work.ended.connect(self._on_work_ended)
        self._desk.experimentChanged.connect(self.setExperiment)
        self._desk.choiceChanged.connect(self._on_choice_changed)
        Undocked(self)
        self.setExperiment(self._desk.experiment)

    # -- value ----------------------------------------------------------------------------------

    def value(self) -> WorkflowDescription:
        """Stages, steps and arguments."""
        self._sight.end_wait()
        return self._value

    def setValue(self, description: WorkflowDescription) -> None:
        """Show a workflow."""
        self._sight.end_wait()  # else what is set would be replaced by what is saved
        changed = description != self._value
        if self._form(description) != self._built or not self._pages:
            self._build(description)
        self._value = description
        self.buttons.setWorkflow(description)
        for stage in description.stages:
            if stage.name in self._pages:
                self._pages[stage.name].setStage(stage)
        self._show()
        if changed:
            self.valueChanged.emit(description)

    @property
    def is_busy(self) -> bool:
        """True while this widget starts or estimates something."""
        return self._work.is_running

    @property
    def state(self) -> FlowState:
        """What is shown."""
        self._sight.end_wait()
        return self._state(self._faults())

    def _state(self, faults: Sequence[str]) -> FlowState:
        return flow_state(
            self._value,
            self._watch.value(),
            is_right=not faults,
            starting=self._work.is_running,
        )

    def setExperiment(self, experiment: Experiment | None) -> None:
        """Show the workflow of another experiment, or none."""
        self._experiment = experiment
        self._inside.setVisible(experiment is not None)
        self._empty.setVisible(experiment is None)
        self._clear_pages()
        self.show_message("")
        self._watch.setExperiment(None)
        if experiment is None or not self._sight.waits():
            self._show_experiment()

    def _show_experiment(self) -> None:
        """Make the forms, and look how far the workflow is: a quarter of a second."""
        experiment, self._sent = self._experiment, None
        self.jobs.setExperiment(experiment)
        self.sending.setExperiment(experiment)
        self._watch.setExperiment(experiment)
        if experiment is not None:
            self.reload()
            self._send_as_before(experiment)

    @property
    def message(self) -> str:
        """What is said in place."""
        return self._message.text()

    def show_message(self, text: str) -> None:
        """Say something in place; "" to say nothing."""
        self._message.say(text)

    # -- files ----------------------------------------------------------------------------------

    def save(self) -> None:
        """Make the workflow that of the experiment."""
        if self._experiment is None:
            return
        if self._experiment.mirror is not None:
            self._send("Saving", lambda flow: None, save=True, runs=False)
            return
        save_workflow(self.value(), self._experiment.path / FILE)
        self._saved, self._taken = self._value, ""
        self._show()

    def reload(self) -> None:
        """Show the workflow that is saved with the experiment, or the default."""
        if self._experiment is None:
            return
        try:
            self._saved = workflow_of(self._experiment)
        except TmapsError as error:
            self._saved = default_description(self._experiment.workflow_type)
            self.show_message(f"{error} The default is shown instead.")
        self._taken = ""
        self.setValue(self._with_pipeline(self._saved))

    def _with_pipeline(self, description: WorkflowDescription) -> WorkflowDescription:
        """The workflow with the pipeline of the Experiment widget, unless it says another."""
        assert self._experiment is not None
        self._followed = key = self._desk.choice.pipeline
        keys = pipeline_keys(self._experiment)
        steps = [step for stage in description.stages for step in stage.steps]
        said = next(filter(None, (step.batch_args.get("pipeline") for step in steps)), "")
        is_only = [key] == [each for each in keys if not each.startswith(READY)]
        if key not in keys or said not in ("", self._taken) or (is_only and not said):
            return description
        self._taken = pipeline_name(key)
        return with_argument(description, "jterator", "pipeline", self._taken)

    def _on_choice_changed(self, choice: Choice) -> None:
        """Run the pipeline that is chosen now, unless the workflow says another; offer new ones."""
        if self._pages and choice.pipeline != self._followed:
            self.setValue(self._with_pipeline(self._value))

    def _on_open(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open workflow", "", _FILES)
        if path:
            self._try(lambda: self.setValue(load_workflow(Path(path))))

    def _on_save_as(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save workflow", FILE, _FILES)
        if path:
            self._try(lambda: save_workflow(self._value, Path(path)))

    def _on_default(self) -> None:
        if self._experiment is not None:
            default = default_description(self._experiment.workflow_type)
            self.setValue(self._with_pipeline(default))

    def _try(self, act: Callable[[], Any]) -> None:
        self.show_message("")
        try:
            act()
        except TmapsError as error:
            self.show_message(str(error))

    # -- sending --------------------------------------------------------------------------------

    def submit(self, until: str | None = None) -> None:
        """Save the workflow and send it off, up to a stage."""
        self._send("Submitting", lambda flow: flow.detach(self._request(flow, until)), save=True)

    def resume(self) -> None:
        """Go on with the last submission."""
        self._send("Resuming", lambda flow: flow.detach(None))

    def resubmit(self, start: str | None = None) -> None:
        """Run again as last time, from a stage or step on."""
        self._send("Submitting", lambda flow: flow.detach(flow.repeated(start)))

    def stop(self) -> None:
        """Ask whoever works on the experiment to stop."""
        from napari_tmaps.workflow.lock import ask_to_stop

        experiment = self._experiment
        if experiment is None:
            return
        self.buttons.stop.setEnabled(False)
        if experiment.mirror is not None:
            self._send("Stopping", lambda flow: flow.ask_to_stop(), runs=False)
        else:
            self._try(lambda: ask_to_stop(experiment.path))
        self.show_message(_STOPPING)

    def _on_estimate(self) -> None:
        self._send("Estimating", lambda flow: flow.dry_run(self._request(flow, None)))

    def _request(self, flow: Any, until: str | None) -> Any:
        subset, engine = self.sending.value()
        return flow.request(self._value, until=until, engine=engine).model_copy(
            update={"subset": subset}
        )

    def _send(
        self, title: str, act: Callable[[Any], Any], *, save: bool = False, runs: bool = True
    ) -> None:
        """Do something with the workflow in a thread, with an experiment of its own."""
        self._sight.end_wait()
        if self._experiment is None or self._work.is_running:
            return
        path, is_far = self._experiment.path, self._experiment.mirror is not None
        self.show_message("")
        try:
            if runs:
                self._desk.settle()
            if save and not is_far:
                self.save()
        except TmapsError as error:
            self.show_message(str(error))
            return
        value = self._value if save and is_far else None

        def make() -> Generator[Progress, None, Any]:
            from napari_tmaps.workflow.door import Experiment as Door

            yield Progress(path.name, 0, 0)
            with Door.open(path) as experiment:
                if value is not None:
                    experiment.workflow.save(value)
                return act(experiment.workflow)

        self._sent, self._asked = value, path
        self.progress_row.begin(title)
        self._work.start(title, make)
        self._show()

    def _on_work_ended(self, outcome: Outcome) -> None:
        self.progress_row.end()
        is_shown = self._experiment is not None and self._experiment.path == self._asked
        if outcome.error:
            self.show_message(f"⚠ {'' if is_shown else f'{self._asked.name}: '}{outcome.error}")
        elif not is_shown:
            pass
        elif isinstance(outcome.value, dict):
            self.show_message(estimate_text(outcome.value))
        elif self._sent is not None:
            self._saved, self._taken = self._sent, ""
        self._sent = None
        self._show()
        self._watch.look()

    # -- showing --------------------------------------------------------------------------------

    def _build(self, description: WorkflowDescription) -> None:
        assert self._experiment is not None
        form, at = self._form(description), self.tabs.currentIndex()
        channels = self._experiment.catalogue.channel_names()
        choices = {"pipeline": ["", *form[1]], "stitch_channel": ["", *channels]}
        pages = {
            stage.name: StagePage(stage, choices) for stage in description.stages if stage.steps
        }
        self._clear_pages()
        self._built = form
        for name, page in pages.items():
            self._pages[name] = page
            page.stepChanged.connect(self._on_step_changed)
            self.tabs.addTab(page, STAGE_TITLES[name])
        self.tabs.addTab(self.sending, "Sites")
        self.tabs.addTab(self.jobs, "Jobs")
        self.tabs.setCurrentIndex(max(at, 0))

    def _form(self, description: WorkflowDescription) -> _Form:
        """What the forms are made for."""
        assert self._experiment is not None
        stages = tuple((each.name, *(s.name for s in each.steps)) for each in description.stages)
        return stages, tuple(dict.fromkeys(map(pipeline_name, pipeline_keys(self._experiment))))

    def _clear_pages(self) -> None:
        self.tabs.clear()  # deletes none of them
        for page in self._pages.values():
            page.deleteLater()
        self._pages = {}

    def _on_step_changed(self, step: str, changes: dict[str, Any]) -> None:
        self.setValue(with_step(self._value, step, **changes))

    def _faults(self) -> list[str]:
        found = [
            f"{where}: {text}"
            for page in self._pages.values()
            for where, text in page.faults().items()
        ]
        if self.sending.fault():
            found.append(self.sending.fault())
        if self._experiment is not None and not found:
            try:
                check_description(self._value, done=steps_done(self._experiment))
            except TmapsError as error:
                found.append(str(error))
        return found

    def _show(self) -> None:
        faults = self._faults()
        state = self._state(faults)
        unsaved = " Not saved yet." if self._value != self._saved else ""
        self._headline.setText(state.headline + unsaved)
        if self.message == _STOPPING and not state.at_work:
            self.show_message("")
        for number, (name, page) in enumerate(self._pages.items()):
            page.setSteps(state.steps)
            page.setBusy(state.at_work)
            standing = state.stage(name)  # type: ignore[arg-type]
            self.tabs.setTabText(number, f"{SIGNS[standing]} {STAGE_TITLES[name]}")  # type: ignore[index]
            self.tabs.setTabToolTip(number, f"{name}: {standing}")
        failed = self.jobs.failed()
        self.tabs.setTabText(
            self.tabs.indexOf(self.jobs), f"✗ Jobs ({failed})" if failed else "Jobs"
        )
        free = not state.at_work and not self.is_busy
        self.buttons.setState(
            state, can_repeat=free and self._watch.value()["submission"] is not None
        )
        self.save_action.setEnabled(self._value != self._saved)
        self._fault.warn(*faults[:_TOLD])

    def _on_watched(self) -> None:
        self.jobs.look()
        self._show()

    def _send_as_before(self, experiment: Experiment) -> None:
        """Propose the sites and the engine of the last submission, or those of the preferences."""
        try:
            _, request, _ = last_submission(experiment)
        except TmapsError:
            kind = preference("workflow", "engine", "dask")
            workers = preference("workflow", "workers", 0)
            self.sending.setValue(Subset(), EngineChoice(kind=kind, workers=workers))  # type: ignore[arg-type]
            return
        self.sending.setValue(request.subset, request.engine)

    def _on_site_requested(self, plate: str, well: str, site: int) -> None:
        choice = self._desk.choice
        self._desk.go(Choice(choice.experiment, plate, well, site, View.SITE, choice.pipeline))

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Look no longer; what was sent off goes on."""
        self._watch.setExperiment(None)
        super().closeEvent(event)


def _action(menu: QMenu, text: str, act: Callable[[], Any]) -> Any:
    return menu.addAction(text, act)
