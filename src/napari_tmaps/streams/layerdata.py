"""One layer to save, and its check against a format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import InputError
from napari_tmaps.streams.axes import SAMPLES, check_axes, full_shape, take_plane
from napari_tmaps.streams.pixeltypes import IN_OME_TIFF, IN_ZARR, stored_type

if TYPE_CHECKING:
    import pandas as pd


_COPIES = 3
"""What a plane takes while it is saved, in planes: itself, its smaller copies, and both packed."""


@dataclass(frozen=True, eq=False)
class LayerData:
    """One layer to save.

    Attributes
    ----------
    data
        NumPy, dask or zarr array, or a list of the levels of one, finest first.
    axes
        One letter for each dimension, any order and subset of TCZYX, and S for RGB.
    scale_um
        Step along each dimension: µm, seconds along T; None where unknown, () where all are.
    translation_um
        Position of the first pixel along each dimension; () for none.
    color
        "#RRGGBB"; None lets one be chosen.
    contrast
        (lowest, highest) intensity to show; None lets them be found.
    features
        Table of the objects in labels, saved as CSV.
    metadata
        Further facts; those that JSON cannot hold are left out, and named in the JSON.
    """

    data: Any
    name: str
    kind: Literal["image", "labels"]
    axes: str
    scale_um: tuple[float | None, ...] = ()
    translation_um: tuple[float, ...] = ()
    color: str | None = None
    contrast: tuple[float, float] | None = None
    features: pd.DataFrame | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class CheckedLayer:
    """A layer that fits the format, with its geometry in the order of all our images."""

    source: LayerData
    data: Any
    axes: str
    shape: tuple[int, int, int, int, int]
    dtype: np.dtype[Any]
    samples: int
    pixel_size_um: tuple[float | None, float | None, float | None]
    time_step_s: float | None
    translation_um: tuple[float, float, float]

    @property
    def place(self) -> tuple[int, ...]:
        """Sizes that an image and its labels share."""
        return (self.shape[0], *self.shape[2:])

    @property
    def likeness(self) -> tuple[Any, ...]:
        """Layers that agree in this are channels of one image."""
        geometry = (self.pixel_size_um, self.time_step_s, self.translation_um)
        return (*self.place, self.dtype, self.samples, *geometry)

    def plane(self, t: int, c: int, z: int) -> npt.NDArray[Any]:
        """One plane in the type that is stored."""
        plane = take_plane(self.data, self.axes, t, c, z)
        if plane.dtype.kind in "iu" and plane.dtype.itemsize > self.dtype.itemsize:
            limits = np.iinfo(self.dtype)
            if plane.min() < limits.min or plane.max() > limits.max:
                raise InputError(
                    f"Layer '{self.source.name}' has labels from {plane.min()} to {plane.max()}, "
                    f"but OME-TIFF holds them from {limits.min} to {limits.max}. Number the labels "
                    "anew, or save as OME-Zarr."
                )
        return plane.astype(self.dtype, copy=False)


def check_layer(source: LayerData, format: str) -> CheckedLayer:  # noqa: A002
    """The layer as a format stores it.

    Raises
    ------
    InputError
        The format cannot hold it.
    """
    data = source.data[0] if isinstance(source.data, list | tuple) else source.data
    try:
        axes = check_axes(source.axes, data.shape)
        dtype = np.dtype(data.dtype)
        if source.kind == "labels" and (dtype.kind not in "iub" or SAMPLES in axes):
            raise InputError(f"Labels are whole numbers, but these are {axes} of {dtype.name}.")
        if source.kind == "labels" and format == "ome-tiff" and dtype.itemsize == 8:
            stored = np.dtype(np.int32)
        else:
            known = IN_ZARR if format == "ome-zarr" else IN_OME_TIFF
            stored = stored_type(dtype, known, "OME-Zarr" if format == "ome-zarr" else "OME-TIFF")
        _refuse_too_large(axes, data.shape, max(dtype.itemsize, stored.itemsize))
        steps = _by_axis(source.scale_um, axes, "scale")
        shifts = _by_axis(source.translation_um, axes, "translation")
    except InputError as error:
        raise InputError(f"Layer '{source.name}' cannot be saved. {error}") from error
    z, y, x = (steps.get(axis) for axis in "ZYX")
    # Without the size of a pixel there is no place in µm; the JSON keeps what was given.
    shift_z, shift_y, shift_x = (
        float(shifts.get(axis) or 0.0) if steps.get(axis) is not None else 0.0 for axis in "ZYX"
    )
    return CheckedLayer(
        source=source,
        data=data,
        axes=axes,
        shape=full_shape(axes, data.shape),
        dtype=stored,
        samples=data.shape[axes.index(SAMPLES)] if SAMPLES in axes else 1,
        pixel_size_um=(z, y, x),
        time_step_s=steps.get("T"),
        translation_um=(shift_z, shift_y, shift_x),
    )


def _by_axis(values: Sequence[float | None], axes: str, what: str) -> dict[str, float | None]:
    if values and len(values) != len(axes):
        raise InputError(
            f"Its {what} has {len(values)} numbers for the {len(axes)} axes {axes}. Give one each."
        )
    return dict(zip(axes, values, strict=False))


def _refuse_too_large(axes: str, shape: Sequence[int], itemsize: int) -> None:
    """Planes are written whole; one as large as a plate would fill the memory."""
    import psutil  # type: ignore[import-untyped]

    sizes = dict(zip(axes, shape, strict=True))
    size = sizes["Y"] * sizes["X"] * sizes.get(SAMPLES, 1) * itemsize
    if (free := psutil.virtual_memory().available) < _COPIES * size:
        raise InputError(
            f"A plane of it, {sizes['Y']:,} × {sizes['X']:,} px, takes {size / 1e9:.1f} GB, and "
            f"saving it {_COPIES} times as much; {free / 1e9:.1f} GB of memory are free. Save the "
            "wells or sites that it shows, or a part of it."
        )
