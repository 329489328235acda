"""Frames around wells and sites, and hatching where images are missing or excluded.

They are drawn as a label image for each level of the pyramid, so that a line is one or two pixels
of the screen wide however far one has zoomed, and thousands of sites cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.gui.mosaic import COARSEST
from napari_tmaps.model.arrange import Tiles

SITE, WELL, MISSING, EXCLUDED = 1, 2, 3, 4
COLORS = ("#00000000", "#8888884c", "#bbbbbbff", "#E69F00ff", "#D55E00ff")
"""Colour of each mark, of nothing first; orange and vermilion stay apart from blue and green for
every kind of eye."""
_HATCH = 16  # pixels of the screen between two lines
_SMALLEST = 12  # frames of sites that are drawn smaller than this are left out
_SMALL_WELL = 64  # frames of wells that are drawn smaller than this are faint


class Marks:
    """Frames and hatching of a picture; see mosaic.Planes.

    Parameters
    ----------
    tiles
        The sites; `place` is the row of `wells`.
    wells
        Name of the well of each site.
    signs
        MISSING or EXCLUDED by number of the site in `tiles`.
    """

    dtype = np.dtype(np.uint8)
    waiting = False

    def __init__(
        self,
        tiles: Tiles,
        wells: npt.NDArray[Any],
        signs: Mapping[int, int],
    ) -> None:
        self._boxes = np.stack(
            [tiles.top, tiles.left, tiles.top + tiles.height, tiles.left + tiles.width], axis=1
        )
        names, number = np.unique(np.asarray(wells, dtype=str), return_inverse=True)
        self._wells = np.empty((len(names), 4), np.int64)
        for n in range(len(names)):
            own = self._boxes[number == n]
            self._wells[n] = *own[:, :2].min(axis=0), *own[:, 2:].max(axis=0)
        self._signs = np.zeros(len(self._boxes), np.uint8)
        for n, sign in signs.items():
            self._signs[n] = sign
        self._size = tiles.size
        self._levels = 1
        while max(self._size) > COARSEST << (self._levels - 1):
            self._levels += 1

    @property
    def shapes(self) -> list[tuple[int, int, int, int]]:
        """(t, z, y, x) of each level, finest first."""
        height, width = self._size
        return [
            (1, 1, ceil(height / 2**level), ceil(width / 2**level)) for level in range(self._levels)
        ]

    def plane(
        self, level: int, t: int, z: int, y: range, x: range, *, hurry: bool = False
    ) -> npt.NDArray[np.uint8]:
        """See mosaic.Planes."""
        canvas = np.zeros((len(y), len(x)), np.uint8)
        corner = np.array([y.start, x.start, y.start, x.start])
        sites, wells = ((boxes >> level) - corner for boxes in (self._boxes, self._wells))
        seen = _seen(sites, canvas.shape)
        if len(sites) and np.median(sites[:, 2] - sites[:, 0]) >= _SMALLEST:
            for n in seen:
                _frame(canvas, sites[n], SITE, 1)
        for n in seen[self._signs[seen] > 0]:
            _hatch(canvas, sites[n], int(self._signs[n]), y.start + x.start)
        # One line alone would be lost between two pixels; of small wells two would hide a part.
        small = len(wells) and np.median(wells[:, 2] - wells[:, 0]) < _SMALL_WELL
        mark, width = (SITE, 1) if small else (WELL, 2)
        for n in _seen(wells, canvas.shape):
            _frame(canvas, wells[n], mark, width)
        return canvas


def _seen(boxes: npt.NDArray[np.int64], shape: tuple[int, int]) -> npt.NDArray[np.int64]:
    top, left, bottom, right = boxes.T
    return np.flatnonzero((top < shape[0]) & (bottom >= 0) & (left < shape[1]) & (right >= 0))


def _cut(box: npt.NDArray[np.int64]) -> tuple[int, int, int, int]:
    """The part of a box within the canvas; ends beyond it are cut by NumPy itself."""
    top, left, bottom, right = (int(value) for value in box)
    return max(top, 0), max(left, 0), max(bottom, 0), max(right, 0)


def _frame(
    canvas: npt.NDArray[np.uint8], box: npt.NDArray[np.int64], mark: int, width: int
) -> None:
    top, left, bottom, right = _cut(box)
    if box[0] >= 0:
        canvas[top : top + width, left:right] = mark
    if box[2] > 0:
        canvas[max(bottom - width, 0) : bottom, left:right] = mark
    if box[1] >= 0:
        canvas[top:bottom, left : left + width] = mark
    if box[3] > 0:
        canvas[top:bottom, max(right - width, 0) : right] = mark


def _hatch(
    canvas: npt.NDArray[np.uint8], box: npt.NDArray[np.int64], mark: int, phase: int
) -> None:
    """Diagonal lines; EXCLUDED has them both ways, so that it is told apart without colour."""
    top, left, bottom, right = _cut(box)
    part = canvas[top:bottom, left:right]
    rows = np.arange(part.shape[0])[:, None] + top
    columns = np.arange(part.shape[1])[None] + left
    every = min(_HATCH, max(int(box[2] - box[0]) // 2, 2))
    lines = (rows + columns + phase) % every == 0
    if mark == EXCLUDED:
        # Lines go on from one block to the next: they are counted from the corner of the site.
        lines |= ((rows - box[0]) - (columns - box[1])) % every == 0
    part[lines] = mark
    _frame(canvas, box, mark, 1)
