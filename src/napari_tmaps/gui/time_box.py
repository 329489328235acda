"""The choice between the time point that is shown and all time points together."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QComboBox, QWidget

from napari_tmaps.gui.desk import Desk
from napari_tmaps.model.words import time_in_words


class TimeBox(QComboBox):
    """Edits a time point; None stands for all of them. Hidden where images have only one.

    Parameters
    ----------
    desk
        Tells which time point is shown: the box follows the slider of the viewer.
    follows
        Whether that one is chosen at first, else all.
    """

    valueChanged = Signal(object)

    def __init__(self, desk: Desk, *, follows: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._before: int | None = None
        self.addItems(["", ""])
        self.setCurrentIndex(0 if follows else 1)
        self.setToolTip(
            "Objects of the time point at which the slider of the viewer stands, or of all time "
            "points together"
        )
        self.activated.connect(self._on_changed)
        desk.timeChanged.connect(self._on_time_changed)
        self._on_time_changed()

    def value(self) -> int | None:
        """The time point; None for all, and where there is only one."""
        return self._desk.time if self._desk.times > 1 and not self.currentIndex() else None

    def setFollowing(self, follows: bool) -> None:
        """Choose the time point that is shown, or all."""
        self.setCurrentIndex(0 if follows else 1)
        self._on_changed()

    def _on_changed(self, _at: int = 0) -> None:
        if self.value() != self._before:
            self._before = self.value()
            self.valueChanged.emit(self._before)

    def _on_time_changed(self) -> None:
        texts = f"{time_in_words(self._desk.time)}, as shown", f"all {self._desk.times} time points"
        with QSignalBlocker(self):
            for at, text in enumerate(texts):
                self.setItemText(at, text)
        self.setVisible(self._desk.times > 1)
        self._on_changed()
