"""What was corrected by hand: the last change to take back, and the sites with corrections."""

from __future__ import annotations

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QHBoxLayout,
    QListWidget,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.parts import Message, wrapped
from napari_tmaps.pipeline.remeasure import outdated
from napari_tmaps.store.corrections import Corrections, SiteObjects
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.export_training import For

_PROGRAMS: dict[For, str] = {
    "cellpose": "For Cellpose…",
    "stardist": "For StarDist…",
    "pixels": "Strokes for the pixel classifier…",
}


class EditHistory(QWidget):
    """Shows corrections as they are on disk.

    Signals
    -------
    siteRequested
        The `SiteObjects` that were clicked.
    trainingRequested
        What is to be trained with the corrections: a `For`.
    """

    siteRequested = Signal(object)
    trainingRequested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._places: list[SiteObjects] = []
        self._can_undo = self._can_redo = False
        self.undo_button, self.redo_button = QPushButton("Undo saved"), QPushButton("Redo")
        self._last = wrapped()
        self.sites = QListWidget()
        self.sites.setToolTip("Sites with corrections; click to go there")
        self.sites.setMaximumHeight(8 * self.sites.fontMetrics().lineSpacing())
        self.train_button = QPushButton("Export for training")
        self.train_button.setToolTip(
            "Write the corrected sites with their objects, to train a model with them"
        )
        self.training_menu = QMenu(self.train_button)
        for program, text in _PROGRAMS.items():
            action = self.training_menu.addAction(text)
            assert action is not None, "a menu gives its actions"
            action.triggered.connect(lambda _=False, p=program: self.trainingRequested.emit(p))
        self.train_button.setMenu(self.training_menu)
        self.older = Message()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        row = QHBoxLayout()
        row.addWidget(self.undo_button)
        row.addWidget(self.redo_button)
        layout.addLayout(row)
        layout.addWidget(self._last)
        layout.addWidget(self.sites)
        layout.addWidget(self.train_button)
        layout.addWidget(self.older)
        self.sites.itemClicked.connect(
            lambda item: self.siteRequested.emit(self._places[self.sites.row(item)])
        )

    def look(self, experiment: Experiment | None) -> str:
        """Read the corrections again; returns why that failed, "" if it did not."""
        last = following = None
        older: list[str] = []
        self._places, fault = [], ""
        if experiment is not None:
            try:
                corrections = Corrections(experiment)
                last, following = corrections.last(), corrections.next()
                self._places = corrections.corrected()
                older = outdated(experiment)
            except TmapsError as error:
                fault = str(error)
        self.undo_button.setToolTip(
            f"Take back: {last.sentence()}" if last else "Nothing is saved that could be undone"
        )
        self.redo_button.setToolTip(
            f"Do again: {following.sentence()}" if following else "Nothing was undone"
        )
        self._can_undo, self._can_redo = last is not None, following is not None
        self._last.setText(f"Last: {last.sentence()}" if last else "No corrections yet.")
        self.sites.clear()
        self.sites.addItems([str(place) for place in self._places])
        self.sites.setVisible(bool(self._places))
        self.train_button.setVisible(bool(self._places))
        self.older.warn(*older)
        return fault

    def setFree(self, is_free: bool) -> None:
        """Whether something may be taken back or done again now."""
        self.undo_button.setEnabled(self._can_undo and is_free)
        self.redo_button.setEnabled(self._can_redo and is_free)
        self.train_button.setEnabled(is_free)
