"""Which pixel types can be saved, and what to do about the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import InputError

IN_ZARR = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
           "float32", "float64")  # fmt: skip
IN_OME_TIFF = tuple(name for name in IN_ZARR if name not in ("int64", "uint64"))

_ADVICE = {
    "float16": "Convert it to float32, which holds every float16 value exactly",
    "int64": "Convert it to int32 if its values fit, or save it as OME-Zarr, which has int64",
    "uint64": "Convert it to uint32 if its values fit, or save it as OME-Zarr, which has uint64",
    "complex64": "Save its real and imaginary parts, or its magnitude, as float32",
    "complex128": "Save its real and imaginary parts, or its magnitude, as float64",
}


def stored_type(dtype: npt.DTypeLike, known: tuple[str, ...], place: str) -> np.dtype[Any]:
    """The type as which pixels are stored: their own; masks (bool) become uint8 with 0 and 1.

    Parameters
    ----------
    known
        `IN_ZARR` or `IN_OME_TIFF`.
    place
        The format's name for the message.

    Raises
    ------
    InputError
        The format cannot hold such pixels.
    """
    given = np.dtype(dtype)
    if given == np.bool_:
        return np.dtype(np.uint8)
    if given.name not in known:
        advice = _ADVICE.get(given.name, "Convert it to numbers")
        raise InputError(
            f"{place} cannot hold pixels of type {given.name}; it can hold {', '.join(known)}. "
            f"{advice}."
        )
    return given.newbyteorder("=")
