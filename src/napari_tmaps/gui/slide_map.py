"""A small map of a slide or a dish: its sites where they lie, to click or to walk with the keys."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import QPointF, QRectF, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import (
    QColor,
    QContextMenuEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
)
from qtpy.QtWidgets import QWidget

from napari_tmaps.gui.pick_map import ANALYSED, PROBLEM, PickMap
from napari_tmaps.gui.plate_legend import legend_height, paint_legend
from napari_tmaps.gui.state import WellState

Box = tuple[int, int, int, int]
"""Top, left, height and width."""

_MARGIN = 8.0
_TALLEST = 170.0


class SlideMap(PickMap[int]):
    """Edits the number of a site.

    Filled blue: has objects; grey: has images; empty: recorded, not converted; orange: something
    is missing or failed. With numbers, the filling is their colour instead, and a legend tells what
    it means. A cross: the site is excluded.
    """

    valueChanged = Signal(int)
    menuRequested = Signal(int, object)
    """A site and the point of the screen where its menu should be."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Slide", parent)
        self._boxes: Mapping[int, Box] = {}
        self._states: Mapping[int, WellState] = {}
        self._value = 0

    def value(self) -> int:
        """The chosen site, 0 if there is none."""
        return self._value

    def setValue(self, site: int) -> None:
        """Choose a site; one that is not there is ignored."""
        if site == self._value or (site and site not in self._boxes):
            return
        self._value = site
        self.setAccessibleDescription(self._describe(site))
        self.update()
        self.valueChanged.emit(site)

    def setSites(self, boxes: Mapping[int, Box], states: Mapping[int, WellState]) -> None:
        """Show other sites, or new states of them; the choice stays if it can."""
        self._boxes, self._states = dict(boxes), dict(states)
        if self._value not in self._boxes:
            self._value = 0
        self._fit()
        self.update()

    def site_rect(self, site: int) -> QRectF:
        """Where a site is drawn, in pixels of the widget."""
        top, left, height, width = self._boxes[site]
        first_row, first_column, scale = self._scale()
        corner = QPointF((left - first_column) * scale, (top - first_row) * scale)
        size = max(width * scale, 2.0), max(height * scale, 2.0)
        return QRectF(corner.x() + _MARGIN, corner.y() + _MARGIN, *size)

    # -- geometry -------------------------------------------------------------------------------

    def _extent(self) -> tuple[int, int, int, int]:
        boxes = list(self._boxes.values()) or [(0, 0, 1, 1)]
        top, left = min(box[0] for box in boxes), min(box[1] for box in boxes)
        bottom = max(box[0] + box[2] for box in boxes)
        right = max(box[1] + box[3] for box in boxes)
        return top, left, max(bottom - top, 1), max(right - left, 1)

    def _scale(self) -> tuple[int, int, float]:
        top, left, height, width = self._extent()
        room = max(self.width() - 2 * _MARGIN, 10.0)
        return top, left, min(room / width, (_TALLEST - 2 * _MARGIN) / height)

    def _fit(self) -> None:
        _, _, height, _ = self._extent()
        legend = legend_height(self._wanted, self.fontMetrics()) if self._wanted.values else 0
        self.setFixedHeight(int(height * self._scale()[2] + 2 * _MARGIN) + 1 + legend)

    def _at(self, position: QPointF) -> int:
        """The site at a point; where sites overlap, the later one is seen."""
        hits = [site for site in self._boxes if self.site_rect(site).contains(position)]
        return hits[-1] if hits else 0

    def _describe(self, site: int) -> str:
        if site not in self._boxes:
            return ""
        out = ", excluded" if site in self._excluded else ""
        state = self._states.get(site, WellState.RECORDED)
        return f"Site {site}: {state}{self._wanted.in_words(site)}{out}"

    # -- drawing --------------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        faint, grey = QColor(text), QColor(text)
        faint.setAlpha(70)
        grey.setAlpha(130)
        fills = {
            WellState.ANALYSED: ANALYSED,
            WellState.PROBLEM: PROBLEM,
            WellState.CONVERTED: grey,
        }
        if self._boxes:
            _, _, scale = self._scale()
            _, _, height, width = self._extent()
            glass = QRectF(2, 2, width * scale + 2 * _MARGIN - 4, height * scale + 2 * _MARGIN - 4)
            painter.setPen(QPen(faint, 1))
            painter.drawRoundedRect(glass, 5, 5)
        for site in self._boxes:
            rect = self.site_rect(site)
            gap = min(1.0, rect.width() / 8)
            inner = rect.adjusted(gap, gap, -gap, -gap)
            fill = fills.get(self._states.get(site, WellState.RECORDED))
            if self._wanted.values:
                fill = QColor(self._colours[site]) if site in self._colours else None
            painter.setPen(QPen(grey, 1) if fill is None else Qt.PenStyle.NoPen)
            painter.setBrush(Qt.BrushStyle.NoBrush if fill is None else fill)
            painter.drawRect(inner)
            if site in self._excluded:
                painter.setPen(QPen(text, 1.5))
                painter.drawLine(inner.topLeft(), inner.bottomRight())
                painter.drawLine(inner.topRight(), inner.bottomLeft())
        if self._value in self._boxes:
            painter.setPen(QPen(text, 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.site_rect(self._value))
        if self._wanted.values:
            needed = legend_height(self._wanted, self.fontMetrics())
            room = QRectF(_MARGIN, self.height() - needed, self.width() - 2 * _MARGIN, needed)
            paint_legend(painter, self._wanted, room, text)
        painter.end()

    # -- mouse and keys -------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self.setValue(self._at(event.position()) or self._value)

    def contextMenuEvent(self, event: QContextMenuEvent | None) -> None:
        if event is not None and (site := self._at(QPointF(event.pos()))):
            self.setValue(site)
            self.menuRequested.emit(site, event.globalPos())

    def _walk(self, event: QKeyEvent, rows: int, columns: int) -> bool:
        if self._value in self._boxes:
            self.setValue(self._next(rows, columns))
        return self._value in self._boxes

    def _next(self, rows: int, columns: int) -> int:
        """The nearest site in a direction; else the same one."""
        here = self.site_rect(self._value).center()
        found: dict[int, float] = {}
        for site in self._boxes:
            way = self.site_rect(site).center() - here
            along = way.y() * rows + way.x() * columns
            across = abs(way.x()) if rows else abs(way.y())
            if along > across and along > 0:
                found[site] = along + 2 * across
        return min(found, key=found.__getitem__) if found else self._value
