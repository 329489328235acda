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
        self._pages: dict[str, _Page] = {}  # by module: Qt takes its time to make one
        self._page: _Page | None = None
        self._summary = wrapped()
        self._fault = Fault()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addWidget(self._summary)
        self._layout.addWidget(self._fault)

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
        self._turn_to(self._page_of(spec) if call is not None and spec is not None else None)
        if call is None:
            self._summary.setText("Choose a step to see its settings.")
            self._fault.say("")
            return
        self._summary.setText(spec.summary if spec else f"There is no module '{call.module}'.")
        self._summary.setToolTip(spec.help if spec else "")
        if self._page is not None:
            self._page.setStep(call, fitting)
        self._show_faults(problems)

    def editor(self, setting: str) -> SettingEditor:
        """The editor of a setting that is shown."""
        return self._shown().settings[setting]

    def wire(self, name: str) -> QComboBox:
        """The list of an input that is shown."""
        return self._shown().wires[name]

    def fault(self, name: str) -> Fault:
        """What is said of an input, setting or output that is shown."""
        return self._shown().faults[name]

    def _shown(self) -> _Page:
        assert self._page is not None, "a step is shown"
        return self._page

    def _page_of(self, spec: ModuleSpec) -> _Page:
        page = self._pages.get(spec.name)
        if page is None or page.spec != spec:  # a module of the user may have changed
            if page is not None:
                page.hide()
                page.deleteLater()
            page = self._pages[spec.name] = _Page(spec, self)
            self._layout.addWidget(page)
        return page

    def _turn_to(self, page: _Page | None) -> None:
        if page is not self._page:
            for each in self._pages.values():
                each.setVisible(each is page)
            self._page = page

    def _show_faults(self, problems: Sequence[Problem]) -> None:
        faults = self._page.faults if self._page is not None else {}
        at_field = {problem.field: problem for problem in problems if problem.field in faults}
        for name, label in faults.items():
            text = _without_step(at_field[name].message) if name in at_field else ""
            label.say(text)
        others = [p.message for p in problems if p.field not in faults]
        self._fault.say("\n".join(map(_without_step, others)))


class _Page(QWidget):
    """The fields of one module: inputs, settings, and the outputs that have names."""

    def __init__(self, spec: ModuleSpec, form: StepForm) -> None:
        super().__init__()
        self.spec = spec
        self.wires: dict[str, QComboBox] = {}
        self.settings: dict[str, SettingEditor] = {}
        self.outputs: dict[str, QLineEdit] = {}
        self.faults: dict[str, Fault] = {}
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 4, 0, 0)
        self._layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._layout.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        for wanted in spec.inputs:
            box = QComboBox()
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.setMinimumContentsLength(8)
            box.activated.connect(
                lambda _, name=wanted.name, box=box: form.wireChanged.emit(name, box.currentData())
            )
            self.wires[wanted.name] = box
            self._row(wanted.name, box, f"{wanted.help}\n\nTakes: {wanted.kind}.")
        for setting in spec.settings:
            editor = make_editor(setting)
            editor.valueChanged.connect(
                lambda value, name=setting.name: form.settingChanged.emit(name, value)
            )
            self.settings[setting.name] = editor
            self._row(setting.name, editor, setting.help + _range_text(setting))
        for output in spec.outputs:
            if output.kind is not Kind.SEGMENTED_OBJECTS:
                continue
            line = QLineEdit()
            line.setPlaceholderText("name of the objects")
            line.editingFinished.connect(
                lambda name=output.name, line=line: form.outputRenamed.emit(name, line.text())
            )
            self.outputs[output.name] = line
            self._row(output.name, line, "What the objects are called, e.g. Nuclei.")

    def setStep(self, call: ModuleCall, fitting: Mapping[str, Sequence[str]]) -> None:
        """Show the values of a step of this module."""
        for name, box in self.wires.items():
            _fill_wire(box, call.inputs.get(name, ""), fitting.get(name, ()))
        for setting in self.spec.settings:
            value = call.settings.get(setting.name, setting.default)
            self.settings[setting.name].setValue(value)
        for name, line in self.outputs.items():
            with QSignalBlocker(line):
                line.setText(call.outputs.get(name, ""))

    def _row(self, name: str, field: QWidget, tip: str) -> None:
        label = QLabel(name.replace("_", " "))
        for each in (label, field):
            each.setToolTip(f"<qt>{tip}</qt>".replace("\n\n", "<br><br>"))
        self._layout.addRow(label, field)
        self.faults[name] = Fault()
        self._layout.addRow(self.faults[name])


def _fill_wire(box: QComboBox, item: str, fitting: Sequence[str]) -> None:
    entries = [(_NONE, ""), *((name, name) for name in fitting)]
    if item and item not in fitting:
        entries.append((f"{item}  (does not fit)", item))
    with QSignalBlocker(box):
        if entries != [(box.itemText(n), box.itemData(n)) for n in range(box.count())]:
            box.clear()
            for text, data in entries:
                box.addItem(text, data)
        box.setCurrentIndex([data for _, data in entries].index(item))


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
