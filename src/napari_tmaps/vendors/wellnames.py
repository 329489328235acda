"""Folders without any index whose names tell channel and well.

`Channel<number>-<number of the well>-<row>-<column>.tif`, e.g. `Channel1-01-A-01.tif`: as in image
set BBBC013 of the Broad Bioimage Benchmark Collection. One site a well; the names tell neither
pixel size nor positions.
"""

from __future__ import annotations

import re
from dataclasses import replace

from napari_tmaps.model.planes import Scan
from napari_tmaps.vendors import pattern as patterns
from napari_tmaps.vendors.listing import Listing

NAME = "Names of channels and wells"

_PATTERN = (
    r"(?:^|/)(?P<channel>Channel\d+)-\d+-(?P<row>[A-P])-(?P<column>0[1-9]|1\d|2[0-4])\.(?i:tiff?)$"
)


def recognise(listing: Listing) -> bool:
    """True if most TIFF files are named so."""
    tiffs = listing.ending(".tif", ".tiff")
    found = sum(1 for name in tiffs if re.search(_PATTERN, name))
    return found > len(tiffs) / 2


def scan(listing: Listing) -> Scan:
    """Source planes of the images that are named so.

    Raises
    ------
    FormatError
        Two images claim one plane.
    """
    return replace(patterns.scan(listing, _PATTERN), vendor=NAME)
