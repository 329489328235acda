"""Marks on objects of the map: a frame around the one that is looked at, rings for selections."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from qtpy.QtCore import QObject

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.map_picture import Place
from napari_tmaps.gui.object_book import ObjectBook, book_of
from napari_tmaps.gui.unchosen import add_unchosen
from napari_tmaps.store.features import INDEX
from napari_tmaps.store.selections import Selection

if TYPE_CHECKING:
    from napari.components import ViewerModel

LAYER = "Marked objects"
_RING_PX = 12  # of the site
_WIDER_PX = 7  # each further selection of the same object
_FRAME_PX = 44
_LINE = {"disc": 0.16, "square": 0.06}  # of the size
_SEEN_PX = (5.0, 10_000.0)  # of the screen, however far one has zoomed out
_MOST = 20_000
"""Marks; who selects more than that wants colours."""


@dataclass(frozen=True)
class Mark:
    """One mark.

    Attributes
    ----------
    size_px
        In pixels of the site.
    symbol
        "disc" for the ring of a selection, "square" around the object that is looked at.
    """

    key: tuple[str, str, int, int, int]
    color: str
    size_px: int
    symbol: str


def marks(
    selections: Mapping[str, Selection], picked: tuple[str, str, int, int, int] | None
) -> list[Mark]:
    """All marks; an object of several selections has rings around each other."""
    found: list[Mark] = []
    rings: dict[tuple[str, str, int, int, int], int] = {}
    for selection in selections.values():
        for key in keys_of(selection.objects):
            size = _RING_PX + _WIDER_PX * rings.get(key, 0)
            rings[key] = rings.get(key, 0) + 1
            found.append(Mark(key, selection.color, size, "disc"))
    if picked is not None:
        found.append(Mark(picked, "#ffffff", _FRAME_PX, "square"))
    return found[-_MOST:]


def keys_of(objects: pd.DataFrame) -> list[tuple[str, str, int, int, int]]:
    """Plate, well, site, t and label of each object."""
    return list(zip(*(objects[name].tolist() for name in INDEX), strict=True))


class ObjectMarks(QObject):
    """Draws the marks as one layer of points, which cannot be edited.

    Parameters
    ----------
    viewer
        Works without a window, too.
    """

    def __init__(self, viewer: ViewerModel, book: ObjectBook) -> None:
        super().__init__()
        self._viewer_or_gone = weakref.ref(viewer)  # it must not live as long as we
        self._book = book
        self._picked: tuple[str, str, int, int, int] | None = None
        self._middles: dict[tuple[str, str, int, int, int], tuple[float, float]] = {}
        book.opened.connect(self._on_opened)
        book.selectionsChanged.connect(self.draw)
        book.rowPicked.connect(self._on_row_picked)
        book.wentTo.connect(self._on_went_to)
        book.desk.choiceChanged.connect(self.draw)

    @property
    def _viewer(self) -> ViewerModel:
        viewer = self._viewer_or_gone()
        assert viewer is not None, "nothing happens after it"
        return viewer

    def close(self) -> None:
        """Take the marks away."""
        if LAYER in self._viewer.layers:
            self._viewer.layers.remove(LAYER)

    def draw(self, _changed: object = None) -> None:
        """Draw the marks of what is shown."""
        wanted = self._shown(marks(self._book.selections, self._picked))
        if not wanted:
            self.close()
            return
        try:
            self._find([mark.key for mark in wanted])
        except TmapsError as error:
            self._book.failed.emit(str(error))
        placed = [(mark, at) for mark in wanted if (at := self._at(mark.key)) is not None]
        self._put(placed)

    def _shown(self, wanted: list[Mark]) -> list[Mark]:
        locate = self._book.desk.locate
        seen: dict[tuple[str, str, int], bool] = {}
        for mark in wanted:
            place = mark.key[:3]
            if place not in seen:
                seen[place] = locate(Place(*place), (0.0, 0.0)) is not None
        return [mark for mark in wanted if seen[mark.key[:3]]]

    def _find(self, keys: list[tuple[str, str, int, int, int]]) -> None:
        new = [key for key in dict.fromkeys(keys) if key not in self._middles]
        if new:
            middles = self._book.middles(pd.DataFrame(new, columns=INDEX))
            self._middles |= dict(zip(new, map(tuple, middles.tolist()), strict=True))

    def _at(self, key: tuple[str, str, int, int, int]) -> tuple[float, float] | None:
        pixel = self._middles.get(key, (np.nan, np.nan))
        if np.isnan(pixel[0]):
            return None
        return self._book.desk.locate(Place(*key[:3]), pixel)

    def _pixel(self, key: tuple[str, str, int, int, int]) -> float:
        """Size of a pixel in the world."""
        ends = [self._book.desk.locate(Place(*key[:3]), (at, at)) for at in (0.0, 1.0)]
        assert ends[0] is not None, "its site is shown"
        assert ends[1] is not None, "its site is shown"
        return ends[1][0] - ends[0][0]

    def _put(self, placed: list[tuple[Mark, tuple[float, float]]]) -> None:
        from napari.layers import Points

        properties: dict[str, Any] = {
            "size": [mark.size_px * self._pixel(mark.key) for mark, _ in placed],
            "border_color": [mark.color for mark, _ in placed],
            "border_width": [_LINE[mark.symbol] for mark, _ in placed],
            "symbol": [mark.symbol for mark, _ in placed],
        }
        data = np.array([at for _, at in placed], float).reshape(-1, 2)
        self.close()
        if not placed:
            return
        layer = Points(
            data,
            name=LAYER,
            face_color="transparent",
            border_width_is_relative=True,
            canvas_size_limits=_SEEN_PX,
            **_common(self._viewer),
            metadata={"tmaps": {"marks": "objects"}},
            **properties,
        )
        layer.editable = False
        add_unchosen(self._viewer, layer)

    def _on_opened(self) -> None:
        self._picked = None
        self._middles.clear()
        self.draw()

    def _on_row_picked(self, row: int) -> None:
        found = self._book.read(lambda data: keys_of(data.table.index(np.array([row])))[0], None)
        if found is not None:
            self._picked = found
            self.draw()

    def _on_went_to(self, _row: int) -> None:
        """Bring the object into the middle; it was picked just before."""
        at = None if self._picked is None else self._at(self._picked)
        if at is not None:
            camera = self._viewer.scene.camera
            camera.center = (*camera.center[:-2], *at)


def _common(viewer: ViewerModel) -> dict[str, Any]:
    """Axes as the layers of the experiment have them."""
    for layer in viewer.layers:
        if "tmaps" in layer.metadata and layer.ndim >= 2:
            return {"axis_labels": ("y", "x"), "units": tuple(map(str, layer.units[-2:]))}
    return {}


_marks: dict[int, ObjectMarks] = {}


def marks_of(viewer: ViewerModel) -> ObjectMarks:
    """The marks of a viewer; made when first asked for, gone with the viewer."""
    viewer = getattr(viewer, "__wrapped__", viewer)  # napari gives plugins a proxy
    key = id(viewer)
    if key not in _marks:
        _marks[key] = ObjectMarks(viewer, book_of(viewer))
        weakref.finalize(viewer, _marks.pop, key, None)
    return _marks[key]
