"""TIFF files that say what is not so."""

from __future__ import annotations

from pathlib import Path

import tifffile


def announce_strips(path: Path) -> None:
    """Have a TIFF of one strip announce millions of them."""
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        tags = file.pages.first.tags
        for tag, value in ((tags["ImageLength"], 4_194_305), (tags["RowsPerStrip"], 1)):
            data[tag.offset + 2 : tag.offset + 4] = (4).to_bytes(2, "little")  # of 32 bits
            data[tag.valueoffset : tag.valueoffset + 4] = value.to_bytes(4, "little")
    path.write_bytes(data)
