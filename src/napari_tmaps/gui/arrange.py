"""Where sites lie in the picture of a well or a plate, in pixels."""

from __future__ import annotations

from math import ceil

import numpy as np
import pandas as pd

from napari_tmaps.gui.mosaic import Tiles
from napari_tmaps.model.wells import WellName

GAP = 0.06
"""Space between wells, as a part of the size of a well."""

PLACES = (
    "well", "site", "y", "x", "stage_y_um", "stage_x_um", "height", "width"
)  # fmt: skip
"""Columns of a table of places: one row a site; y and x are its place in the grid of the well."""


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
    top = np.zeros(len(places), np.int64)
    left = np.zeros(len(places), np.int64)
    height, width = (places[name].to_numpy(np.int64) for name in ("height", "width"))
    well = places["well"].to_numpy()
    names = {name: WellName.parse(name) for name in dict.fromkeys(well)}
    for name in names:
        own = well == name
        top[own] = _along(places[own], "y", pixel_size_um[0])
        left[own] = _along(places[own], "x", pixel_size_um[1])
    if len(names) > 1:
        pitch_y = ceil(int((top + height).max()) * (1 + GAP))
        pitch_x = ceil(int((left + width).max()) * (1 + GAP))
        rows = np.array([names[name].row_index for name in well])
        columns = np.array([names[name].column_index for name in well])
        top += (rows - rows.min()) * pitch_y
        left += (columns - columns.min()) * pitch_x
    return Tiles(places.index.to_numpy(np.int64), top, left, height, width)


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
