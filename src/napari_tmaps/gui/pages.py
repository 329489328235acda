"""One of several pages in a dock, which is as wide as the page that is shown needs."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_tmaps.gui.parts import scrolled

_WIDEST = 440
"""Pixels that may be asked for, so that nothing is cut off."""


class Pages(QWidget):
    """Shows one of several pages, and scrolls where it is higher than the dock.

    Parameters
    ----------
    above, below
        Stay with every page.
    """

    def __init__(
        self, above: Sequence[QWidget], pages: Sequence[QWidget], below: Sequence[QWidget]
    ) -> None:
        super().__init__()
        # napari pushes anything else to the top of its dock.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._pages = tuple(pages)
        self._inside = QWidget()
        layout = QVBoxLayout(self._inside)
        for widget in (*above, *pages, *below):
            grows = widget.sizePolicy().verticalPolicy() == QSizePolicy.Policy.Expanding
            layout.addWidget(widget, int(grows))
        layout.addStretch()
        self._scroll = scrolled(self._inside)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._scroll)

    def setValue(self, page: QWidget) -> None:
        """Show this page alone."""
        for each in self._pages:
            each.setVisible(each is page)
        self.fit()

    def fit(self) -> None:
        """Be as wide as the page needs now, within reason."""
        for widget in (*self._pages, self._inside):
            layout = widget.layout()
            if layout is not None and not widget.isHidden():
                layout.activate()  # what has just been hidden takes no room
        bar = self._scroll.verticalScrollBar()
        width = self._inside.minimumSizeHint().width() + (bar.sizeHint().width() if bar else 0)
        self._scroll.setMinimumWidth(min(width, _WIDEST))
