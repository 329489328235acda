"""The map of a plate, and several side by side, as pyramids for layers; no Qt, no napari."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.mosaic import Planes
from napari_tmaps.store.maps import MapLevel

Pixels = npt.NDArray[Any]


class MapPlanes:
    """A channel or an object type of the map; see mosaic.Planes.

    Parameters
    ----------
    levels
        Of store.maps, finest first.
    on_problem
        Gets one sentence if a level cannot be read; its place stays empty.
    """

    waiting = False

    def __init__(self, levels: Sequence[MapLevel], on_problem: Callable[[str], None]) -> None:
        self._levels = levels
        self._on_problem = on_problem
        self._failed: set[int] = set()

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the pixels."""
        return self._levels[0].dtype

    @property
    def shapes(self) -> list[tuple[int, int, int, int]]:
        """(t, z, y, x) of each level, finest first."""
        return [level.shape for level in self._levels]

    def plane(
        self, level: int, t: int, z: int, y: range, x: range, *, hurry: bool = False
    ) -> Pixels:
        """See mosaic.Planes."""
        try:
            return self._levels[level].read(t, z, slice(y.start, y.stop), slice(x.start, x.stop))
        except (TmapsError, OSError, ValueError, RuntimeError) as error:
            if level not in self._failed:
                self._failed.add(level)
                self._on_problem(f"A part of the map cannot be read: {error}")
            return np.zeros((len(y), len(x)), self.dtype)


class SideBySide:
    """Pyramids of several plates next to each other; see mosaic.Planes.

    Parameters
    ----------
    parts
        One a plate; None leaves its place empty.
    lefts
        First column of each at level 0: multiples of 2 ** (number of levels).
    size
        Height and width of the whole at level 0.
    """

    def __init__(
        self,
        parts: Sequence[Planes | None],
        lefts: Sequence[int],
        size: tuple[int, int],
    ) -> None:
        self._parts, self._lefts, self._size = parts, lefts, size
        there = [part for part in parts if part is not None]
        # A plate with fewer levels than another one would have to be thinned out further.
        self._count = min(len(part.shapes) for part in there)
        self._t = max(part.shapes[0][0] for part in there)
        self._z = max(part.shapes[0][1] for part in there)
        self.dtype = np.result_type(*(part.dtype for part in there))

    @property
    def shapes(self) -> list[tuple[int, int, int, int]]:
        """(t, z, y, x) of each level, finest first."""
        height, width = self._size
        return [
            (self._t, self._z, -(-height // 2**level), -(-width // 2**level))
            for level in range(self._count)
        ]

    @property
    def waiting(self) -> bool:
        """See mosaic.Planes."""
        return any(part.waiting for part in self._parts if part is not None)

    def plane(
        self, level: int, t: int, z: int, y: range, x: range, *, hurry: bool = False
    ) -> Pixels:
        """See mosaic.Planes."""
        canvas = np.zeros((len(y), len(x)), self.dtype)
        for part, corner in zip(self._parts, self._lefts, strict=True):
            if part is None:
                continue
            times, depth, height, width = part.shapes[level]
            left = corner >> level
            rows = range(y.start, min(y.stop, height))
            columns = range(max(x.start, left), min(x.stop, left + width))
            if t >= times or z >= depth or not len(rows) or not len(columns):
                continue
            own = range(columns.start - left, columns.stop - left)
            pixels = part.plane(level, t, z, rows, own, hurry=hurry)
            canvas[: len(rows), columns.start - x.start : columns.stop - x.start] = pixels
        return canvas
