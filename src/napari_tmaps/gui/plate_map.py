"""A small map of a plate: one dot a well, to click or to walk with the arrow keys."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import (
    QColor,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QResizeEvent,
)
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_tmaps.gui.state import WellState, neighbour
from napari_tmaps.model.wells import PlateFormat, WellName, row_letters

_PROBLEM = QColor("#E69F00")  # orange that stays apart from blue for every kind of eye
_ANALYSED = QColor("#3B8EEA")
_LARGEST_CELL = 28
# Lines (y, x, y, x) of a tick and a cross, in radii of a well.
_SIGNS = {
    "done": ((0.0, -0.5, 0.4, -0.1), (0.4, -0.1, -0.45, 0.55)),
    "failed": ((-0.45, -0.45, 0.45, 0.45), (0.45, -0.45, -0.45, 0.45)),
}


class PlateMap(QWidget):
    """Edits the name of a well of a plate.

    Filled blue: has objects; grey: has images; ring: recorded, not converted; orange with a
    stroke: something is missing or failed. While work goes on, a tick or a cross says that a well
    is done or failed in this step, and a second ring that it is being worked on.
    """

    valueChanged = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._format = PlateFormat(8, 12)
        self._wells: Mapping[str, WellState] = {}
        self._work: Mapping[str, str] = {}
        self._value = ""
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Plate map")
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
        self._fit()
        self.update()

    def setWork(self, wells: Mapping[str, str]) -> None:
        """Show how far wells are: waiting, running, done or failed; empty when nobody works."""
        self._work = dict(wells)
        self.update()

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
        self.setFixedHeight(int(height))

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        self._fit()
        super().resizeEvent(event)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, 40)

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
        return f"{well}: {self._wells[well]}{work}"

    # -- drawing --------------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        faint = QColor(text)
        faint.setAlpha(70)
        self._paint_names(painter, text)
        radius = self._cell_size() * 0.36
        for row in range(self._format.rows):
            for column in range(self._format.columns):
                center = self._cell(row, column).center()
                state = self._wells.get(str(WellName.at(row, column)))
                painter.setPen(Qt.PenStyle.NoPen)
                if state is None:
                    painter.setBrush(faint)
                    painter.drawEllipse(center, radius * 0.25, radius * 0.25)
                    continue
                self._paint_well(painter, center, radius, state, text)
                work = self._work.get(str(WellName.at(row, column)), "")
                self._paint_work(painter, center, radius, work, text)
        if self._value:
            painter.setPen(QPen(text, 2 if radius > 4 else 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            center = self.well_center(self._value)
            painter.drawEllipse(center, radius * 1.3, radius * 1.3)
        painter.end()

    def _paint_well(
        self, painter: QPainter, center: QPointF, radius: float, state: WellState, text: QColor
    ) -> None:
        grey = QColor(text)
        grey.setAlpha(130)
        if state is WellState.RECORDED:
            painter.setPen(QPen(grey, 1.2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
        else:
            fill = {WellState.ANALYSED: _ANALYSED, WellState.PROBLEM: _PROBLEM}.get(state, grey)
            painter.setBrush(fill)
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
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self.setValue(self._at(event.position()) or self._value)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        steps = {
            int(Qt.Key.Key_Up): (-1, 0),
            int(Qt.Key.Key_Down): (1, 0),
            int(Qt.Key.Key_Left): (0, -1),
            int(Qt.Key.Key_Right): (0, 1),
        }
        if event is None:
            return
        step = steps.get(event.key())
        if step is None or not self._value:
            super().keyPressEvent(event)
            return
        self.setValue(neighbour(self._wells, self._value, *step))

    def event(self, event: QEvent | None) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            well = self._at(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), self._describe(well) if well else "", self)
            return True
        return super().event(event)
