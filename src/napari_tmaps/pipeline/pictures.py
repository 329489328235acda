"""Image files that a person names: TIFF or PNG, one channel or labels."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy.typing as npt

from napari_tmaps.errors import FormatError, NotFoundError


def read_picture(path: Path) -> npt.NDArray[Any]:
    """An image file as (y, x) or (z, y, x), in its own pixel type.

    Raises
    ------
    NotFoundError
        There is no such file.
    FormatError
        It is no image, or one in colours.
    """
    import imagecodecs
    import tifffile

    damaged = (tifffile.TiffFileError, imagecodecs.PngError, struct.error, ValueError, OSError)
    if not path.is_file():
        raise NotFoundError(f"There is no file '{path}'.")
    try:
        if path.suffix.lower() == ".png":
            image = imagecodecs.png_decode(path.read_bytes())
            colour = image.ndim > 2
        else:
            with tifffile.TiffFile(path) as tiff:
                image, colour = tiff.asarray(), "S" in tiff.series[0].axes
    except damaged as error:
        raise FormatError(f"'{path}' cannot be read as an image (TIFF or PNG): {error}.") from error
    if colour:
        raise FormatError(
            f"'{path}' is a colour picture; save each of its channels as a file of its own."
        )
    return image
