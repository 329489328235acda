"""How far a step is: a bar that is green while all goes well, and red as soon as a job failed."""

from __future__ import annotations

from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPalette
from qtpy.QtWidgets import QSizePolicy, QWidget

# Okabe and Ito: these two stay apart for every kind of eye.
GOOD, BAD = QColor("#009E73"), QColor("#D55E00")
_ROUND = 2.0


class StateBar(QWidget):
    """A bar with a text in it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._share, self._failed, self._text = 0.0, False, ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def setValue(self, share: float, *, failed: bool, text: str) -> None:
        """Show how much is done, from 0 to 1, and whether something of it failed."""
        if (share, failed, text) != (self._share, self._failed, self._text):
            self._share, self._failed, self._text = share, failed, text
            self.setAccessibleDescription(text)
            self.update()

    def value(self) -> tuple[float, bool]:
        """How much is done, and whether something failed."""
        return self._share, self._failed

    def sizeHint(self) -> QSize:
        return QSize(80, self.fontMetrics().height() + 6)

    def minimumSizeHint(self) -> QSize:
        return QSize(40, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent | None) -> None:
        palette = self.palette()
        ink = palette.color(QPalette.ColorRole.WindowText)
        faint = QColor(ink)
        faint.setAlpha(50)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        whole = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setBrush(faint)
        painter.drawRoundedRect(whole, _ROUND, _ROUND)
        if self._share > 0:
            done = QRectF(whole)
            done.setWidth(max(2 * _ROUND, whole.width() * min(1.0, self._share)))
            painter.setBrush(BAD if self._failed else GOOD)
            painter.drawRoundedRect(done, _ROUND, _ROUND)
        painter.setPen(ink)
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter), self._text)
        painter.end()
