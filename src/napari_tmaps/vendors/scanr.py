"""Olympus scanR: one TIFF a plane, named by its place, beside `experiment_descriptor.xml`.

Names are `<well>--W<number>--P<position>--Z<z>--T<time>--<channel>.tif`; z and time count from 0,
positions from 1. The descriptor is XML as LabVIEW writes it: clusters of names and values. It tells
the size of pixels, the plate and the exposures; where it is lost, the names alone tell the layout.

Of positions within a well the descriptor says not in which direction y grows; they are taken to
grow down the image, and this is told as doubtful. Some cameras store values with an offset of
32,768, half of 16 bits; it is told, not taken off.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from napari_tmaps.errors import FormatError, StorageError, TmapsError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Oddity, Scan, dense, make_planes
from napari_tmaps.model.wells import PlateFormat, WellName
from napari_tmaps.vendors.listing import Listing, examples, natural_sort
from napari_tmaps.vendors.opening import number
from napari_tmaps.vendors.singles import check_files, pixel_size
from napari_tmaps.vendors.tiff import TiffPlanes
from napari_tmaps.vendors.xmlfile import Element, read_tree

NAME = "Olympus scanR"
INDEX = ("experiment_descriptor.xml",)

_IMAGE = re.compile(
    r"(?P<folder>(?:.*/)?)(?P<well>[A-Z]{1,2}0*[1-9]\d?)--W\d{1,9}--P(?P<site>\d{1,9})"
    r"--Z(?P<z>\d{1,9})--T(?P<t>\d{1,9})--(?P<channel>[^/]+?)(?:\.ome)?\.tiff?",
    re.IGNORECASE,
)
_OFFSET = 1 << 15


def recognise(listing: Listing) -> bool:
    """True if there is an image named by scanR."""
    return any(map(_IMAGE.fullmatch, listing.names))


def scan(listing: Listing) -> Scan:
    """The measurement in a folder or anywhere below it.

    Raises
    ------
    FormatError
        There are several measurements.
    """
    images = _named(listing)
    descriptor, oddities = _described(listing)
    names = images["channel"].unique().tolist()
    order = [name for name in descriptor.exposures if name in names]
    order += [name for name in natural_sort(names) if name not in order]
    places, place_oddities = _positions(images, descriptor)
    planes, found, unreadable = check_files(
        listing.root,
        make_planes(
            **{name: images[name].array for name in ("path", "well", "site", "channel")},
            z=dense(images["z"]).array,
            t=dense(images["t"]).array,
            plate=descriptor.plate,
            **places,
        ),
    )
    sizes = [(descriptor.pixel_um, descriptor.pixel_um)]
    scale, scale_oddities = pixel_size(sizes, f"'{INDEX[0]}'")
    return Scan(
        vendor=NAME,
        root=listing.root,
        planes=planes,
        channels=tuple(
            Channel(name, exposure_ms=descriptor.exposures.get(name) or None) for name in order
        ),
        pixel_size_um=scale,
        plate_format=descriptor.plate_format,
        oddities=(
            *found,
            *oddities,
            *place_oddities,
            *(scale_oddities if descriptor != _Descriptor() else ()),
            *_offset(listing.root, planes),
        ),
        metadata={"unreadable": unreadable},
    )


def _named(listing: Listing) -> pd.DataFrame:
    """One row an image, by their names."""
    matches = [match for match in map(_IMAGE.fullmatch, listing.names) if match]
    folders = list(dict.fromkeys(match["folder"] for match in matches))
    if len(folders) > 1:
        raise FormatError(
            f"'{listing.root}' holds {len(folders)} measurements: {examples(folders, 'folder')}. "
            "Choose the folder of one, and add each as an acquisition of its own."
        )
    return pd.DataFrame(
        {
            "path": [match.string for match in matches],
            "well": [str(WellName.parse(match["well"])) for match in matches],
            "channel": [match["channel"] for match in matches],
            **{name: [int(match[name]) for match in matches] for name in ("site", "z", "t")},
        }
    )


# -- the descriptor -------------------------------------------------------------------------


@dataclass(frozen=True)
class _Descriptor:
    """What the descriptor tells; empty where it is lost.

    Attributes
    ----------
    exposures
        Exposure of each channel in ms, 0 where it is not told, in the order of the microscope.
    positions
        (x, y) of each position within a well, from the first.
    """

    plate: str = ""
    plate_format: PlateFormat | None = None
    pixel_um: float | None = None
    exposures: dict[str, float] = field(default_factory=dict)
    positions: tuple[tuple[float, float], ...] = ()


def _described(listing: Listing) -> tuple[_Descriptor, list[Oddity]]:
    found = [name for name in listing.names if posixpath.basename(name).lower() in INDEX]
    if len(found) != 1:
        text = (
            f"There is no single {INDEX[0]}: the layout comes from the names of the images alone; "
            "size of pixels, plate and exposures are unknown."
        )
        return _Descriptor(), [Oddity("incomplete", text)]
    try:
        descriptor = _read(listing.root / found[0])
        text = f"'{found[0]}' tells nothing: size of pixels, plate and exposures are unknown."
        empty = descriptor == _Descriptor()
        return descriptor, [Oddity("unreadable", text)] if empty else []
    except TmapsError as error:
        text = f"The layout comes from the names of the images alone: {error}"
        return _Descriptor(), [Oddity("unreadable", text)]


def _read(path: Path) -> _Descriptor:
    root = read_tree(path)
    values = dict(_values(root))
    rows, columns = number(values.get("Rows")), number(values.get("Columns"))
    plausible = rows and columns and 1 <= rows <= 702 and 1 <= columns <= 99
    exposures = {}
    for cluster in root.all("Cluster"):
        facts = {_text(item, "Name"): _text(item, "Val") for item in cluster.children}
        if facts.get("name") and "exposure time" in facts:
            exposures[facts["name"]] = number(facts["exposure time"]) or 0.0
    return _Descriptor(
        plate=values.get("plate name", ""),
        plate_format=PlateFormat(int(rows), int(columns))
        if rows and columns and plausible
        else None,
        pixel_um=number(values.get("conversion factor um/pixel")),
        exposures=exposures,
        positions=tuple(_subpositions(root)),
    )


def _values(root: Element) -> Iterator[tuple[str, str]]:
    """Names and values, at any depth."""
    for item in root.children:
        name = _text(item, "Name")
        if name:
            yield name, _text(item, "Val")
        yield from _values(item)


def _text(item: Element, tag: str) -> str:
    return next((child.text for child in item.children if child.tag == tag), "")


def _subpositions(root: Element) -> Iterator[tuple[float, float]]:
    for array in root.all("Array"):
        if _text(array, "Name") == "subposition list":
            for cluster in (child for child in array.children if child.tag == "Cluster"):
                values = [number(_text(item, "Val")) for item in cluster.children]
                x, y = ([value for value in values if value is not None] + [None, None])[:2]
                if x is not None and y is not None:
                    yield x, y


def _positions(
    images: pd.DataFrame, descriptor: _Descriptor
) -> tuple[dict[str, list[float]], list[Oddity]]:
    """Stage positions as columns, if the descriptor has one for each position."""
    positions = descriptor.positions
    if not positions or not images["site"].between(1, len(positions)).all():
        return {}, []
    at = [positions[site - 1] for site in images["site"]]
    columns = {"stage_x_um": [x for x, _ in at], "stage_y_um": [y for _, y in at]}
    if len(images["site"].unique()) == 1:
        return columns, []
    text = (
        "The direction in which positions count y is not told; they are taken to grow down the "
        "image. Check the site grid."
    )
    return columns, [Oddity("doubtful", text)]


def _offset(root: Path, planes: pd.DataFrame) -> list[Oddity]:
    """Do the values carry an offset? Asks one image; it is the same for all of a camera."""
    there = planes[planes["dtype"].eq("uint16")]
    if there.empty:
        return []
    name = there["path"].iloc[0]
    file = TiffPlanes(root / name)
    try:
        lowest = int(file.read(0, 0).min())
    except (FormatError, StorageError):
        return []
    finally:
        file.close()
    if lowest < _OFFSET:
        return []
    text = (
        f"Values begin at {lowest} in '{posixpath.basename(name)}': the camera stored them with an "
        f"offset of {_OFFSET}, which is left in. Subtract it before you compare intensities as "
        "ratios."
    )
    return [Oddity("doubtful", text)]
