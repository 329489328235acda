"""Revvity (PerkinElmer) Harmony: Operetta, Operetta CLS, Opera Phenix.

An exported measurement is a folder with one TIFF a plane beside `Index.idx.xml` (Harmony V1 to V5)
or `Index.xml` (V6, V7). Facts of channels stand with each image up to V5, and from V6 on once for
each channel, in a map; name spaces differ, the names of elements do not.

Lengths are metres. The stage counts y upwards from the centre of the well, our tables count it
down the image: `stage_y_um` is minus the PositionY. `stage_z_um` is the absolute height; the
distance of z planes comes from the heights that were asked for (PositionZ). The size of pixels is
that of the index: the resolution tag of the TIFFs is another one. The images' State and FlimID are
not used. Where the index is gone or damaged, the names of the images serve (harmony_names.py).
"""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from napari_tmaps.errors import FormatError, InputError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Oddity, Scan, dense, make_planes
from napari_tmaps.model.wells import PlateFormat, WellName
from napari_tmaps.vendors import checks
from napari_tmaps.vendors.containers import unique_channels
from napari_tmaps.vendors.harmony_index import BrokenIndexError, Index, read_index
from napari_tmaps.vendors.harmony_names import has_named_images, scan_names
from napari_tmaps.vendors.listing import Listing, examples, leaves_folder
from napari_tmaps.vendors.opening import number
from napari_tmaps.vendors.singles import check_files, pixel_size

NAME = "Revvity Harmony"
INDEX = ("index.idx.xml", "index.xml")

_ROOT = b"<EvaluationInputData"
_HEAD = 4096
_FACTS = {
    "microscope": "InstrumentType",
    "operator": "User",
    "started": "MeasurementStartTime",
    "measurement": "MeasurementID",
    "plate_product": "PlateTypeName",
}


def recognise(listing: Listing) -> bool:
    """True if there is an index of Harmony, or an image named by it."""
    return bool(_indexes(listing)) or has_named_images(listing)


def scan(listing: Listing) -> Scan:
    """The measurement in a folder or anywhere below it.

    Raises
    ------
    FormatError
        The index contradicts itself, there are several measurements, or no image is there.
    InputError
        A well that no plate has.
    """
    name = _only(listing)
    if name is None:
        return scan_names(listing, NAME, _without_index(listing))
    path, folder = listing.root / name, posixpath.dirname(name)
    try:
        index = read_index(path)
    except BrokenIndexError as error:
        if not has_named_images(listing):
            raise
        text = f"{error} Until then the names of the images tell the layout."
        return scan_names(listing, NAME, Oddity("unreadable", text))
    there = set(listing.names)
    stated = [url.replace("\\", "/") for url in index.images["URL"]]
    files = [posixpath.join(folder, url) for url in stated]
    files = [file if file in there else "" for file in files]
    if not any(files):
        raise FormatError(
            f"None of the {len(files)} images that '{path}' lists is there. Copy the images into "
            "the folder of the index."
        )
    outside = [url for url in stated if leaves_folder(url)]
    oddities = []
    if outside:
        text = (
            f"{examples(outside, 'image')} of the index lie outside of its folder; they are not "
            "read and count as missing."
        )
        oddities.append(Oddity("missing", text))
    channels = _channels(index)
    names = dict(zip(index.channels, (channel.name for channel in channels), strict=True))
    table = _table(path, index, names)
    plate = _plate_format(index.facts)
    _check_wells(path, table["well"], plate)
    planes, found, unreadable = check_files(
        listing.root,
        make_planes(
            **{str(column): table[column].array for column in table if column != "asked_z_um"},
            plate=index.facts.get("Name") or index.facts.get("PlateID", ""),
            path=files,
            missing=[not file for file in files],
        ),
        fill=False,
    )
    scale, scale_oddities = pixel_size(
        [
            (_micrometres(facts, "ImageResolutionY"), _micrometres(facts, "ImageResolutionX"))
            for facts in index.channels.values()
        ],
        f"'{posixpath.basename(name)}'",
    )
    step, step_oddities = _z_step(table)
    return Scan(
        vendor=NAME,
        root=listing.root,
        planes=planes,
        channels=channels,
        pixel_size_um=scale,
        z_step_um=step,
        plate_format=plate,
        oddities=(*found, *oddities, *scale_oddities, *step_oddities),
        metadata={
            **{key: index.facts[tag] for key, tag in _FACTS.items() if index.facts.get(tag)},
            **_optics(index, names),
            "flat_field": {
                names[key]: facts["FlatfieldProfile"]
                for key, facts in index.channels.items()
                if "FlatfieldProfile" in facts
            },
            "stage_y_of_microscope": "grows upwards; stage_y_um is its negative",
            "unreadable": unreadable,
        },
    )


def _indexes(listing: Listing) -> list[str]:
    """Indexes of Harmony, one a folder; a measurement may have been exported in both versions."""
    found: dict[str, str] = {}
    for name in listing.ending(*INDEX):
        base = posixpath.basename(name).lower()
        if base == INDEX[0] or (base in INDEX and _is_harmony(listing.root / name)):
            found.setdefault(posixpath.dirname(name), name)
    return list(found.values())


def _is_harmony(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            return _ROOT in file.read(_HEAD)
    except OSError:
        return False


def _without_index(listing: Listing) -> Oddity:
    there = listing.ending(*INDEX)
    if there:
        text = (
            f"{examples(there)} named like the index of {NAME}, but damaged, empty or not to be "
            "read: the names of the images tell the layout. Copy the index again from the "
            "microscope."
        )
        return Oddity("unreadable", text)
    text = (
        f"{INDEX[0].title()} or {INDEX[1].title()} is not among the files: the names of the images "
        "tell the layout. Copy the index as well."
    )
    return Oddity("incomplete", text)


def _only(listing: Listing) -> str | None:
    """The one index; None if there is none that can be read."""
    found = _indexes(listing)
    if not found:
        return None
    if len(found) > 1:
        raise FormatError(
            f"'{listing.root}' holds {len(found)} measurements: {examples(found)}. Choose the "
            "folder of one, and add each as an acquisition of its own."
        )
    return found[0]


# -- what it means --------------------------------------------------------------------------


def _table(path: Path, index: Index, names: dict[str, str]) -> pd.DataFrame:
    """Columns of the plane table, and `asked_z_um`, one row an image."""

    def column(name: str, kind: Callable[[str], Any]) -> list[Any]:
        values = []
        for text in index.images[name]:
            try:
                values.append(kind(text))
            except ValueError as error:
                url = index.images["URL"][len(values)]
                raise FormatError(
                    f"'{path}': {name} of image '{url}' is '{text}', but must be {kind.__doc__}. "
                    "Export the measurement again."
                ) from error
        return values

    places = list(zip(column("Row", _whole), column("Col", _whole), strict=True))
    try:
        wells = {place: str(WellName.at(place[0] - 1, place[1] - 1)) for place in set(places)}
    except InputError as error:
        raise InputError(f"'{path}': {error}") from error
    asked = pd.Series(column("PositionZ", _length), dtype="float64")
    absolute = pd.Series(column("AbsPositionZ", _length), dtype="float64")
    return pd.DataFrame(
        {
            "well": pd.Series([wells[place] for place in places], dtype="str"),
            "site": column("FieldID", _whole),
            "channel": pd.Series([names[key] for key in index.images["ChannelID"]], dtype="str"),
            "z": dense(pd.Series(column("PlaneID", _whole))),
            "t": dense(pd.Series(column("TimepointID", _whole))),
            "page": column("BufferNo", _whole),
            "stage_y_um": [0.0 - value for value in column("PositionY", _length)],
            "stage_x_um": column("PositionX", _length),
            "stage_z_um": absolute.fillna(asked),
            "time_s": checks.seconds_since_first(pd.Series(index.images["AbsTime"], dtype="str")),
            "asked_z_um": asked.fillna(absolute),
        }
    )


def _z_step(table: pd.DataFrame) -> tuple[float | None, list[Oddity]]:
    """Distance of the z planes that were asked for."""
    columns = ("well", "site", "channel", "z", "t")
    asked = make_planes(
        **{name: table[name].array for name in columns}, stage_z_um=table["asked_z_um"].array
    )
    return checks.z_step(asked)


def _channels(index: Index) -> tuple[Channel, ...]:
    channels = []
    for key, facts in index.channels.items():
        exposure = number(facts.get("ExposureTime"))
        largest = number(facts.get("MaxIntensity"))
        channels.append(
            Channel(
                facts.get("ChannelName") or f"C{key.zfill(2)}",
                # Zero stands for light without a wavelength, such as that of a lamp.
                excitation_nm=number(facts.get("MainExcitationWavelength")) or None,
                emission_nm=number(facts.get("MainEmissionWavelength")) or None,
                exposure_ms=None if exposure is None else round(exposure * 1000, 6),
                # 65535 or 65536 alike: both are written for 16 bits.
                bit_depth=int(largest - 1).bit_length() if largest and largest > 1 else None,
            )
        )
    return unique_channels(channels)


def _optics(index: Index, names: dict[str, str]) -> dict[str, Any]:
    """Objective, binning and acquisition: one value, or one for each channel if they differ."""
    shown: dict[str, Callable[[dict[str, str]], str | None]] = {
        "objective": _objective,
        "binning": lambda facts: facts.get("BinningX"),
        "acquisition": lambda facts: facts.get("AcquisitionType"),
    }
    result: dict[str, Any] = {}
    for key, show in shown.items():
        values = {names[n]: text for n, facts in index.channels.items() if (text := show(facts))}
        if values:
            alike = len(set(values.values())) == 1
            result[key] = next(iter(values.values())) if alike else values
    return result


def _objective(facts: dict[str, str]) -> str | None:
    magnification = number(facts.get("ObjectiveMagnification"))
    aperture = number(facts.get("ObjectiveNA"))
    if not magnification:
        return None
    return f"{magnification:g}x" + (f" NA {aperture:g}" if aperture else "")


def _plate_format(facts: dict[str, str]) -> PlateFormat | None:
    rows, columns = number(facts.get("PlateRows")), number(facts.get("PlateColumns"))
    if not rows or not columns or not (1 <= rows <= 702 and 1 <= columns <= 99):
        return None
    return PlateFormat(int(rows), int(columns))


def _check_wells(path: Path, wells: pd.Series, plate: PlateFormat | None) -> None:
    if plate is None:
        return
    for well in wells.unique():
        try:
            plate.check(WellName.parse(well))
        except InputError as error:
            raise InputError(f"'{path}' contradicts itself: {error}") from error


def _micrometres(facts: dict[str, str], key: str) -> float | None:
    metres = number(facts.get(key))
    return None if metres is None else round(metres * 1e6, 9)


def _whole(text: str) -> int:
    """a whole number from 0"""
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError
    return int(text)


def _length(text: str) -> float:
    """a length in metres"""
    if not text:
        return math.nan
    metres = number(text)
    if metres is None or abs(metres) > 10:
        raise ValueError
    return round(metres * 1e6, 6)
