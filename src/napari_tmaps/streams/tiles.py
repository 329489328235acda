"""The pixels of a block of planes in memory, in the order in which chunks have them on disk."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from napari_tmaps.streams.order import Place

Tiles = tuple[int, int, int, int]
"""Chunks of a plane and their sizes: rows, columns, y, x."""


class Pixels:
    """The planes of one block in memory: as they are, or in the order of the chunks on disk.

    The latter saves copying them once more.
    """

    def __init__(self, array: npt.NDArray[Any], tiles: Tiles | None) -> None:
        self.array = array
        self.tiles = tiles

    def put(self, inside: Place, plane: Any) -> None:
        """Set a plane, or all its pixels to one value."""
        if self.tiles is None:
            self.array[inside] = plane
        elif np.ndim(plane) == 0:
            self.array[self._key(inside)] = plane
        else:
            rows, columns, y, x = self.tiles
            number = int(np.ravel_multi_index(inside, self.array.shape[2:-2])) if inside else 0
            tiles = self.array.reshape(rows, columns, -1, y, x)
            _copy(np.ascontiguousarray(plane).view(np.uint8), tiles.view(np.uint8), number)

    def take(self, inside: Place) -> npt.NDArray[Any]:
        """A plane (y, x); of tiles it is a copy."""
        if self.tiles is None:
            plane: npt.NDArray[Any] = self.array[inside]
            return plane
        rows, columns, y, x = self.tiles
        parts = self.array[self._key(inside)]
        whole: npt.NDArray[Any] = parts.swapaxes(1, 2).reshape(rows * y, columns * x)
        return whole

    def sample(self, inside: Place, step: int) -> npt.NDArray[Any]:
        """Every `step`th pixel along y and x of a plane, in any order."""
        planes = self.array[inside if self.tiles is None else self._key(inside)]
        sample: npt.NDArray[Any] = planes[..., ::step, ::step]
        return sample

    @staticmethod
    def _key(inside: Place) -> Any:
        return (slice(None), slice(None), *inside)


def block_shape(
    block: tuple[int, ...], plane: tuple[int, int], tiles: Tiles | None
) -> tuple[int, ...]:
    """Shape of the memory of a block."""
    return (*block, *plane) if tiles is None else (*tiles[:2], *block, *tiles[2:])


# NumPy copies short rows one by one, which takes half as long again as a copy of the whole plane;
# this takes as long. The type says that it may come read-only, so that it is compiled once.
_PLANE = numba.types.Array(numba.uint8, 2, "C", readonly=True)


@numba.njit((_PLANE, numba.uint8[:, :, :, :, ::1], numba.intp), nogil=True, cache=True)
def _copy(
    plane: npt.NDArray[Any], tiles: npt.NDArray[Any], number: int
) -> None:  # pragma: no cover (compiled)
    rows, columns, _, height, width = tiles.shape
    for row in range(rows):
        for y in range(height):
            line = plane[row * height + y]
            for column in range(columns):
                out = tiles[row, column, number, y]
                part = line[column * width : (column + 1) * width]
                for x in range(width):
                    out[x] = part[x]
