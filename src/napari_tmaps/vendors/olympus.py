"""Olympus OIB and OIF (FluoView), through the library oiffile.

An OIF is a file of settings with the planes as TIFF files in the folder `<name>.oif.files`
beside it; an OIB holds the same in one file. Planes are named s_C001Z002T003.tif.
"""

from __future__ import annotations

import os
import re
from os import SEEK_END
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError, MissingError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Scan
from napari_tmaps.vendors.compoundfile import check_chains
from napari_tmaps.vendors.containers import Container, SiteImage, scan_files, unique_channels
from napari_tmaps.vendors.kinds import dominant, of_kind
from napari_tmaps.vendors.listing import OIF_PARTS, Listing
from napari_tmaps.vendors.opening import DAMAGE, library, no_plane, open_file
from napari_tmaps.vendors.tiff import check_complete

NAME = "Olympus OIB/OIF"

# To µm, or to seconds.
_UNITS = {"nm": 1e-3, "um": 1.0, "mm": 1e3, "ms": 1e-3, "s": 1.0}

# More planes announced for each that is there than this are nonsense.
_SPARSEST = 1000

_PLANE = re.compile(r"s_((?:[A-Z]\d+)+)\.tif", re.IGNORECASE)


def recognise(listing: Listing) -> bool:
    """True if most container files of the folder are OIB or OIF."""
    return dominant(listing) == NAME


def scan(listing: Listing) -> Scan:
    """Table of the planes of all OIB and OIF files of a folder, each file a site.

    Raises
    ------
    FormatError
        No file can be read, or the library is not installed.
    """
    names = of_kind(listing, NAME)
    _library(names[0])
    return scan_files(NAME, "oib", listing, names, lambda name: _describe(listing.root, name))


class OibPlanes:
    """An open OIB or OIF. See `pixels.PlaneFile`."""

    def __init__(self, path: Path) -> None:
        oiffile = _library(str(path))
        self._path = path
        self._file: Any = open_file(path, lambda: _open(oiffile, path))
        self._names = open_file(path, lambda: _names(path, self._file))

    def read(self, series: int, page: int) -> npt.NDArray[Any]:
        """The plane (y, x); pages run over (t, c, z)."""
        import tifffile

        try:
            with (
                _part(self._path, self._file, self._names.flat[page]) as part,
                tifffile.TiffFile(part) as tiff,
            ):
                check_complete(tiff.pages.first, 0, self._names.flat[page], part.seek(0, SEEK_END))
                return np.asarray(tiff.asarray())
        except FileNotFoundError as error:
            raise MissingError(f"A file of '{self._path}' is gone: {error.filename}.") from error
        except DAMAGE as error:
            raise no_plane(self._path, series, page, error) from error

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


def _library(name: str) -> Any:
    return library("oiffile", "oiffile", f"'{name}' (Olympus OIB/OIF)")


def _open(oiffile: Any, path: Path) -> Any:
    check_chains(path)
    return oiffile.OifFile(path)


def _parts(path: Path) -> Path:
    """The folder with the planes of an OIF."""
    return path.with_name(path.name + OIF_PARTS)


def _part(path: Path, file: Any, name: str) -> BinaryIO:
    """A file within an OIB, or beside an OIF, opened."""
    if not name:
        raise ValueError("the microscope recorded no such plane")
    if file.is_oib:
        part: BinaryIO = file.open_file(name)
        return part
    return (_parts(path) / name).open("rb")


def _names(path: Path, file: Any) -> npt.NDArray[Any]:
    """Name of the picture of each plane, shape (t, c, z); "" where there is none.

    As large as both what the settings announce and what is there.
    """
    files = file.filesystem.files() if file.is_oib else os.listdir(_parts(path))
    found: dict[tuple[int, ...], str] = {}
    for name in files:
        match = _PLANE.fullmatch(re.split(r"[/\\]", name)[-1])
        if match is None:
            continue
        place = {axis.upper(): int(n) for axis, n in re.findall(r"([A-Za-z])(\d+)", match[1])}
        if set(place) - set("TCZ"):
            raise FormatError(f"its axes {''.join(place)} are not known; there are T, C and Z")
        found[tuple(place.get(axis, 1) - 1 for axis in "TCZ")] = name
    if not found or min(map(min, found)) < 0:
        raise FormatError("no picture is named like s_C001.tif or s_C001Z001T001.tif")
    said = {axis: count for axis, (count, _) in _axes(file.mainfile).items()}
    shape = [max(said.get(axis, 1), *(1 + p[i] for p in found)) for i, axis in enumerate("TCZ")]
    if int(np.prod(shape, dtype=float)) > _SPARSEST * len(found):
        raise FormatError(f"its settings announce {shape} planes (t, c, z), it has {len(found)}")
    names = np.full(shape, "", dtype=object)
    for place_tcz, name in found.items():
        names[place_tcz] = name
    return names


def _axes(settings: Any) -> dict[str, tuple[int, float | None]]:
    """Length and step (µm or s, None if not told) of the axes that are more than one long."""
    axes: dict[str, tuple[int, float | None]] = {}
    for number in range(9):
        axis = settings.get(f"Axis {number} Parameters Common", {})
        count, unit = int(axis.get("MaxSize", 0)), _UNITS.get(str(axis.get("PixUnit")))
        if count > 1:
            # From the first to the last pixel or plane.
            length = abs(float(axis["EndPosition"]) - float(axis["StartPosition"])) if unit else 0
            step = float(f"{length * (unit or 0) / (count - 1):.6g}")
            axes[str(axis["AxisCode"])] = count, step or None
    return axes


def _describe(root: Path, name: str) -> Container:
    with _open(_library(name), root / name) as file:
        names = _names(root / name, file)
        settings = file.mainfile
        first = next(filter(None, names.flat))
        with _part(root / name, file, first) as part:
            header = _header(part)
        plane = _plane_settings(root / name, file, first)
    axes = _axes(settings)
    steps = {axis: step for axis, (_, step) in axes.items()}
    y, x = steps.get("Y"), steps.get("X")
    shape = names.shape
    times = np.arange(shape[0], dtype=float) * (steps.get("T") or np.nan)
    image = SiteImage(
        name=name,
        path=name,
        channels=_channels(settings, shape[1], _bits(settings, plane)),
        size_t=shape[0],
        size_z=shape[2],
        height=header.shape[0],
        width=header.shape[1],
        dtype=header.dtype.name,
        pages=np.where(names == "", -1, np.arange(names.size).reshape(shape)),
        pixel_size_um=(y, x) if y and x else None,
        z_step_um=steps.get("Z") if shape[2] > 1 else None,
        time_s=np.broadcast_to(times[:, None, None], shape) if shape[0] > 1 else None,
    )
    return Container((image,), metadata=_facts(settings, plane))


def _header(part: BinaryIO) -> Any:
    """The first page of a plane: its shape and pixel type."""
    import tifffile

    with tifffile.TiffFile(part) as tiff:
        page = tiff.pages.first
        if len(page.shape) != 2:
            raise FormatError(f"its planes have the shape {page.shape}, which is not (y, x)")
        return page


def _plane_settings(path: Path, file: Any, picture: str) -> Any:
    """The settings beside a picture, s_C001.pty; empty where they are lost or damaged."""
    import oiffile

    name = re.sub(r"\.tif$", ".pty", picture, flags=re.IGNORECASE)
    try:
        with _part(path, file, name) as part:
            return oiffile.SettingsFile(part, name)
    except (KeyError, *DAMAGE):  # they are no more than an addition
        return {}


def _bits(settings: Any, plane: Any) -> int | None:
    """Bits of the pixels that are used."""
    for part in (plane.get("Image Parameters", {}), settings.get("Reference Image Parameter", {})):
        if part.get("ValidBitCounts"):
            return int(part["ValidBitCounts"])
    return None


def _facts(settings: Any, plane: Any) -> dict[str, Any]:
    optics = plane.get("Acquisition Parameters Common", {})
    started = settings.get("Acquisition Parameters Common", {}).get("ImageCaputreDate", "")
    facts = {
        "microscope": settings.get("Version Info", {}).get("SystemName"),
        "objective": " ".join(str(optics.get("ObjectiveLens Name", "")).split()),
        "magnification": optics.get("Magnification"),
        "started": str(started).strip("' "),
    }
    return {key: value for key, value in facts.items() if value}


def _channels(settings: Any, count: int, bits: int | None) -> tuple[Channel, ...]:
    channels = []
    for number in range(1, count + 1):
        part = settings.get(f"Channel {number} Parameters", {})
        channels.append(
            Channel(
                name=str(part.get("CH Name") or f"CH{number}"),
                excitation_nm=float(part.get("ExcitationWavelength", 0)) or None,
                emission_nm=float(part.get("EmissionWavelength", 0)) or None,
                bit_depth=bits,
            )
        )
    return unique_channels(channels)
