"""Thermo / Cellomics ArrayScan and CellInsight, exported as TIFF: the names tell the layout.

`<plate>_<well>f<field>d<channel>.TIF`, e.g. `AS_09125_D03f00d0.tif`: fields are counted from 0 and
keep their numbers, channels are called d0, d1 … The names tell neither pixel size nor positions.
"""

from __future__ import annotations

from napari_tmaps.vendors.pattern import of_names

NAME = "ArrayScan"

_PATTERN = (
    r"(?:^|/)(?P<plate>[^/]+)_(?P<well>[A-P](?:0[1-9]|1\d|2[0-4]))f(?P<site>\d{2,4})"
    r"(?P<channel>d\d)\.(?i:tiff?)$"
)

recognise, scan = of_names(NAME, _PATTERN)
