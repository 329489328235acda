"""The size of a site's pixels, as a type for the signatures of modules that ask for it."""

from __future__ import annotations

from typing import Annotated

import numpy as np

PixelSize = Annotated[
    tuple[float | None, float | None, float | None], "size of a pixel along z, y, x"
]
"""Micrometers along z, y, x; None along an axis where it is not known.

No setting: a pipeline hands on what the image says of itself.
"""

UNKNOWN: PixelSize = (None, None, None)


def known_size(pixel_size_um: PixelSize) -> tuple[float, float, float]:
    """The same with NaN where it is not known, so that whatever follows from it is NaN too."""
    z, y, x = (np.nan if size is None else float(size) for size in pixel_size_um)
    return z, y, x
