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
    pixel is known, else on the grid of the well. Rows and columns of the plate outside of the
    wells given are left out, so that few wells of a large plate fill the picture.

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
    top = np.zeros(len(places), np.int64)
    left = np.zeros(len(places), np.int64)
    height, width = (places[name].to_numpy(np.int64) for name in ("height", "width"))
    well = places["well"].to_numpy()
    for name in dict.fromkeys(well):
        own = well == name
        top[own] = _along(places[own], "y", pixel_size_um[0])
        left[own] = _along(places[own], "x", pixel_size_um[1])
    grid = _grid(well, (int((top + height).max()), int((left + width).max())))
    corners = np.array([grid.corner(name) for name in well])
    top, left = top + corners[:, 0], left + corners[:, 1]
    return Tiles(places.index.to_numpy(np.int64), top, left, height, width), grid


def _grid(wells: Iterable[str], largest: tuple[int, int]) -> WellGrid:
    names = {name: WellName.parse(name) for name in dict.fromkeys(wells)}
    rows = {name: well.row_index for name, well in names.items()}
    columns = {name: well.column_index for name, well in names.items()}
    cells = {
        name: (rows[name] - min(rows.values()), columns[name] - min(columns.values()))
        for name in names
    }
    parts, part = [], []
    for size in largest:
        pitch = ceil(size * (1 + GAP))
        parts.append(ceil(pitch / LONGEST_PART))
        unit = parts[-1] << HALVINGS
        part.append(ceil(pitch / unit) << HALVINGS)
    return WellGrid(cells, (part[0], part[1]), (parts[0], parts[1]))


def _along(sites: pd.DataFrame, axis: str, pixel_um: float | None) -> np.ndarray:
    """Offset of each site of one well along an axis."""
    length = sites["height" if axis == "y" else "width"].to_numpy(np.int64)
    both = sites[["stage_y_um", "stage_x_um"]]
    if pixel_um is not None and bool(both.notna().all(axis=None)):
        # Positions are of the centres of the sites.
        stage = sites[f"stage_{axis}_um"].to_numpy(float) / pixel_um
        corner = np.rint(stage - length / 2).astype(np.int64)
    else:
        corner = sites[axis].to_numpy(np.int64) * int(length.max())
    return np.asarray(corner - corner.min())
