"""Dock widget "Pipeline": build a pipeline on the picture, and see each change at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QCloseEvent, QKeySequence, QShortcut  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QWidget,
)

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui import step_edits
from napari_tmaps.gui.desk import desk_of
from napari_tmaps.gui.facts import pipeline_name
from napari_tmaps.gui.live_preview import LivePreview
from napari_tmaps.gui.live_source import Scene
from napari_tmaps.gui.parts import timer
from napari_tmaps.gui.pipeline_document import PipelineDocument
from napari_tmaps.gui.pipeline_files import read_any, write_any
from napari_tmaps.gui.pipeline_parts import FORM, NOTES, PICKER, PipelineParts
from napari_tmaps.gui.pipeline_trials import PipelineTrials
from napari_tmaps.gui.sight import Sight
from napari_tmaps.gui.step_edits import StepEdit
from napari_tmaps.gui.trying import Sweep
from napari_tmaps.gui.tuning import Shown, Tuning, message, threshold_setting, tune
from napari_tmaps.gui.undocked import Undocked
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.pipeline.imported import State

if TYPE_CHECKING:
    import napari.viewer


class PipelineWidget(PipelineParts):
    """Edits a pipeline; its value is a `PipelineDescription`.

    Parameters
    ----------
    viewer
        Whose layers the pipeline works on, and which gets its previews.
    """

    valueChanged = Signal(object)

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._live = LivePreview(viewer, self)
        self._document = PipelineDocument(self)
        self._desk = desk_of(viewer)
        self._document.chosen.connect(self._desk.pipelineChosen)
        self._desk.settle = self._document.settle
        self._chosen = ""
        self._failed: tuple[str, str] = ("", "")  # step, why
        self._told = ""  # by others, e.g. why the last edit is not on the disk; until the next edit
        self._threshold: float | None = None
        self._experiment = ""
        self._is_seen = False
        self._is_open = True
        self._tuning = Tuning(PipelineDescription())
        self._sight = Sight(self, self._preview)
        self._later = timer(self, 0, self._follow)
        self._rest = timer(self, 0, self._show_rest)

        self._trials = PipelineTrials(viewer, self._document, self._live, self.try_button, self)
        self._give_back = _giver_back(
            partial(self._desk.leave_pipeline, self._document.settle),
            self._document.close,
            *self._trials.ends,
            self._live.close,
        )
        # A widget in a window that is closed gets no event of its own.
        self.destroyed.connect(self._give_back)
        self._connect()
        Undocked(self)
        self._live.look()
        self._show()

    def _connect(self) -> None:
        self._live.sceneChanged.connect(self._on_scene_changed)
        self._live.arrived.connect(self._on_arrived)
        self._live.failed.connect(self._on_failed)
        self._document.changed.connect(self._on_changed)
        self._document.opened.connect(self._on_opened)
        self._document.failed.connect(self._tell)
        self._trials.valueChosen.connect(self._on_value_chosen)
        self._trials.told.connect(self._tell)
        self._trials.compared.connect(self._compared.say)
        self.bar.opened.connect(self._on_open_requested)
        self.bar.undone.connect(self.undo)
        self.bar.redone.connect(self.redo)
        self.bar.renamed.connect(self._document.copy_as)
        self.bar.fileOpened.connect(self.open_file)
        self.bar.fileSaved.connect(self._on_file_saved)
        self.live_box.toggled.connect(self._on_live_toggled)
        self.before_button.toggled.connect(self._live.show_before)
        self.ports.valueChanged.connect(
            lambda value: self._edit(value, "Change what goes in or out")
        )
        self.add_button.toggled.connect(lambda on: self._turn_to(PICKER if on else FORM))
        self.picker.chosen.connect(
            lambda module: self._add(module, step_edits.below(self.value(), self._chosen))
        )
        self.steps.chosen.connect(self._on_step_chosen)
        for signal, act in (
            (self.steps.moved, step_edits.moved),
            (self.steps.activeChanged, step_edits.switched),
            (self.steps.removeRequested, step_edits.removed),
            (self.steps.duplicateRequested, step_edits.duplicated),
            (self.steps.renameRequested, step_edits.renamed),
        ):
            signal.connect(lambda *told, act=act: self._do(act, *told))
        self.steps.moduleDropped.connect(self._add)
        self.form.settingChanged.connect(
            lambda name, value: self._do_to_chosen(step_edits.with_setting, name, value)
        )
        self.form.wireChanged.connect(
            lambda wire, item: self._do_to_chosen(step_edits.wired, wire, item, self.scene)
        )
        self.form.outputRenamed.connect(
            lambda output, item: self._do_to_chosen(step_edits.with_output_named, output, item)
        )
        self.notes.closed.connect(lambda: self._turn_to(FORM))
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
        return self._document.value()

    def setValue(self, pipeline: PipelineDescription) -> None:
        """Go on with another pipeline, as an edit that can be undone."""
        self._edit(pipeline, "Replace the pipeline", chosen=self._chosen)

    def undo(self) -> None:
        """Take back the last edit."""
        self._told = ""
        self._document.undo()

    def redo(self) -> None:
        """Do again what was taken back."""
        self._told = ""
        self._document.redo()

    def open_file(self, path: str) -> None:
        """Put a pipeline file on the shelf, and go on with it."""
        try:
            pipeline, notes = read_any(Path(path))
            self._document.begin(pipeline)
            self._document.save()  # without an edit nobody else would
            self._show()
        except TmapsError as error:
            self.show_message(str(error))
            return
        if any(note.state is not State.TRANSLATED for note in notes):
            self.notes.show_notes(Path(path).name, notes)
            self._turn_to(NOTES)

    def show_message(self, text: str) -> None:
        """Say something in place; "" to say nothing."""
        self._message.say(text)

    @property
    def scene(self) -> Scene:
        """What the pipeline works on."""
        return self._live.scene

    @property
    def is_busy(self) -> bool:
        """True while a preview or trials are computed."""
        waits = self._later.isActive() or self._rest.isActive() or self.form.is_busy
        return waits or self._live.is_busy or self._trials.is_busy

    def _edit(
        self,
        pipeline: PipelineDescription,
        what: str,
        key: str = "",
        chosen: str | None = None,
    ) -> None:
        """The one way in which the pipeline changes."""
        if chosen is not None:
            self._chosen = chosen
        self._told = ""
        if not self._document.edit(pipeline, what, key):
            self._show()

    def _on_changed(self) -> None:
        names = [call.name for call in self.value().pipeline]
        if self._chosen not in names:  # it was taken away: look at what is in its place
            row = max(0, min(self.steps.currentRow(), len(names) - 1))
            self._chosen = names[row] if names else ""
        self._begin_anew()

    def _tell(self, text: str) -> None:
        self._told = text
        self.show_message(text)

    def _on_opened(self) -> None:
        self._told = ""
        self._below.setCurrentIndex(FORM)  # notes were of the pipeline before
        names = [call.name for call in self.value().pipeline]
        self._chosen = self._chosen if self._chosen in names else next(iter(names), "")
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._failed = ("", "")
        if [call.name for call in self.value().pipeline] != self.steps.names():
            self._show_list(self._tuning.marks)  # before all is checked anew
        self._later.start()  # while a slider is dragged, several changes are shown at once
        self.valueChanged.emit(self.value())

    def _follow(self) -> None:
        """Show the pipeline and what it makes."""
        self._later.stop()
        self._show_steps()
        self._preview()
        self._rest.start()  # in a turn of its own, so that the window answers in between

    # -- files ----------------------------------------------------------------------------------

    def _on_open_requested(self, name: str, ready: bool) -> None:
        if not self._document.open(name, is_ready=ready):
            self._show()

    def _on_file_saved(self, path: str) -> None:
        try:
            write_any(self.value(), Path(path))
        except TmapsError as error:
            self.show_message(str(error))

    # -- steps ----------------------------------------------------------------------------------

    def _do(self, act: Callable[..., StepEdit], *told: Any) -> None:
        """Do one of `step_edits`."""
        try:
            done = act(self.value(), *told)
        except TmapsError as error:
            self._show()
            self.show_message(str(error))
            return
        self._edit(done.pipeline, done.what, done.key, done.chosen)

    def _do_to_chosen(self, act: Callable[..., StepEdit], *told: Any) -> None:
        if self._chosen:
            self._do(act, self._chosen, *told)

    def _add(self, module: str, at: int | None) -> None:
        self.add_button.setChecked(False)
        self._do(step_edits.added, module, at, self.scene)

    def _on_step_chosen(self, name: str) -> None:
        if name != self._chosen:
            self._chosen = name
            self.add_button.setChecked(False)
            self._turn_to(FORM)
            self._later.start()

    def _on_threshold_moved(self, value: float) -> None:
        call = next((c for c in self.value().pipeline if c.name == self._chosen), None)
        if call is None or self._threshold is None:
            return
        found = threshold_setting(call, value, self._threshold)
        if found is not None:
            self._threshold = value
            self._do_to_chosen(step_edits.with_setting, *found)

    # -- what is on the screen ------------------------------------------------------------------

    def _on_scene_changed(self, scene: Scene) -> None:
        if scene.experiment != self._experiment:
            self._experiment = scene.experiment
            self._document.change_shelf(scene.experiment, pipeline_name(self._desk.choice.pipeline))
        self._follow()

    # -- preview --------------------------------------------------------------------------------

    def _preview(self) -> None:
        # Behind a tab that nobody has opened yet: nobody asked for layers.
        if not self._is_seen and self._sight.waits():
            return
        self._is_seen = True
        if self.live_box.isChecked() and not self._live.show(self._tuning):
            self.numbers.clear()

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

    def _on_value_chosen(self, what: Sweep, value: Any) -> None:
        try:
            done = step_edits.with_setting(self.value(), what.step, what.setting, value)
        except TmapsError as error:  # the step has gone since
            self.show_message(str(error))
            return
        self._edit(done.pipeline, done.what, chosen=self._chosen)

    # -- model → widget -------------------------------------------------------------------------

    def _show(self) -> None:
        self._show_steps()
        self._show_rest()

    def _show_steps(self) -> None:
        tuning = self._tuning = tune(self.value(), self._live.scene, self._chosen)
        failed, why = self._failed
        self._show_list({**tuning.marks, **({failed: why} if failed else {})})

    def _show_list(self, marks: Mapping[str, str]) -> None:
        """What the next key or click depends on."""
        document = self._document
        self.steps.setPipeline(document.value(), self._chosen, marks)
        self._trials.setStep(self._chosen)
        history = document.history
        self.bar.setState(document.names(), document.name, history.undoes, history.redoes)

    def _show_rest(self) -> None:
        self._rest.stop()
        tuning, scene, why = self._tuning, self._live.scene, self._failed[1]
        self._where.setText(self._live.problem or f"On {scene.title}")
        self._where.setToolTip(self._where.text())
        others = [name for name in self._document.names() if name != self._document.name]
        self.try_button.setState(tuning, scene.experiment, others)
        self.ports.setValue(tuning.pipeline)
        self.ports.setChannels(tuple(scene.images))
        self.form.setStep(tuning.chosen, tuning.spec, tuning.fitting, tuning.own_problems)
        if tuning.own_problems or why or not tuning.pipeline.pipeline:
            self.numbers.clear()
        self.show_message("\n".join(filter(None, (self._told, message(tuning, scene, why)))))

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Save, take the preview off the picture, and give everything back."""
        for each in (self._later, self._rest):
            each.stop()
        self._live.clear()
        self._trials.close()
        self._give_back()
        if self._is_open:
            self._is_open = False
            # Python may forget it from now on, and what would be called then is half gone as well.
            self.destroyed.disconnect(self._give_back)
        super().closeEvent(event)


def _giver_back(*ends: Callable[[], None]) -> Callable[[], None]:
    """Ends all; no method of the widget, which is half gone when it is needed."""

    def give_back() -> None:
        for end in ends:
            end()

    return give_back
