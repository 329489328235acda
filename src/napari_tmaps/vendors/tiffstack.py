"""Plain TIFF files: stacks, ImageJ hyperstacks, Zeiss LSM, MetaMorph STK, colour pictures.

Every plane is a page of its file, or one colour (sample) within a page.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Oddity, Scan
from napari_tmaps.vendors.containers import (
    RGB_ODDITY,
    Container,
    SiteImage,
    rgb_channels,
    scan_files,
    unique_channels,
)
from napari_tmaps.vendors.kinds import dominant, of_kind
from napari_tmaps.vendors.listing import Listing
from napari_tmaps.vendors.lsm import lsm_channels, lsm_facts, lsm_times
from napari_tmaps.vendors.opening import DAMAGE, no_plane, open_file
from napari_tmaps.vendors.tiff import TiffHeader, read_header

NAME = "TIFF"

_UM = {"nm": 1e-3, "um": 1.0, "µm": 1.0, "μm": 1.0, "micron": 1.0, "microns": 1.0, "mm": 1e3,
       "cm": 1e4, "inch": 25400.0}  # fmt: skip

_UM_OF_TIFF = {2: 25400.0, 3: 10000.0}  # inch, cm

# Pixel sizes (µm) that a microscope can have. Others come from programs that print: 72 dots per
# inch are 353 µm, one dot per inch is 25,400 µm.
_BELIEVABLE_UM = (0.001, 50.0)


def recognise(listing: Listing) -> bool:
    """True if most container files of the folder are plain TIFF."""
    return dominant(listing) == NAME


def scan(listing: Listing) -> Scan:
    """Table of the planes of all TIFF files of a folder, each file a site.

    Raises
    ------
    FormatError
        No file can be read.
    """
    names = of_kind(listing, NAME)
    special: set[str] = set()

    def describe(name: str) -> Container:
        container, is_special = _describe(listing.root, name)
        special.update([name] if is_special else [])
        return container

    found = scan_files(NAME, "tiff", listing, names, describe)
    # One file with planes that are no pages decides for all: its reader knows both.
    return replace(found, reader="tiffsamples") if special else found


class TiffSamples:
    """An open TIFF whose planes may be colours of a page, or lack a page of their own.

    Series is the colour (sample) within the page. See `pixels.PlaneFile`.
    """

    def __init__(self, path: Path) -> None:
        import tifffile

        self._path = path
        self._file: Any = open_file(path, lambda: tifffile.TiffFile(path))
        self._size = path.stat().st_size

    def read(self, series: int, page: int) -> npt.NDArray[Any]:
        """The plane (y, x) of one colour of one page."""
        try:
            return self._read(series, page)
        except DAMAGE as error:
            raise no_plane(self._path, series, page, error) from error

    def _read(self, sample: int, number: int) -> npt.NDArray[Any]:
        pages = self._file.pages
        if number < len(pages):
            page = pages[number]
            ends = [a + b for a, b in zip(page.dataoffsets, page.databytecounts, strict=True)]
            # tifffile fills what is cut off with zeros; here it is an error.
            if not ends or max(ends) > self._size:
                raise ValueError("pixels are cut off")
            pixels = page.asarray()
            axes = page.axes
        else:  # ImageJ describes only the first page of large stacks; the others follow its pixels
            first, series = pages.first, self._file.series[0]
            length = int(np.prod(first.shape)) * first.dtype.itemsize
            if series.dataoffset is None or (number + 1) * length > series.nbytes:
                raise IndexError(f"the file has {len(pages)} pages")
            handle = self._file.filehandle
            handle.seek(series.dataoffset + number * length)
            data = handle.read(length)
            if len(data) < length:
                raise ValueError("pixels are cut off")
            dtype = first.dtype.newbyteorder(self._file.byteorder)
            pixels, axes = np.frombuffer(data, dtype).reshape(first.shape), first.axes
        if "S" in axes:
            pixels = np.take(pixels, sample, axis=axes.index("S"))
        elif sample:
            raise IndexError("it is no colour picture")
        if pixels.ndim != 2:
            raise ValueError(f"the page has the axes {axes}, not one plane")
        return np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder("="), copy=False))

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


def _describe(root: Path, name: str) -> tuple[Container, bool]:
    import tifffile

    if not name.lower().endswith(".lsm"):  # whose pages of thumbnails have sizes of their own
        header = read_header(root / name, notes=True)  # complaints about files that are cut off
        plain = _plain(header, name)
        if plain is not None:
            return plain, False
    with tifffile.TiffFile(root / name) as file:
        return _container(file, name, os.path.getsize(root / name))


_SHAPED = re.compile(r'\{"shape": \[\d+, \d+\]\}')
_PRIVATE = 32768
_SUB_IMAGES = 330
_GREY = (Channel("C01"),)


def _plain(header: TiffHeader, name: str) -> Container | None:
    """One grey page of which nothing else is said than its size; None if there may be more.

    A folder may have 300,000 of them, and tifffile takes twenty times as long for each.
    """
    notes = header.notes
    if notes is None or header.pages > 1 or header.samples > 1:
        return None
    if max(notes.tags) >= _PRIVATE or _SUB_IMAGES in notes.tags:
        return None
    if notes.description and not _SHAPED.fullmatch(notes.description):
        return None
    oddities: list[Oddity] = []
    unit = _UM_OF_TIFF.get(notes.unit)
    image = SiteImage(
        name=name,
        path=name,
        channels=_GREY,
        size_t=1,
        size_z=1,
        height=header.height,
        width=header.width,
        dtype=header.dtype,
        pixel_size_um=_believed(_sizes(unit, notes.resolution), oddities),
    )
    return Container((image,), tuple(oddities))


def _container(file: Any, name: str, size: int) -> tuple[Container, bool]:
    """What the file holds, and whether some planes of it are not whole pages."""
    oddities: list[Oddity] = []
    # The largest pictures are the images; thumbnails and labels of slides come beside them.
    everything = list(file.series)
    series = everything[0] if file.is_lsm or file.is_imagej else max(everything, key=_area)
    smaller = [each for each in everything if each is not series]
    if smaller and not file.is_lsm:
        oddities.append(Oddity("ignored", f"{len(smaller)} smaller pictures in the file left out."))
    pages, samples, colours = _planes(series, oddities)
    if file.is_lsm:  # of other files the header was looked at
        cut = [page.index for page in series.pages if _end(page) > size]
        pages = np.where(np.isin(pages, cut), -1, pages)
    if (
        file.is_imagej
        and series.dataoffset is not None
        and series.dataoffset + series.nbytes > size
    ):
        raise FormatError(f"its pixels are cut off (the file has {size:,} bytes)")
    announced = int((file.imagej_metadata or {}).get("images", 1)) if file.is_imagej else 1
    if announced > pages.size // colours:
        raise FormatError(
            f"it announces {announced} images, but {pages.size // colours} are there: it is cut off"
        )
    names = _channels(file, pages.shape[1] // colours)
    if colours > 1:
        oddities.append(RGB_ODDITY)
        many = len(names) > 1
        names = [part for each in names for part in rgb_channels(each if many else None)]
    pixel_size, z_step = _scale(file, oddities)
    height, width = (series.shape[series.axes.index(axis)] for axis in "YX")
    image = SiteImage(
        name=name,
        path=name,
        series=samples,
        channels=unique_channels(names),
        size_t=pages.shape[0],
        size_z=pages.shape[2],
        height=height,
        width=width,
        dtype=np.dtype(series.dtype).name,
        pages=pages,
        pixel_size_um=pixel_size,
        z_step_um=z_step if pages.shape[2] > 1 else None,
        time_s=lsm_times(file, pages.shape) if file.is_lsm else None,
    )
    facts = lsm_facts(file) if file.is_lsm else {}
    special = bool(samples.any()) or pages.max() >= len(file.pages) or "S" in file.pages.first.axes
    return Container((image,), tuple(oddities), facts), special


def _end(page: Any) -> int:
    """Where the pixels of a page end in the file."""
    parts = zip(page.dataoffsets, page.databytecounts, strict=True)
    return max((start + length for start, length in parts), default=0)


def _area(series: Any) -> int:
    if not {"Y", "X"} <= set(series.axes):
        return 0
    return int(series.shape[series.axes.index("Y")] * series.shape[series.axes.index("X")])


def _planes(
    series: Any, oddities: list[Oddity]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
    """Page and sample of each plane (t, c, z), and the colours (1 or 3) a channel has."""
    axes, shape = series.axes, series.shape
    inside = axes.endswith("YXS")
    lead_axes = axes[: -3 if inside else -2]
    if not axes.endswith("YX" if not inside else "YXS"):
        raise FormatError(f"its axes {axes} are not planes (y, x)")
    lead_shape = shape[: len(lead_axes)]
    count = int(np.prod(lead_shape, dtype=int))
    # Planes that a page holds, one behind the other; large ImageJ stacks describe the first only.
    each = int(np.prod(series.keyframe.shape)) // int(np.prod(shape[len(lead_axes) :]))
    described = len(series.pages) * each == count
    numbers = [page.index for page in series.pages] if described else range(count // each)
    flat = np.arange(count)
    pages = np.asarray(numbers, dtype=np.int64)[flat // each].reshape(lead_shape)
    samples = (flat % each).astype(np.int64).reshape(lead_shape)
    meant = _meaning(lead_axes, lead_shape, oddities)
    stored = shape[-1] if inside else lead_shape[meant.index("S")] if "S" in meant else 1
    colours = 3 if stored >= 3 else 1  # a second or fourth sample is transparency
    if inside:
        pages = np.repeat(pages[..., None], colours, axis=-1)
        samples = np.broadcast_to(np.arange(colours), pages.shape).copy()
        meant += "S"
    elif "S" in meant:
        axis = meant.index("S")
        pages = np.take(pages, range(colours), axis=axis)
        samples = np.take(samples, range(colours), axis=axis)
    order = [meant.index(axis) for axis in "TCSZ" if axis in meant]
    sizes = {axis: pages.shape[meant.index(axis)] for axis in meant}
    target = (sizes.get("T", 1), sizes.get("C", 1) * sizes.get("S", 1), sizes.get("Z", 1))
    return (
        pages.transpose(order).reshape(target),
        samples.transpose(order).reshape(target),
        colours,
    )


def _meaning(axes: str, shape: tuple[int, ...], oddities: list[Oddity]) -> str:
    """The axes with letters of T, C, S, Z only; a stack of unknown meaning is taken as z."""
    meant = ""
    for axis, length in zip(axes, shape, strict=True):
        letter = axis
        if axis in "IQ":
            letter = "Z" if "Z" not in axes else "T"
            oddities.append(
                Oddity(
                    "doubtful",
                    f"a stack of {length} pages, not said to be of what; they are taken as "
                    f"{'z planes' if letter == 'Z' else 'time points'}.",
                )
            )
        if letter not in "TCSZ" or letter in meant:
            raise FormatError(f"its axes {axes}YX cannot be told to be t, channel and z")
        meant += letter
    return meant


def _channels(file: Any, count: int) -> list[Channel]:
    """Channels as LSM describes them; other files name none."""
    if file.is_lsm:
        return lsm_channels(file, count)
    return [Channel(f"C{c + 1:02d}") for c in range(count)]


def _scale(file: Any, oddities: list[Oddity]) -> tuple[tuple[float, float] | None, float | None]:
    """Pixel size (y, x) and z step in µm, as far as they are stated and can be true."""
    z_step: float | None = None
    if file.is_lsm:
        metres = [float(file.lsm_metadata.get(f"VoxelSize{axis}", 0)) for axis in "YXZ"]
        sizes = [float(f"{value * 1e6:.9g}") for value in metres]
        z_step = sizes[2]
    else:
        unit, sizes = _resolution(file)
        if file.is_imagej and unit is not None:
            z_step = float(file.imagej_metadata.get("spacing", 0)) * unit
    low, _ = _BELIEVABLE_UM
    z_step = z_step if sizes and z_step is not None and low <= z_step <= 1000 else None
    return _believed(sizes, oddities), z_step


def _believed(sizes: list[float], oddities: list[Oddity]) -> tuple[float, float] | None:
    """Pixel size (y, x) in µm, unless no microscope has such pixels."""
    if not sizes:
        return None
    low, high = _BELIEVABLE_UM
    if not all(low <= value <= high for value in sizes[:2]):
        oddities.append(
            Oddity(
                "doubtful",
                f"a pixel is said to be {sizes[0]:,.6g} × {sizes[1]:,.6g} µm, which no microscope "
                "has; the pixel size counts as unknown.",
            )
        )
        return None
    return sizes[0], sizes[1]


def _resolution(file: Any) -> tuple[float | None, list[float]]:
    """The unit in µm and the pixel size (y, x) in µm of the resolution tags; none without unit."""
    tags = file.pages.first.tags
    if file.is_imagej:
        # ImageJ writes its own unit and escapes what is not ASCII.
        text = str(file.imagej_metadata.get("unit", "")).replace("\\u00B5", "µ").lower()
        unit = _UM.get(text)
    else:
        unit = _UM_OF_TIFF.get(int(tags.valueof("ResolutionUnit", 1)))
    return unit, _sizes(unit, [tags.valueof(f"{axis}Resolution", (0, 1)) for axis in "YX"])


def _sizes(unit: float | None, resolution: Iterable[tuple[int, int]]) -> list[float]:
    """Sizes (y, x) in µm of the fractions of the resolution tags; none without a unit."""
    found = [
        float(f"{unit * below / above:.9g}")
        for above, below in resolution
        if unit is not None and above and below
    ]
    return found if len(found) == 2 else []
