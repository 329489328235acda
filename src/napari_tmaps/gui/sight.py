"""What nobody sees, e.g. behind another tab, waits until somebody looks."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget

from napari_tmaps.gui.parts import timer


class Sight(QObject):
    """Puts off what a widget has to do until it is seen.

    Qt calls a widget visible behind another tab, too. A widget of a window that is not shown,
    e.g. in a script, has nothing to wait for.

    Parameters
    ----------
    act
        Called once when the widget comes to sight, if `waits` said that it is not.
    """

    def __init__(self, widget: QWidget, act: Callable[[], object]) -> None:
        super().__init__(widget)
        self._widget = widget
        self._is_due = False
        self._act = act
        self._soon = timer(self, 0, self.end_wait)  # never in the midst of drawing
        widget.installEventFilter(self)

    def waits(self) -> bool:
        """Whether nobody sees the widget; then it will be told when somebody does."""
        widget = self._widget
        window = widget.window()
        is_shown = window is not None and window.isVisible()
        self._is_due = is_shown and (not widget.isVisible() or widget.visibleRegion().isEmpty())
        return self._is_due

    def end_wait(self) -> None:
        """Do now what was put off, if anything was."""
        if self._is_due:
            self._is_due = False
            self._act()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Drawing is the one thing that Qt does only with what can be seen."""
        if self._is_due and event is not None and event.type() == QEvent.Type.Paint:
            self._soon.start()
        return False
