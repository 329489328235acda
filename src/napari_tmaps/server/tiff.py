"""Pixels as TIFF, from memory as they lie there: packing noise takes longer than sending it."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import InputError
from napari_tmaps.server.png import Piece, repeats

_FORMATS = {"u": 1, "i": 2, "f": 3}
_LONG = 4
_MOST = 2**32 - 2**16


def tiff(pixels: npt.NDArray[Any]) -> tuple[Piece, ...]:
    """Pixels (y, x) as the content of a file in pieces; packed where most are as their neighbour.

    Raises
    ------
    InputError
        A file cannot hold so many.
    """
    if repeats(pixels):
        import tifffile

        file = io.BytesIO()
        tifffile.imwrite(file, pixels, compression="zlib", compressionargs={"level": 1})
        return (file.getbuffer(),)
    little = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<"))
    if little.nbytes > _MOST:
        raise InputError("TIFF holds 4 GB at most; ask for format=raw.")
    height, width = little.shape
    # All of it is one strip; baseline grey of TIFF 6.0, with the format of the samples.
    tags = {256: width, 257: height, 258: 8 * little.itemsize, 259: 1, 262: 1, 273: 0, 277: 1}
    tags |= {278: height, 279: little.nbytes, 339: _FORMATS[little.dtype.kind]}
    start = 8 + 2 + 12 * len(tags) + 4
    tags[273] = start
    entries = b"".join(struct.pack("<HHII", tag, _LONG, 1, tags[tag]) for tag in tags)
    head = struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4)
    return head, little.data.cast("B")
