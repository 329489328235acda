"""A form made from a pydantic model: arguments of a step, limits of jobs, choice of sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel
from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QFormLayout, QLabel, QWidget

from napari_tmaps.gui.parts import Fault
from napari_tmaps.gui.setting_editor import SettingEditor, make_editor
from napari_tmaps.modules.describe import settings_of
from napari_tmaps.workflow.step import argument_faults


class ArgumentsForm(QWidget):
    """Edits the fields of a model; its value is a dict, right or not.

    Fields that a model tells in its property `unused`, which change nothing beside the others, are
    hidden.

    Parameters
    ----------
    choices
        Values to choose from, for fields of text whose values are known here.
    """

    valueChanged = Signal(object)

    def __init__(
        self,
        model: type[BaseModel],
        choices: Mapping[str, Sequence[str]] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._model = model
        self._value: dict[str, Any] = {}
        self._editors: dict[str, SettingEditor] = {}
        self._faults: dict[str, QLabel] = {}
        self._labels: dict[str, QLabel] = {}
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        for spec in settings_of(model):
            if choices and spec.name in choices:
                spec = replace(spec, choices=tuple(choices[spec.name]))
            editor, label, fault = make_editor(spec), QLabel(_words(spec.name)), Fault()
            for each in (label, editor):
                each.setToolTip(f"<qt>{_sentence(spec.help)}</qt>")
            form.addRow(label, editor)
            form.addRow(fault)
            editor.valueChanged.connect(lambda value, name=spec.name: self._on_changed(name, value))
            self._editors[spec.name], self._faults[spec.name] = editor, fault
            self._labels[spec.name] = label
        self.setValue({})

    def value(self) -> dict[str, Any]:
        """All fields, as they were typed."""
        return dict(self._value)

    def setValue(self, value: Mapping[str, Any]) -> None:
        """Show values; fields that are left out get their defaults."""
        defaults = self._model().model_dump()
        self._value = {name: value.get(name, default) for name, default in defaults.items()}
        for name, editor in self._editors.items():
            editor.setValue(self._value[name])
        self._show()

    def faults(self) -> dict[str, str]:
        """What is wrong with which field."""
        return argument_faults(self._model, self._value)

    def editor(self, name: str) -> SettingEditor:
        """The editor of a field."""
        return self._editors[name]

    def _on_changed(self, name: str, value: Any) -> None:
        self._value[name] = value
        self._show()
        self.valueChanged.emit(self.value())

    def _show(self) -> None:
        found = self.faults()
        unused = getattr(self._model.model_construct(**self._value), "unused", ())
        for name, fault in self._faults.items():
            fault.setText(f"⚠ {found[name]}" if name in found else "")
            fault.setVisible(name in found)
            for each in (self._labels[name], self._editors[name]):
                each.setVisible(name not in unused)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""
