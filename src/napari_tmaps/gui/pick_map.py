"""The frame of small maps of a plate or slide, of which one place is chosen."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import replace
from typing import Generic, TypeVar

import numpy as np
from qtpy.QtCore import QEvent, QPointF, QSize, Qt
from qtpy.QtGui import QColor, QHelpEvent, QKeyEvent, QResizeEvent
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_tmaps.gui.well_colours import WellColours, colours, limits

PROBLEM = QColor("#E69F00")  # orange that stays apart from blue for every kind of eye
ANALYSED = QColor("#3B8EEA")
_ARROWS = {
    int(Qt.Key.Key_Up): (-1, 0),
    int(Qt.Key.Key_Down): (1, 0),
    int(Qt.Key.Key_Left): (0, -1),
    int(Qt.Key.Key_Right): (0, 1),
}

_STEPS = 63  # of the colour scale

Key = TypeVar("Key", str, int)


class PickMap(QWidget, Generic[Key]):
    """Places that are chosen with the mouse or the arrow keys.

    Parameters
    ----------
    name
        Of the map, for those who do not see it.
    """

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._excluded: frozenset[Key] = frozenset()
        self._colours: dict[Key, int] = {}
        self._wanted = WellColours()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(name)

    def setExcluded(self, places: Iterable[Key]) -> None:
        """Cross out places that are excluded, wells only where all of their sites are."""
        self._excluded = frozenset(places)
        self.update()

    def setColours(self, wanted: WellColours) -> None:
        """Colour the places by a value each; without any, by how far they have come."""
        known = {place: value for place, value in wanted.values.items() if np.isfinite(value)}
        if wanted.classes:
            self._colours = {
                place: QColor(wanted.classes[int(value)][1]).rgb() for place, value in known.items()
            }
        else:
            low, high = wanted.ends or limits(known)
            shares = (np.array(list(known.values()), float) - low) / (high - low)
            steps = np.rint(shares * _STEPS) / _STEPS
            self._colours = {
                place: QColor(*map(int, colour)).rgb()
                for place, colour in zip(known, colours(steps), strict=True)
            }
        self._wanted = replace(wanted, values=known)
        self._fit()
        self.update()

    def colours(self) -> WellColours:
        """What the places are coloured by."""
        return self._wanted

    @abstractmethod
    def _at(self, position: QPointF) -> Key:
        """The place at a point; nothing ("" or 0) where there is none."""

    @abstractmethod
    def _describe(self, place: Key) -> str:
        """What a place is, in words."""

    @abstractmethod
    def _fit(self) -> None:
        """Take the height that the width asks for."""

    @abstractmethod
    def _walk(self, event: QKeyEvent, rows: int, columns: int) -> bool:
        """Go on to the next place in a direction; False if none is chosen."""

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        self._fit()
        super().resizeEvent(event)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 40)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        step = _ARROWS.get(event.key()) if event is not None else None
        if event is None or step is None or not self._walk(event, *step):
            super().keyPressEvent(event)

    def event(self, event: QEvent | None) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            place = self._at(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), self._describe(place) if place else "", self)
            return True
        return super().event(event)
