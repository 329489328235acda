"""Dock widget "Start": what to do first, ticked as it is done; can be closed at any time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFrame, QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_tmaps.gui.arrangement import open_tissuemaps, show_widget
from napari_tmaps.gui.desk import desk_of
from napari_tmaps.gui.parts import wrapped
from napari_tmaps.gui.undocked import Undocked

if TYPE_CHECKING:
    import napari.viewer

STEPS = (
    ("open", "Open the sample plate, or your own", "Experiment"),
    ("look", "Click on a well, walk with Page Down", "Experiment"),
    ("tune", "Tune a pipeline on the picture", "Pipeline"),
    ("run", "Run the workflow on the whole plate", "Workflow"),
    ("objects", "Look at the objects and gate them", "Objects"),
    ("save", "Save what you found", "Save"),
)
"""Key, what to do, widget where it is done."""


class GuideWidget(QWidget):
    """Six steps from a plate to saved results. Opening it docks all other widgets."""

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._desk = desk_of(viewer)
        self._done: set[str] = set()
        self.buttons: dict[str, QPushButton] = {}
        self._ticks: dict[str, QLabel] = {}
        layout = QVBoxLayout(self)
        welcome = wrapped(
            "From the microscope's folder to objects and answers, in six steps. Do them in any "
            "order, or close this widget: all others stay."
        )
        layout.addWidget(welcome)
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        for number, (key, text, widget) in enumerate(STEPS):
            tick, button = QLabel("○"), QPushButton(text)
            button.setToolTip(f"Show the widget {widget}")
            button.clicked.connect(lambda _=False, key=key: self.go(key))
            grid.addWidget(tick, number, 0)
            grid.addWidget(button, number, 1)
            self._ticks[key], self.buttons[key] = tick, button
        layout.addLayout(grid)
        line = QFrame()
        line.setFrameShape(QFrame.Shape.HLine)
        layout.addWidget(line)
        hint = wrapped(
            "Every action is in the command palette: press Ctrl+Shift+P and type what you want."
        )
        layout.addWidget(hint)
        layout.addStretch()
        self._desk.experimentChanged.connect(self._on_experiment_changed)
        self._desk.choiceChanged.connect(self._look)
        self._desk.tablesChanged.connect(self._on_experiment_changed)
        Undocked(self)
        self._on_experiment_changed()
        QTimer.singleShot(0, self._arrange)

    def value(self) -> frozenset[str]:
        """Keys of the steps that are done."""
        return frozenset(self._done)

    def go(self, key: str) -> None:
        """Show the widget of a step."""
        widget = next(widget for each, _, widget in STEPS if each == key)
        show_widget(self._viewer, widget)
        if key in ("tune", "run", "objects", "save"):
            self._tick(key)

    def _arrange(self) -> None:
        if hasattr(self._viewer, "window"):
            open_tissuemaps(self._viewer)

    def _tick(self, key: str) -> None:
        self._done.add(key)
        self._ticks[key].setText("✓")

    def _on_experiment_changed(self, _experiment: Any = None) -> None:
        experiment = self._desk.experiment
        if experiment is None:
            return
        self._tick("open")
        if len(experiment.catalogue.object_types()):
            self._tick("run")

    def _look(self, choice: Any) -> None:
        first = getattr(self, "_first", None)
        self._first = first or choice
        if choice.experiment and first is not None and choice != first:
            self._tick("look")
