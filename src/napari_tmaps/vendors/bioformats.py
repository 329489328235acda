"""Formats that only Bio-Formats reads, through the package bffile (extra `bioformats`, Java).

Bio-Formats describes a file in OME-XML and gives its planes by series, t, c and z. It comes from
the internet when it is first used; on a computer without, the variable BIOFORMATS_JAR names a
`bioformats_package.jar`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError, TmapsError
from napari_tmaps.model.planes import Oddity, Scan
from napari_tmaps.vendors import omexml
from napari_tmaps.vendors.containers import RGB_ODDITY, Container, SiteImage, scan_files
from napari_tmaps.vendors.kinds import dominant
from napari_tmaps.vendors.listing import Listing, examples, suffix
from napari_tmaps.vendors.opening import DAMAGE, library, no_plane, open_file, parse_xml, sentence

NAME = "Bio-Formats"

JAR = "BIOFORMATS_JAR"

_T = TypeVar("_T")

# Formats that nobody else reads, by the ends of names: what they are, and the way out without Java.
_FORMATS = {
    ".flex": (
        "PerkinElmer Opera .flex",
        "export the measurement as TIFF from Columbus or Acapella",
    ),
    ".c01": ("Cellomics .C01", "export the plate as TIFF from the HCS Studio or vHCS database"),
    ".vsi": ("Olympus .vsi", "export as OME-TIFF from cellSens"),
    ".oir": ("Olympus .oir", "export as OME-TIFF or OIB from FluoView"),
    ".ims": ("Imaris .ims", "save as OME-TIFF in Imaris"),
    ".zvi": ("Zeiss AxioVision .zvi", "save as CZI in ZEN"),
    ".sld": ("SlideBook .sld", "export as OME-TIFF from SlideBook"),
    ".ics": ("Image Cytometry Standard .ics", "save as OME-TIFF in Fiji"),
    ".lof": ("Leica .lof", "save as .lif in LAS X"),
    ".mrc": ("MRC .mrc", "save as OME-TIFF in Fiji"),
    ".svs": ("Aperio .svs", "save as OME-TIFF in QuPath"),
    ".ndpi": ("Hamamatsu .ndpi", "save as OME-TIFF in QuPath"),
    ".scn": ("Leica .scn", "save as OME-TIFF in QuPath"),
    ".dcm": ("DICOM .dcm", "save as OME-TIFF in Fiji"),
}

# Others, rarer.
_MORE = (
    *(".ids", ".xlef", ".mvd2", ".dm3", ".dm4", ".spe", ".ipw", ".ipl", ".nrrd", ".nhdr", ".lei"),
    *(".vms", ".afi", ".bif", ".sif", ".obf", ".msr", ".pic", ".sldy", ".xqd", ".naf", ".fake"),
)

# What Bio-Formats could open, and should not be bothered with.
_NOT_THESE = (".zarr", ".h5", ".hdf5")


def recognise(listing: Listing) -> bool:
    """True if there are images at all; asked last, or by name."""
    return bool(_names(listing))


def scan(listing: Listing) -> Scan:
    """Table of the planes of all files, each file once whatever the number of its parts.

    Raises
    ------
    FormatError
        Bio-Formats is not installed or cannot be started, or no file can be read.
    """
    names = _names(listing)
    ending = suffix(names[0])
    try:
        _start(names[0])
    except TmapsError as error:
        if ending not in {*_FORMATS, *_MORE}:
            raise
        format_, way_out = _FORMATS.get(ending, (ending, "save as OME-TIFF in its own program"))
        raise FormatError(
            f"{examples(names)} in '{listing.root}' are {format_} files, which only Bio-Formats "
            f"reads. {error} Or {way_out}."
        ) from error
    told: set[Path] = set()
    return scan_files(
        NAME, "bioformats", listing, names, lambda name: _describe(listing.root, name, told)
    )


def _names(listing: Listing) -> list[str]:
    """Files of formats that nobody else reads; where others are the most, all images."""
    foreign = listing.ending(*_FORMATS, *_MORE)
    if foreign and dominant(listing) is None:
        return foreign
    return [name for name in listing.images() if not name.lower().endswith(_NOT_THESE)]


class BioformatsPlanes:
    """A file opened by Bio-Formats. See `pixels.PlaneFile`."""

    def __init__(self, path: Path) -> None:
        bffile = _start(str(path))
        self._path = path
        self._file: Any = open_file(path, lambda: _java(bffile.BioFile(path).open))

    def read(self, series: int, page: int) -> npt.NDArray[Any]:
        """The plane (y, x); pages run over (t, c, z), colours as three channels."""
        try:
            sizes = self._file.core_metadata(series).shape
            colors = 3 if sizes.rgb > 1 else 1
            t, c, z = map(int, np.unravel_index(page, (sizes.t, sizes.c * colors, sizes.z)))
            plane = np.asarray(
                _java(lambda: self._file.read_plane(t=t, c=c // colors, z=z, series=series))
            )
            plane = plane[..., c % colors] if colors > 1 else plane
            return plane.astype(plane.dtype.newbyteorder("="), copy=False)
        except DAMAGE as error:
            raise no_plane(self._path, series, page, error) from error

    def close(self) -> None:
        """Give the file back."""
        self._file.destroy()


def _start(name: str) -> Any:
    """The package bffile, with Java running.

    Raises
    ------
    FormatError
        It is not installed, or Java or Bio-Formats cannot be had.
    """
    what = f"'{name}' through Bio-Formats"
    bffile = library("bffile", "bffile", what, "bioformats")
    jpype = library("jpype", "jpype1", what, "bioformats")
    jar = os.environ.get(JAR)
    if jar and not Path(jar).is_file():
        raise FormatError(f"The variable {JAR} names '{jar}', which is not there.")
    try:
        if jar and not jpype.isJVMStarted():
            jpype.startJVM(classpath=[jar], convertStrings=False)
        _java(bffile.BioFile.bioformats_version)
    except DAMAGE as error:
        raise FormatError(
            f"Bio-Formats cannot be started: {sentence(error)} It needs Java 11 or newer, and the "
            f"internet when it is first used; without, set the variable {JAR} to the path of a "
            "bioformats_package.jar."
        ) from error
    return bffile


def _java(call: Callable[[], _T]) -> _T:
    """What a call gives; errors of Java become ours."""
    error_of_java = library("jpype", "jpype1", "Bio-Formats", "bioformats").JException
    try:
        return call()
    except error_of_java as error:
        raise FormatError(f"Bio-Formats says: {error}") from error


def _describe(root: Path, name: str, told: set[Path]) -> Container:
    """Images of a file, none if it belongs to one that was described before; adds to `told`."""
    if root / name in told:
        return Container(())
    file = _start(name).BioFile(root / name)
    try:
        _java(file.open)
        tree = parse_xml(_java(lambda: file.ome_xml).encode())
        told |= {Path(os.path.abspath(part)) for part in _java(file.used_files)}
        cores = [file.core_metadata(series) for series in range(len(file))]
    finally:
        _java(file.destroy)
    places = omexml.plates(tree)
    elements = list(omexml.every(tree, "Image"))
    if len(elements) != len(cores):
        raise FormatError(f"Bio-Formats tells of {len(elements)} images, but has {len(cores)}")
    images: list[SiteImage] = []
    oddities: list[Oddity] = []
    for series, (element, core) in enumerate(zip(elements, cores, strict=True)):
        image, colors = omexml.site_image(series, element, places.get(element.get("ID", "")))
        if colors > 1:
            oddities.append(RGB_ODDITY)
        images.append(replace(image, path=name, series=series, dtype=np.dtype(core.dtype).name))
    shown = [n for n, core in enumerate(cores) if not core.is_thumbnail_series]
    if 0 < len(shown) < len(cores):
        small = len(cores) - len(shown)
        oddities.append(Oddity("ignored", f"{small} pictures are thumbnails, and left out."))
        images, elements = [images[n] for n in shown], [elements[n] for n in shown]
    if len({image.stage_yx_um[0] for image in images if image.stage_yx_um is not None}) > 1:
        oddities.append(omexml.UPSIDE)
    dated, start = omexml.on_one_clock(images, elements)
    return Container(dated, tuple(oddities), omexml.facts(tree), omexml.plate_format(tree), start)
