"""Many images as one: an array that reads only the part that is looked at.

napari asks a layer for one plane of one level of the pyramid, cut to what the window shows. A
mosaic answers from the few images that lie there, so a plate of thousands of sites is one layer
that opens at once. No Qt, no napari: anything that takes `numpy.asarray` can use it.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from threading import Lock
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import TmapsError
from napari_tmaps.model.arrange import Tiles

COARSEST = 1024
"""A mosaic goes on with coarser levels until both of its sides are at most this long."""
CHUNK = 512
"""napari widens what it asks for to such blocks, so that a small pan reads nothing."""
_REMEMBERED_BYTES = 16 * 2**20
"""Images made coarser, which several blocks share."""
_FRAMES = "napari.layers._scalar_field._slice"
"""The module of napari that takes the pixels of a frame."""


class Read(Protocol):
    """Reads a part of one plane of one image."""

    def __call__(
        self, place: int, level: int, t: int, z: int, y: slice, x: slice
    ) -> npt.NDArray[Any] | None:
        """The part (y, x) of the plane at a level; None where there is no such image or plane."""


@dataclass(frozen=True)
class Stack:
    """One channel, or one object type, of many images alike.

    Attributes
    ----------
    dtype
        Of the pixels.
    factors
        How much coarser each stored level is than the finest (y, x): ((1, 1), (2, 2), …).
    read
        Gives pixels; images go by their number in the table of places.
    labels
        True for labels, which are thinned out and never averaged.
    """

    dtype: np.dtype[Any]
    factors: tuple[tuple[float, float], ...]
    read: Read
    labels: bool = False


class Planes(Protocol):
    """A pyramid that is read plane by plane: what layers of a plate are made of.

    Attributes
    ----------
    dtype
        Of the pixels.
    shapes
        (t, z, y, x) of each level, finest first.
    waiting
        Whether some pixels of the last hurry are still to come.
    """

    @property
    def dtype(self) -> np.dtype[Any]: ...

    @property
    def shapes(self) -> list[tuple[int, int, int, int]]: ...

    @property
    def waiting(self) -> bool: ...

    def plane(
        self, level: int, t: int, z: int, y: range, x: range, *, hurry: bool = False
    ) -> npt.NDArray[Any]:
        """One plane of a level, cut to the rows y and columns x (ranges with step 1).

        Parameters
        ----------
        hurry
            What there is at once will do, e.g. pixels of a coarser level.
        """


def levels_of(planes: Planes) -> list[MosaicLevel]:
    """The arrays of a pyramid, finest first, each of shape (t, z, y, x)."""
    return [
        MosaicLevel(planes, level, tuple(range(length) for length in shape))
        for level, shape in enumerate(planes.shapes)
    ]


class Mosaic:
    """Images in their places; see `Planes`.

    Parameters
    ----------
    stack
        The pixels.
    tiles
        The places. Where images overlap, the later one is seen.
    size_t, size_z
        Time points and z planes of the mosaic; an image that has fewer is empty beyond them.
    on_problem
        Called once for each image that cannot be read, with a sentence. Its place stays empty:
        one damaged file must not take the plate from the screen.
    """

    def __init__(
        self,
        stack: Stack,
        tiles: Tiles,
        size_t: int,
        size_z: int,
        on_problem: Callable[[str], None],
    ) -> None:
        self.stack = stack
        self._tiles = tiles
        self._size_t, self._size_z = size_t, size_z
        self._on_problem = on_problem
        self._failed: set[int] = set()
        self._thinned: OrderedDict[tuple[int, int, int, int], npt.NDArray[Any]] = OrderedDict()
        self._lock = Lock()
        self._turns = [Lock() for _ in range(8)]
        # (stored level, further halvings) of each level of the mosaic.
        self._levels = [(number, 0) for number in range(len(stack.factors))]
        while max(self._size(len(self._levels) - 1)) > COARSEST:
            stored, halvings = self._levels[-1]
            self._levels.append((stored, halvings + 1))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the pixels."""
        return self.stack.dtype

    @property
    def shapes(self) -> list[tuple[int, int, int, int]]:
        """(t, z, y, x) of each level, finest first."""
        sizes = map(self._size, range(len(self._levels)))
        return [(self._size_t, self._size_z, *size) for size in sizes]

    @property
    def waiting(self) -> bool:
        """See `Planes`."""
        return False

    def _factor(self, level: int) -> tuple[float, float]:
        stored, halvings = self._levels[level]
        y, x = self.stack.factors[stored]
        return y * 2**halvings, x * 2**halvings

    def _size(self, level: int) -> tuple[int, int]:
        y, x = self._factor(level)
        height, width = self._tiles.size
        return max(ceil(height / y), 1), max(ceil(width / x), 1)

    def plane(
        self, level: int, t: int, z: int, y: range, x: range, *, hurry: bool = False
    ) -> npt.NDArray[Any]:
        """See `Planes`."""
        canvas = np.zeros((len(y), len(x)), self.stack.dtype)
        tiles, (factor_y, factor_x) = self._tiles, self._factor(level)
        top = np.floor(tiles.top / factor_y).astype(np.int64)
        left = np.floor(tiles.left / factor_x).astype(np.int64)
        bottom = top + np.ceil(tiles.height / factor_y).astype(np.int64)
        right = left + np.ceil(tiles.width / factor_x).astype(np.int64)
        seen = (top < y.stop) & (bottom > y.start) & (left < x.stop) & (right > x.start)
        for n in np.flatnonzero(seen):
            rows = range(max(y.start, top[n]), min(y.stop, bottom[n]))
            columns = range(max(x.start, left[n]), min(x.stop, right[n]))
            part = self._read(
                int(tiles.place[n]),
                level,
                t,
                z,
                slice(rows.start - int(top[n]), rows.stop - int(top[n])),
                slice(columns.start - int(left[n]), columns.stop - int(left[n])),
            )
            if part is not None:
                corner = rows.start - y.start, columns.start - x.start
                canvas[
                    corner[0] : corner[0] + part.shape[0], corner[1] : corner[1] + part.shape[1]
                ] = part
        return canvas

    def _read(
        self, place: int, level: int, t: int, z: int, y: slice, x: slice
    ) -> npt.NDArray[Any] | None:
        stored, halvings = self._levels[level]
        if place in self._failed:
            return None
        try:
            if not halvings:
                return self.stack.read(place, stored, t, z, y, x)
            # One at a time: a neighbouring block wants the same image.
            with self._turns[place % len(self._turns)]:
                whole = self._thin(place, level, t, z)
        except TmapsError as error:
            self._failed.add(place)
            self._on_problem(str(error))
            return None
        return None if whole is None else whole[y, x]

    def _thin(self, place: int, level: int, t: int, z: int) -> npt.NDArray[Any] | None:
        """A whole image at a level that is not stored."""
        from napari_tmaps.streams.pyramid import pyramid

        key = (place, level, t, z)
        with self._lock:
            if key in self._thinned:
                return self._thinned[key]
        stored, halvings = self._levels[level]
        whole = self.stack.read(place, stored, t, z, slice(None), slice(None))
        if whole is None:
            return None
        labels = self.stack.labels
        thin: npt.NDArray[Any] = pyramid(whole, halvings + 1, labels=labels, keep_all=True)[-1]
        with self._lock:
            self._thinned[key] = thin
            while sum(image.nbytes for image in self._thinned.values()) > _REMEMBERED_BYTES:
                self._thinned.popitem(last=False)
        return thin


class MosaicLevel:
    """One level of a pyramid as an array of shape (t, z, y, x).

    Integers and slices give a smaller view without reading a pixel; `numpy.asarray` reads.
    """

    def __init__(self, planes: Planes, level: int, axes: tuple[int | range, ...]) -> None:
        self._planes = planes
        self._level = level
        self._axes = axes

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes that are left."""
        return tuple(len(axis) for axis in self._axes if isinstance(axis, range))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        return self._planes.dtype

    @property
    def ndim(self) -> int:
        """Number of axes that are left."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of pixels."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def waiting(self) -> bool:
        """Whether the last frame had to do without some pixels."""
        return self._planes.waiting

    @property
    def chunks(self) -> tuple[int, ...]:
        """Blocks in which it is best read."""
        blocks = (1, 1, CHUNK, CHUNK)
        return tuple(
            min(block, max(len(axis), 1))
            for block, axis in zip(blocks, self._axes, strict=True)
            if isinstance(axis, range)
        )

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        keys = list(key) if isinstance(key, tuple) else [key]
        if Ellipsis in keys:
            at = keys.index(Ellipsis)
            keys[at : at + 1] = [slice(None)] * (self.ndim - len(keys) + 1)
        if not all(isinstance(item, int | np.integer | slice) for item in keys):
            return np.asarray(self)[key]
        if len(keys) > self.ndim:
            raise IndexError(f"{len(keys)} indices for an array of {self.ndim} axes")
        left = iter(keys)
        axes = tuple(
            axis[next(left, slice(None))] if isinstance(axis, range) else axis
            for axis in self._axes
        )
        return MosaicLevel(self._planes, self._level, axes)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("a mosaic is read from disk: it cannot be had without a copy")
        # A frame may do with what is there; whoever else asks gets the true pixels.
        hurry = sys._getframe(1).f_globals.get("__name__") == _FRAMES
        return np.asarray(self._pixels(hurry=hurry), dtype=dtype)

    def soon(self) -> npt.NDArray[Any] | None:
        """The true pixels; None if they are still on their way, as from a slow disk."""
        pixels = self._pixels(hurry=True)
        return None if self.waiting else pixels

    def _pixels(self, *, hurry: bool) -> npt.NDArray[Any]:
        times, depths, rows, columns = (
            axis if isinstance(axis, range) else range(axis, axis + 1) for axis in self._axes
        )
        if not self.size:
            return np.empty(self.shape, self.dtype)
        # Rows and columns are read as a block, then thinned out or turned round.
        y, x = (range(min(a[0], a[-1]), max(a[0], a[-1]) + 1) for a in (rows, columns))
        pick = slice(None, None, rows.step), slice(None, None, columns.step)
        planes = [
            self._planes.plane(self._level, t, z, y, x, hurry=hurry)[pick]
            for t in times
            for z in depths
        ]
        # One plane is what napari asks for with each frame: it is not copied once more.
        stacked = planes[0] if len(planes) == 1 else np.stack(planes)
        return stacked.reshape(self.shape)

    def __repr__(self) -> str:
        return f"<mosaic {self.shape} {self.dtype}>"
