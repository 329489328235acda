"""Dock widget "Save": layers, sites, wells, plates and selections to OME-TIFF and OME-Zarr."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.arguments_form import ArgumentsForm
from napari_tmaps.gui.desk import desk_of
from napari_tmaps.gui.latest import Latest
from napari_tmaps.gui.parts import (
    Fault,
    Message,
    push_button,
    scrolled,
    timer,
    tool_button,
    wrapped,
)
from napari_tmaps.gui.progress_row import ProgressRow
from napari_tmaps.gui.save_job import Job, saved_layers
from napari_tmaps.gui.save_state import (
    SaveState,
    What,
    proposed_path,
    save_state,
    size_text,
    with_ending,
)
from napari_tmaps.gui.sight import Sight
from napari_tmaps.gui.undocked import Undocked
from napari_tmaps.gui.workers import Outcome, Work
from napari_tmaps.gui.writers import layer_data
from napari_tmaps.store.selections import SelectionStore
from napari_tmaps.streams.saveoptions import SaveOptions

if TYPE_CHECKING:
    import napari.viewer

_SETTLE_MS = 400


class SaveWidget(QWidget):
    """Edits how things are saved; its value is a `SaveOptions`.

    Parameters
    ----------
    viewer
        Whose layers are saved; its desk tells what is shown of the experiment.
    """

    valueChanged = Signal(object)

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._desk = desk_of(viewer)
        self._what = What.LAYERS
        self._selections: dict[str, list[str]] = {}
        self._folder = Path.home()
        self._proposed = ""
        self._saved: Job | None = None
        self._after: Callable[[Any], None] = lambda value: None
        self._work, self._judge = Work(self), Latest(self)
        self._judged = timer(self, _SETTLE_MS, self._start_judging)
        self._sight = Sight(self, self._judged.start)

        self.what_box = QComboBox()
        self.what_box.setToolTip("What to save")
        self.selection_box = QComboBox()
        self.selection_box.setToolTip("Which objects; others are left out of labels and tables")
        self._sentence = wrapped()
        self.path_line = QLineEdit()
        self.path_line.setToolTip("Where to save; what is there already is not replaced")
        browse = tool_button("…", "Choose where to save")
        self.form = ArgumentsForm(SaveOptions)
        self._fault = Fault()
        self._size = wrapped()
        self.save_button = push_button("Save", "Save; each file is written whole or not at all")
        self.open_button = push_button(
            "Open the result",
            "Read the saved files again, compare each pixel with what was meant, and show them",
        )
        self.progress_row = ProgressRow()
        self._message = Message()

        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.addWidget(QLabel("<b>What</b>"))
        layout.addWidget(self.what_box)
        layout.addWidget(self.selection_box)
        layout.addWidget(self._sentence)
        layout.addSpacing(6)
        layout.addWidget(QLabel("<b>Where and how</b>"))
        row = QHBoxLayout()
        row.addWidget(self.path_line, 1)
        row.addWidget(browse)
        layout.addLayout(row)
        layout.addWidget(self.form)
        layout.addWidget(self._fault)
        layout.addWidget(self._size)
        layout.addWidget(self.save_button)
        layout.addWidget(self.open_button)
        layout.addWidget(self.progress_row)
        layout.addWidget(self._message)
        layout.addStretch()
        scroll = scrolled(inside)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)

        self.what_box.activated.connect(self._on_what_changed)
        self.selection_box.activated.connect(lambda _: self._show())
        self.form.valueChanged.connect(lambda _: self._on_form_changed())
        self.path_line.editingFinished.connect(self._show)
        browse.clicked.connect(self._on_browse)
        self.save_button.clicked.connect(self.save)
        self.open_button.clicked.connect(self.open_result)
        self.progress_row.cancelRequested.connect(self._work.cancel)
        self._judge.ended.connect(self._on_judged)
        self._work.progressed.connect(self.progress_row.show_progress)
        self._work.ended.connect(self._on_work_ended)
        self._desk.experimentChanged.connect(self._on_experiment_changed)
        self._desk.choiceChanged.connect(self._show)
        self._desk.tablesChanged.connect(self._on_experiment_changed)
        self._desk.selectionsChanged.connect(self._on_experiment_changed)
        viewer.layers.selection.events.changed.connect(self._on_layers_changed)
        self.destroyed.connect(
            lambda: viewer.layers.selection.events.changed.disconnect(self._on_layers_changed)
        )
        Undocked(self)
        self._on_experiment_changed()

    # -- value ----------------------------------------------------------------------------------

    def value(self) -> SaveOptions:
        """How to save; ask `form.faults` before."""
        return SaveOptions(**self.form.value())

    def setValue(self, options: SaveOptions) -> None:
        """Show how to save."""
        self.form.setValue(options.model_dump())
        self._on_form_changed()

    @property
    def is_busy(self) -> bool:
        """True while something is saved, compared or judged."""
        return self._work.is_running or self._judge.is_running or self._judged.isActive()

    @property
    def state(self) -> SaveState:
        """What is shown."""
        choice = (
            self._desk.choice if self._desk.experiment is not None else type(self._desk.choice)()
        )
        return save_state(
            self._what,
            [layer.name for layer in self._layers()],
            choice,
            self._selections,
            self.selection_box.currentData() or ("", ""),
        )

    def choose(self, what: What, path: Path | None = None) -> None:
        """Choose what to save, and where."""
        self._what = what
        if path is not None:
            self.path_line.setText(str(path))
        self._show()

    def show_message(self, text: str) -> None:
        """Say something in place; "" to say nothing."""
        self._message.say(text)

    # -- work -----------------------------------------------------------------------------------

    def save(self) -> None:
        """Save what is chosen."""
        job = self._job()
        if job is None or self._work.is_running:
            return

        def after(written: list[Path] | None) -> None:
            self._saved = job if written else None
            if written:
                more = f" and {len(written) - 1} more" if len(written) > 1 else ""
                self.show_message(f"Saved '{written[0]}'{more}.")

        self._start("Saving", job.save, after)

    def open_result(self) -> None:
        """Prove what was saved last, and show it."""
        job = self._saved
        if job is None or self._work.is_running:
            return

        from napari.layers import Layer

        def after(planes: int | None) -> None:
            if planes is None:
                return
            self.show_message(f"All {planes} planes are the same when read again.")
            for layer in saved_layers(job.path):
                self._viewer.add_layer(Layer.create(*layer))

        self._start("Comparing", job.prove, after)

    def _start(self, title: str, make: Any, after: Callable[[Any], None]) -> None:
        self.show_message("")
        self._after = after
        self.progress_row.begin(title)
        self._work.start(title, make)
        self._show_buttons()

    def _on_work_ended(self, outcome: Outcome) -> None:
        self.progress_row.end()
        if outcome.error:
            self.show_message(f"⚠ {outcome.error}")
        elif outcome.cancelled:
            self.show_message("Cancelled. Files that were whole are kept, others are gone.")
        try:
            self._after(outcome.value)
        except TmapsError as error:
            self.show_message(f"⚠ {error}")
        self._show()

    def _start_judging(self) -> None:
        if self._sight.waits():  # what is to be saved would be read for nothing
            return
        job = self._job()
        if job is not None:
            self._size.setText("Working out the size …")
            self._judge.ask("Size", job.judge)

    def _on_judged(self, outcome: Outcome) -> None:
        if self._judged.isActive() or not self.state.can_save or not self._fits():
            return  # something else is chosen by now
        if outcome.error or outcome.value is None:
            self._size.setText(f"⚠ {outcome.error}" if outcome.error else "")
            return
        size, free = outcome.value
        text = f"About {size_text(size)}; {size_text(free)} are free."
        self._size.setText(f"⚠ {text} Make room first." if size > free else text)

    # -- showing --------------------------------------------------------------------------------

    def _layers(self) -> list[Any]:
        from napari.layers import Image, Labels

        chosen = self._viewer.layers.selection
        return [
            layer
            for layer in self._viewer.layers
            if layer in chosen and isinstance(layer, (Image, Labels))
        ]

    def _job(self) -> Job | None:
        """What would be saved now; None where that is nothing, or something is wrong."""
        state, path = self.state, self.path_line.text().strip()
        if not state.can_save or not path or not self._fits():
            return None
        experiment = self._desk.experiment
        if state.choice is not None and experiment is not None:
            return Job(Path(path), self.value(), experiment=experiment.path, choice=state.choice)
        try:
            layers = tuple(layer_data(*layer.as_layer_data_tuple()) for layer in self._layers())
        except TmapsError as error:
            self._size.setText(f"⚠ {error}")
            return None
        return Job(Path(path), self.value(), layers=layers)

    def _show(self) -> None:
        state = self.state
        self._what = state.what
        with QSignalBlocker(self.what_box):
            self.what_box.clear()
            for what in state.offered:
                self.what_box.addItem(what.value, what)
            self.what_box.setCurrentIndex(state.offered.index(state.what))
        self.selection_box.setVisible(state.what is What.SELECTION)
        self._sentence.setText(state.sentence)
        kind = self.form.value()["format"]
        if self.path_line.text() in ("", self._proposed):
            self._proposed = str(proposed_path(self._folder, state, kind))
            self.path_line.setText(self._proposed)
        else:
            self.path_line.setText(with_ending(self.path_line.text(), kind))
        self._judge.cancel()  # it was the size of something else
        self._judged.start()
        self._show_buttons()

    def _show_buttons(self) -> None:
        state = self.state
        free = not self._work.is_running
        self.save_button.setEnabled(free and self._fits() and state.can_save)
        self.open_button.setEnabled(free and self._saved is not None)
        if not state.can_save or not self._fits():
            self._size.setText("")

    def _fits(self) -> bool:
        """Whether the options go together; says it in place if they do not."""
        fault, faults = "", self.form.faults()
        if not faults:
            try:
                self.value().check()
            except TmapsError as error:
                fault = f"⚠ {error}"
        self._fault.say(fault)
        return not faults and not fault

    def _on_experiment_changed(self, _experiment: object = None) -> None:
        experiment = self._desk.experiment
        self._selections = {}
        if experiment is not None:
            # What follows a server is a cache: whoever saves there loses it some day.
            self._folder = experiment.path.parent if experiment.mirror is None else Path.home()
            store = SelectionStore(experiment.path / "selections")
            for object_type in experiment.features.object_types():
                try:
                    self._selections[object_type] = list(store.load(object_type))
                except TmapsError as error:
                    self.show_message(f"⚠ {error}")
        with QSignalBlocker(self.selection_box):
            self.selection_box.clear()
            for object_type, names in self._selections.items():
                for name in names:
                    self.selection_box.addItem(f"{object_type}: {name}", (object_type, name))
        self._show()

    def _on_layers_changed(self, _event: object = None) -> None:
        if self._what is What.LAYERS:
            self._show()

    def _on_what_changed(self, index: int) -> None:
        self._what = self.what_box.itemData(index)
        self._show()

    def _on_form_changed(self) -> None:
        self._show()
        if not self.form.faults():
            self.valueChanged.emit(self.value())

    def _on_browse(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(self, "Save as", self.path_line.text())
        if chosen:
            self.path_line.setText(chosen)
            self._show()
