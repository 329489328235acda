"""The sign of what is wrong: seen on dark and bright, by its form as well as its colour."""

from __future__ import annotations

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QIcon, QPainter, QPixmap, QPolygonF

from napari_tmaps.gui.state_bar import BAD

_SIZE = 64  # of the picture; lists show it smaller


def fault_icon() -> QIcon:
    """A triangle with an exclamation mark."""
    picture = QPixmap(_SIZE, _SIZE)
    picture.fill(Qt.GlobalColor.transparent)
    corners = ((0.5, 0.04), (0.99, 0.94), (0.01, 0.94))
    with QPainter(picture) as painter:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(BAD)
        painter.drawPolygon(QPolygonF([QPointF(x * _SIZE, y * _SIZE) for x, y in corners]))
        painter.setBrush(Qt.GlobalColor.white)
        painter.drawRect(QRectF(0.44 * _SIZE, 0.34 * _SIZE, 0.12 * _SIZE, 0.32 * _SIZE))
        painter.drawRect(QRectF(0.44 * _SIZE, 0.73 * _SIZE, 0.12 * _SIZE, 0.12 * _SIZE))
    return QIcon(picture)
