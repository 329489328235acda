"""A small map of a plate: one dot a well, to click or to walk with the arrow keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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
    QPixmap,
)
from qtpy.QtWidgets import QWidget

from napari_tmaps.gui.pick_map import ANALYSED, PROBLEM, PickMap
from napari_tmaps.gui.plate_legend import legend_height, paint_legend
from napari_tmaps.gui.state import WellState, neighbour
from napari_tmaps.gui.well_colours import WellColours
from napari_tmaps.model.wells import PlateFormat, WellName, row_letters

_CHOSEN = QColor("#E6E600")
_LARGEST_CELL = 28
# Lines (y, x, y, x) of a tick and a cross, in radii of a well.
_SIGNS = {
    "done": ((0.0, -0.5, 0.4, -0.1), (0.4, -0.1, -0.45, 0.55)),
    "failed": ((-0.45, -0.45, 0.45, 0.45), (0.45, -0.45, -0.45, 0.45)),
}

_Look = tuple[WellState | None, int | None, str, bool, bool]
"""State, colour, work, whether it is excluded, and whether it is selected."""


class PlateMap(PickMap[str]):
    """Edits the name of a well of a plate.

    Filled blue: has objects; grey: has images; ring: recorded, not converted; orange with a
    stroke: something is missing or failed. While work goes on, a tick or a cross says that a well
    is done or failed in this step, and a second ring that it is being worked on. With numbers, the
    filling is their colour instead, and a legend tells what it means. A cross through a well: all
    of its sites are excluded.

    Drag, or click with Ctrl, to select a set of wells; with Shift, the arrow keys enlarge it.
    """

    valueChanged = Signal(str)
    selectionChanged = Signal(object)
    """The names of the selected wells, a frozenset; empty if there is no set."""
    menuRequested = Signal(str, object)
    """A well and the point of the screen where its menu should be."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Plate map", parent)
        self._format = PlateFormat(8, 12)
        self._wells: Mapping[str, WellState] = {}
        self._work: Mapping[str, str] = {}
        self._value = ""
        self._selected: frozenset[str] = frozenset()
        self._before: frozenset[str] = frozenset()
        self._anchor: QPointF | None = None
        self._drag: QRectF | None = None
        self._drawn: dict[_Look, QPixmap] = {}
        self._drawn_as: tuple[float, float, int] | None = None
        self.setMouseTracking(True)

    def value(self) -> str:
        """Name of the chosen well, "" if there is none."""
        return self._value

    def setValue(self, well: str) -> None:
        """Choose a well; a well without sites is ignored."""
        if well == self._value or (well and well not in self._wells):
            return
        self._value = well
        self.setAccessibleDescription(self._describe(well))
        self.update()
        self.valueChanged.emit(well)

    def setPlate(self, plate: PlateFormat, wells: Mapping[str, WellState]) -> None:
        """Show another plate, or new states of its wells; the choice stays if it can."""
        self._format, self._wells = plate, dict(wells)
        if self._value not in self._wells:
            self._value = ""
        self.setSelection(self._selected & self._wells.keys())
        self._fit()
        self.update()

    def setWork(self, wells: Mapping[str, str]) -> None:
        """Show how far wells are: waiting, running, done or failed; empty when nobody works."""
        self._work = dict(wells)
        self.update()

    def selection(self) -> frozenset[str]:
        """The selected wells; empty if there is no set."""
        return self._selected

    def setSelection(self, wells: Iterable[str]) -> None:
        """Select wells; those without sites are left out."""
        chosen = frozenset(well for well in wells if well in self._wells)
        if chosen != self._selected:
            self._selected = chosen
            self.update()
            self.selectionChanged.emit(chosen)

    def setColours(self, wanted: WellColours) -> None:
        self._drawn.clear()
        super().setColours(wanted)

    def well_center(self, well: str) -> QPointF:
        """Where a well is drawn, in pixels of the widget."""
        name = WellName.parse(well)
        return self._cell(name.row_index, name.column_index).center()

    # -- geometry -------------------------------------------------------------------------------

    def _margin(self) -> float:
        return self.fontMetrics().horizontalAdvance("AF") + 4.0

    def _cell_size(self) -> float:
        room = (self.width() - self._margin() - 2) / self._format.columns
        return max(3.0, min(room, _LARGEST_CELL))

    def _cell(self, row: int, column: int) -> QRectF:
        size, margin = self._cell_size(), self._margin()
        top = self.fontMetrics().height() + 2
        return QRectF(margin + column * size, top + row * size, size, size)

    def _fit(self) -> None:
        height = self.fontMetrics().height() + 6 + self._format.rows * self._cell_size()
        if self._wanted.values:
            height += legend_height(self._wanted, self.fontMetrics())
        self.setFixedHeight(int(height))

    def _at(self, position: QPointF) -> str:
        size = self._cell_size()
        corner = self._cell(0, 0).topLeft()
        column = int((position.x() - corner.x()) // size)
        row = int((position.y() - corner.y()) // size)
        if 0 <= row < self._format.rows and 0 <= column < self._format.columns:
            return str(WellName.at(row, column))
        return ""

    def _describe(self, well: str) -> str:
        if well not in self._wells:
            return f"{well}: not recorded"
        work = f", {self._work[well]} in this step" if well in self._work else ""
        out = ", excluded" if well in self._excluded else ""
        return f"{well}: {self._wells[well]}{self._wanted.in_words(well)}{work}{out}"

    # -- drawing --------------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        faint = QColor(text)
        faint.setAlpha(70)
        self._paint_names(painter, text)
        radius = self._cell_size() * 0.36
        corner, size = self._cell(0, 0).topLeft(), self._cell_size()
        # Wells that look alike are drawn once: a thousand are painted within a frame.
        kind = (size, self.devicePixelRatioF(), text.rgba())
        if kind != self._drawn_as:
            self._drawn.clear()
            self._drawn_as = kind
        for row in range(self._format.rows):
            letters, y = row_letters(row), int(corner.y() + row * size)
            for column in range(self._format.columns):
                well = f"{letters}{column + 1:02d}"
                look = (
                    self._wells.get(well),
                    self._colours.get(well),
                    self._work.get(well, ""),
                    well in self._excluded,
                    well in self._selected,
                )
                picture = self._drawn.get(look)
                if picture is None:
                    picture = self._drawn[look] = self._picture_of(look, text, faint)
                painter.drawPixmap(int(corner.x() + column * size), y, picture)
        if self._value:
            painter.setPen(QPen(text, 2 if radius > 4 else 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            center = self.well_center(self._value)
            painter.drawEllipse(center, radius * 1.3, radius * 1.3)
        if self._drag is not None:
            painter.setPen(QPen(text, 1, Qt.PenStyle.DashLine))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self._drag)
        if self._wanted.values:
            left, top = self._margin(), self._cell(self._format.rows, 0).top() + 2
            room = QRectF(left, top, self.width() - left - 4, self.height() - top)
            paint_legend(painter, self._wanted, room, text)
        painter.end()

    def _picture_of(self, look: _Look, text: QColor, faint: QColor) -> QPixmap:
        """A well, as it is drawn in its cell."""
        state, colour, work, is_excluded, is_selected = look
        size, ratio = self._cell_size(), self.devicePixelRatioF()
        picture = QPixmap(max(int(size * ratio), 1), max(int(size * ratio), 1))
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        center, radius = QPointF(size / 2, size / 2), size * 0.36
        if state is None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(faint)
            painter.drawEllipse(center, radius * 0.25, radius * 0.25)
        else:
            self._paint_well(painter, colour, center, radius, state, text)
            self._paint_work(painter, center, radius, work, text)
            if is_excluded:
                self._paint_work(painter, center, radius * 1.4, "failed", text)
            if is_selected:
                painter.setPen(QPen(_CHOSEN, 2 if radius > 4 else 1))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(QRectF(1, 1, size - 2, size - 2))
        painter.end()
        return picture

    def _paint_well(
        self,
        painter: QPainter,
        colour: int | None,
        center: QPointF,
        radius: float,
        state: WellState,
        text: QColor,
    ) -> None:
        grey = QColor(text)
        grey.setAlpha(130)
        fill = {WellState.ANALYSED: ANALYSED, WellState.PROBLEM: PROBLEM}.get(state, grey)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(fill)
        if colour is not None:
            painter.setBrush(QColor(colour))
        if state is WellState.RECORDED or (self._wanted.values and colour is None):
            painter.setPen(QPen(grey, 1.2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(center, radius, radius)
        if state is WellState.PROBLEM:
            painter.setPen(QPen(Qt.GlobalColor.black, max(1.0, radius / 4)))
            painter.drawLine(
                QPointF(center.x(), center.y() - radius * 0.6),
                QPointF(center.x(), center.y() + radius * 0.6),
            )

    def _paint_work(
        self, painter: QPainter, center: QPointF, radius: float, work: str, text: QColor
    ) -> None:
        if work == "running":
            painter.setPen(QPen(text, max(1.0, radius / 5)))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            box = QRectF(center.x() - radius, center.y() - radius, 2 * radius, 2 * radius)
            painter.drawArc(box.adjusted(-1.5, -1.5, 1.5, 1.5), 30 * 16, 240 * 16)
        lines = _SIGNS.get(work, ())
        # A dark stroke below a light one is seen on every ground.
        for color, width in (("black", 2.2), ("white", 1.0)):
            painter.setPen(QPen(QColor(color), max(1.0, radius / 4) * width))
            for y0, x0, y1, x1 in lines:
                painter.drawLine(
                    center + QPointF(x0, y0) * radius, center + QPointF(x1, y1) * radius
                )

    def _paint_names(self, painter: QPainter, text: QColor) -> None:
        painter.setPen(text)
        metrics, size = self.fontMetrics(), self._cell_size()
        # Names that would touch are left out.
        every = max(1, -(-(metrics.horizontalAdvance("00") + 5) // max(int(size), 1)))
        for column in range(0, self._format.columns, every):
            cell = self._cell(0, column)
            box = QRectF(cell.center().x() - 20, 0, 40, metrics.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(column + 1))
        every = max(1, -(-metrics.height() // max(int(size) + 3, 1)))
        for row in range(0, self._format.rows, every):
            cell = self._cell(row, 0)
            box = QRectF(0, cell.center().y() - 10, self._margin() - 3, 20)
            painter.drawText(
                box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, row_letters(row)
            )

    # -- mouse and keys -------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        if event is None or event.button() != Qt.MouseButton.LeftButton:
            return
        well = self._at(event.position())
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.setSelection(self._selected ^ {well})
            self._before = self._selected
        else:
            self._before = frozenset()
            self.setSelection(())
            self.setValue(well or self._value)
        self._anchor = event.position()

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        if event is None or self._anchor is None:
            return
        drag = QRectF(self._anchor, event.position()).normalized()
        if self._drag is None and max(drag.width(), drag.height()) < 4:
            return
        self._drag = drag
        size, corner = self._cell_size(), self._cell(0, 0).topLeft()
        # A well is selected as soon as the frame touches its cell.
        rows = _span(drag.top() - corner.y(), drag.bottom() - corner.y(), size, self._format.rows)
        columns = _span(
            drag.left() - corner.x(), drag.right() - corner.x(), size, self._format.columns
        )
        touched = {str(WellName.at(row, column)) for row in rows for column in columns}
        self.setSelection(self._before | touched)
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        self._anchor = self._drag = None
        self.update()

    def contextMenuEvent(self, event: QContextMenuEvent | None) -> None:
        if event is not None and (well := self._at(QPointF(event.pos()))) in self._wells:
            self.menuRequested.emit(well, event.globalPos())

    def _walk(self, event: QKeyEvent, rows: int, columns: int) -> bool:
        if not self._value:
            return False
        before = self._value
        self.setValue(neighbour(self._wells, self._value, rows, columns))
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.setSelection(self._selected | {before, self._value})
        return True


def _span(low: float, high: float, size: float, count: int) -> range:
    """Numbers of the cells between two distances."""
    return range(max(int(low // size), 0), min(int(high // size) + 1, count))
