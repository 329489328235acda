"""Thermo / Cellomics ArrayScan and CellInsight, exported as TIFF: the names tell the layout.

`<plate>_<well>f<field>d<channel>.TIF`, e.g. `AS_09125_D03f00d0.tif`: fields are counted from 0 and
keep their numbers, channels are called d0, d1 … The names tell neither pixel size nor positions.
"""

from __future__ import annotations

import re
from dataclasses import replace

from napari_tmaps.model.planes import Scan
from napari_tmaps.vendors import pattern as patterns
from napari_tmaps.vendors.listing import Listing

NAME = "ArrayScan"

_PATTERN = (
    r"(?:^|/)(?P<plate>[^/]+)_(?P<well>[A-P](?:0[1-9]|1\d|2[0-4]))f(?P<site>\d{2,4})"
    r"(?P<channel>d\d)\.(?i:tiff?)$"
)


def recognise(listing: Listing) -> bool:
    """True if most TIFF files are named as ArrayScan names them."""
    tiffs = listing.ending(".tif", ".tiff")
    found = sum(1 for name in tiffs if re.search(_PATTERN, name))
    return found > len(tiffs) / 2


def scan(listing: Listing) -> Scan:
    """Source planes of the images named by ArrayScan.

    Raises
    ------
    FormatError
        Two images claim one plane.
    """
    return replace(patterns.scan(listing, _PATTERN), vendor=NAME)
