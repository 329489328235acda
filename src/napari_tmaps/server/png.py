"""Pixels as PNG, quickly: noise is what fills microscope images, and searching it finds nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def png(pixels: npt.NDArray[Any]) -> bytes:
    """Pixels (y, x), uint8 or uint16, as the content of a file.

    Differences to the left, and runs: half the time of zlib's usual search, and no more bytes.
    """
    import imagecodecs

    kinds = imagecodecs.PNG
    return bytes(
        imagecodecs.png_encode(
            np.ascontiguousarray(pixels),
            level=1,
            strategy=kinds.STRATEGY.RLE,
            filter=kinds.FILTER.SUB,
        )
    )
