"""What the wells and objects are coloured by, and what is done to pixels before they are shown."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSignalBlocker, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QSlider,
    QWidget,
)

from napari_tmaps.gui.desk import Desk
from napari_tmaps.gui.map_values import COUNT, Measure
from napari_tmaps.gui.parts import Message, tool_button
from napari_tmaps.gui.state import Pixels
from napari_tmaps.gui.time_box import TimeBox


class MapPanel(QWidget):
    """Edits a `Measure`, whether objects have its colours too, and `Pixels`."""

    valueChanged = Signal(object)
    """The new `Measure`."""
    objectsToggled = Signal(bool)
    pixelsChanged = Signal(object)
    cycleChanged = Signal(int)
    """The staining cycle that is shown, from 0; -1: all of them."""

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._measure = QComboBox()
        self._measure.setEditable(True)
        self._measure.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self._measure.setToolTip(
            "Colour the wells by how far they have come, by what is in them, by how well cycles "
            "fit, by the number of their objects, or by the mean of a feature; type to search"
        )
        completer = self._measure.completer()
        if completer is not None:
            completer.setFilterMode(Qt.MatchFlag.MatchContains)
            completer.setCompletionMode(completer.CompletionMode.PopupCompletion)
        self.edit_button = tool_button(
            "✎", "Edit the plate map: treatment, dose, replicate and control of each well"
        )
        self.time_box = TimeBox(desk, follows=True)
        self.objects_box = QCheckBox("Colour objects, too")
        self.objects_box.setToolTip("Each by its own value, and all others in grey")
        self._pixels = QComboBox()
        for pixels in Pixels:
            self._pixels.addItem(pixels.value, pixels)
        self._pixels.setToolTip(
            "Show images as they were recorded, or with illumination corrected and cycles aligned; "
            "files are never changed"
        )
        for box in (self._measure, self._pixels):
            # As narrow as the window likes: the names of features are long.
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.setMinimumContentsLength(6)
        self.report_button = tool_button(
            "…", "How even the light is before and after correction, and how well cycles fit"
        )
        self._object = Message()
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        colour = QHBoxLayout()
        colour.addWidget(self._measure, 1)
        colour.addWidget(self.edit_button)
        layout.addRow("Colour", colour)
        layout.addRow("", self.time_box)
        layout.addRow(self.objects_box)
        images = QHBoxLayout()
        images.addWidget(self._pixels, 1)
        images.addWidget(self.report_button)
        layout.addRow("Images", images)
        self.cycle_slider = QSlider(Qt.Orientation.Horizontal)
        self.cycle_slider.setPageStep(1)
        self.cycle_slider.setToolTip(
            "Show the channels of one staining cycle; at the left end those of all cycles"
        )
        self._cycle_text = QLabel()
        cycle = QHBoxLayout()
        cycle.addWidget(self.cycle_slider, 1)
        cycle.addWidget(self._cycle_text)
        self._cycle_row = QWidget()
        self._cycle_row.setLayout(cycle)
        cycle.setContentsMargins(0, 0, 0, 0)
        layout.addRow("Cycle", self._cycle_row)
        self._form = layout
        layout.addRow(self._object)
        self.setMeasures([Measure()])
        self.setCycles(1)
        self.setReport(False)
        self.show_object("")
        self._measure.activated.connect(self._on_measure_changed)
        self.objects_box.toggled.connect(self.objectsToggled.emit)
        self._pixels.activated.connect(self._on_pixels_changed)
        self.cycle_slider.valueChanged.connect(self._on_cycle_changed)

    def value(self) -> Measure:
        """What the wells are coloured by."""
        found = self._measure.currentData()
        return found if isinstance(found, Measure) else Measure()

    def setValue(self, measure: Measure) -> None:
        """Colour by something else; what there is not is ignored."""
        at = self._find(measure)
        if at >= 0 and measure != self.value():
            self._measure.setCurrentIndex(at)
            self._on_measure_changed()

    def setMeasures(self, measures: Sequence[Measure]) -> None:
        """Offer these; the choice stays if it can."""
        before = self.value()
        with QSignalBlocker(self._measure):
            self._measure.clear()
            for measure in measures:
                self._measure.addItem(str(measure), measure)
            self._measure.setCurrentIndex(max(self._find(before), 0))
        self._enable()

    def setPixels(self, pixels: Pixels) -> None:
        """Show what is done to pixels."""
        self._pixels.setCurrentIndex(list(Pixels).index(pixels))

    def setReport(self, there: bool) -> None:
        """Offer to tell of correction and alignment, or not."""
        self.report_button.setVisible(there)

    def setCycles(self, number: int) -> None:
        """Offer so many staining cycles; with one there is nothing to choose."""
        self._form.setRowVisible(self._cycle_row, number > 1)
        self.cycle_slider.setRange(0, number if number > 1 else 0)
        self._tell_cycle()

    def show_object(self, text: str) -> None:
        """Say which object is selected; "" if none is."""
        self._object.say(text)

    def _find(self, measure: Measure) -> int:
        offered = (self._measure.itemData(n) for n in range(self._measure.count()))
        return next((n for n, item in enumerate(offered) if item == measure), -1)

    def _enable(self) -> None:
        measure = self.value()
        line = self._measure.lineEdit()
        if line is not None:
            line.setCursorPosition(0)  # the beginning of a long name says more than its end
        self.time_box.setEnabled(bool(measure.object_type))
        self.objects_box.setVisible(bool(measure.object_type) and measure.feature != COUNT)

    def _on_measure_changed(self) -> None:
        self._enable()
        self.valueChanged.emit(self.value())

    def _tell_cycle(self) -> None:
        number, last = self.cycle_slider.value(), self.cycle_slider.maximum()
        # Counted from 0, as everywhere else.
        self._cycle_text.setText(f"{number - 1} of 0–{last - 1}" if number else "all")

    def _on_cycle_changed(self, number: int) -> None:
        self._tell_cycle()
        self.cycleChanged.emit(number - 1)

    def _on_pixels_changed(self) -> None:
        self.pixelsChanged.emit(self._pixels.currentData())
