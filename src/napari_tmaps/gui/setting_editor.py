"""Editors for the settings of modules, made from what a module says of itself."""

from __future__ import annotations

import math
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLineEdit,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.modules.spec import SettingSpec

_TICKS = 400  # places of a slider


class SettingEditor(QWidget):
    """Edits one value; subclasses say how."""

    valueChanged = Signal(object)

    def value(self) -> Any:
        """The value as the module wants it; what cannot be understood as it was typed."""
        raise NotImplementedError

    def setValue(self, value: Any) -> None:
        """Show a value; says nothing of it."""
        raise NotImplementedError


def make_editor(spec: SettingSpec) -> SettingEditor:
    """The editor that fits a setting."""
    if spec.choices:
        return _Choice(spec)
    if spec.type is bool:
        return _Switch()
    if spec.type in (int, float):
        return _Number(spec)
    return _Text(spec)


class _Choice(SettingEditor):
    def __init__(self, spec: SettingSpec) -> None:
        super().__init__()
        self._box = _ComboBox()
        for choice in spec.choices:
            self._box.addItem(str(choice) or "—", choice)
        _fill(self, self._box)
        self._box.activated.connect(lambda _: self.valueChanged.emit(self.value()))

    def value(self) -> Any:
        return self._box.currentData()

    def setValue(self, value: Any) -> None:
        with QSignalBlocker(self._box):
            at = self._box.findData(value)
            if at < 0:  # wrong, but it is what the pipeline says
                self._box.addItem(str(value), value)
                at = self._box.count() - 1
            self._box.setCurrentIndex(at)


class _Switch(SettingEditor):
    def __init__(self) -> None:
        super().__init__()
        self._box = QCheckBox()
        _fill(self, self._box)
        self._box.clicked.connect(self.valueChanged.emit)

    def value(self) -> bool:
        return self._box.isChecked()

    def setValue(self, value: Any) -> None:
        with QSignalBlocker(self._box):
            self._box.setChecked(bool(value))


class _Number(SettingEditor):
    """A number to type, and a slider around it.

    The slider spans what is usual for the value: the whole range where that is small, else from
    the smallest value to a few times the present one.
    """

    def __init__(self, spec: SettingSpec) -> None:
        super().__init__()
        self._spec = spec
        low = -1e9 if spec.minimum is None else spec.minimum
        high = 1e9 if spec.maximum is None else spec.maximum
        step = spec.step or 1
        self._box = _SpinBox()
        self._box.setDecimals(max(0, -math.floor(math.log10(step))))
        self._box.setRange(low, high)
        self._box.setSingleStep(step)
        self._box.setKeyboardTracking(False)
        self._box.setMinimumWidth(76)
        self._slider = _Slider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, _TICKS)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._slider, 1)
        row.addWidget(self._box)
        self._span = (0.0, 1.0)
        self._box.valueChanged.connect(self._on_typed)
        self._slider.valueChanged.connect(self._on_slid)
        self._slider.sliderReleased.connect(self._settle)

    def value(self) -> Any:
        value = self._box.value()
        return round(value) if self._spec.type is int else value

    def setValue(self, value: Any) -> None:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if is_number and value != self._box.value():  # else what is being typed would be lost
            with QSignalBlocker(self._box):
                self._box.setValue(value)
        if not self._slider.isSliderDown():
            self._settle()

    def _settle(self) -> None:
        """Put the slider where the value is, over a span that suits it."""
        value = float(self._box.value())
        low, high = self._box.minimum(), self._box.maximum()
        usual = max(abs(value), abs(float(self._spec.default)), 10 * self._box.singleStep())
        if high - low > 4 * usual:
            low, high = max(low, -2 * usual if low < 0 else low), min(high, 2 * usual)
        self._span = (float(low), float(max(high, low + self._box.singleStep())))
        with QSignalBlocker(self._slider):
            self._slider.setValue(
                round(_TICKS * (value - self._span[0]) / (self._span[1] - self._span[0]))
            )

    def _on_typed(self) -> None:
        self._settle()
        self.valueChanged.emit(self.value())

    def _on_slid(self, tick: int) -> None:
        low, high = self._span
        step = float(self._box.singleStep())
        # In the steps of the box, so that odd windows stay odd.
        value = float(self._box.minimum()) if low <= self._box.minimum() else low
        value += round((high - low) * tick / _TICKS / step) * step
        with QSignalBlocker(self._box):
            self._box.setValue(value)
        self.valueChanged.emit(self.value())


class _Text(SettingEditor):
    """A text, or a list of values parted by commas."""

    def __init__(self, spec: SettingSpec) -> None:
        super().__init__()
        self._spec = spec
        self._line = QLineEdit()
        if spec.type is tuple:
            self._line.setPlaceholderText("values, parted by commas")
        _fill(self, self._line)
        self._line.editingFinished.connect(self._on_finished)

    def value(self) -> Any:
        text = self._line.text()
        if self._spec.type is not tuple:
            return text
        return tuple(_plain(part.strip()) for part in text.split(",") if part.strip())

    def setValue(self, value: Any) -> None:
        if self._line.isModified():  # it is being typed
            return
        if not self._line.hasFocus() or self.value() != value:
            shown = ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)
            self._line.setText(shown)

    def _on_finished(self) -> None:
        self._line.setModified(False)
        self.valueChanged.emit(self.value())


def _plain(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _fill(editor: QWidget, inside: QWidget) -> None:
    layout = QVBoxLayout(editor)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(inside)


# The wheel scrolls the form; it must not change what happens to lie under the pointer.


class _ComboBox(QComboBox):
    def wheelEvent(self, event: QWheelEvent | None) -> None:
        if event is not None:
            event.ignore()


class _SpinBox(QDoubleSpinBox):
    def wheelEvent(self, event: QWheelEvent | None) -> None:
        if event is not None:
            event.ignore()


class _Slider(QSlider):
    def wheelEvent(self, event: QWheelEvent | None) -> None:
        if event is not None:
            event.ignore()
