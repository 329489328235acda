"""The form of one step, made from the signature of its module."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from time import perf_counter
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

from napari_tmaps.gui.parts import Fault, timer, wrapped
from napari_tmaps.gui.setting_editor import SettingEditor, make_editor
from napari_tmaps.model.kinds import Kind
from napari_tmaps.model.pipeline import ModuleCall
from napari_tmaps.modules.spec import ModuleSpec
from napari_tmaps.pipeline import Problem

_NONE = "—"
_TURN_S = 0.001  # of making rows, until the window may answer again; one takes as long


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
        self._problems: Sequence[Problem] = ()
        self._rest = timer(self, 0, self._go_on)
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
        self._problems = problems
        self._turn_to(self._page_of(spec) if call is not None and spec is not None else None)
        if call is None:
            self._summary.setText("Choose a step to see its settings.")
            self._fault.say("")
            return
        self._summary.setText(spec.summary if spec else f"There is no module '{call.module}'.")
        self._summary.setToolTip(spec.help if spec else "")
        if self._page is not None:
            self._page.setStep(call, fitting)
        self._show_faults()

    @property
    def is_busy(self) -> bool:
        """True while rows are still to be made."""
        return self._rest.isActive()

    def editor(self, setting: str) -> SettingEditor:
        """The editor of a setting that is shown."""
        return self._shown().settings[setting]

    def wire(self, name: str) -> QComboBox:
        """The list of an input that is shown."""
        return self._shown().wires[name]

    def fault(self, name: str) -> Fault:
        """What is said of an input, setting or output that is shown."""
        return self._shown().fault(name)

    def _shown(self) -> _Page:
        assert self._page is not None, "a step is shown"
        self._page.make()
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
            self._rest.start()

    def _go_on(self) -> None:
        """Make more of the rows; the window answers before the next ones."""
        if self._page is not None and not self._page.make(_TURN_S):
            self._rest.start()

    def _show_faults(self) -> None:
        """Those of a field at it, the others above the fields."""
        page, others = self._page, []
        at_field: dict[str, str] = {}
        for problem in self._problems:
            text = _without_step(problem.message)
            if page is not None and problem.field in page.names:
                at_field[problem.field] = text
            else:
                others.append(text)
        if page is not None:
            page.setFaults(at_field)
        self._fault.say("\n".join(others))


class _Page(QWidget):
    """The fields of one module: inputs, settings, and the outputs that have names.

    Its rows are made one by one, see `make`: Qt takes its time for each.
    """

    def __init__(self, spec: ModuleSpec, form: StepForm) -> None:
        super().__init__()
        self.spec = spec
        self.wires: dict[str, QComboBox] = {}
        self.settings: dict[str, SettingEditor] = {}
        self._outputs: dict[str, QLineEdit] = {}
        self._fields: dict[str, QWidget] = {}
        self._faults: dict[str, Fault] = {}
        self._told: Mapping[str, str] = {}
        self._call: ModuleCall | None = None
        self._fitting: Mapping[str, Sequence[str]] = {}
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 4, 0, 0)
        self._layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._layout.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self._named = [each for each in spec.outputs if each.kind is Kind.SEGMENTED_OBJECTS]
        self.names = {
            *(each.name for each in spec.inputs),
            *(each.name for each in spec.settings),
            *(each.name for each in self._named),
        }
        self._rows = self._make_rows(form)

    def make(self, seconds: float = math.inf) -> bool:
        """Make rows until the time is over; False if some are left."""
        end = perf_counter() + seconds
        for name in self._rows:
            self._fill(name)
            if name in self._told:
                self.fault(name).say(self._told[name])
            if perf_counter() > end:
                return False
        return True

    def setStep(self, call: ModuleCall, fitting: Mapping[str, Sequence[str]]) -> None:
        """Show the values of a step of this module."""
        self._call, self._fitting = call, fitting
        for name in self._fields:
            self._fill(name)

    def setFaults(self, told: Mapping[str, str]) -> None:
        """Say what is wrong with fields, by name; nothing of the others."""
        self._told = told
        for name in self._fields:
            if name in told or name in self._faults:
                self.fault(name).say(told.get(name, ""))

    def fault(self, name: str) -> Fault:
        """What is said of a field, below it."""
        if name not in self._faults:
            row, _ = self._layout.getWidgetPosition(self._fields[name])
            assert row is not None, "it is in the layout"
            self._faults[name] = Fault()
            self._layout.insertRow(row + 1, self._faults[name])
        return self._faults[name]

    def _make_rows(self, form: StepForm) -> Iterator[str]:
        """Name of each row that is made."""
        for wanted in self.spec.inputs:
            box = QComboBox()
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.setMinimumContentsLength(8)
            box.activated.connect(
                lambda _, name=wanted.name, box=box: form.wireChanged.emit(name, box.currentData())
            )
            self.wires[wanted.name] = box
            yield self._row(wanted.name, box, f"{wanted.help}\n\nTakes: {wanted.kind}.")
        for setting in self.spec.settings:
            editor = make_editor(setting)
            editor.valueChanged.connect(
                lambda value, name=setting.name: form.settingChanged.emit(name, value)
            )
            self.settings[setting.name] = editor
            yield self._row(setting.name, editor, setting.help + _range_text(setting))
        for output in self._named:
            line = QLineEdit()
            line.setPlaceholderText("name of the objects")
            line.editingFinished.connect(
                lambda name=output.name, line=line: _tell(form, name, line)
            )
            self._outputs[output.name] = line
            yield self._row(output.name, line, "What the objects are called, e.g. Nuclei.")

    def _fill(self, name: str) -> None:
        call = self._call
        if call is None:
            return
        if name in self.wires:
            _fill_wire(self.wires[name], call.inputs.get(name, ""), self._fitting.get(name, ()))
        elif name in self.settings:
            default = next(each.default for each in self.spec.settings if each.name == name)
            self.settings[name].setValue(call.settings.get(name, default))
        elif not self._outputs[name].isModified():  # else it is being typed
            with QSignalBlocker(self._outputs[name]):
                self._outputs[name].setText(call.outputs.get(name, ""))

    def _row(self, name: str, field: QWidget, tip: str) -> str:
        label = QLabel(name.replace("_", " "))
        for each in (label, field):
            each.setToolTip(f"<qt>{tip}</qt>".replace("\n\n", "<br><br>"))
        self._layout.addRow(label, field)
        self._fields[name] = field
        return name


def _tell(form: StepForm, output: str, line: QLineEdit) -> None:
    line.setModified(False)
    form.outputRenamed.emit(output, line.text())


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
