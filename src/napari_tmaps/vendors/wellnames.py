"""Folders without any index whose names tell channel and well.

`Channel<number>-<number of the well>-<row>-<column>.tif`, e.g. `Channel1-01-A-01.tif`: as in image
set BBBC013 of the Broad Bioimage Benchmark Collection. One site a well; the names tell neither
pixel size nor positions.
"""

from __future__ import annotations

from napari_tmaps.vendors.pattern import of_names

NAME = "Names of channels and wells"

_PATTERN = (
    r"(?:^|/)(?P<channel>Channel\d+)-\d+-(?P<row>[A-P])-(?P<column>0[1-9]|1\d|2[0-4])\.(?i:tiff?)$"
)

recognise, scan = of_names(NAME, _PATTERN)
