"""Makes the planes of a small screen."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import tifffile
from skimage.draw import disk

PATTERN = r"(?P<well>[A-H]\d\d)_s(?P<site>\d)_(?P<channel>DAPI|GFP)_z(?P<z>\d)"
SIZE = 64


def plane(well: str, site: int, channel: str, z: int) -> np.ndarray:
    """Two bright discs on a dark ground; every plane has its own level."""
    level = 100 + 10 * site + z + (7 if channel == "GFP" else 0) + (ord(well[0]) - 65)
    image = np.full((SIZE, SIZE + 16), level, np.uint16)
    for centre in ((20, 20), (40, 50)):
        image[disk(centre, 8)] += 1000 if channel == "DAPI" else 500
    return image


def write_screen(folder: Path) -> None:
    """Wells B02 and C03 × 2 sites × 2 channels × 1 z."""
    folder.mkdir()
    for key in itertools.product(("B02", "C03"), (1, 2), ("DAPI", "GFP"), (0,)):
        tifffile.imwrite(folder / name(*key), plane(*key))


def name(well: str, site: int, channel: str, z: int) -> str:
    return f"{well}_s{site}_{channel}_z{z}.tif"
