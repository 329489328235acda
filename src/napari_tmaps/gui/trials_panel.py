"""Results beside each other: of one pipeline on several sites, or of one setting's values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyqtgraph
from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QImage, QMouseEvent, QPixmap
from qtpy.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.pipeline.trials import Tried

CARD_PX = 190


@dataclass(frozen=True)
class Card:
    """What is told of one result: a title, and a line of numbers or why there are none."""

    title: str
    text: str
    failed: bool


def card_of(tried: Tried) -> Card:
    """The words of a result."""
    if tried.error:
        return Card(tried.trial.title, tried.error, True)
    parts = []
    if tried.count is not None:
        parts.append(f"{tried.count} object{'s' * (tried.count != 1)}")
    if tried.values is not None and len(tried.values) and not np.all(np.isnan(tried.values)):
        parts.append(f"{tried.feature} {np.nanmedian(tried.values):.4g}")
    parts.append(f"{1000 * tried.seconds:.0f} ms")
    return Card(tried.trial.title, " · ".join(parts), False)


def groups_of(found: Sequence[Tried]) -> dict[str, list[Tried]]:
    """Results by the group that they belong to, in the order in which groups come."""
    groups: dict[str, list[Tried]] = {}
    for tried in found:
        if not tried.error:
            groups.setdefault(tried.trial.group, []).append(tried)
    return groups


class TrialsPanel(QWidget):
    """A grid of pictures that belong together, and the distributions of what was counted.

    Signals
    -------
    chosen
        Index of the result that was clicked.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._found: list[Tried] = []
        self._cards: list[_CardView] = []
        self._title = QLabel()
        self._title.setWordWrap(True)
        self._grid_widget = QWidget()
        self._grid = QGridLayout(self._grid_widget)
        self._grid.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(self._grid_widget)
        self.plot = pyqtgraph.PlotWidget(background=None)
        self.plot.setMaximumWidth(420)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setVisible(False)
        layout = QVBoxLayout(self)
        layout.addWidget(self._title)
        row = QHBoxLayout()
        row.addWidget(scroll, 3)
        row.addWidget(self.plot, 2)
        layout.addLayout(row, 1)
        self.setMinimumSize(2 * CARD_PX, CARD_PX + 90)

    def begin(self, title: str, count: int) -> None:
        """Make room for new results."""
        self._title.setText(title)
        self._found = []
        while len(self._cards) > count:
            card = self._cards.pop()
            self._grid.removeWidget(card)
            card.deleteLater()
        while len(self._cards) < count:
            card = _CardView()
            number = len(self._cards)
            card.clicked.connect(lambda number=number: self.chosen.emit(number))
            self._cards.append(card)
        for card in self._cards:
            card.wait()
        self._arrange()

    def add(self, tried: Tried) -> None:
        """Show the next result."""
        self._found.append(tried)
        if len(self._found) <= len(self._cards):
            self._cards[len(self._found) - 1].show_result(tried)
        if len(self._found) == len(self._cards):
            self._draw()

    def results(self) -> tuple[Tried, ...]:
        """What is shown so far."""
        return tuple(self._found)

    def resizeEvent(self, event: object) -> None:
        """As many pictures in a row as there is room for."""
        super().resizeEvent(event)  # type: ignore[arg-type]
        self._arrange()

    def _arrange(self) -> None:
        room = self.width() - (self.plot.width() if self.plot.isVisible() else 0)
        columns = max(1, (room - 30) // (CARD_PX + 8))
        for number, card in enumerate(self._cards):
            self._grid.addWidget(card, number // columns, number % columns)

    def _draw(self) -> None:
        """A curve for each group: how many of its objects have which value."""
        self.plot.clear()
        curves = list(_curves(self._found))
        self.plot.setVisible(bool(curves))
        self._arrange()
        if not curves:
            return
        text = self.palette().color(self.foregroundRole())
        legend = self.plot.addLegend(offset=(-5, 5), labelTextColor=text)
        legend.clear()
        for number, (name, edges, share) in enumerate(curves):
            pen = {"color": _COLORS[number % len(_COLORS)], "width": 2}
            self.plot.plot(edges, share, stepMode="center", pen=pen, name=name or None)
        self.plot.setLabel("bottom", next(t.feature for t in self._found if t.feature))
        for side in ("left", "bottom"):
            self.plot.getAxis(side).setPen(text)
            self.plot.getAxis(side).setTextPen(text)


# Okabe and Ito: colours that everybody tells apart.
_COLORS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#999999")


def _curves(found: Sequence[Tried]) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    groups = {
        name: np.concatenate([t.values for t in tried if t.values is not None] or [np.empty(0)])
        for name, tried in groups_of(found).items()
    }
    groups = {name: values[np.isfinite(values)] for name, values in groups.items()}
    everything = np.concatenate([*groups.values(), np.empty(0)])
    if everything.size < 2:
        return
    low, high = np.percentile(everything, (0.5, 99.5))
    edges = np.linspace(low, max(high, low + 1e-9), 31)
    for name, values in groups.items():
        if values.size:
            yield name, edges, np.histogram(values, edges)[0] / values.size


class _CardView(QFrame):
    """One picture with its words."""

    clicked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setFixedWidth(CARD_PX)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._title, self._picture, self._text = QLabel(), QLabel(), QLabel()
        self._text.setWordWrap(True)
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        for label in (self._title, self._picture, self._text):
            layout.addWidget(label)

    def wait(self) -> None:
        """Say that the result is under way; the last picture stays until then."""
        self._text.setText("…")

    def show_result(self, tried: Tried) -> None:
        """Show a result."""
        card = card_of(tried)
        self._title.setText(f"<b>{card.title}</b>")
        self._text.setText(("⚠ " if card.failed else "") + card.text)
        if tried.picture is None:
            self._picture.clear()
            return
        pixels = np.ascontiguousarray(tried.picture)
        height, width, _ = pixels.shape
        image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
        self._picture.setPixmap(
            QPixmap.fromImage(image.copy()).scaledToWidth(
                CARD_PX - 12, Qt.TransformationMode.SmoothTransformation
            )
        )

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """A click chooses the result."""
        super().mousePressEvent(event)
        self.clicked.emit()
