"""Dialog: how even the light is before and after correction, and how well cycles are aligned."""

from __future__ import annotations

from collections.abc import Generator

from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QComboBox, QDialog, QGridLayout, QLabel, QVBoxLayout, QWidget

from napari_tmaps.gui.correction_state import (
    Picture,
    alignment_in_words,
    field_in_words,
    field_pictures,
    field_title,
)
from napari_tmaps.gui.latest import Latest
from napari_tmaps.gui.parts import Message, wrapped
from napari_tmaps.gui.workers import Outcome
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.experiment import Experiment

_WIDTH = 560
_PICTURE = 240  # pixels across


class CorrectionReport(QDialog):
    """Shows the fields of an experiment, one at a time, and its shifts.

    Raises
    ------
    FormatError
        The index of the fields, or the table of shifts, is damaged.
    """

    def __init__(self, experiment: Experiment, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Correction and alignment")
        self._experiment = experiment
        self._entries = experiment.illumination.entries()
        self._work = Latest(self)
        self.field_box = QComboBox()
        self.field_box.setToolTip("The images that share a field")
        self.field_box.addItems([field_title(entry) for entry in self._entries])
        self.words = wrapped()
        self.alignment = wrapped("\n".join(alignment_in_words(experiment)))
        self.pictures = QWidget()
        self._grid = QGridLayout(self.pictures)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._message = Message()
        layout = QVBoxLayout(self)
        if self._entries:
            layout.addWidget(self.field_box)
            layout.addWidget(self.words)
            layout.addWidget(self.pictures)
        layout.addWidget(self._message)
        if self.alignment.text():
            layout.addWidget(self.alignment)
        layout.addStretch()
        self.setMinimumWidth(_WIDTH)
        self.field_box.currentIndexChanged.connect(lambda _: self._ask())
        self._work.ended.connect(self._on_ended)
        self.finished.connect(lambda _: self._work.cancel())
        self._ask()

    @property
    def is_busy(self) -> bool:
        """True while pictures are read."""
        return self._work.is_running

    def value(self) -> str:
        """The field that is shown; "" if there is none."""
        return self.field_box.currentText()

    def setValue(self, title: str) -> None:
        """Show another field."""
        self.field_box.setCurrentText(title)

    def _ask(self) -> None:
        at, experiment = self.field_box.currentIndex(), self._experiment
        if at < 0:
            return
        entry = self._entries[at]

        def make() -> Generator[Progress, None, tuple[str, list[Picture]]]:
            yield Progress("", 0, 0)
            return field_in_words(experiment, entry), field_pictures(experiment, entry)

        self._work.ask("", make)

    def _on_ended(self, outcome: Outcome) -> None:
        self._message.say(outcome.error)
        words, pictures = outcome.value or ("", ())
        self.words.setText(words)
        while (item := self._grid.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.deleteLater()
        for n, picture in enumerate(pictures):
            row, column = 2 * (n // 2), n % 2
            low, high = (f"{end:.4g}" if end < 1e4 else f"{end:.0f}" for end in picture.ends)
            title = QLabel(f"{picture.title}: {low} to {high}")
            self._grid.addWidget(title, row, column, Qt.AlignmentFlag.AlignHCenter)
            self._grid.addWidget(_drawn(picture), row + 1, column, Qt.AlignmentFlag.AlignHCenter)
        self.adjustSize()


def _drawn(picture: Picture) -> QLabel:
    height, width, _ = picture.pixels.shape
    label = QLabel()
    image = QImage(picture.pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    smooth = Qt.TransformationMode.SmoothTransformation
    label.setPixmap(QPixmap.fromImage(image).scaledToWidth(_PICTURE, smooth))
    label.setAccessibleName(picture.title)
    return label
