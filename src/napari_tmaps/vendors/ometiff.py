"""OME-TIFF: one or many files, scenes, plates and positions, as their OME-XML describes them.

Every plane is one page (IFD) of one file, so the pixels are read as those of any TIFF; the OME-XML
tells which. Specification: OME-TIFF and OME data model of June 2016 (elements are found whatever
the year of their name space).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError
from napari_tmaps.model.planes import Oddity, Scan
from napari_tmaps.vendors import omexml
from napari_tmaps.vendors.containers import (
    RGB_ODDITY,
    Container,
    SiteImage,
    scan_files,
)
from napari_tmaps.vendors.kinds import dominant, of_kind
from napari_tmaps.vendors.listing import Listing
from napari_tmaps.vendors.opening import DAMAGE, parse_xml
from napari_tmaps.vendors.tiff import TiffHeader, read_header

NAME = "OME-TIFF"


def recognise(listing: Listing) -> bool:
    """True if most container files are OME-TIFF, by name or, of plain TIFF, by the first one."""
    kind = dominant(listing)
    if kind != "TIFF":
        return kind == NAME
    try:
        return _xml_of(listing.root / of_kind(listing, "TIFF")[0]) is not None
    except DAMAGE:
        return False


def scan(listing: Listing) -> Scan:
    """Table of the planes of all OME-TIFF files of a folder.

    Raises
    ------
    FormatError
        No file can be read.
    """
    names = of_kind(listing, NAME, *(["TIFF"] if dominant(listing) == "TIFF" else []))
    names.sort(key=lambda name: not name.lower().endswith(".companion.ome"))
    files = _Files(listing.root)
    found = scan_files(NAME, "tiff", listing, names, files.describe)
    return replace(found, reader="tiffsamples") if files.colours else found


class _Files:
    """The files of a folder, of which several may share one description."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.colours = False
        self._claimed: set[str] = set()
        self._headers: dict[str, TiffHeader | None] = {}

    def describe(self, name: str) -> Container:
        """Images that the file describes; none if an earlier file of its set has done so."""
        if name in self._claimed:
            return Container(())
        path = self.root / name
        companion = name.lower().endswith(".companion.ome")
        text = path.read_bytes() if companion else _xml_of(path)
        if text is None:
            raise FormatError("it has no OME-XML; it is a plain TIFF, scan it by itself")
        root = parse_xml(text)
        if (stub := next(omexml.every(root, "BinaryOnly"), None)) is not None:
            master = _beside(name, stub.get("MetadataFile", ""))
            if not (self.root / master).is_file():
                raise FormatError(f"it is a part of a set whose description, '{master}', is gone")
            return Container(())  # its master speaks for it
        if not companion:
            self._headers[name] = read_header(path)
        document = _Document(self, name, root)
        container = document.container()
        self.colours |= document.colours
        self._claimed |= document.files
        return container

    def header(self, name: str) -> TiffHeader | None:
        """Size and pages of a file of the set; None if it is damaged or not there."""
        if name not in self._headers:
            try:
                self._headers[name] = read_header(self.root / name)
            except DAMAGE:
                self._headers[name] = None
        return self._headers[name]


class _Document:
    """One OME-XML document and the files that it speaks of."""

    def __init__(self, files: _Files, name: str, root: Any) -> None:
        self._files = files
        self._name = name
        self._root = root
        self._uuid = (root.get("UUID") or "").lower()
        self._oddities: list[Oddity] = []
        self._renamed = self._was_renamed()
        self.files = {name}
        self.colours = False

    def _was_renamed(self) -> bool:
        """True if it speaks of one file alone, which is not there: itself under an older name."""
        stated = {uuid.get("FileName") for uuid in omexml.every(self._root, "UUID")} - {None}
        if len(stated) != 1 or self._name.lower().endswith(".companion.ome"):
            return False
        return not (self._files.root / _beside(self._name, stated.pop())).is_file()

    def container(self) -> Container:
        plates = omexml.plates(self._root)
        elements = list(omexml.every(self._root, "Image"))
        images, start = omexml.on_one_clock(
            [
                self._image(n, each, plates.get(each.get("ID", "")))
                for n, each in enumerate(elements)
            ],
            elements,
        )
        heights = {image.stage_yx_um[0] for image in images if image.stage_yx_um is not None}
        if len(heights) > 1:
            self._oddities.append(omexml.UPSIDE)
        return Container(
            images,
            tuple(self._oddities),
            omexml.facts(self._root),
            omexml.plate_format(self._root),
            start,
        )

    def _image(self, index: int, element: Any, place: omexml.Place | None) -> SiteImage:
        image, colors = omexml.site_image(index, element, place)
        if colors > 1:
            self.colours = True
            self._oddities.append(RGB_ODDITY)
        pixels = next(omexml.every(element, "Pixels"))
        ifds, paths = self._ifds(pixels, (image.size_t, image.shape[1] // colors, image.size_z))
        height, width, dtype = self._size(ifds, paths, image)
        color = np.arange(image.shape[1]) % colors
        return replace(
            image,
            path=np.repeat(paths, colors, axis=1),
            series=np.broadcast_to(color[None, :, None], image.shape),
            height=height,
            width=width,
            dtype=dtype,
            pages=np.repeat(ifds, colors, axis=1),
        )

    def _size(
        self, ifds: npt.NDArray[np.int64], paths: npt.NDArray[Any], image: SiteImage
    ) -> tuple[int, int, str]:
        """Height, width and pixel type; where OME-XML and pages disagree, the pages are right."""
        stated = (image.height, image.width, image.dtype)
        there = paths[ifds >= 0]
        header = self._files.header(there[0]) if there.size else None
        if header is None or image.dtype == "bool":
            return stated
        found = (header.height, header.width, header.dtype)
        # Only the first page is known; of further images in the file the OME-XML must be believed.
        if found != stated and ifds[ifds >= 0].min() == 0:
            self._oddities.append(
                Oddity(
                    "doubtful",
                    f"of '{there[0]}' the OME-XML says {stated[0]} × {stated[1]} (y × x) "
                    f"{stated[2]}, the pixels are {found[0]} × {found[1]} {found[2]}; the pixels "
                    "count.",
                )
            )
            return found
        return stated

    def _ifds(
        self, pixels: Any, shape: tuple[int, int, int]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]]:
        """Page and file of each plane (t, c, z); page -1 where there is none."""
        sizes = dict(zip("TCZ", shape, strict=True))
        order = [axis for axis in pixels.get("DimensionOrder", "XYCZT") if axis in "TCZ"]
        total = shape[0] * shape[1] * shape[2]
        ifds = np.full(shape, -1, dtype=np.int64)
        paths = np.full(shape, "", dtype=object)
        for data in omexml.every(pixels, "TiffData"):
            ifd, count = data.get("IFD"), data.get("PlaneCount")
            # Without either, the element speaks of all planes; with the page alone, of one.
            length = int(count) if count is not None else (total if ifd is None else 1)
            path = self._file(next(omexml.every(data, "UUID"), None))
            first = [int(data.get(f"First{axis}") or 0) for axis in order]
            start = int(np.ravel_multi_index(first[::-1], [sizes[a] for a in order[::-1]]))
            for step in range(min(length, total - start)):
                place = np.unravel_index(start + step, [sizes[a] for a in order[::-1]])
                at = dict(zip(order[::-1], place, strict=True))
                where = (at["T"], at["C"], at["Z"])
                page = int(ifd or 0) + step
                header = None if path is None else self._files.header(path)
                if header is not None and page < header.pages:
                    ifds[where], paths[where] = page, path
        return ifds, paths

    def _file(self, uuid: Any) -> str | None:
        """The file that holds some planes, relative to the folder; None if it is not there."""
        if uuid is None or uuid.get("FileName") is None or self._renamed:
            return self._name
        if uuid.text and uuid.text.strip().lower() == self._uuid:
            return self._name  # whatever it was called when it was written
        name = _beside(self._name, uuid.get("FileName"))
        if not (self._files.root / name).is_file():
            self._oddities.append(
                Oddity("missing", f"it speaks of the file '{name}', which is gone.")
            )
            return None
        if self._files.header(name) is None:
            self._oddities.append(Oddity("unreadable", f"'{name}' is damaged or cut off."))
        self.files.add(name)
        return name


def _beside(name: str, stated: str) -> str:
    """The file stated in the description of another, in the same folder (folders are dropped)."""
    return name[: name.rfind("/") + 1] + stated.replace("\\", "/").rpartition("/")[2]


def _xml_of(path: Path) -> bytes | None:
    """The OME-XML of a TIFF; None if it has none."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        tag = file.pages.first.tags.get("ImageDescription")
        text = tag.value if tag is not None and isinstance(tag.value, str) else ""
    start = text.lstrip("\ufeff \r\n\t")
    is_ome = start.startswith("<") and "<OME" in start.replace("<ome:OME", "<OME")[:2000]
    # Bytes with a declaration of another encoding would be read wrongly.
    return start.partition("?>")[2].encode() if is_ome and start.startswith("<?xml") else (
        start.encode() if is_ome else None
    )  # fmt: skip
