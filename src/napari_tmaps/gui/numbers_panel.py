"""What the chosen step found, in numbers and as a histogram."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyqtgraph
from qtpy.QtCore import QEvent, QSignalBlocker, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_tmaps.gui.parts import Message
from napari_tmaps.gui.tuning import Shown


class NumbersPanel(QWidget):
    """A sentence, and a histogram: of intensities with the threshold, or of the sizes of objects.

    Signals
    -------
    thresholdMoved
        The threshold that the user drags the line to.
    """

    thresholdMoved = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        self._is_made = False
        super().__init__(parent)
        self._text = Message()
        self.plot = pyqtgraph.PlotWidget(background=None)
        self.plot.setMinimumHeight(70)  # a low screen has room for no more
        self.plot.setMaximumHeight(110)
        self.plot.setMenuEnabled(False)
        self.plot.setMouseEnabled(x=True, y=False)
        self.plot.hideButtons()
        self.plot.getAxis("left").setStyle(showValues=False)
        self.plot.getAxis("left").setWidth(6)
        self._curve = self.plot.plot([], [], stepMode="center", fillLevel=0)
        self.line = pyqtgraph.InfiniteLine(
            angle=90, movable=True, pen={"color": "#e69f00", "width": 2}, hoverPen={"width": 4}
        )
        self.line.setZValue(10)
        self.plot.addItem(self.line)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._text)
        layout.addWidget(self.plot)
        self.line.sigDragged.connect(lambda line: self.thresholdMoved.emit(float(line.value())))
        self._below = ""
        self._color: Any = None
        self._is_made = True
        self.clear()

    def show_result(self, shown: Shown, *, movable: bool) -> None:
        """Show what a preview found.

        Parameters
        ----------
        movable
            Whether the threshold may be dragged.
        """
        preview = shown.preview
        words = [shown.numbers.sentence(), f"{1000 * preview.seconds:.0f} ms"]
        if preview.view is not None:
            words.append("in view")
        self._say(" · ".join(word for word in words if word))
        if preview.view is not None:
            return  # the histogram is of the whole site
        if preview.threshold is not None and len(shown.counts):
            self._show_intensities(shown.counts, shown.edges, preview.threshold, movable)
        elif len(shown.counts):
            self._draw(shown.counts, shown.edges, "area of objects (px)", "objects")
            self.line.setVisible(False)
        else:
            self.plot.setVisible(False)

    def clear(self) -> None:
        """Show nothing."""
        self._say("")
        self.plot.setVisible(False)

    def text(self) -> str:
        """What is said above the histogram."""
        return self._text.text()

    def changeEvent(self, event: QEvent | None) -> None:
        """Another theme: the axes follow."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange and self._is_made:
            self._colour()

    def _say(self, text: str) -> None:
        self._text.say(text)

    def _show_intensities(
        self, counts: npt.NDArray[Any], edges: npt.NDArray[Any], threshold: float, movable: bool
    ) -> None:
        self._draw(np.log1p(counts), edges, "intensity", "log number of pixels")
        self.line.setVisible(True)
        self.line.setMovable(movable)
        self.line.setToolTip("Drag to set the threshold" if movable else "Threshold of this image")
        with QSignalBlocker(self.line):
            self.line.setValue(threshold)

    def _colour(self) -> None:
        color = self.palette().color(self.foregroundRole())
        if color == self._color:
            return
        self._color = QColor(color)
        self.plot.setBackground(None)
        for side in ("left", "bottom"):
            self.plot.getAxis(side).setPen(color)
            self.plot.getAxis(side).setTextPen(color)
        self._curve.setPen(color)
        color.setAlpha(90)
        self._curve.setBrush(color)

    def _draw(
        self, counts: npt.NDArray[Any], edges: npt.NDArray[Any], below: str, beside: str
    ) -> None:
        self._colour()
        self._curve.setData(edges, counts)
        if below != self._below:
            self._below = below
            self.plot.setLabel("bottom", below)
            self.plot.setToolTip(f"{beside} over {below}")
        highest = float(counts.max(initial=1)) or 1.0
        self.plot.setRange(None, (float(edges[0]), float(edges[-1])), (0, highest), padding=0.02)
        self.plot.setVisible(True)
