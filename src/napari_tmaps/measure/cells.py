"""Cells around nuclei."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.components import fill_objects
from napari_tmaps.measure.runs import Runs, draw_into, in_reading_order
from napari_tmaps.measure.watershed import flooded, parted

Labels = npt.NDArray[np.int32]


def grow_cells(stain: npt.NDArray[Any], nuclei: Runs, foreground: npt.NDArray[np.bool_]) -> Labels:
    """Cells (y, x) that grow from nuclei over the foreground, bright pixels first; enclosed.

    The foreground is changed: nuclei are added to it.
    """
    # Nuclei are part of their cells whatever the stain says: background never enters them.
    draw_into(nuclei, np.ones(nuclei.labels.size, np.bool_), foreground)
    return enclosed(flooded(stain, in_reading_order(nuclei), foreground, bright_first=True), nuclei)


def enclosed(regions: npt.NDArray[np.signedinteger[Any]], nuclei: Runs) -> Labels:
    """Regions (y, x), with holes filled in place, then parted by lines; not within their nuclei."""
    fill_objects(regions)
    cells = parted(regions)
    draw_into(nuclei, nuclei.labels, cells)
    return cells
