"""A widget and its dock: its tab can be read, and it goes with it.

napari takes a widget out of a dock that is closed, and leaves it hidden and at work.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QDockWidget, QWidget

from napari_tmaps.gui.arrangement import dock_again, tab_title
from napari_tmaps.gui.parts import timer
from napari_tmaps.gui.workers import Work


class Undocked(QObject):
    """Closes and deletes a widget once its dock was closed; its work stops.

    Parameters
    ----------
    may_go
        Whether nothing would be lost; else the widget says why, and is docked again.
    viewer
        Of the window to dock it in; None where the widget may always go.
    """

    def __init__(
        self, widget: QWidget, may_go: Callable[[], bool] = lambda: True, viewer: Any = None
    ) -> None:
        super().__init__(widget)
        self._widget, self._may_go, self._viewer = widget, may_go, viewer
        self._dock: str | None = None  # its name, once there was one
        self._soon = timer(self, 0, self._go)  # never in the midst of being taken out
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """The dock is the parent of the widget."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            parent = self._widget.parentWidget()
            if parent is None and self._dock is not None:
                self._soon.start()
            elif isinstance(parent, QDockWidget):
                self._dock = parent.objectName()
                parent.setWindowTitle(tab_title(self._dock))
        return False

    def _go(self) -> None:
        if self._widget.parentWidget() is not None:
            return
        if self._may_go():
            for work in self._widget.findChildren(Work):
                work.cancel()
            self._widget.close()
            self._widget.deleteLater()
        else:
            dock_again(self._viewer, self._widget, self._dock or "")
