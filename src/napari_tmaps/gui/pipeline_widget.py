"""Dock widget "Pipeline": build a pipeline on the picture, and see each change at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QStandardPaths, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QCloseEvent, QKeySequence, QShortcut  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.comparing import Comparer
from napari_tmaps.gui.desk import desk_of
from napari_tmaps.gui.live_preview import LivePreview
from napari_tmaps.gui.live_source import Scene
from napari_tmaps.gui.module_picker import ModulePicker
from napari_tmaps.gui.numbers_panel import NumbersPanel
from napari_tmaps.gui.pipeline_bar import PipelineBar
from napari_tmaps.gui.pipeline_files import read_any, write_any
from napari_tmaps.gui.pipeline_saver import PipelineSaver
from napari_tmaps.gui.ports_button import PortsButton
from napari_tmaps.gui.probes import Probes, choose_sites
from napari_tmaps.gui.rehearsal_control import RehearsalControl
from napari_tmaps.gui.run_dialog import RunDialog
from napari_tmaps.gui.state import View
from napari_tmaps.gui.step_form import StepForm
from napari_tmaps.gui.step_list import StepList
from napari_tmaps.gui.trials_control import TrialsControl
from napari_tmaps.gui.try_button import TryButton
from napari_tmaps.gui.trying import Sweep, sweep_of
from napari_tmaps.gui.tuning import Shown, next_name, reads, threshold_setting, tune
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.modules import known_categories
from napari_tmaps.modules.describe import SettingSpec
from napari_tmaps.pipeline import edit, ready_pipelines
from napari_tmaps.pipeline.history import History
from napari_tmaps.pipeline.shelf import Shelf
from napari_tmaps.store.experiment import Experiment

if TYPE_CHECKING:
    import napari.viewer

_PROBES = 9
_TOLD = 4  # sentences that fit below the form


class PipelineWidget(QWidget):
    """Edits a pipeline; its value is a `PipelineDescription`.

    Parameters
    ----------
    viewer
        Whose layers the pipeline works on, and which gets its previews.
    """

    valueChanged = Signal(object)

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk_of(viewer)
        self._live = LivePreview(viewer, self)
        self._trials = TrialsControl(viewer, self._live.cache, self)
        self._rehearsal = RehearsalControl(viewer, self)
        self._comparer = Comparer(viewer, self._live.cache, self)
        self._shelf = Shelf(_own_folder())
        self._name = ""
        self._history = History(PipelineDescription())
        self._chosen = ""
        self._failed: tuple[str, str] = ("", "")  # step, why
        self._threshold: float | None = None
        self._experiment = ""

        self.bar = PipelineBar()
        self._where = QElidingLabel()
        self.live_box = QCheckBox("Live")
        self.live_box.setChecked(True)
        self.live_box.setToolTip("Show what the chosen step makes, at each change")
        self.before_button = QPushButton("Before")
        self.before_button.setCheckable(True)
        self.before_button.setToolTip(
            "Show what the step worked on in place of what it made (Ctrl+B)"
        )
        self.ports = PortsButton()
        self.try_button = TryButton()
        self.add_button = QPushButton("Add module")
        self.add_button.setCheckable(True)
        self.add_button.setToolTip("Choose a module to put below the chosen step (Ctrl+Shift+A)")
        self.steps = StepList()
        self.form = StepForm()
        self.picker = ModulePicker(known_categories())
        self.numbers = NumbersPanel()
        self._message = QLabel()
        self._message.setWordWrap(True)
        self._message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._lay_out()

        self._saver = PipelineSaver(self)
        self._give_back = _giver_back(
            self._saver.close,
            self._trials.cancel,
            self._rehearsal.cancel,
            self._comparer.cancel,
            self._live.close,
        )
        # A widget in a window that is closed gets no event of its own.
        self.destroyed.connect(self._give_back)
        self._connect()
        self._live.look()
        self._show()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.addWidget(self.bar)
        row = QHBoxLayout()
        row.addWidget(self._where, 1)
        row.addWidget(self.live_box)
        layout.addLayout(row)
        row = QHBoxLayout()
        row.addWidget(self.add_button)
        row.addWidget(self.ports)
        row.addWidget(self.before_button)
        row.addWidget(self.try_button)
        row.addStretch()
        layout.addLayout(row)
        self._below = QStackedWidget()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        page = QWidget()
        inside = QVBoxLayout(page)
        inside.setContentsMargins(0, 0, 6, 0)
        inside.addWidget(self.form)
        inside.addStretch()
        scroll.setWidget(page)
        self._below.addWidget(scroll)
        self._below.addWidget(self.picker)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(self.steps)
        splitter.addWidget(self._below)
        splitter.setStretchFactor(0, 2)
        splitter.setStretchFactor(1, 3)
        layout.addWidget(splitter, 1)
        layout.addWidget(self._message)
        layout.addWidget(self.numbers)
        self.setMinimumWidth(340)  # of the row of buttons

    def _connect(self) -> None:
        self._live.sceneChanged.connect(self._on_scene_changed)
        self._live.arrived.connect(self._on_arrived)
        self._live.failed.connect(self._on_failed)
        self._saver.failed.connect(self.show_message)
        self._live.settled.connect(self._follow)
        self._live.moved.connect(self._follow)
        self._trials.valueChosen.connect(self._on_value_chosen)
        self._trials.siteChosen.connect(self._on_site_chosen)
        self._rehearsal.siteChosen.connect(self._on_site_chosen)
        self._rehearsal.runRequested.connect(self._on_run_requested)
        self._trials.failed.connect(lambda why: self.show_message(f"⚠ {why}"))
        self.bar.opened.connect(self._on_opened)
        self.bar.undone.connect(self.undo)
        self.bar.redone.connect(self.redo)
        self.bar.renamed.connect(self._on_renamed)
        self.bar.fileOpened.connect(self.open_file)
        self.bar.fileSaved.connect(self._on_file_saved)
        self.live_box.toggled.connect(self._on_live_toggled)
        self.before_button.toggled.connect(self._live.show_before)
        self.ports.valueChanged.connect(
            lambda value: self._edit(value, "Change what goes in or out")
        )
        self.add_button.toggled.connect(self._on_add_toggled)
        self.picker.chosen.connect(self._on_module_chosen)
        self.try_button.sweepRequested.connect(self._on_sweep_requested)
        self.try_button.sitesRequested.connect(self._on_sites_requested)
        self.try_button.testRequested.connect(self._on_test_requested)
        self.try_button.compareRequested.connect(self._on_compare_requested)
        self._comparer.told.connect(self.show_message)
        self.try_button.runRequested.connect(self._on_run_requested)
        self._desk.wellsChanged.connect(self.try_button.setWells)
        self.try_button.setWells(self._desk.wells)
        self.steps.chosen.connect(self._on_step_chosen)
        self.steps.moved.connect(
            lambda name, to: self._edit(
                edit.move_step(self.value(), name, to), f"Move {name}", chosen=name
            )
        )
        self.steps.activeChanged.connect(
            lambda name, on: self._edit(
                edit.set_active(self.value(), name, on), f"Switch {name} {'on' if on else 'off'}"
            )
        )
        self.steps.removeRequested.connect(self._on_remove)
        self.steps.duplicateRequested.connect(self._on_duplicate)
        self.steps.renameRequested.connect(self._on_step_renamed)
        self.form.settingChanged.connect(self._on_setting_changed)
        self.form.wireChanged.connect(self._on_wire_changed)
        self.form.outputRenamed.connect(self._on_output_renamed)
        self.numbers.thresholdMoved.connect(self._on_threshold_moved)
        for keys, action in (
            (QKeySequence(QKeySequence.StandardKey.Undo), self.undo),
            (QKeySequence(QKeySequence.StandardKey.Redo), self.redo),
            (QKeySequence("Ctrl+Shift+A"), self.add_button.toggle),
            (QKeySequence("Ctrl+B"), self.before_button.toggle),
        ):
            shortcut = QShortcut(keys, self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(action)

    # -- value ----------------------------------------------------------------------------------

    def value(self) -> PipelineDescription:
        """The pipeline as it is now."""
        return self._history.pipeline

    def setValue(self, pipeline: PipelineDescription) -> None:
        """Go on with another pipeline, as an edit that can be undone."""
        self._edit(pipeline, "Replace the pipeline", chosen=self._chosen)

    def undo(self) -> None:
        """Take back the last edit."""
        self._go(self._history.at - 1)

    def redo(self) -> None:
        """Do again what was taken back."""
        self._go(self._history.at + 1)

    def open_file(self, path: str) -> None:
        """Put a pipeline file on the shelf, and go on with it."""
        try:
            pipeline, told = read_any(Path(path))
            self._begin(pipeline)
            self._edit(pipeline.model_copy(update={"name": self._name}), "Open")
        except TmapsError as error:
            self.show_message(str(error))
            return
        if told:
            more = f"\n… and {len(told) - _TOLD} more" if len(told) > _TOLD else ""
            self.show_message("Not carried over as it was:\n" + "\n".join(told[:_TOLD]) + more)
            self._message.setToolTip("\n".join(told))

    def show_message(self, text: str) -> None:
        """Say something in place; "" to say nothing."""
        self._message.setText(text)
        self._message.setVisible(bool(text))

    @property
    def scene(self) -> Scene:
        """What the pipeline works on."""
        return self._live.scene

    @property
    def is_busy(self) -> bool:
        """True while a preview or trials are computed."""
        return (
            self._live.is_busy
            or self._trials.is_busy
            or self._rehearsal.is_busy
            or self._comparer.is_busy
        )

    def _edit(
        self,
        pipeline: PipelineDescription,
        what: str,
        key: str = "",
        chosen: str | None = None,
    ) -> None:
        """The one way in which the pipeline changes."""
        before = self.value()
        try:
            if not self._name:
                self._name, self._history = self._shelf.start(before)
            self._history.edit(pipeline, what, key)
        except TmapsError as error:
            self.show_message(str(error))
        if chosen is not None:
            self._chosen = chosen
        if self.value() != before:
            self._changed()
        else:
            self._show()

    def _go(self, at: int) -> None:
        try:
            self._history.go(at)
        except TmapsError as error:
            self.show_message(str(error))
        self._changed()

    def _changed(self) -> None:
        self._failed = ("", "")
        self._comparer.clear()
        names = [call.name for call in self.value().pipeline]
        if self._chosen not in names:  # it was taken away: look at what is in its place
            row = max(0, min(self.steps.currentRow(), len(names) - 1))
            self._chosen = names[row] if names else ""
        self._saver.save(self._shelf, self._name, self.value())
        self._show()
        self._preview()
        self.valueChanged.emit(self.value())

    # -- pipelines ------------------------------------------------------------------------------

    def _on_opened(self, name: str, ready: bool) -> None:
        try:
            self._saver.finish()
            if ready:
                self._begin(ready_pipelines()[name] if name else PipelineDescription())
            else:
                self._name, self._history = name, self._shelf.open(name)
                self._opened()
        except TmapsError as error:
            self.show_message(str(error))
            self._show()

    def _begin(self, pipeline: PipelineDescription) -> None:
        self._saver.finish()
        self._name, self._history = self._shelf.start(pipeline)
        self._opened()

    def _opened(self) -> None:
        self.show_message("")
        names = [call.name for call in self.value().pipeline]
        self._chosen = self._chosen if self._chosen in names else next(iter(names), "")
        self._failed = ("", "")
        self._show()
        self._preview()
        self.valueChanged.emit(self.value())

    def _on_renamed(self, name: str) -> None:
        try:
            name, history = self._shelf.start(self.value(), name)
            history.edit(history.pipeline.model_copy(update={"name": name}), f"Copy as {name}")
            self._shelf.save(name, history.pipeline)
        except TmapsError as error:
            self.show_message(str(error))
            return
        self._name, self._history = name, history
        self._opened()

    def _on_file_saved(self, path: str) -> None:
        try:
            write_any(self.value(), Path(path))
        except TmapsError as error:
            self.show_message(str(error))

    # -- steps ----------------------------------------------------------------------------------

    def _on_add_toggled(self, on: bool) -> None:
        self._below.setCurrentIndex(int(on))
        if on:
            self.picker.search.setFocus()
            self.picker.search.selectAll()

    def _on_module_chosen(self, module: str) -> None:
        pipeline = self.value()
        for name in self._live.scene.images if not pipeline.input.channels else ():
            pipeline = reads(pipeline, name, self._live.scene)
        names = [call.name for call in pipeline.pipeline]
        at = names.index(self._chosen) + 1 if self._chosen in names else None
        pipeline, name = edit.add_step(pipeline, module, at)
        self.add_button.setChecked(False)
        self._edit(pipeline, f"Add {module}", chosen=name)

    def _on_step_chosen(self, name: str) -> None:
        if name != self._chosen:
            self._chosen = name
            self.add_button.setChecked(False)
            self._show()
            self._preview()

    def _on_remove(self, name: str) -> None:
        names = [call.name for call in self.value().pipeline]
        after = next_name(names, name, -1 if name == names[-1] else 1)
        chosen = "" if after == name else after
        self._edit(edit.remove_step(self.value(), name), f"Remove {name}", chosen=chosen)

    def _on_duplicate(self, name: str) -> None:
        pipeline, copy = edit.duplicate_step(self.value(), name)
        self._edit(pipeline, f"Duplicate {name}", chosen=copy)

    def _on_step_renamed(self, name: str, new: str) -> None:
        try:
            pipeline = edit.rename_step(self.value(), name, new)
        except TmapsError as error:
            self.show_message(str(error))
            return
        self._edit(pipeline, f"Rename {name}", chosen=new)

    def _on_setting_changed(self, setting: str, value: Any) -> None:
        if self._chosen:
            self._edit(
                edit.set_setting(self.value(), self._chosen, setting, value),
                f"Set {setting} of {self._chosen}",
                key=f"{self._chosen} {setting}",
            )

    def _on_wire_changed(self, wire: str, item: str) -> None:
        if self._chosen:
            pipeline = reads(self.value(), item, self._live.scene) if item else self.value()
            pipeline = edit.set_wire(pipeline, self._chosen, wire, item or None)
            self._edit(pipeline, f"Wire {wire} of {self._chosen}")

    def _on_output_renamed(self, output: str, item: str) -> None:
        if not self._chosen:
            return
        try:
            pipeline = edit.rename_output(self.value(), self._chosen, output, item.strip())
        except TmapsError as error:
            self.show_message(str(error))
            self._show()
            return
        self._edit(pipeline, f"Name {output} of {self._chosen}")

    def _on_threshold_moved(self, value: float) -> None:
        call = next((c for c in self.value().pipeline if c.name == self._chosen), None)
        if call is None or self._threshold is None:
            return
        found = threshold_setting(call, value, self._threshold)
        if found is not None:
            self._threshold = value
            self._on_setting_changed(*found)

    # -- what is on the screen ------------------------------------------------------------------

    def _on_scene_changed(self, scene: Scene) -> None:
        if scene.experiment != self._experiment:
            self._experiment = scene.experiment
            self._change_shelf(scene.experiment)
        self._show()
        self._preview()

    def _change_shelf(self, experiment: str) -> None:
        """The pipelines of an experiment lie in it; others with the user."""
        self._saver.finish()
        self._shelf = Shelf(Path(experiment) / "pipelines" if experiment else _own_folder())
        names = self._shelf.names()
        if names:
            self._on_opened(names[0], ready=False)
        elif self.value().pipeline:
            self._begin(self.value())
        else:
            self._name = ""

    # -- preview --------------------------------------------------------------------------------

    def _preview(self) -> None:
        if self.live_box.isChecked():
            self._live.show(self.value(), self._chosen)

    def _on_failed(self, step: str, why: str) -> None:
        self._failed = (step, why)
        self._show()

    def _on_arrived(self, shown: Shown) -> None:
        preview = shown.preview
        if preview.result is not None or preview.step.name != self._chosen:
            return
        if preview.view is None:
            self.before_button.setChecked(False)
            self._threshold = preview.threshold
        call = next(call for call in self.value().pipeline if call.name == self._chosen)
        self.numbers.show_result(shown, movable=threshold_setting(call, 1.0, 1.0) is not None)

    def _on_live_toggled(self, on: bool) -> None:
        if on:
            self._preview()
        else:
            self._live.clear()
            self.numbers.clear()

    # -- trials ---------------------------------------------------------------------------------

    def _on_sweep_requested(self, setting: SettingSpec) -> None:
        what = sweep_of(self.value(), self._chosen, setting)
        self._trials.run(what, self.value(), self._chosen, self._live.scene, self._live.view())

    def _follow(self) -> None:
        self._trials.follow(self.value(), self._chosen, self._live.scene, self._live.view())

    def _on_sites_requested(self, how: str) -> None:
        what = self._choose(how)
        if what is not None:
            scene, part = self._live.scene, self._live.view()
            self._trials.run(what, self.value(), self._chosen, scene, part)

    def _on_test_requested(self, how: str) -> None:
        what = self._choose(how)
        if what is not None:
            self._rehearsal.run(what, self.value())

    def _on_compare_requested(self, name: str) -> None:
        try:
            other = self._shelf.open(name).pipeline if name else None
        except TmapsError as error:
            self.show_message(str(error))
            return
        self._comparer.compare(self.value(), other, self._live.scene, self._live.images)

    def _choose(self, how: str) -> Probes | None:
        try:
            with Experiment.open(self._experiment) as experiment:
                plate, wells = self._desk.choice.plate, self._desk.wells
                return choose_sites(experiment, how, _PROBES, seed=0, plate=plate, wells=wells)
        except TmapsError as error:
            self.show_message(str(error))
            return None

    def _on_value_chosen(self, what: Sweep, value: Any) -> None:
        pipeline = edit.set_setting(self.value(), what.step, what.setting, value)
        self._edit(pipeline, f"Set {what.setting} of {what.step}", chosen=self._chosen)

    def _on_site_chosen(self, plate: str, well: str, site: int) -> None:
        """Go to the site in the Experiment widget, if that is there."""
        if self._desk.is_kept:
            self._desk.go(
                replace(self._desk.choice, plate=plate, well=well, site=site, view=View.SITE)
            )
        else:
            self.show_message("Open the Experiment widget to go to a site.")

    def _on_run_requested(self) -> None:
        self._saver.save(self._shelf, self._name, self.value())
        self._saver.finish()
        dialog = RunDialog(self._experiment, self.value(), self)
        dialog.submitted.connect(
            lambda number: self.show_message(
                f"Submission {number} runs, also when this window is closed. The Experiment "
                "widget shows how far it is."
            )
        )
        dialog.open()

    # -- model → widget -------------------------------------------------------------------------

    def _show(self) -> None:
        scene = self._live.scene
        self._where.setText(self._live.problem or f"On {scene.title}")
        self._where.setToolTip(self._where.text())
        tuning = tune(self.value(), scene, self._chosen)
        failed, why = self._failed
        marks = {**tuning.marks, **({failed: why} if failed else {})}
        chosen = tuning.chosen.name if tuning.chosen else ""
        self.steps.setPipeline(tuning.pipeline, chosen, marks)
        others = [name for name in self._shelf.names() if name != self._name]
        self.try_button.setState(tuning, scene.experiment, others)
        self.ports.setValue(tuning.pipeline)
        self.ports.setChannels(tuple(scene.images))
        self.form.setStep(tuning.chosen, tuning.spec, tuning.fitting, tuning.own_problems)
        self.bar.setState(
            self._shelf.names(), self._name, self._history.undoes, self._history.redoes
        )
        if tuning.own_problems or why:
            self.numbers.clear()
        if why:
            self.show_message(f"⚠ {why}")
        elif not tuning.pipeline.pipeline:
            self.show_message(
                "The pipeline is empty. Choose a ready one above, or press Add module."
            )
            self.numbers.clear()
        else:
            elsewhere = [str(problem) for problem in tuning.problems if problem.step is None]
            if elsewhere and scene.images:
                elsewhere.append("Choose what to read instead under 'In and out'.")
            self.show_message("\n".join(elsewhere))

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Save, and give everything back."""
        self._give_back()
        super().closeEvent(event)


def _giver_back(*ends: Callable[[], None]) -> Callable[[], None]:
    """Ends all; no method of the widget, which is half gone when it is needed."""

    def give_back() -> None:
        for end in ends:
            end()

    return give_back


def _own_folder() -> Path:
    place = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericDataLocation)
    return Path(place) / "napari-tmaps" / "pipelines"
