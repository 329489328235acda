"""The line under a field that says what is wrong with its value."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel


def fault_label() -> QLabel:
    """An empty, hidden line for a sentence."""
    label = QLabel()
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setObjectName("fault")
    palette = label.palette()
    palette.setColor(label.foregroundRole(), Qt.GlobalColor.red)
    label.setPalette(palette)
    label.setVisible(False)
    return label
