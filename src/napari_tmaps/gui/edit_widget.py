"""Dock widget "Edit objects": corrects objects of the shown site with the brush of napari."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, QSignalBlocker
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QDockWidget,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.errors import NotFoundError, TmapsError
from napari_tmaps.gui.desk import desk_of
from napari_tmaps.gui.edit_history import EditHistory
from napari_tmaps.gui.edit_layer import EditLayer, Hand, stored_layer
from napari_tmaps.gui.empty_page import EmptyPage
from napari_tmaps.gui.parts import Message, push_button, timer, wrapped
from napari_tmaps.gui.progress_row import ProgressRow
from napari_tmaps.gui.state import View
from napari_tmaps.gui.undocked import Undocked
from napari_tmaps.gui.workers import Outcome, Work
from napari_tmaps.model.progress import run
from napari_tmaps.model.words import counted
from napari_tmaps.pipeline.correcting import Correcting, correct, redo, undo
from napari_tmaps.store.corrections import Edit, SiteObjects
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.export_training import For
from napari_tmaps.tools.exporting import Export, export_objects

if TYPE_CHECKING:
    import napari.viewer


_SETTLE_MS = 50

_TIPS = {
    Hand.PAINT: "Paint with the label of the object where you begin",
    Hand.NEW: "Paint an object that is not there yet",
    Hand.ERASE: "Take pixels away from objects",
    Hand.SPLIT: "Drag a line across an object: it is cut in two",
    Hand.MERGE: "Drag from one object to another: they become one",
    Hand.DELETE: "Click an object, or drag across several: they are gone",
}


class EditWidget(QWidget):
    """Edits the objects of one type at the site that is shown.

    Parameters
    ----------
    viewer
        Gets a layer to paint on.
    """

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._desk = desk_of(viewer)
        self._work = Work(self)
        self._edited: EditLayer | None = None
        self._after: Callable[[Any], None] = lambda _: None

        self.empty = EmptyPage(viewer)
        self.type_box = QComboBox()
        self.type_box.setToolTip("Type of the objects that are corrected")
        self.edit_button = push_button(
            "Edit this site",
            "Put the objects of the site into a layer that can be painted on; press again to end",
            checkable=True,
        )
        self.hands = QButtonGroup(self)
        self._hand_box = QWidget()
        grid = QGridLayout(self._hand_box)
        grid.setContentsMargins(0, 0, 0, 0)
        for n, hand in enumerate(Hand):
            button = push_button(hand.value, _TIPS[hand], checkable=True)
            self.hands.addButton(button, n)
            grid.addWidget(button, n // 3, n % 3)
        self._state = wrapped()
        self.save_button = push_button(
            "Save", "Write what changed, and measure the changed objects again"
        )
        self.discard_button = push_button("Discard", "Forget what was not saved yet")
        self.history = EditHistory()
        self.progress_row = ProgressRow()
        self._message = Message()

        full = QWidget()
        page = QVBoxLayout(full)
        page.setContentsMargins(0, 0, 0, 0)
        top = QHBoxLayout()
        top.addWidget(self.type_box, 1)
        top.addWidget(self.edit_button)
        page.addLayout(top)
        page.addWidget(self._hand_box)
        page.addWidget(self._state)
        row = QHBoxLayout()
        row.addWidget(self.save_button)
        row.addWidget(self.discard_button)
        page.addLayout(row)
        page.addWidget(self.progress_row)
        page.addWidget(self._message)
        page.addWidget(self.history)
        page.addStretch()
        self._pages = QStackedWidget()
        self._pages.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._pages.addWidget(self.empty)
        self._pages.addWidget(full)
        QVBoxLayout(self).addWidget(self._pages)

        self.type_box.activated.connect(lambda _: self._on_type_changed())
        self.edit_button.toggled.connect(self._on_edit_toggled)
        self.hands.idClicked.connect(lambda n: self.setHand(list(Hand)[n]))
        self.save_button.clicked.connect(self.save)
        self.discard_button.clicked.connect(self.discard)
        self.history.undo_button.clicked.connect(lambda: self._step(undo))
        self.history.redo_button.clicked.connect(lambda: self._step(redo))
        self.history.siteRequested.connect(self._go)
        self.history.trainingRequested.connect(self._on_training_requested)
        self.progress_row.cancelRequested.connect(self._work.cancel)
        self._work.progressed.connect(self.progress_row.show_progress)
        self._work.ended.connect(self._on_ended)
        self._desk.experimentChanged.connect(self._on_experiment_changed)
        self._desk.choiceChanged.connect(self._on_choice_changed)
        # Never in the midst of a change: layers come and go, and the slider with them.
        self._moved = timer(self, _SETTLE_MS, self._on_choice_changed)
        viewer.dims.events.current_step.connect(self._on_time_changed)
        self._desk.tablesChanged.connect(self._on_tables_changed)
        Undocked(self, self._is_kept, viewer)
        self.show_message("")
        self._on_experiment_changed(self._desk.experiment)

    # -- value ----------------------------------------------------------------------------------

    @property
    def is_busy(self) -> bool:
        """True while something is saved or measured."""
        return self._work.is_running

    @property
    def layer(self) -> Any:
        """The layer that is painted on; None while nothing is edited."""
        return self._edited.layer if self._edited else None

    @property
    def place(self) -> SiteObjects | None:
        """What is edited."""
        return self._edited.place if self._edited else None

    def changed(self) -> int:
        """Number of objects that differ from those that are saved."""
        return self._edited.changed() if self._edited else 0

    def show_message(self, text: str) -> None:
        """Say something in place; "" to say nothing."""
        self._message.say(text)

    # -- what is there --------------------------------------------------------------------------

    def _on_experiment_changed(self, experiment: Experiment | None) -> None:
        self._leave()
        self.type_box.clear()
        self._offer_types(experiment)
        self.show_message("")
        self._show()

    def _on_tables_changed(self, _object_type: str) -> None:
        """Objects were found anew, maybe those of a type for the first time."""
        self._offer_types(self._desk.experiment)
        if self._edited is not None and not self._work.is_running and not self.changed():
            self._begin()
        self._show()

    def _offer_types(self, experiment: Experiment | None) -> None:
        """Offer the types that there are now; the choice stays if it can."""
        types = [] if experiment is None else list(experiment.catalogue.object_types()["name"])
        chosen = self.type_box.currentText()
        self.type_box.clear()
        self.type_box.addItems(types)
        if chosen in types:
            self.type_box.setCurrentText(chosen)
        self.empty.show_state(has_experiment=experiment is not None)
        self._pages.setCurrentIndex(1 if types else 0)

    def _on_choice_changed(self) -> None:
        if self._edited is None:
            return
        choice = self._desk.choice
        here = (choice.plate, choice.well, choice.site, self._time())
        if choice.view is View.SITE and here == self._edited.place[1:]:
            return
        # What was painted is not lost because somebody walks on.
        if self.changed():
            self._save(go_on=choice.view is View.SITE)
        elif choice.view is View.SITE:
            self._begin()
        else:
            self.edit_button.setChecked(False)

    def _on_time_changed(self, _event: object) -> None:
        if self._edited is not None:
            self._moved.start()

    def _on_type_changed(self) -> None:
        if self._edited is not None:
            if self.changed():
                self._save(go_on=True)
            else:
                self._begin()

    def _on_edit_toggled(self, on: bool) -> None:
        if on:
            self._begin()
        else:
            self._end()

    def _end(self) -> None:
        """Edit no more; what was painted is kept."""
        if self.changed():
            self._save(go_on=False)
        self._leave()
        self._show()

    def _begin(self) -> None:
        """Put the objects of the site that is shown into a layer of their own."""
        self._leave()
        experiment, choice = self._desk.experiment, self._desk.choice
        assert experiment is not None, "the button is shown only then"
        if choice.view is not View.SITE:
            self._desk.go(replace(choice, view=View.SITE))
            choice = self._desk.choice
        object_type = self.type_box.currentText()
        below = stored_layer(self._viewer, object_type)
        try:
            if below is None:
                raise NotFoundError(f"This site has no {object_type}. Analyse it first.")
            place = SiteObjects(object_type, choice.plate, choice.well, choice.site, self._time())
            before = experiment.labels(*place[1:4], object_type, t=place.t)
        except TmapsError as error:
            self.show_message(str(error))
            self._check_edit_button(False)
            self._show()
            return
        self._edited = EditLayer(self._viewer, below, place, before, self._show_state, self._end)
        around: QWidget | None = self
        while around is not None:  # its dock and its window, of which it gets no event of its own
            if around.isWindow() or isinstance(around, QDockWidget):
                around.installEventFilter(self)
            around = around.parentWidget()
        self._check_edit_button(True)
        self.setHand(self.hand)
        self._show()

    def _time(self) -> int:
        """The time point that is shown."""
        return int(self._viewer.dims.current_step[0]) if self._viewer.dims.ndim == 4 else 0

    def _leave(self) -> None:
        if self._edited is not None:
            edited, self._edited = self._edited, None
            edited.remove()
        self._check_edit_button(False)

    def _check_edit_button(self, on: bool) -> None:
        with QSignalBlocker(self.edit_button):
            self.edit_button.setChecked(on)

    # -- the mouse ------------------------------------------------------------------------------

    def setHand(self, hand: Hand) -> None:
        """Choose what the mouse does."""
        button = self.hands.button(list(Hand).index(hand))
        assert button is not None, "each hand has one"
        button.setChecked(True)
        if self._edited is not None:
            self._edited.setHand(hand)

    def stroke(self, hand: Hand, start: Any, end: Any) -> None:
        """`EditLayer.stroke` on what is edited."""
        if self._edited is not None:
            self._edited.stroke(hand, start, end)

    @property
    def hand(self) -> Hand:
        """What the mouse does."""
        return list(Hand)[max(0, self.hands.checkedId())]

    # -- saving ---------------------------------------------------------------------------------

    def save(self) -> None:
        """Keep what changed."""
        self._save(go_on=True)

    def discard(self) -> None:
        """Forget what was not saved."""
        if self._edited is not None:
            self._edited.discard()
            self._show()

    def _save(self, *, go_on: bool) -> None:
        if self._edited is None or self._work.is_running:
            return
        edited = self._edited
        place, before, after = edited.place, edited.before, edited.after()
        experiment = self._desk.experiment
        assert experiment is not None, "objects are edited"

        def make() -> Correcting:
            return correct(experiment, place, before, after)

        def saved(_edit: Edit) -> None:
            if self._edited is edited:  # nobody has gone elsewhere meanwhile
                (self._begin if go_on else self._leave)()

        self._start("Saving", make, saved)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """What was painted is not lost either because somebody closes the dock or the window."""
        if event is None or event.type() != QEvent.Type.Close or self._is_kept():
            return False
        event.ignore()
        return True

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Likewise, where it is a window of its own."""
        if event is not None and not self._is_kept():
            event.ignore()
        else:
            self._leave()

    def _is_kept(self) -> bool:
        """Save what was painted, at once; False, and a message, if that cannot be."""
        if not self.changed():
            return True
        if self._work.is_running:
            self.show_message("Something is being saved. Close it once that has ended.")
            return False
        experiment, edited = self._desk.experiment, self._edited
        assert experiment is not None, "objects are edited"
        assert edited is not None, "something has changed"
        try:
            run(correct(experiment, edited.place, edited.before, edited.after()))
        except TmapsError as error:
            self.show_message(f"{error} It stays open: discard the changes to close it.")
            return False
        self._leave()
        self._show()
        self._desk.tablesChanged.emit(edited.place.object_type)
        return True

    def _step(self, change: Callable[[Experiment], Correcting]) -> None:
        experiment = self._desk.experiment
        assert experiment is not None, "the buttons are shown only then"

        def make() -> Correcting:
            return change(experiment)

        def after(edit: Edit) -> None:
            if self._desk.experiment is not experiment:
                return
            self._go(edit.place)
            if self._edited is not None:
                self._begin()

        self._start("Changing", make, after)

    def _start(self, title: str, make: Any, after: Callable[[Any], None]) -> None:
        self.show_message("")
        self._after = after
        self.progress_row.begin(title)
        self._work.start(title, make)
        self._show_state()

    def _on_ended(self, outcome: Outcome) -> None:
        self.progress_row.end()
        if outcome.error:
            self.show_message(outcome.error)
        elif isinstance(outcome.value, str):  # what was exported
            self.show_message(outcome.value)
        else:
            edit: Edit | None = outcome.value
            if edit is not None:
                self._desk.tablesChanged.emit(edit.place.object_type)
                number = len(edit.touched)
                what = "undone" if edit.is_undone else "saved"
                self.show_message(f"{number} changed {edit.place.object_type} {what}.")
                if outcome.failures:
                    self.show_message("\n".join(outcome.failures))
                self._after(edit)
        self._show()

    def _on_training_requested(self, program: For) -> None:
        experiment, object_type = self._desk.experiment, self.type_box.currentText()
        chosen, _ = QFileDialog.getSaveFileName(
            self, "Export for training", f"{object_type} for {program}", "Folder (*)"
        )
        if chosen and experiment is not None:
            wanted = Export("training", size_px=0, program=program)
            self._start(
                "Writing",
                lambda: export_objects(experiment, object_type, Path(chosen), wanted),
                lambda _: None,
            )

    def _go(self, place: SiteObjects) -> None:
        choice = replace(
            self._desk.choice, plate=place.plate, well=place.well, site=place.site, view=View.SITE
        )
        if choice != self._desk.choice:
            self._desk.go(choice)

    # -- showing --------------------------------------------------------------------------------

    def _show(self) -> None:
        """History and corrected sites, as they are on disk."""
        fault = self.history.look(self._desk.experiment)
        if fault:
            self.show_message(fault)
        self._show_state()

    def _show_state(self, _event: object = None) -> None:
        """What may be pressed now."""
        number, on, free = self.changed(), self._edited is not None, not self._work.is_running
        if self._edited is not None:
            self._edited.setFree(free)
        self._hand_box.setVisible(on)
        self._state.setVisible(on)
        unsaved = f"{counted(number, 'object')} changed, not saved yet" if number else ""
        self._desk.unsaved = unsaved
        self._state.setText(unsaved or "Nothing changed. Ctrl+Z takes back a stroke.")
        self.save_button.setVisible(on)
        self.discard_button.setVisible(on)
        self.save_button.setEnabled(bool(number) and free)
        self.discard_button.setEnabled(bool(number) and free)
        self.history.setFree(free and not number)
        self.edit_button.setEnabled(free)
        self.type_box.setEnabled(free)
