"""The form of one step, made from the signature of its module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtCore import QSignalBlocker, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.gui.parts import Fault, wrapped
from napari_tmaps.gui.setting_editor import SettingEditor, make_editor
from napari_tmaps.model.kinds import Kind
from napari_tmaps.model.pipeline import ModuleCall
from napari_tmaps.modules.spec import ModuleSpec
from napari_tmaps.pipeline import Problem

_NONE = "—"


class StepForm(QWidget):
    """Shows a step; tells what the user changes in it.

    Signals
    -------
    settingChanged
        Name of the setting, value.
    wireChanged
        Name of the input, item ("" for none).
    outputRenamed
        Name of the output, new name of the item.
    """

    settingChanged = Signal(str, object)
    wireChanged = Signal(str, str)
    outputRenamed = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._made_for: tuple[Any, ...] = ()
        self._wires: dict[str, QComboBox] = {}
        self._settings: dict[str, SettingEditor] = {}
        self._outputs: dict[str, QLineEdit] = {}
        self._faults: dict[str, Fault] = {}
        self._summary = wrapped()
        self._fault = Fault()
        self._inside = QWidget()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addWidget(self._summary)
        self._layout.addWidget(self._fault)
        self._layout.addWidget(self._inside)

    def setStep(
        self,
        call: ModuleCall | None,
        spec: ModuleSpec | None,
        fitting: Mapping[str, Sequence[str]],
        problems: Sequence[Problem],
    ) -> None:
        """Show a step.

        Parameters
        ----------
        spec
            None if there is no such module.
        fitting
            Items that each input may be wired to.
        problems
            Those of this step.
        """
        wanted = () if call is None else (call.name, call.module, spec)
        if wanted != self._made_for:
            self._made_for = wanted
            self._build(call, spec)
        if call is None:
            self._summary.setText("Choose a step to see its settings.")
            self._show_faults([])
            return
        self._summary.setText(spec.summary if spec else f"There is no module '{call.module}'.")
        self._summary.setToolTip(spec.help if spec else "")
        for name, box in self._wires.items():
            self._fill_wire(box, call.inputs.get(name, ""), fitting.get(name, ()))
        defaults = {each.name: each.default for each in spec.settings} if spec else {}
        for name, editor in self._settings.items():
            editor.setValue(call.settings.get(name, defaults[name]))
        for name, line in self._outputs.items():
            with QSignalBlocker(line):
                line.setText(call.outputs.get(name, ""))
        self._show_faults(problems)

    def editor(self, setting: str) -> SettingEditor:
        """The editor of a setting that is shown."""
        return self._settings[setting]

    def wire(self, name: str) -> QComboBox:
        """The list of an input that is shown."""
        return self._wires[name]

    def _build(self, call: ModuleCall | None, spec: ModuleSpec | None) -> None:
        self._layout.removeWidget(self._inside)
        self._inside.hide()
        self._inside.deleteLater()
        self._inside = QWidget()
        self._layout.addWidget(self._inside)
        self._wires, self._settings, self._outputs, self._faults = {}, {}, {}, {}
        if call is None or spec is None:
            return
        form = QFormLayout(self._inside)
        form.setContentsMargins(0, 4, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        for wanted in spec.inputs:
            box = QComboBox()
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.setMinimumContentsLength(8)
            box.activated.connect(
                lambda _, name=wanted.name, box=box: self.wireChanged.emit(name, box.currentData())
            )
            self._wires[wanted.name] = box
            self._row(form, wanted.name, box, f"{wanted.help}\n\nTakes: {wanted.kind}.")
        for setting in spec.settings:
            editor = make_editor(setting)
            editor.valueChanged.connect(
                lambda value, name=setting.name: self.settingChanged.emit(name, value)
            )
            self._settings[setting.name] = editor
            self._row(form, setting.name, editor, setting.help + _range_text(setting))
        for output in spec.outputs:
            if output.kind is not Kind.SEGMENTED_OBJECTS:
                continue
            line = QLineEdit()
            line.setPlaceholderText("name of the objects")
            line.editingFinished.connect(
                lambda name=output.name, line=line: self.outputRenamed.emit(name, line.text())
            )
            self._outputs[output.name] = line
            self._row(form, output.name, line, "What the objects are called, e.g. Nuclei.")

    def _row(self, form: QFormLayout, name: str, field: QWidget, tip: str) -> None:
        label = QLabel(name.replace("_", " "))
        for each in (label, field):
            each.setToolTip(f"<qt>{tip}</qt>".replace("\n\n", "<br><br>"))
        form.addRow(label, field)
        fault = Fault()
        self._faults[name] = fault
        form.addRow(fault)

    def _show_faults(self, problems: Sequence[Problem]) -> None:
        at_field = {problem.field: problem for problem in problems if problem.field in self._faults}
        for name, label in self._faults.items():
            text = _without_step(at_field[name].message) if name in at_field else ""
            label.say(text)
        others = [p.message for p in problems if p.field not in self._faults]
        self._fault.say("\n".join(map(_without_step, others)))

    def _fill_wire(self, box: QComboBox, item: str, fitting: Sequence[str]) -> None:
        with QSignalBlocker(box):
            box.clear()
            box.addItem(_NONE, "")
            for name in fitting:
                box.addItem(name, name)
            if item and item not in fitting:
                box.addItem(f"{item}  (does not fit)", item)
            box.setCurrentIndex(max(0, box.findData(item)))


def _without_step(message: str) -> str:
    """The form stands at its step already."""
    _, parted, rest = message.partition("): ")
    # and the list of the field shows what fits
    text = (rest if parted else message).split(" Items that fit:")[0]
    return f"⚠ {text[:1].upper()}{text[1:]}"


def _range_text(setting: Any) -> str:
    if setting.minimum is None or setting.maximum is None:
        return ""
    return (
        f"\n\nFrom {setting.minimum:g} to {setting.maximum:g}; {setting.default:g} if left alone."
    )
