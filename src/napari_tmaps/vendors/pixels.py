"""Pixels of source planes: the right page of the right file, whatever the format.

A reader opens one file and gives single planes by (series, page) exactly as the plane table names
them. Readers are looked up in `READERS` by the key that `Scan.reader` carries; libraries are
imported inside the function that opens a file.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import local
from typing import Any, Protocol

import numpy.typing as npt

from napari_tmaps.errors import unknown
from napari_tmaps.vendors.bioformats import BioformatsPlanes
from napari_tmaps.vendors.czi import CziPlanes
from napari_tmaps.vendors.deltavision import DeltaVisionPlanes
from napari_tmaps.vendors.generic import BioioPlanes
from napari_tmaps.vendors.leica import LifPlanes
from napari_tmaps.vendors.listing import TIFF_SUFFIXES, suffix
from napari_tmaps.vendors.nikon import Nd2Planes
from napari_tmaps.vendors.olympus import OibPlanes
from napari_tmaps.vendors.omezarr import OmeZarrPlanes
from napari_tmaps.vendors.tiff import TiffPlanes
from napari_tmaps.vendors.tiffstack import TiffSamples


class PlaneFile(Protocol):
    """An open file; not shared between threads."""

    def read(self, series: int, page: int) -> npt.NDArray[Any]:
        """The 2-D plane (y, x) in its original pixel type."""

    def close(self) -> None:
        """Give the file back."""


def _picture(path: Path) -> PlaneFile:
    """A picture, or a TIFF among pictures."""
    return TiffPlanes(path) if suffix(path.name) in TIFF_SUFFIXES else BioioPlanes(path)


READERS: dict[str, Callable[[Path], PlaneFile]] = {
    "tiff": TiffPlanes,
    "tiffsamples": TiffSamples,
    "czi": CziPlanes,
    "nd2": Nd2Planes,
    "lif": LifPlanes,
    "oib": OibPlanes,
    "omezarr": OmeZarrPlanes,
    "deltavision": DeltaVisionPlanes,
    "bioio": _picture,
    "bioformats": BioformatsPlanes,
}


class PlaneReader:
    """Reads planes of one acquisition; keeps the files open that it used last, one set a thread.

    Parameters
    ----------
    root
        Folder to which paths are relative.
    reader
        A key of `READERS`.
    """

    def __init__(self, root: Path, reader: str, *, keep_open: int = 4) -> None:
        if reader not in READERS:
            raise unknown("reader of pixels", reader, READERS)
        self._root = root
        self._open = READERS[reader]
        self._keep = keep_open
        self._files = local()

    def read(self, path: str, series: int, page: int) -> npt.NDArray[Any]:
        """One plane (y, x), in the original pixel type.

        Raises
        ------
        MissingError
            The file is gone.
        FormatError
            The file is damaged, or holds no such plane.
        """
        files: OrderedDict[str, PlaneFile] = self._files.__dict__.setdefault("open", OrderedDict())
        file = files.pop(path, None) or self._open(self._root / path)
        files[path] = file
        while len(files) > self._keep:
            files.popitem(last=False)[1].close()
        return file.read(int(series), int(page))

    def close(self) -> None:
        """Close the files that this thread opened."""
        files: OrderedDict[str, PlaneFile] = self._files.__dict__.pop("open", OrderedDict())
        while files:
            files.popitem()[1].close()
