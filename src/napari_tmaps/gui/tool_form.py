"""The form of a tool, made from what the tool says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QSignalBlocker, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QFormLayout, QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from napari_tmaps.errors import InputError
from napari_tmaps.gui.column_menu import ColumnMenu
from napari_tmaps.gui.name_box import NameBox
from napari_tmaps.gui.parts import Fault, wrapped
from napari_tmaps.gui.setting_editor import SettingEditor, make_editor
from napari_tmaps.modules.spec import ModuleSpec, SettingSpec


class ToolForm(QWidget):
    """Edits the settings of a tool; its value is a dict."""

    valueChanged = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._spec: ModuleSpec | None = None
        self._names: tuple[str, ...] = ()
        self._editors: dict[str, SettingEditor] = {}
        self._summary = wrapped()
        self._fault = Fault()
        self._inside = QWidget()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._summary)
        layout.addWidget(self._inside)
        layout.addWidget(self._fault)
        self._layout = layout

    def setTool(self, spec: ModuleSpec, names: Sequence[str]) -> None:
        """Show a tool; `names` are the columns of numbers that there are."""
        if self._spec is spec and self._names == tuple(names):
            return
        kept = self.value() if self._spec is spec else {}
        self._spec, self._names = spec, tuple(names)
        self._summary.setText(spec.summary)
        self._summary.setToolTip(f"<qt>{spec.help}</qt>")
        at = self._layout.indexOf(self._inside)
        self._layout.removeWidget(self._inside)
        self._inside.hide()
        self._inside.deleteLater()
        self._inside, self._editors = QWidget(), {}
        self._layout.insertWidget(at, self._inside)
        form = QFormLayout(self._inside)
        form.setContentsMargins(0, 4, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for setting in spec.settings:
            editor = _editor(setting, names)
            editor.setValue(kept.get(setting.name, setting.default))
            editor.setToolTip(f"<qt>{setting.help}</qt>")
            editor.valueChanged.connect(lambda _: self._on_changed())
            self._editors[setting.name] = editor
            label = QLabel(setting.name.replace("_", " "))
            label.setToolTip(f"<qt>{setting.help}</qt>")
            form.addRow(label, editor)
        self._on_changed()

    def value(self) -> dict[str, Any]:
        """The settings."""
        return {name: editor.value() for name, editor in self._editors.items()}

    def setValue(self, settings: dict[str, Any]) -> None:
        """Show settings, e.g. those of an old result; unknown ones are left out."""
        for name, value in settings.items():
            if name in self._editors:
                self._editors[name].setValue(value)
        self._on_changed()

    def editor(self, name: str) -> SettingEditor:
        """The editor of a setting."""
        return self._editors[name]

    @property
    def is_valid(self) -> bool:
        """Whether the tool takes the settings."""
        return not self._fault.text()

    def _on_changed(self) -> None:
        assert self._spec is not None, "a tool is shown"
        text = ""
        try:
            self._spec.validate(self.value())
        except InputError as error:
            text = str(error)
        self._fault.say(text)
        self.valueChanged.emit(self.value())


def _editor(setting: SettingSpec, names: Sequence[str]) -> SettingEditor:
    if setting.name == "feature":
        return _Feature(names)
    if setting.name == "features":
        return _Features(names)
    if setting.name == "rules":
        return _Lines()
    return make_editor(setting)


class _Feature(SettingEditor):
    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self._box = NameBox("A feature")
        self._box.setNames(names)
        _fill(self, self._box)
        self._box.valueChanged.connect(self.valueChanged.emit)

    def value(self) -> str:
        return self._box.value()

    def setValue(self, value: Any) -> None:
        if value:
            self._box.setValue(str(value))


class _Features(SettingEditor):
    """None chosen means all that were measured."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self._menu = ColumnMenu("All measured features")
        self._menu.setNames(names)
        _fill(self, self._menu)
        self._menu.valueChanged.connect(self._on_changed)
        self._tell()

    def value(self) -> tuple[str, ...]:
        return self._menu.value()

    def setValue(self, value: Any) -> None:
        self._menu.setValue(tuple(value))
        self._tell()

    def _on_changed(self, _value: object) -> None:
        self._tell()
        self.valueChanged.emit(self.value())

    def _tell(self) -> None:
        number = len(self.value())
        self._menu.setText(f"{number} chosen" if number else "All measured features")
        self._menu.setToolTip("\n".join(self.value()) or "Choose features; none means all")


class _Lines(SettingEditor):
    """A list, one value a line."""

    def __init__(self) -> None:
        super().__init__()
        self._text = QPlainTextEdit()
        self._text.setPlaceholderText("big: Morphology_Area > 500\nsmall: gate small ones")
        self._text.setFixedHeight(4 * self._text.fontMetrics().lineSpacing() + 12)
        _fill(self, self._text)
        self._text.textChanged.connect(lambda: self.valueChanged.emit(self.value()))

    def value(self) -> tuple[str, ...]:
        return tuple(line.strip() for line in self._text.toPlainText().split("\n") if line.strip())

    def setValue(self, value: Any) -> None:
        if tuple(value) != self.value():
            with QSignalBlocker(self._text):
                self._text.setPlainText("\n".join(value))


def _fill(editor: QWidget, inside: QWidget) -> None:
    layout = QVBoxLayout(editor)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(inside)
