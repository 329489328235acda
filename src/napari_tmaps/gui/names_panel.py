"""A pattern for the names of files, with what it makes of them while it is typed."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from napari_tmaps.gui.parts import push_button, timer, wrapped
from napari_tmaps.vendors.preview import preview

_TYPED_MS = 150
_SHOWN = 3


class NamesPanel(QWidget):
    """Edits a regular expression.

    Signals
    -------
    applied
        The expression by which the folder shall be read anew.
    """

    applied = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names: list[str] = []
        hint = wrapped(
            "If wells, sites or channels are not understood, write a regular expression with the "
            "groups well, site, channel, z, t (or w, s, c):"
        )
        self.line = QLineEdit()
        self.line.setPlaceholderText(r"(?P<well>[A-P]\d\d)_s(?P<site>\d+)_(?P<channel>\w+)\.tif")
        self.line.setToolTip("What follows the groups is matched as it stands; \\d+ is a number")
        self._found = wrapped()
        self._found.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        for label in (hint, self._found):  # a long name is no reason to be wide
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.apply_button = push_button(
            "Read the folder anew with it", "Understand the folder by this pattern alone"
        )
        self._typed = timer(self, _TYPED_MS, self.look)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        for each in (hint, self.line, self._found, self.apply_button):
            layout.addWidget(each)
        layout.addStretch()
        self.line.textChanged.connect(lambda: self._typed.start())
        self.apply_button.clicked.connect(lambda: self.applied.emit(self.line.text()))
        self.look()

    def setNames(self, names: Sequence[str]) -> None:
        """Try the pattern on these names."""
        self._names = list(names)
        self.look()

    def look(self) -> None:
        """Say what the pattern makes of the names."""
        pattern = self.line.text().strip()
        if not pattern:
            self._found.setText("\n".join(name.split("/")[-1] for name in self._names[:_SHOWN]))
            self.apply_button.setEnabled(False)
            return
        found = preview(self._names, pattern)
        self._found.setText(str(found))
        self.apply_button.setEnabled(found.matched > 0)
