"""Olympus OIB (FluoView), through the library oiffile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Scan
from napari_tmaps.vendors.containers import Container, SiteImage, scan_files, unique_channels
from napari_tmaps.vendors.kinds import dominant, of_kind
from napari_tmaps.vendors.listing import Listing
from napari_tmaps.vendors.opening import DAMAGE, library, no_plane, open_file

NAME = "Olympus OIB"

_UM = {"nm": 1e-3, "um": 1.0, "mm": 1e3}


def recognise(listing: Listing) -> bool:
    """True if most container files of the folder are OIB."""
    return dominant(listing) == NAME


def scan(listing: Listing) -> Scan:
    """Table of the planes of all OIB files of a folder, each file a site.

    Raises
    ------
    FormatError
        No file can be read, or the library is not installed.
    """
    names = of_kind(listing, NAME)
    _library(names[0])
    return scan_files(NAME, "oib", listing, names, lambda name: _describe(listing.root, name))


class OibPlanes:
    """An open OIB. See `pixels.PlaneFile`."""

    def __init__(self, path: Path) -> None:
        oiffile = _library(str(path))
        self._path = path
        self._file: Any = open_file(path, lambda: oiffile.OifFile(path))
        self._names = _names(self._file)

    def read(self, series: int, page: int) -> npt.NDArray[Any]:
        """The plane (y, x); pages run over (t, c, z)."""
        import tifffile

        try:
            with tifffile.TiffFile(self._file.open_file(self._names.flat[page])) as tiff:
                return np.asarray(tiff.asarray())
        except DAMAGE as error:
            raise no_plane(self._path, series, page, error) from error

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


def _library(name: str) -> Any:
    return library("oiffile", "oiffile", f"'{name}' (Olympus OIB)")


def _names(file: Any) -> npt.NDArray[Any]:
    """Name of the picture within the file of each plane, shape (t, c, z)."""
    sequence = file.series[0]
    axes = str(sequence.axes).upper()
    names = np.array(list(sequence), dtype=object).reshape(sequence.shape)
    if set(axes) - set("TCZ"):
        raise FormatError(f"its axes {axes} are not known; there are T, C and Z")
    names = names.transpose([axes.index(axis) for axis in "TCZ" if axis in axes])
    sizes = dict(zip(axes, sequence.shape, strict=True))
    return names.reshape([sizes.get(axis, 1) for axis in "TCZ"])


def _describe(root: Path, name: str) -> Container:
    with _library(name).OifFile(root / name) as file:
        shape = _names(file).shape
        settings = file.mainfile
        steps = {}
        for number in range(9):
            axis = settings.get(f"Axis {number} Parameters Common", {})
            count, unit = int(axis.get("MaxSize", 0)), _UM.get(str(axis.get("PixUnit")))
            if count > 1 and unit is not None:
                length = abs(float(axis["EndPosition"]) - float(axis["StartPosition"]))
                # From the first to the last pixel or plane.
                steps[str(axis["AxisCode"])] = length * unit / (count - 1)
        size = [float(f"{steps[axis]:.6g}") for axis in "YX" if steps.get(axis)]
        image = SiteImage(
            name=name,
            path=name,
            channels=_channels(settings, shape[1]),
            size_t=shape[0],
            size_z=shape[2],
            height=file.shape[-2],
            width=file.shape[-1],
            dtype=np.dtype(file.dtype).name,
            pixel_size_um=(size[0], size[1]) if len(size) == 2 else None,
            z_step_um=steps.get("Z") if shape[2] > 1 else None,
        )
        return Container((image,))


def _channels(settings: Any, count: int) -> tuple[Channel, ...]:
    channels = []
    for number in range(1, count + 1):
        part = settings.get(f"Channel {number} Parameters", {})
        channels.append(
            Channel(
                name=str(part.get("CH Name") or f"CH{number}"),
                excitation_nm=float(part.get("ExcitationWavelength", 0)) or None,
                emission_nm=float(part.get("EmissionWavelength", 0)) or None,
            )
        )
    return unique_channels(channels)
