"""What the pipeline widget is made of, and where it lies."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QSplitter, QStackedWidget, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_tmaps.gui.import_notes import ImportNotes
from napari_tmaps.gui.module_picker import ModulePicker
from napari_tmaps.gui.numbers_panel import NumbersPanel
from napari_tmaps.gui.parts import Message, push_button, scrolled
from napari_tmaps.gui.pipeline_bar import PipelineBar
from napari_tmaps.gui.ports_button import PortsButton
from napari_tmaps.gui.step_form import StepForm
from napari_tmaps.gui.step_list import StepList
from napari_tmaps.gui.try_button import TryButton
from napari_tmaps.modules import known_categories

FORM, PICKER, NOTES = range(3)
"""Pages below the list."""


class PipelineParts(QWidget):
    """Buttons, the list of steps, pages below it, and numbers; each tells what is done to it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bar = PipelineBar()
        self._where = QElidingLabel()
        self.live_box = QCheckBox("Live")
        self.live_box.setChecked(True)
        self.live_box.setToolTip("Show what the chosen step makes, at each change")
        self.before_button = push_button(
            "Before",
            "Show what the step worked on in place of what it made (Ctrl+B)",
            checkable=True,
        )
        self.ports = PortsButton()
        self.try_button = TryButton()
        self.add_button = push_button(
            "Add module",
            "Choose a module to put below the chosen step (Ctrl+Shift+A)",
            checkable=True,
        )
        self.steps = StepList()
        self.form = StepForm()
        self.picker = ModulePicker(known_categories())
        self.notes = ImportNotes()
        self.numbers = NumbersPanel()
        self._message = Message()
        self._compared = Message()
        self._lay_out()

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
        page = QWidget()
        inside = QVBoxLayout(page)
        inside.setContentsMargins(0, 0, 6, 0)
        inside.addWidget(self.form)
        inside.addStretch()
        self._below.addWidget(scrolled(page))
        self._below.addWidget(self.picker)
        self._below.addWidget(self.notes)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(self.steps)
        splitter.addWidget(self._below)
        splitter.setStretchFactor(0, 2)
        splitter.setStretchFactor(1, 3)
        layout.addWidget(splitter, 1)
        layout.addWidget(self._message)
        layout.addWidget(self._compared)
        layout.addWidget(self.numbers)
        self.setMinimumWidth(360)  # of the row of buttons

    def _turn_to(self, page: int) -> None:
        """Show a page below the list."""
        self._below.setCurrentIndex(page)
        if page == PICKER:
            self.picker.search.setFocus()
            self.picker.search.selectAll()
        else:
            self.steps.setFocus()  # else keys would go to the canvas
