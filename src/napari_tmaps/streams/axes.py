"""Single planes out of an array with any order and subset of the axes t c z y x, and s for RGB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import InputError

ORDER = "TCZYX"
SAMPLES = "S"
"""Axis of the colours of an RGB picture; 3 or 4 (with opacity) long."""


def check_axes(axes: str, shape: Sequence[int] | None = None) -> str:
    """The axes in capital letters, if they describe an image (of that shape).

    Raises
    ------
    InputError
        A letter that is no axis, a letter twice, no Y or X, or another number than the array has.
    """
    letters = axes.upper()
    known = ORDER + SAMPLES
    if not set(letters) <= set(known) or len(set(letters)) < len(letters):
        raise InputError(
            f"'{axes}' are no axes of an image: each letter may be one of {', '.join(known)}, and "
            "come once. T is time, C channel, Z depth, Y and X the plane, S the colours of RGB."
        )
    if not {"Y", "X"} <= set(letters):
        raise InputError(f"The axes '{axes}' have no plane: an image needs Y and X.")
    if shape is None:
        return letters
    if len(shape) != len(letters):
        raise InputError(
            f"The axes '{axes}' are {len(letters)}, but the image has {len(shape)} dimensions "
            f"{tuple(shape)}. Name one axis for each dimension, e.g. '{ORDER[-len(shape) :]}'."
        )
    if min(shape) < 1:
        raise InputError(f"The image of shape {tuple(shape)} ({axes}) is empty: it has no pixels.")
    samples = dict(zip(letters, shape, strict=True)).get(SAMPLES, 3)
    if samples not in (3, 4):
        raise InputError(
            f"Axis S of '{axes}' is {samples} long; it is for the colours of RGB (3) or RGBA (4). "
            "Name other things C (channels) or Z (depth)."
        )
    return letters


def full_shape(axes: str, shape: Sequence[int]) -> tuple[int, int, int, int, int]:
    """Sizes (t, c, z, y, x), 1 for axes that the array lacks."""
    sizes = dict(zip(axes, shape, strict=True))
    t, c, z, y, x = (int(sizes.get(axis, 1)) for axis in ORDER)
    return t, c, z, y, x


def take_plane(
    data: Any,
    axes: str,
    t: int,
    c: int,
    z: int,
    y: slice = slice(None),
    x: slice = slice(None),
) -> npt.NDArray[Any]:
    """One plane (y, x), or (y, x, s) of RGB. Of a lazy array nothing else is computed.

    Parameters
    ----------
    data
        NumPy, dask or zarr array.
    axes
        As `check_axes` gives them.
    y, x
        Rows and columns; all by default.
    """
    places: dict[str, Any] = {"T": t, "C": c, "Z": z, "Y": y, "X": x}
    plane = np.asarray(data[tuple(places.get(axis, slice(None)) for axis in axes)])
    rest = [axis for axis in axes if axis in "YXS"]
    return plane.transpose([rest.index(axis) for axis in "YXS" if axis in rest])


def take_planes(data: Any, axes: str) -> Iterator[npt.NDArray[Any]]:
    """All planes, z fastest, then c, then t: the order in which `OME-TIFF` stores them."""
    for t, c, z in np.ndindex(*full_shape(axes, data.shape)[:3]):
        yield take_plane(data, axes, t, c, z)
