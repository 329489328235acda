"""GE / Cytiva IN Cell Analyzer: one TIFF a plane beside an index `<plate>.xdce`.

The index lists an <Image> for each plane: file name, well (row and column from 1), and an
<Identifier> with field, time, wave and z from 0; fields are called from 1 here, as the microscope
does in the names of its files ("B - 3(fld 1 …).tif").

Stage positions count y upwards from the centre of the well, tables here down the image (also in
https://github.com/ome/bioformats/pull/3486); `stage_y_um` is minus the y of the index.

Written without real files, by public descriptions of the format. Assumed: images lie in the folder
of the index; positions are in µm ("OffsetFromWellCenter", else the list of "offset_point", else
"PlatePosition_um"), wavelengths in nm, exposures and "acquisition_time_ms" in ms. The
index that MetaXpress writes for IN Carta has the same form.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from napari_tmaps.errors import FormatError, InputError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Oddity, Scan, dense, make_planes
from napari_tmaps.model.wells import PlateFormat, WellName
from napari_tmaps.vendors import checks
from napari_tmaps.vendors.containers import unique_channels
from napari_tmaps.vendors.listing import TIFF_SUFFIXES, Listing, examples, suffix
from napari_tmaps.vendors.opening import number
from napari_tmaps.vendors.xmlfile import Element, read_elements

NAME = "IN Cell Analyzer"
INDEX = (".xdce",)

_NAN = float("nan")


def recognise(listing: Listing) -> bool:
    """True if there is an index."""
    return bool(listing.ending(*INDEX))


def scan(listing: Listing) -> Scan:
    """The plate in a folder or anywhere below it.

    Raises
    ------
    FormatError
        The index is damaged, there are several, or no image is there.
    InputError
        A well lies outside of the plate.
    """
    found = listing.ending(*INDEX)
    if len(found) > 1:
        raise FormatError(
            f"'{listing.root}' holds {len(found)} measurements: {examples(found)}. Choose the "
            "folder of one, and add each as an acquisition of its own."
        )
    index = _read_index(listing, found[0])
    records = pd.DataFrame(index.images)
    oddities = _find_files(listing, posixpath.dirname(found[0]), records)
    if index.plate is not None:
        for well in records["well"].unique():
            _check_well(index.plate, well, found[0])
    planes, more, unreadable = _planes(listing, records)
    z_step, step_oddities = checks.z_step(planes)
    if planes.groupby("well")["stage_y_um"].nunique().gt(1).any():
        index.facts["stage_y_of_microscope"] = "grows upwards; stage_y_um is its negative"
    return Scan(
        vendor=NAME,
        root=listing.root,
        planes=planes.assign(plate=posixpath.basename(found[0])[: -len(INDEX[0])]),
        channels=index.channels,
        pixel_size_um=index.pixel_size_um,
        z_step_um=(z_step or index.z_step_um) if planes["z"].max() > 0 else None,
        plate_format=index.plate,
        oddities=(*more, *oddities, *step_oddities),
        metadata={**index.facts, "unreadable": unreadable},
    )


# -- the index ------------------------------------------------------------------------------


@dataclass
class _Index:
    """What an .xdce says; `images` are records with the columns of the plane table."""

    images: list[dict[str, Any]] = field(default_factory=list)
    channels: tuple[Channel, ...] = ()
    pixel_size_um: tuple[float, float] | None = None
    z_step_um: float | None = None
    plate: PlateFormat | None = None
    facts: dict[str, Any] = field(default_factory=dict)


_TAGS = ("Image", "Wavelength", "ObjectiveCalibration", "Plate", "ZDimensionParameters",
         "Creation", "offset_point")  # fmt: skip


def _read_index(listing: Listing, name: str) -> _Index:
    path = listing.root / name
    index = _Index()
    waves: dict[int, Element] = {}
    points: list[tuple[float, float]] = []
    images: list[Element] = []
    for element in read_elements(path, *_TAGS):
        match element.tag:
            case "Image":
                images.append(element)
            case "Wavelength":
                waves[_whole(element.get("index") or str(len(waves)), element, path)] = element
            case "offset_point":
                points.append(_position(element))
            case "ObjectiveCalibration":
                y, x = (number(element.get(key)) for key in ("pixel_height", "pixel_width"))
                index.pixel_size_um = (y, x) if y and x and min(y, x) > 0 else None
                index.facts["objective"] = element.get("objective_name")
                index.facts["magnification"] = number(element.get("magnification"))
            case "Plate":
                rows, columns = (number(element.get(key)) for key in ("rows", "columns"))
                index.plate = PlateFormat(int(rows), int(columns)) if rows and columns else None
            case "ZDimensionParameters":
                index.z_step_um = number(element.get("step")) or None
            case _:
                index.facts["started"] = f"{element.get('date')}T{element.get('time')}"
    if not images:
        raise FormatError(
            f"'{path}' lists no images. Was the measurement stopped before the first?"
        )
    used = sorted({_whole(image.first("Identifier").get("wave_index"), image, path)
                   for image in images})  # fmt: skip
    shown = [_channel(wave, waves.get(wave), images, path) for wave in used]
    index.channels = unique_channels(shown)
    names = dict(zip(used, (channel.name for channel in index.channels), strict=True))
    index.images = [_record(image, names, points, path) for image in images]
    index.facts = {key: value for key, value in index.facts.items() if value}
    return index


def _record(
    image: Element, names: dict[int, str], points: list[tuple[float, float]], path: Any
) -> dict[str, Any]:
    place = image.first("Identifier")
    wave, z, t, site = (
        _whole(place.get(key), image, path)
        for key in ("wave_index", "z_index", "time_index", "field_index")
    )
    row, column = (
        _whole(image.first(tag).get("number"), image, path) - 1 for tag in ("Row", "Column")
    )
    y, x = _position(image.first("OffsetFromWellCenter"))
    if y != y and 0 <= site < len(points):
        y, x = points[site]
    if y != y:
        y, x = _position(image.first("PlatePosition_um"))
    time = number(image.get("acquisition_time_ms"))
    try:
        well = str(WellName.at(row, column))
    except InputError as error:
        raise FormatError(f"Image '{image.get('filename')}' of '{path}': {error}") from error
    return {
        "well": well,
        "site": site + 1,
        "channel": names[wave],
        "z": z,
        "t": t,
        "path": image.get("filename"),
        "stage_y_um": y,
        "stage_x_um": x,
        "stage_z_um": _or_nan(number(image.first("FocusPosition").get("z"))),
        "time_s": _NAN if time is None else time / 1000,
    }


def _position(element: Element) -> tuple[float, float]:
    """(y, x) of an element in the directions of the image; NaN where it is not there."""
    y, x = number(element.get("y")), number(element.get("x"))
    return (_NAN, _NAN) if y is None or x is None else (0.0 - y, x)


def _or_nan(value: float | None) -> float:
    return _NAN if value is None else value


def _whole(text: str, image: Element, path: Any) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise FormatError(
            f"'{path}' is damaged: '{text}' where a number should be, at {image.tag} "
            f"'{image.get('filename') or image.get('index')}'. Copy it again from the microscope."
        ) from error


def _channel(wave: int, stated: Element | None, images: Iterable[Element], path: Any) -> Channel:
    """The channel of a wave, by the settings or, without them, by its first image."""
    image = next(
        each
        for each in images
        if _whole(each.first("Identifier").get("wave_index"), each, path) == wave
    )
    source = stated if stated is not None else image
    excitation, emission = source.first("ExcitationFilter"), source.first("EmissionFilter")
    name = emission.get("name") or image.first("EmissionFilter").get("name")
    return Channel(
        name.strip() or f"C{wave + 1:02d}",
        excitation_nm=number(excitation.get("wavelength")) or None,
        emission_nm=number(emission.get("wavelength")) or None,
        exposure_ms=number(image.first("Exposure").get("time")),
    )


# -- planes ---------------------------------------------------------------------------------


def _check_well(plate: PlateFormat, well: str, name: str) -> None:
    try:
        plate.check(WellName.parse(well))
    except InputError as error:
        raise InputError(f"'{name}' contradicts itself: {error}") from error


def _find_files(listing: Listing, folder: str, records: pd.DataFrame) -> list[Oddity]:
    """Set the paths of the records to files that are there, else to ""."""
    there = {name.lower(): name for name in listing.names}
    stated = [posixpath.basename(name.replace("\\", "/")) for name in records["path"]]
    paths = [there.get(posixpath.join(folder, name).lower(), "") for name in stated]
    kinds = Counter(suffix(path) for path in paths if path)
    if kinds and not kinds.keys() & TIFF_SUFFIXES:
        raise FormatError(
            f"The images in '{listing.root}' are {next(iter(kinds))} files, which are not read "
            "here. Export the plate as TIFF."
        )
    lost = [name for name, path in zip(stated, paths, strict=True) if not path]
    if len(lost) == len(paths):
        raise FormatError(
            f"None of the {len(lost)} images of the measurement in '{listing.root}' is there, only "
            f"{listing.describe()}. Copy the images into the folder of the index."
        )
    records["path"] = paths
    text = f"{examples(lost, 'image')} of the index not found in the folder."
    return [Oddity("missing", text)] if lost else []


def _planes(
    listing: Listing, records: pd.DataFrame
) -> tuple[pd.DataFrame, list[Oddity], list[str]]:
    """Source planes with the facts of their files; oddities; files that cannot be read."""
    for name in ("z", "t"):
        records[name] = dense(records[name])
    records["time_s"] -= records["time_s"].min()
    planes = make_planes(
        **{str(name): records[name].array for name in records},
        missing=records["path"].eq("").array,
    )
    headers, reasons = checks.read_headers(listing.root, planes["path"].unique())
    planes, duplicates = checks.first_of_each(checks.apply_headers(planes, headers))
    planes, sparse = checks.complete(planes)
    oddities = [
        *checks.gaps(planes),
        *checks.unreadable(reasons),
        *duplicates,
        *checks.mixed(planes),
        *sparse,
    ]
    return planes, oddities, list(reasons)
