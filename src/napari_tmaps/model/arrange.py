"""Where sites lie in the picture of a well or a plate, in pixels: the one owner of this."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.model.wells import WellName

GAP = 0.06
"""Space between wells, as a part of the size of a well."""
HALVINGS = 3
"""Levels of the map that are made well by well: wells begin at multiples of 2 ** HALVINGS."""
LONGEST_PART = 4096
"""A well is cut into equal parts of at most this many pixels a side."""

SPARSE = 1 / 25
"""Sites that cover less than this part of the area that they span lie side by side instead."""

PLACES = (
    "well", "site", "y", "x", "stage_y_um", "stage_x_um", "height", "width"
)  # fmt: skip
"""Columns of a table of places: one row a site; y and x are its place in the grid of the well."""


@dataclass(frozen=True)
class Tiles:
    """Where images lie, in pixels of the finest level; one entry an image.

    Attributes
    ----------
    place
        Number by which the image is known.
    top, left, height, width
        Corner and size.
    """

    place: npt.NDArray[np.int64]
    top: npt.NDArray[np.int64]
    left: npt.NDArray[np.int64]
    height: npt.NDArray[np.int64]
    width: npt.NDArray[np.int64]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the whole."""
        return int((self.top + self.height).max()), int((self.left + self.width).max())


@dataclass(frozen=True, slots=True)
class WellGrid:
    """The cells of the picture of a plate, one a well.

    Attributes
    ----------
    cells
        Row and column of the cell of each well, from 0.
    part
        Height and width of the equal parts that a cell is cut into; multiples of 2 ** HALVINGS.
    parts
        How many of them a cell has, down and across.
    """

    cells: dict[str, tuple[int, int]]
    part: tuple[int, int]
    parts: tuple[int, int]

    def corner(self, well: str) -> tuple[int, int]:
        """First row and column of a well."""
        y, x = (c * n * s for c, n, s in zip(self.cells[well], self.parts, self.part, strict=True))
        return y, x


def arrange(places: pd.DataFrame, pixel_size_um: tuple[float | None, float | None]) -> Tiles:
    """Corners of sites: wells on the grid of the plate, sites in their wells.

    Sites lie at their stage positions where all sites of the well have one and the size of a
    pixel is known, else on the grid of the well. So do sites that are far apart: they would be dots
    in the dark. Rows and columns of the plate outside of the wells given are left out, so that few
    wells of a large plate fill the picture.

    Parameters
    ----------
    places
        Columns of `PLACES`; the index is the number by which the images are known.
    pixel_size_um
        Height and width of a pixel.
    """
    return arrange_wells(places, pixel_size_um)[0]


def arrange_wells(
    places: pd.DataFrame, pixel_size_um: tuple[float | None, float | None]
) -> tuple[Tiles, WellGrid]:
    """The same, and the grid of wells."""
    well = places["well"].astype(object).to_numpy()
    names = list(dict.fromkeys(well))
    numbers = {name: number for number, name in enumerate(names)}
    number = np.array([numbers[name] for name in well], np.int64)
    height, width = (places[name].to_numpy(np.int64) for name in ("height", "width"))
    stage = places[["stage_y_um", "stage_x_um"]].to_numpy(float)
    placed = np.ones(len(names), bool)  # wells with a position of each site
    np.logical_and.at(placed, number, ~np.isnan(stage).any(axis=1))
    cells = places[["y", "x"]].to_numpy(np.int64, copy=True)
    if None not in pixel_size_um:
        size = np.stack([height, width], axis=1)
        sparse = placed & _are_sparse(number, stage / pixel_size_um, size)
        placed &= ~sparse
        for one in np.flatnonzero(sparse):
            cells[number == one] = _dense(cells[number == one])
    top = _along(number, placed, stage[:, 0], cells[:, 0], height, pixel_size_um[0])
    left = _along(number, placed, stage[:, 1], cells[:, 1], width, pixel_size_um[1])
    grid = _grid(names, (int((top + height).max()), int((left + width).max())))
    corners = np.array([grid.corner(name) for name in names])[number]
    top, left = top + corners[:, 0], left + corners[:, 1]
    return Tiles(places.index.to_numpy(np.int64), top, left, height, width), grid


def _grid(wells: Iterable[str], largest: tuple[int, int]) -> WellGrid:
    names = {name: WellName.parse(name) for name in dict.fromkeys(wells)}
    top = min(well.row_index for well in names.values())
    left = min(well.column_index for well in names.values())
    cells = {name: (well.row_index - top, well.column_index - left) for name, well in names.items()}
    parts, part = [], []
    for size in largest:
        pitch = ceil(size * (1 + GAP))
        parts.append(ceil(pitch / LONGEST_PART))
        unit = parts[-1] << HALVINGS
        part.append(ceil(pitch / unit) << HALVINGS)
    return WellGrid(cells, (part[0], part[1]), (parts[0], parts[1]))


def _are_sparse(
    well: npt.NDArray[np.int64],
    centre: npt.NDArray[np.float64],
    size: npt.NDArray[np.int64],
) -> npt.NDArray[np.bool_]:
    """For each well whether its sites cover little of the area that they span, in pixels."""
    count = int(well.max()) + 1
    first, last = np.full((count, 2), np.inf), np.full((count, 2), -np.inf)
    np.minimum.at(first, well, centre - size / 2)
    np.maximum.at(last, well, centre + size / 2)
    covered = np.bincount(well, size.prod(axis=1), count)
    sparse: npt.NDArray[np.bool_] = covered < SPARSE * (last - first).prod(axis=1)
    return sparse


def _dense(cells: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The cells of sites, unless they are the same or most of them empty: then others, in order."""
    whole = np.ptp(cells, axis=0) + 1
    if len(np.unique(cells, axis=0)) == len(cells) and whole.prod() <= 2 * len(cells):
        return cells
    order = np.lexsort((cells[:, 1], cells[:, 0]))
    dense = np.empty_like(cells)
    dense[order] = np.stack(np.divmod(np.arange(len(cells)), ceil(len(cells) ** 0.5)), axis=1)
    return dense


def _along(
    well: npt.NDArray[np.int64],
    placed: npt.NDArray[np.bool_],
    stage_um: npt.NDArray[np.float64],
    cell: npt.NDArray[np.int64],
    length: npt.NDArray[np.int64],
    pixel_um: float | None,
) -> npt.NDArray[np.int64]:
    """Offset of each site in its well along an axis; `well` counts the wells."""
    longest = np.zeros(len(placed), np.int64)
    np.maximum.at(longest, well, length)
    corner = cell * longest[well]
    if pixel_um is not None:
        # Positions are of the centres of the sites.
        known = placed[well]
        centre = stage_um[known] / pixel_um
        corner[known] = np.rint(centre - length[known] / 2).astype(np.int64)
    first = np.full(len(placed), np.iinfo(np.int64).max)
    np.minimum.at(first, well, corner)
    return np.asarray(corner - first[well])
