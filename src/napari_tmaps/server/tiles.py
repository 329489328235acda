"""Tiles of the map of a plate: 256 × 256 pixels, one at zoom 0, four times as many at each next."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import MissingError, NotFoundError
from napari_tmaps.store.maps import MapLevel, PlateMap

TILE = 256
"""Height and width of a tile."""
_MOST_STEP = 16
"""Pixels of a side that are read for one of a tile: a tile without a map takes 32 MiB at most."""


def zooms(plate: PlateMap) -> int:
    """The zoom at which a pixel of the tile is a pixel of the site; at 0 all is in one tile."""
    zoom = 0
    while TILE << zoom < max(plate.plan.size):
        zoom += 1
    return zoom


def factor(plate: PlateMap, zoom: int) -> int:
    """How many pixels of the sites a pixel of a tile is wide.

    Raises
    ------
    NotFoundError
        There is no such zoom.
    """
    most = zooms(plate)
    if zoom > most:
        raise NotFoundError(f"There is no zoom {zoom}; they run from 0 to {most}.")
    return 1 << (most - zoom)


def check_plane(plate: PlateMap, t: int, z: int) -> None:
    """Refuse what the plate does not have.

    Raises
    ------
    NotFoundError
        There is no such time point or plane.
    """
    if t >= plate.plan.times or z >= plate.plan.depth:
        raise NotFoundError(
            f"There are {plate.plan.times} time points and {plate.plan.depth} planes; "
            f"t {t}, z {z} is none of them."
        )


def tile(
    plate: PlateMap, levels: list[MapLevel], zoom: int, row: int, column: int, t: int, z: int
) -> npt.NDArray[Any]:
    """Pixels (TILE, TILE) of a tile.

    Raises
    ------
    NotFoundError
        There is no such zoom, time point, plane or tile.
    MissingError
        The map is not built, and the tile shows much of the plate.
    """
    check_plane(plate, t, z)
    wanted = factor(plate, zoom)
    level = next((each for each in reversed(levels) if each.factor <= wanted), levels[0])
    step = wanted // level.factor
    if step > _MOST_STEP:
        raise MissingError(
            f"The map of plate '{plate.plan.plate}' is not built, and zoom {zoom} would be made of "
            "too many sites. Build it (illuminati), or ask for a larger zoom."
        )
    height, width = level.shape[2:]
    top, left = row * TILE * step, column * TILE * step
    if top >= height or left >= width:
        raise NotFoundError(f"There is no tile x {column}, y {row} at zoom {zoom}.")
    bottom, right = min(top + TILE * step, height), min(left + TILE * step, width)
    pixels = level.read(t, z, slice(top, bottom), slice(left, right))
    canvas = np.zeros((TILE * step, TILE * step), pixels.dtype)
    canvas[: bottom - top, : right - left] = pixels
    if step == 1:
        return canvas
    means = canvas.reshape(TILE, step, TILE, step).mean((1, 3))
    return np.asarray(means, pixels.dtype)
