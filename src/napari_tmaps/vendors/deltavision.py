"""DeltaVision (.dv, .r3d), the format of softWoRx: a relative of MRC.

A header of 1024 bytes, an extended header with some numbers for each section, then the sections
(planes), whose order the header tells. Either byte order; rows run from the bottom to the top, and
are turned on reading. Panels become sites.

Written without real files, by public descriptions of the format. Assumed: the stage counts y
upwards, as the rows run, so `stage_y_um` is its negative; times and exposures are in seconds.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Oddity, Scan
from napari_tmaps.vendors.containers import Container, SiteImage, scan_files, unique_channels
from napari_tmaps.vendors.kinds import dominant, of_kind
from napari_tmaps.vendors.listing import Listing
from napari_tmaps.vendors.opening import DAMAGE, no_plane, open_file

NAME = "DeltaVision"

_HEADER = 1024
_MARK = -16224
_WITH_PANELS = 100
_MOST_SECTIONS, _MOST_WAVES = 1_000_000, 64
_MODES = {0: "u1", 1: "i2", 2: "f4", 6: "u2", 7: "i4"}
# Orders of sections, the fastest first: z, wave, time, panel.
_ORDERS = ("ZTWP", "WZTP", "ZWTP", "ZPWT", "ZWPT", "WZPT", "WPTZ", "PWTZ", "PTWZ", "PZWT", "PWZT",
           "WPZT", "WTPZ", "TWPZ", "TPWZ")  # fmt: skip
# Numbers of a section, by their place among the floats of the extended header.
_TIME, _X, _Y, _Z, _EXPOSURE, _EXCITATION, _EMISSION, _NUMBERS = 1, 2, 3, 4, 8, 10, 11, 12


def recognise(listing: Listing) -> bool:
    """True if most container files of the folder are DeltaVision's."""
    return dominant(listing) == NAME


def scan(listing: Listing) -> Scan:
    """Table of the planes of all DeltaVision files of a folder, each panel a site.

    Raises
    ------
    FormatError
        No file can be read.
    """
    names = of_kind(listing, NAME)
    return scan_files(NAME, "deltavision", listing, names, lambda n: _describe(listing.root, n))


class DeltaVisionPlanes:
    """An open file; series are panels, pages run over (t, c, z). See `pixels.PlaneFile`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._header: _Header = open_file(path, lambda: read_header(path))
        self._file = open(path, "rb")  # noqa: SIM115 - close() gives it back

    def read(self, series: int, page: int) -> npt.NDArray[Any]:
        """The plane (y, x), top row first."""
        try:
            header = self._header
            t, c, z = np.unravel_index(page, header.shape)
            if not 0 <= series < header.panels:
                raise IndexError(f"the file has {header.panels} panels")
            section = header.section(int(t), int(c), int(z), series)
            self._file.seek(header.start + section * header.section_bytes)
            data = self._file.read(header.section_bytes)
            pixels = np.frombuffer(data, header.dtype).reshape(header.height, header.width)
            return np.ascontiguousarray(pixels[::-1].astype(header.dtype.newbyteorder("=")))
        except DAMAGE as error:
            raise no_plane(self._path, series, page, error) from error

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


@dataclass(frozen=True, slots=True)
class _Header:
    """The facts of a header.

    Attributes
    ----------
    shape
        Sizes (t, c, z).
    start
        Byte where the sections begin.
    there
        Number of sections that the file is long enough for.
    spacing_um
        (y, x, z).
    waves_nm
        Emission of each channel, 0 where not stated.
    numbers
        Of each section, shape (sections, 12); no rows without an extended header.
    """

    height: int
    width: int
    dtype: np.dtype[Any]
    shape: tuple[int, int, int]
    panels: int
    order: str
    start: int
    there: int
    spacing_um: tuple[float, float, float]
    waves_nm: tuple[int, ...]
    numbers: npt.NDArray[np.float32]

    @property
    def section_bytes(self) -> int:
        return self.height * self.width * self.dtype.itemsize

    def section(self, t: int, c: int, z: int, panel: int) -> int:
        """Number of a plane in the order of the file."""
        at = {"T": t, "W": c, "Z": z, "P": panel}
        size = dict(zip("TWZP", (*self.shape, self.panels), strict=True))
        number, step = 0, 1
        for axis in self.order:
            number += at[axis] * step
            step *= size[axis]
        return number


def read_header(path: Path) -> _Header:
    """Read the head of a file.

    Raises
    ------
    FormatError
        It is no DeltaVision file, is damaged, or holds complex numbers.
    """
    with open(path, "rb") as file:
        head = file.read(_HEADER)
        size = file.seek(0, 2)
        if len(head) < _HEADER:
            raise FormatError(f"it is cut off: its header has {len(head)} bytes, not {_HEADER}")
        order = next(
            (each for each in "<>" if struct.unpack_from(each + "h", head, 96)[0] == _MARK), None
        )
        if order is None:
            raise FormatError("it does not begin like a DeltaVision file")
        width, height, sections, mode = struct.unpack_from(order + "4i", head, 0)
        x_um, y_um, z_um = struct.unpack_from(order + "3f", head, 40)
        (extended,) = struct.unpack_from(order + "i", head, 92)
        whole, real = struct.unpack_from(order + "2h", head, 128)
        kind, times, sequence = (
            struct.unpack_from(order + "H", head, at)[0] for at in (160, 180, 182)
        )
        waves = struct.unpack_from(order + "6h", head, 196)
        panels = _panels(head, order, sections) if kind == _WITH_PANELS else 1
        if mode not in _MODES:
            raise FormatError(f"its pixels are of a kind ({mode}) that is not read, e.g. complex")
        if min(width, height, sections) < 1 or extended < 0 or min(whole, real) < 0:
            raise FormatError("its header is damaged: sizes are not positive")
        if sections > _MOST_SECTIONS or waves[0] > _MOST_WAVES:
            raise FormatError(
                f"its header is damaged: it announces {sections} sections and {waves[0]} waves"
            )
        times, colours = max(1, times if times < 65535 else 1), max(1, waves[0])
        depth, rest = divmod(sections, times * colours * panels)
        if rest or not depth:
            raise FormatError(
                f"its header is damaged: {sections} sections are not {times} times × {colours} "
                f"waves × {panels} panels"
            )
        dtype = np.dtype(order + _MODES[mode])
        start = _HEADER + extended
        there = max(0, size - start) // (width * height * dtype.itemsize)
        numbers = np.zeros((0, _NUMBERS), np.float32)
        length = 4 * (whole + real)
        if real >= _NUMBERS and length * sections <= min(extended, size - _HEADER):
            file.seek(_HEADER)
            table = np.frombuffer(file.read(length * sections), order + "f4")
            numbers = table.reshape(sections, -1)[:, whole : whole + _NUMBERS].astype(np.float32)
    return _Header(
        height=height,
        width=width,
        dtype=dtype,
        shape=(times, colours, depth),
        panels=panels,
        order=_ORDERS[sequence] if sequence < len(_ORDERS) else _ORDERS[0],
        start=start,
        there=int(there),
        spacing_um=(y_um, x_um, z_um),
        waves_nm=tuple(waves[1 : 1 + colours]) + (0,) * (colours - 5),
        numbers=numbers,
    )


def _panels(head: bytes, order: str, sections: int) -> int:
    (panels,) = struct.unpack_from(order + "i", head, 880)
    return int(panels) if 1 < panels <= sections else 1


# -- description ----------------------------------------------------------------------------


def _describe(root: Path, name: str) -> Container:
    header = read_header(root / name)
    oddities: list[Oddity] = []
    images = tuple(_images(header, name))
    positions = {image.stage_yx_um[0] for image in images if image.stage_yx_um is not None}
    if len(positions) > 1:
        oddities.append(
            Oddity(
                "doubtful",
                "the stage of a DeltaVision is taken to count y upwards. If rows of sites come out "
                "reversed, correct it.",
            )
        )
    if header.panels == 1 and _moves(header):
        text = "the stage moved between its time points; they may be positions, not times."
        oddities.append(Oddity("doubtful", text))
    return Container(images, tuple(oddities))


def _images(header: _Header, name: str) -> Iterator[SiteImage]:
    t, c, z = np.indices(header.shape)
    for panel in range(header.panels):
        sections = np.vectorize(header.section, otypes=[np.int64])(t, c, z, panel)
        pages = np.arange(t.size).reshape(header.shape)
        notes = header.numbers[sections] if len(header.numbers) else None
        y, x, step = header.spacing_um
        stage = None
        if notes is not None and np.isfinite(notes[0, 0, 0, [_Y, _X]]).all():
            stage = (0.0 - float(notes[0, 0, 0, _Y]), float(notes[0, 0, 0, _X]))
        yield SiteImage(
            name=f"{name} panel {panel + 1}" if header.panels > 1 else name,
            path=name,
            series=panel,
            channels=unique_channels(_channels(header, notes)),
            size_t=header.shape[0],
            size_z=header.shape[2],
            height=header.height,
            width=header.width,
            dtype=header.dtype.name,
            pages=np.where(sections < header.there, pages, -1),
            pixel_size_um=(_plain(y), _plain(x)) if 0 < min(y, x) < np.inf else None,
            z_step_um=_plain(step) if header.shape[2] > 1 and 0 < step < np.inf else None,
            stage_yx_um=stage,
            stage_z_um=None if notes is None else notes[..., _Z].astype(float),
            time_s=None if notes is None else notes[..., _TIME].astype(float),
        )


def _plain(value: float) -> float:
    """The number that was meant: 0.1075 rather than 0.10750000178813934."""
    return float(f"{value:.6g}")


def _channels(header: _Header, notes: npt.NDArray[np.float32] | None) -> Iterator[Channel]:
    for number, wave in enumerate(header.waves_nm):
        stated = [0.0] * _NUMBERS if notes is None else notes[0, number, 0].tolist()
        emission = float(wave) if wave > 0 else stated[_EMISSION]
        yield Channel(
            f"{emission:.0f}" if emission > 0 else f"C{number + 1:02d}",
            excitation_nm=_plain(stated[_EXCITATION]) if stated[_EXCITATION] > 0 else None,
            emission_nm=_plain(emission) if emission > 0 else None,
            exposure_ms=_plain(stated[_EXPOSURE] * 1000) if stated[_EXPOSURE] > 0 else None,
        )


def _moves(header: _Header) -> bool:
    """True if sites of different times lie more than half a field apart."""
    if not len(header.numbers) or header.shape[0] == 1:
        return False
    spread = np.ptp(header.numbers[:, [_Y, _X]], axis=0)
    field = (header.height * header.spacing_um[0], header.width * header.spacing_um[1])
    return bool((spread > np.multiply(field, 0.5)).any())
