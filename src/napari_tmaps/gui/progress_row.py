"""How far long work is, with a button to cancel it; hidden while nothing goes on."""

from __future__ import annotations

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_tmaps.gui.parts import push_button
from napari_tmaps.model.progress import Progress


class ProgressRow(QWidget):
    """A bar, a line of text and a button."""

    cancelRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = ""
        self._text = QElidingLabel()
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self.cancel_button = push_button(
            "Cancel", "Stop at the next step; what is finished is kept"
        )

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._text)
        row = QHBoxLayout()
        row.addWidget(self._bar)
        row.addWidget(self.cancel_button)
        layout.addLayout(row)

        self.cancel_button.clicked.connect(self._on_cancel)
        self.setVisible(False)

    def begin(self, title: str) -> None:
        """Appear for new work."""
        self._title = title
        self._text.setText(f"{title} …")
        self._bar.setRange(0, 0)
        self.cancel_button.setEnabled(True)
        self.setVisible(True)

    def show_progress(self, event: Progress) -> None:
        """Show one event."""
        self._bar.setRange(0, event.total)
        self._bar.setValue(event.done)
        count = f" ({event.done} of {event.total})" if event.total else ""
        self._text.setText(f"{self._title}: {event.stage}{count}")

    def end(self) -> None:
        """Disappear."""
        self.setVisible(False)

    def _on_cancel(self) -> None:
        self.cancel_button.setEnabled(False)
        self._text.setText(f"{self._title}: stopping …")
        self.cancelRequested.emit()
