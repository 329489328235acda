"""Objects of a tile of the map, as GeoJSON: outlines near by, points farther away.

Coordinates are x, y in pixels of the map at full size, as in files of `tmaps export`. Outlines are
exact to a pixel of the tile. An object is given whole in each tile that it touches, as a point in
one tile alone: that of its first pixel.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import NotFoundError
from napari_tmaps.measure.outlines import Polygon, outlines
from napari_tmaps.server.tiles import TILE, check_plane, factor, zooms
from napari_tmaps.store.export_geojson import geometry
from napari_tmaps.store.maps import MapLevel, PlateMap

_OUTLINED = 4
"""Outlines as long as a pixel of the tile is at most so many pixels wide …"""
_POINTS = 8
"""… and points as long as so many, or, where the map has the objects, …"""
_BUILT_POINTS = 32
_MARGIN = 32
"""Around a tile, in its pixels, for the rest of its objects; doubled until they are whole."""

Labels = npt.NDArray[np.int32]


class OutlineZooms(NamedTuple):
    """From which zoom on there are points, and from which outlines."""

    points: int
    outlines: int


class _Window(NamedTuple):
    """Numbers of objects in the pixels of a tile and around it; `top` and `left` in such pixels."""

    numbers: Labels
    top: int
    left: int


def outline_zooms(plate: PlateMap, object_type: str) -> OutlineZooms:
    """What there is of an object type at which zoom; farther away there is nothing."""
    most = zooms(plate)
    widest = _BUILT_POINTS if object_type in plate.object_types else _POINTS
    return OutlineZooms(
        max(most - widest.bit_length() + 1, 0), max(most - _OUTLINED.bit_length() + 1, 0)
    )


def outline_tile(
    plate: PlateMap,
    object_type: str,
    zoom: int,
    row: int,
    column: int,
    t: int,
    z: int,
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number (see `MapPlan.object_at`) and GeoJSON geometry of each object of a tile.

    Raises
    ------
    NotFoundError
        There is no such zoom, time point, plane or tile.
    """
    check_plane(plate, t, z)
    wide = factor(plate, zoom)
    height, width = plate.plan.size
    if row * TILE * wide >= height or column * TILE * wide >= width:
        raise NotFoundError(f"There is no tile x {column}, y {row} at zoom {zoom}.")
    if zoom < outline_zooms(plate, object_type).points:
        return
    levels = plate.labels(object_type) if wide > _POINTS else [plate.site_labels(object_type)]
    level = next(each for each in reversed(levels) if each.factor <= wide)
    window, here = _whole(level, wide, (row * TILE, column * TILE), t, z)
    numbers, inverse = np.unique(window.numbers, return_inverse=True)
    compact: Labels = np.asarray(inverse, np.int32).reshape(window.numbers.shape)
    wanted = np.isin(numbers, here)
    if wide <= _OUTLINED:
        corner = np.array([window.left, window.top])
        for n, polygons in outlines(np.where(wanted[compact], compact, 0)):
            scaled = [
                Polygon(
                    (polygon.outer + corner) * wide,
                    tuple((hole + corner) * wide for hole in polygon.holes),
                )
                for polygon in polygons
            ]
            yield int(numbers[n]), geometry(scaled, (0, 0), None)
    else:
        yield from _points(window, numbers, compact, wanted, (row, column), wide)


def _whole(
    level: MapLevel, wide: int, corner: tuple[int, int], t: int, z: int
) -> tuple[_Window, npt.NDArray[np.int32]]:
    """The tile with so much around it that its objects are whole, and their numbers."""
    step = wide // level.factor
    size = [-(-side // step) for side in level.shape[2:]]
    margin = _MARGIN
    while True:
        (top, bottom), (left, right) = (
            (max(start - margin, 0), min(start + TILE + margin, most))
            for start, most in zip(corner, size, strict=True)
        )
        pixels = level.read(
            t,
            z,
            slice(top * step, min(bottom * step, level.shape[2])),
            slice(left * step, min(right * step, level.shape[3])),
        )[step // 2 :: step, step // 2 :: step]
        y, x = corner[0] - top, corner[1] - left
        here = np.unique(pixels[y : y + TILE, x : x + TILE])
        here = here[here > 0]
        edges = [
            edge
            for edge, ends in (
                (pixels[:1], top == 0),
                (pixels[-1:], bottom == size[0]),
                (pixels[:, :1], left == 0),
                (pixels[:, -1:], right == size[1]),
            )
            if not ends
        ]
        if not any(np.isin(edge, here).any() for edge in edges):
            return _Window(np.asarray(pixels, np.int32), top, left), here
        margin *= 2


def _points(
    window: _Window,
    numbers: Labels,
    compact: Labels,
    wanted: npt.NDArray[np.bool_],
    place: tuple[int, int],
    wide: int,
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The middle of each object whose first pixel, line by line, is in the tile."""
    flat = compact.ravel()
    _, first = np.unique(flat, return_index=True)
    y, x = np.divmod(first, compact.shape[1])
    at = (y + window.top) // TILE, (x + window.left) // TILE
    chosen = wanted & (at[0] == place[0]) & (at[1] == place[1])
    counts = np.bincount(flat)
    rows, columns = np.indices(compact.shape)
    middle_y = np.bincount(flat, rows.ravel()) / counts + window.top + 0.5
    middle_x = np.bincount(flat, columns.ravel()) / counts + window.left + 0.5
    for n in np.flatnonzero(chosen):
        point = [round(float(side[n]) * wide, 1) for side in (middle_x, middle_y)]
        yield int(numbers[n]), {"type": "Point", "coordinates": point}
