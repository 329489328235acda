"""Checksums of frames: crc32c of their pixels, little endian, row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def frame_checksum(plane: npt.NDArray[Any]) -> int:
    """The checksum of one plane.

    >>> frame_checksum(np.zeros((2, 3), np.uint16))
    727758173
    """
    import google_crc32c

    pixels = np.ascontiguousarray(plane, dtype=plane.dtype.newbyteorder("<"))
    return int(google_crc32c.value(pixels.tobytes()))
