"""A wall of pictures, sorted into classes with the digits or by dragging."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import (  # type: ignore[attr-defined]
    QAbstractListModel,
    QByteArray,
    QMimeData,
    QModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from qtpy.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QPainter,
    QPixmap,
)
from qtpy.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

MIME = "application/x-napari-tmaps-objects"
"""Dragged objects: their places on the wall, parted by commas."""
_TILE = 76
_STRIPE = 5


@dataclass(frozen=True)
class Tile:
    """What is known of an object beside its picture.

    Attributes
    ----------
    text
        For the tool tip.
    colors
        Of the classes that the object is in.
    """

    row: int
    text: str
    colors: tuple[str, ...] = ()


class WallModel(QAbstractListModel):
    """Tiles, and the pictures that were read so far."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tiles: list[Tile] = []
        self._pictures: dict[int, QPixmap] = {}
        self.are_dragged = False
        """Whether those that were dragged last are still there."""

    def setTiles(self, tiles: Sequence[Tile]) -> None:
        """Begin with others."""
        self.are_dragged = False
        self.beginResetModel()
        self._tiles = list(tiles)
        self._pictures = {}
        self.endResetModel()

    def setColors(self, colors: Sequence[tuple[str, ...]]) -> None:
        """Show the classes of all tiles."""
        self._tiles = [
            Tile(tile.row, tile.text, own) for tile, own in zip(self._tiles, colors, strict=True)
        ]
        self._tell(0, len(self._tiles) - 1)

    def setPicture(self, number: int, pixels: npt.NDArray[np.uint8]) -> None:
        """Show a picture (y, x, 3)."""
        pixels = np.ascontiguousarray(pixels)
        height, width, _ = pixels.shape
        image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
        self._pictures[number] = QPixmap.fromImage(image.copy())
        self._tell(number, number)

    def tile(self, number: int) -> Tile:
        """What is known of an object."""
        return self._tiles[number]

    def picture(self, number: int) -> QPixmap | None:
        """Its picture; None while it is not read."""
        return self._pictures.get(number)

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008  as Qt has it
        return 0 if parent.isValid() else len(self._tiles)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return self._tiles[index.row()].text
        return None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        return super().flags(index) | Qt.ItemFlag.ItemIsDragEnabled

    def mimeTypes(self) -> list[str]:
        return [MIME]

    def mimeData(self, indexes: Iterable[QModelIndex]) -> QMimeData:
        self.are_dragged = True
        data = QMimeData()
        numbers = ",".join(str(index.row()) for index in indexes)
        data.setData(MIME, QByteArray(numbers.encode()))
        return data

    def _tell(self, first: int, last: int) -> None:
        if last >= first:
            self.dataChanged.emit(self.index(first), self.index(last))


class _Painter(QStyledItemDelegate):
    """A picture, a stripe for each class, and a frame if it is selected."""

    def paint(
        self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        model = index.model()
        if painter is None or not isinstance(model, WallModel):
            return
        box = option.rect.adjusted(3, 3, -3, -3)
        picture = model.picture(index.row())
        if picture is None:
            painter.fillRect(box, QColor(128, 128, 128, 60))
        else:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawPixmap(box, picture)
        colors = model.tile(index.row()).colors
        for n, color in enumerate(colors):
            left = box.left() + box.width() * n // len(colors)
            right = box.left() + box.width() * (n + 1) // len(colors)
            stripe = QRect(left, box.bottom() - _STRIPE + 1, right - left, _STRIPE)
            painter.fillRect(stripe, QColor(color))
        if option.state & QStyle.StateFlag.State_Selected:
            pen = painter.pen()
            pen.setColor(QColor("#e6e600"))
            pen.setWidth(3)
            painter.setPen(pen)
            painter.drawRect(box)

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        return QSize(_TILE, _TILE)


class WallView(QListView):
    """Shows the tiles.

    Signals
    -------
    assigned
        Number of the class, from 0, that the selected tiles are put into; -1 for none.
    entered
        Place of the tile that is to be shown on the map.
    """

    assigned = Signal(int)
    entered = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tiles = WallModel(self)
        self.setModel(self.tiles)
        self.setItemDelegate(_Painter(self))
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setSpacing(0)
        self.setAccessibleName("Gallery")
        self.doubleClicked.connect(lambda index: self.entered.emit(index.row()))

    def chosen(self) -> list[int]:
        """Places of the selected tiles."""
        return sorted(index.row() for index in self.selectedIndexes())

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        if event is None:
            return
        key = event.key()
        at = self.currentIndex().row()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and at >= 0:
            self.entered.emit(at)
        elif Qt.Key.Key_0 <= key <= Qt.Key.Key_9:
            self.assigned.emit(key - Qt.Key.Key_1)  # 0 takes out of all classes
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.assigned.emit(-1)
        else:
            super().keyPressEvent(event)
