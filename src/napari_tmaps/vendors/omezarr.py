"""OME-Zarr as a source: single images, HCS plates and the series of bioformats2raw, 0.4 and 0.5.

Source: OME-NGFF 0.4 and 0.5 (https://ngff.openmicroscopy.org), which describe plates, wells and
the layout "bioformats2raw.layout" 3 with its `OME/METADATA.ome.xml`.

Translations are positions of the centre of the first pixel; the centre of the site follows from
them. Where all images of a plate start at (0, 0), positions are unknown. Acquisitions of a plate
become staining cycles.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError, NotFoundError, TmapsError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Oddity, Scan, dense, sort_planes
from napari_tmaps.model.wells import PlateFormat, WellName
from napari_tmaps.streams.ngff import ImageInfo, read_attributes, read_info, read_levels
from napari_tmaps.vendors import omexml
from napari_tmaps.vendors.containers import (
    Container,
    SiteImage,
    scan_files,
    unique_channels,
    well_in,
)
from napari_tmaps.vendors.kinds import dominant, of_kind
from napari_tmaps.vendors.listing import Listing
from napari_tmaps.vendors.opening import DAMAGE, no_plane, parse_xml

NAME = "OME-Zarr"

# Of one plane. 100,000 files take a minute.
_MOST_CHUNKS = 100_000

_MOST_PLANES = 1_000_000
_GROUPS = ("plate", "well", "multiscales", "bioformats2raw.layout")


def recognise(listing: Listing) -> bool:
    """True if most containers of the folder are *.zarr, or if the folder itself is an OME-Zarr."""
    return dominant(listing) == NAME or _is_group(listing.root)


def scan(listing: Listing) -> Scan:
    """Table of the planes of all OME-Zarr of a folder.

    Raises
    ------
    FormatError
        None can be read.
    """
    root, names = listing.root, of_kind(listing, NAME)
    if _is_group(root):
        root, names = root.parent, [root.name]
    cycles: list[int] = []

    def read(name: str) -> Container:
        container, acquisitions = _describe(root, name)
        cycles.extend(acquisitions)
        return container

    found = scan_files(NAME, "omezarr", replace(listing, root=root), names, read)
    return _with_cycles(found, cycles) if len(set(cycles)) > 1 else found


def _is_group(path: Path) -> bool:
    try:
        return any(key in read_attributes(path) for key in _GROUPS)
    except (TmapsError, *DAMAGE):
        return False


class OmeZarrPlanes:
    """An OME-Zarr image; pages run over (t, c, z). See `pixels.PlaneFile`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._info = read_info(path)
        except NotFoundError as error:
            raise FormatError(f"'{path}' is no OME-Zarr image any more: {error}") from error
        self._pixels: Any = read_levels(path)[0]
        pieces = zip(self._pixels.shape[-2:], self._pixels.chunks[-2:], strict=True)
        parts = math.prod(-(-size // max(1, part)) for size, part in pieces)
        if parts > _MOST_CHUNKS:
            raise FormatError(
                f"'{path}' cuts each plane into {parts} chunks, more than the {_MOST_CHUNKS} that "
                "can be read in a bearable time. Its description may be damaged; else write it "
                "again with larger chunks."
            )

    def read(self, series: int, page: int) -> npt.NDArray[Any]:
        """The plane (y, x), in its original pixel type."""
        try:
            place = np.unravel_index(page, _sizes(self._info))
            at = dict(zip("tcz", place, strict=True))
            index = tuple(int(at[axis]) if axis in at else slice(None) for axis in self._info.axes)
            return np.asarray(self._pixels[index])
        except DAMAGE as error:
            raise no_plane(self._path, series, page, error) from error

    def close(self) -> None:
        """Nothing is kept open."""


# -- what lies in a folder ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """An image of a plate: its folder, well and acquisition."""

    path: str
    well: str | None = None
    acquisition: int = 0


def _describe(root: Path, name: str) -> tuple[Container, list[int]]:
    """What one OME-Zarr holds, and of each image the acquisition."""
    attributes = read_attributes(root / name)
    oddities: list[Oddity] = []
    facts: dict[str, Any] = {}
    plate, document = "", None
    if "plate" in attributes:
        stated = attributes["plate"]
        plate = str(stated.get("name") or PurePosixPath(name).name.partition(".")[0])
        places = list(_of_plate(root, name, stated, oddities))
        if len({place.acquisition for place in places}) > 1:
            text = "its acquisitions are taken for staining cycles."
            oddities.append(Oddity("doubtful", text))
    elif "well" in attributes:
        row, column = (root / name).parts[-2:]
        places = list(_of_well(root, name, well_in(row + column), attributes["well"]))
    elif "multiscales" in attributes:
        places = [_Place(name)]
    elif "bioformats2raw.layout" in attributes:
        places, document = _of_series(root, name, oddities)
        facts = {} if document is None else omexml.facts(document)
    else:
        raise FormatError("it holds neither an image nor a plate")
    images, acquisitions = [], []
    elements = list(omexml.every(document, "Image")) if document is not None else []
    for number, place in enumerate(places):
        try:
            image = _image(root, place, plate)
        except TmapsError as error:
            oddities.append(Oddity("unreadable", f"'{place.path}' is left out: {error}"))
            continue
        if number < len(elements):
            image = _with_notes(image, elements[number])
        images.append(image)
        acquisitions.append(place.acquisition)
    if plate and all(image.stage_yx_um == _middle(image) for image in images):
        images = [replace(image, stage_yx_um=None) for image in images]
    if not images:
        raise FormatError(oddities[0].message if oddities else "it announces no images")
    plate_format = _plate_format(attributes["plate"], places) if plate else None
    return Container(tuple(images), tuple(oddities), facts, plate_format), acquisitions


def _plate_format(plate: dict[str, Any], places: list[_Place]) -> PlateFormat:
    """Rows and columns as stated, unless only those in use are."""
    needed = PlateFormat.holding(WellName.parse(place.well) for place in places if place.well)
    rows, columns = (len(plate.get(key) or ()) for key in ("rows", "columns"))
    whole = rows >= needed.rows and columns >= needed.columns
    return PlateFormat(rows, columns) if whole else needed


def _of_plate(
    root: Path, name: str, plate: dict[str, Any], oddities: list[Oddity]
) -> Iterator[_Place]:
    for entry in plate.get("wells") or ():
        path = str(entry["path"])
        # Names are read before indices, which count only the rows that the plate lists.
        well = well_in(path.replace("/", ""))
        if well is None:
            well = str(WellName.at(int(entry["rowIndex"]), int(entry["columnIndex"])))
        try:
            group = read_attributes(root / name / path)["well"]
            yield from _of_well(root, f"{name}/{path}", well, group)
        except (TmapsError, KeyError) as error:
            text = f"well {well} is announced, but '{path}' is no well: {error}"
            oddities.append(Oddity("missing", text))


def _of_well(root: Path, name: str, well: str | None, group: dict[str, Any]) -> Iterator[_Place]:
    for entry in group.get("images") or ():
        path = PurePosixPath(name) / str(entry["path"])
        if ".." in path.parts or PurePosixPath(str(entry["path"])).is_absolute():
            raise FormatError(f"it points outside of its folder: '{entry['path']}'")
        yield _Place(str(path), well, int(entry.get("acquisition") or 0))


def _of_series(root: Path, name: str, oddities: list[Oddity]) -> tuple[list[_Place], Any]:
    """Images of the layout of bioformats2raw, and its OME-XML; None where it is lost."""
    folder = root / name
    try:
        stated = read_attributes(folder / "OME").get("series")
    except NotFoundError:
        stated = None
    numbers = (str(number) for number in range(100_000))
    series = stated or list(_while_there(folder, numbers))
    try:
        document = parse_xml((folder / "OME" / "METADATA.ome.xml").read_bytes())
    except (OSError, FormatError) as error:
        text = f"OME/METADATA.ome.xml cannot be read ({error}); names and positions are unknown."
        oddities.append(Oddity("incomplete", text))
        document = None
    return [_Place(f"{name}/{path}") for path in series if ".." not in str(path)], document


def _while_there(folder: Path, names: Iterator[str]) -> Iterator[str]:
    for name in names:
        if not (folder / name).is_dir():
            return
        yield name


# -- one image ------------------------------------------------------------------------------


def _image(root: Path, place: _Place, plate: str) -> SiteImage:
    info = read_info(root / place.path)
    if not set(info.axes) <= set("tczyx") or not info.axes.endswith("yx"):
        raise FormatError(f"its axes are {info.axes}; only t, c, z, y, x in this order are read.")
    sizes = _sizes(info)
    if np.prod(sizes, dtype=float) > _MOST_PLANES:
        raise FormatError(f"its metadata are damaged: {sizes} planes (t, c, z) are announced.")
    size = dict(zip(info.axes, info.shape, strict=True))
    pages = np.arange(np.prod(sizes, dtype=int)).reshape(sizes)
    for lost in info.missing:
        if all(0 <= index < length for index, length in zip(lost, sizes, strict=True)):
            pages[lost] = -1
    named = info.channels if len(info.channels) == sizes[1] else ()
    channels = named or tuple(Channel(f"C{c + 1:02d}") for c in range(sizes[1]))
    step_z, step_y, step_x = info.pixel_size_um
    known = step_y is not None and step_x is not None
    image = SiteImage(
        name=info.name or place.path,
        path=place.path,
        channels=unique_channels(channels),
        size_t=sizes[0],
        size_z=sizes[2],
        height=size["y"],
        width=size["x"],
        dtype=info.dtype.name,
        pages=pages,
        plate=plate,
        well=place.well,
        pixel_size_um=(step_y, step_x) if step_y is not None and step_x is not None else None,
        z_step_um=step_z if sizes[2] > 1 else None,
        time_s=_times(info, sizes),
    )
    middle = _middle(image)
    if known and middle is not None:
        start_y, start_x = info.translation_um[1:]
        image = replace(image, stage_yx_um=(middle[0] + start_y, middle[1] + start_x))
    return image


def _sizes(info: ImageInfo) -> tuple[int, int, int]:
    """Sizes (t, c, z); 1 for axes that the image has not."""
    size = dict(zip(info.axes, info.shape, strict=True))
    return size.get("t", 1), size.get("c", 1), size.get("z", 1)


def _middle(image: SiteImage) -> tuple[float, float] | None:
    """Centre of an image whose first pixel lies at (0, 0)."""
    if image.pixel_size_um is None:
        return None
    y, x = image.pixel_size_um
    return y * (image.height - 1) / 2, x * (image.width - 1) / 2


def _times(info: ImageInfo, sizes: tuple[int, int, int]) -> npt.NDArray[np.float64] | None:
    if info.time_step_s is None or sizes[0] == 1:
        return None
    return np.broadcast_to((np.arange(sizes[0]) * info.time_step_s)[:, None, None], sizes).copy()


def _with_notes(image: SiteImage, element: Any) -> SiteImage:
    """The image with what the OME-XML of bioformats2raw says of it."""
    pixels = next(omexml.every(element, "Pixels"), omexml.NOTHING)
    if pixels is omexml.NOTHING:
        return image
    notes = omexml.plane_notes(pixels, image.shape)
    stated = list(omexml.every(pixels, "Channel"))
    channels = image.channels
    if len(stated) == len(channels):
        channels = unique_channels(
            replace(
                omexml.channel(each, number),
                color=image.channels[number].color or omexml.channel(each, number).color,
                exposure_ms=notes.exposure_ms.get(number),
                bit_depth=omexml.significant_bits(pixels),
            )
            for number, each in enumerate(stated)
        )
    size = [omexml.length_um(pixels, f"PhysicalSize{axis}") for axis in "YXZ"]
    stated_size = None if size[0] is None or size[1] is None else (size[0], size[1])
    return replace(
        image,
        name=element.get("Name") or image.name,
        channels=channels,
        pixel_size_um=image.pixel_size_um or stated_size,
        z_step_um=(image.z_step_um or size[2]) if image.size_z > 1 else None,
        stage_yx_um=notes.stage or image.stage_yx_um,
        stage_z_um=notes.stage_z_um,
        time_s=notes.time_s if np.isfinite(notes.time_s).any() else image.time_s,
    )


def _with_cycles(found: Scan, acquisitions: list[int]) -> Scan:
    """The scan with acquisitions as cycles, and sites counted within each of them."""
    counts: Counter[tuple[str, int]] = Counter()
    places: dict[tuple[str, int], tuple[int, int]] = {}
    for site, acquisition in zip(found.metadata["sites"], acquisitions, strict=True):
        counts[site["well"], acquisition] += 1
        places[site["well"], site["site"]] = (acquisition, counts[site["well"], acquisition])
    planes = found.planes
    where = [places[key] for key in zip(planes["well"], planes["site"], strict=True)]
    planes = planes.assign(cycle=[each[0] for each in where], site=[each[1] for each in where])
    return replace(found, planes=sort_planes(planes.assign(cycle=dense(planes["cycle"]))))
