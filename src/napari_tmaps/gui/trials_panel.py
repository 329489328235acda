"""Results beside each other: of one pipeline on several sites, or of one setting's values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyqtgraph
from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QImage, QMouseEvent, QPixmap
from qtpy.QtWidgets import (
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.gui.parts import scrolled, wrapped
from napari_tmaps.model.words import counted
from napari_tmaps.pipeline.trials import Tried

CARD_PX, SMALL_CARD_PX = 190, 150
"""Width of a card; a low panel has small ones, so that one is seen whole, and two beside it."""
_LOW_PX = 340


@dataclass(frozen=True)
class Card:
    """What is told of one result: a title, and a line of numbers or why there are none."""

    title: str
    text: str
    failed: bool


def card_of(tried: Tried, feature: str = "") -> Card:
    """The words of a result; the median of a feature, where it has that, else of its first."""
    if tried.error:
        return Card(tried.trial.title, tried.error, True)
    parts = []
    if tried.count is not None:
        parts.append(counted(tried.count, "object"))
    name, values = values_of(tried, feature)
    if np.isfinite(values).any():
        parts.append(f"{name} {np.nanmedian(values):.4g}")
    if tried.share is not None and tried.pieces is not None:
        parts.append(f"{100 * tried.share:.3g} % covered")
        parts.append(counted(tried.pieces, "piece"))
    parts.append(f"{1000 * tried.seconds:.0f} ms")
    return Card(tried.trial.title, " · ".join(parts), False)


def values_of(tried: Tried, feature: str = "") -> tuple[str, npt.NDArray[np.float64]]:
    """Name and values of a feature, where it was measured; else of the first that was."""
    if tried.table is None or not len(tried.table.columns):
        return "", np.empty(0)
    name = feature if feature in tried.table.columns else str(tried.table.columns[0])
    return name, tried.table[name].to_numpy(float)


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
        self._title = wrapped()
        self._grid_widget = QWidget()
        self._grid = QGridLayout(self._grid_widget)
        self._grid.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        scroll = scrolled(self._grid_widget, sideways=True)
        self.feature = QComboBox()
        self.feature.setToolTip("The feature whose distribution is drawn")
        self.feature.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.plot = pyqtgraph.PlotWidget(background=None)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.getAxis("left").setStyle(showValues=False)
        self.plot.getAxis("left").setWidth(6)
        self._side = QWidget()
        self._side.setMaximumWidth(420)
        self._side.setVisible(False)
        side = QVBoxLayout(self._side)
        side.setContentsMargins(0, 0, 0, 0)
        side.addWidget(self.feature)
        side.addWidget(self.plot, 1)
        layout = QVBoxLayout(self)
        layout.addWidget(self._title)
        row = QHBoxLayout()
        row.addWidget(scroll, 2)
        row.addWidget(self._side, 1)
        layout.addLayout(row, 1)
        self.setMinimumSize(2 * SMALL_CARD_PX, 160)
        self.feature.activated.connect(self._on_feature_chosen)

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
        if not count:
            self._draw()
        self._arrange()

    def add(self, tried: Tried) -> None:
        """Show the next result."""
        self._found.append(tried)
        if len(self._found) <= len(self._cards):
            self._cards[len(self._found) - 1].show_result(tried, self.feature.currentText())
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
        room = self.width() - (self._side.width() if self._side.isVisible() else 0)
        width = SMALL_CARD_PX if self.height() < _LOW_PX else CARD_PX
        columns = max(1, (room - 30) // (width + 8))
        for number, card in enumerate(self._cards):
            card.resize_to(width)
            self._grid.addWidget(card, number // columns, number % columns)

    def _on_feature_chosen(self) -> None:
        for card, tried in zip(self._cards, self._found, strict=False):
            card.show_result(tried, self.feature.currentText())
        self._draw()

    def _fill_features(self) -> None:
        """What can be drawn; what was chosen stays chosen."""
        tables = [tried.table for tried in self._found if tried.table is not None]
        names = [str(name) for name in tables[0].columns] if tables else []
        if names != [self.feature.itemText(n) for n in range(self.feature.count())]:
            chosen = self.feature.currentText()
            self.feature.clear()
            self.feature.addItems(names)
            self.feature.setCurrentIndex(max(0, self.feature.findText(chosen)))

    def _draw(self) -> None:
        """A curve for each group: how many of its objects have which value."""
        self._fill_features()
        self.plot.clear()
        feature = self.feature.currentText()
        curves = list(_curves(self._found, feature))
        self._side.setVisible(bool(curves))
        self._arrange()
        if not curves:
            return
        text = self.palette().color(self.foregroundRole())
        legend = self.plot.addLegend(offset=(-5, 5), labelTextColor=text)
        legend.clear()
        for number, (name, edges, share) in enumerate(curves):
            pen = {"color": _COLORS[number % len(_COLORS)], "width": 2}
            self.plot.plot(edges, share, stepMode="center", pen=pen, name=name or None)
        self.plot.setLabel("bottom", feature)
        self.plot.setToolTip("Share of the objects of each group over their values")
        for side in ("left", "bottom"):
            self.plot.getAxis(side).setPen(text)
            self.plot.getAxis(side).setTextPen(text)


# Okabe and Ito: colours that everybody tells apart.
_COLORS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#999999")


def _curves(found: Sequence[Tried], feature: str) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    groups = {
        name: np.concatenate([values_of(each, feature)[1] for each in tried])
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
        self._whole = QPixmap()
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

    def show_result(self, tried: Tried, feature: str) -> None:
        """Show a result, and what it is in a feature."""
        card = card_of(tried, feature)
        group = f"<br>{tried.trial.group}" if tried.trial.group else ""
        self._title.setText(f"<b>{card.title}</b>{group}")
        self._text.setText(("⚠ " if card.failed else "") + card.text)
        if tried.picture is None:
            self._whole = QPixmap()
            self._picture.clear()
            return
        pixels = np.ascontiguousarray(tried.picture)
        height, width, _ = pixels.shape
        image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
        self._whole = QPixmap.fromImage(image.copy())
        self._scale()

    def resize_to(self, width: int) -> None:
        """Be so wide, picture and all."""
        if width != self.maximumWidth():
            self.setFixedWidth(width)
            self._scale()

    def _scale(self) -> None:
        if not self._whole.isNull():
            smooth = Qt.TransformationMode.SmoothTransformation
            self._picture.setPixmap(self._whole.scaledToWidth(self.maximumWidth() - 12, smooth))

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """A click chooses the result."""
        super().mousePressEvent(event)
        self.clicked.emit()
