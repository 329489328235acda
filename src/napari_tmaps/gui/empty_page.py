"""What a widget shows while there is nothing to show: what to do, and a button that does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_tmaps.gui.arrangement import show_widget
from napari_tmaps.gui.parts import wrapped

if TYPE_CHECKING:
    from napari.components import ViewerModel

EXPERIMENT, PIPELINE, GALLERY = "Experiment", "Pipeline", "Gallery"


class EmptyPage(QWidget):
    """A sentence and a button that opens another widget of ours."""

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._name = viewer, EXPERIMENT
        self._text = wrapped()
        self._text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.button = QPushButton()
        layout = QVBoxLayout(self)
        layout.addStretch()
        layout.addWidget(self._text)
        layout.addWidget(self.button, 0, Qt.AlignmentFlag.AlignCenter)
        layout.addStretch()
        self.button.clicked.connect(self._on_clicked)

    def text(self) -> str:
        """The sentence."""
        return self._text.text()

    def show_state(self, *, has_experiment: bool) -> None:
        """Say what is lacking: an experiment, or objects in it."""
        if has_experiment:
            self._name = PIPELINE
            self._text.setText(
                "No objects yet: build a pipeline on the picture, then run it on the whole plate."
            )
            self.button.setText("Open the Pipeline widget")
        else:
            self._name = EXPERIMENT
            self._text.setText("No experiment is open.")
            self.button.setText("Open the Experiment widget")

    def _on_clicked(self) -> None:
        open_widget(self._viewer, self._name)


def open_widget(viewer: ViewerModel, name: str) -> Any:
    """Show a dock widget of ours; None where the viewer has no window."""
    if getattr(viewer, "window", None) is None:
        return None
    return show_widget(viewer, name)
