"""The legend below the plate map: a scale of colours, or the names of classes."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QColor, QFontMetrics, QLinearGradient, QPainter

from napari_tmaps.gui.well_colours import WellColours, colours, limits
from napari_tmaps.model.words import short_number

_LINES = 5  # of class names; more are told by the wells themselves
_COLUMNS = 2


def legend_height(wanted: WellColours, metrics: QFontMetrics) -> int:
    """Height of a legend."""
    lines = 2
    if wanted.classes:
        lines = 1 + min(-(-len(wanted.classes) // _COLUMNS), _LINES)
    return lines * metrics.height() + 4


def paint_legend(painter: QPainter, wanted: WellColours, room: QRectF, text: QColor) -> None:
    """Draw a legend into a room."""
    if wanted.classes:
        _paint_classes(painter, wanted, room, text)
    else:
        _paint_scale(painter, wanted, room, text)


def _paint_scale(painter: QPainter, wanted: WellColours, room: QRectF, text: QColor) -> None:
    low, high = wanted.ends or limits(wanted.values)
    metrics = painter.fontMetrics()
    line, left, width = metrics.height(), room.left(), room.width()
    scale = QLinearGradient(left, 0, left + width, 0)
    for at in np.linspace(0, 1, 9):
        scale.setColorAt(float(at), QColor(*map(int, colours(np.array([at]))[0])))
    painter.fillRect(QRectF(left, room.top(), width, line / 2), scale)
    painter.setPen(text)
    box = QRectF(left, room.top() + line / 2, width, line + 2)
    ends = short_number(low), short_number(high)
    free = width - sum(metrics.horizontalAdvance(end) + 8 for end in ends)
    title = metrics.elidedText(wanted.title, Qt.TextElideMode.ElideMiddle, int(free))
    for words, side in zip(
        (ends[0], title, ends[1]),
        (Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignHCenter, Qt.AlignmentFlag.AlignRight),
        strict=True,
    ):
        painter.drawText(box, side | Qt.AlignmentFlag.AlignVCenter, words)


def _paint_classes(painter: QPainter, wanted: WellColours, room: QRectF, text: QColor) -> None:
    metrics = painter.fontMetrics()
    line = metrics.height()
    width = room.width() / _COLUMNS
    left_side = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    painter.setPen(text)
    title = metrics.elidedText(wanted.title, Qt.TextElideMode.ElideMiddle, int(room.width()))
    painter.drawText(QRectF(room.left(), room.top(), room.width(), line), left_side, title)
    most = _LINES * _COLUMNS
    names = list(wanted.classes)
    if len(names) > most:
        names = [*names[: most - 1], (f"and {len(names) - most + 1} more", "")]
    for number, (name, color) in enumerate(names):
        row, column = divmod(number, _COLUMNS)
        left, top = room.left() + column * width, room.top() + (row + 1) * line
        if color:
            painter.fillRect(QRectF(left, top + line * 0.2, line * 0.6, line * 0.6), QColor(color))
        box = QRectF(left + line * 0.8, top, width - line, line)
        shown = metrics.elidedText(name, Qt.TextElideMode.ElideRight, int(box.width()))
        painter.drawText(box, left_side, shown)
