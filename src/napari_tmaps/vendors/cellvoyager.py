"""Yokogawa CellVoyager (CV6000, CV7000, CV8000).

A measurement is a folder with one TIFF a plane beside
`MeasurementData.mlf`   one record an image: well, field, time, z, channel, stage position;
`MeasurementDetail.mrf` title, format of the plate, size of image and pixel of each channel;
`*.mes`                 settings: light, filter, exposure, colour, objective.

Where the .mlf is lost, names alone tell the layout:
`<title>_<well>_T<time>F<field>L<timeline>A<action>Z<z>C<channel>.tif`. Images that were
converted to PNG keep their names.

The stage counts y upwards, our tables count it down the image: `stage_y_um` is minus the Y of the
record. Timelines are programmes that run one after the other; a well's time points of the second
follow those of the first.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections import Counter

import pandas as pd

from napari_tmaps.errors import FormatError, TmapsError
from napari_tmaps.model.planes import Oddity, Scan, dense, make_planes, sort_planes
from napari_tmaps.model.wells import WellName
from napari_tmaps.vendors import checks
from napari_tmaps.vendors.cellvoyager_facts import (
    against_detail,
    against_plan,
    channel_of,
    check_wells,
    fluorophores,
    objective_facts,
    pixel_size,
)
from napari_tmaps.vendors.cellvoyager_index import (
    Detail,
    Settings,
    read_detail,
    read_records,
    read_settings,
    record_table,
)
from napari_tmaps.vendors.listing import Listing, examples, leaves_folder, suffix
from napari_tmaps.vendors.xmlfile import Element

NAME = "Yokogawa CellVoyager"
INDEX = ("measurementdata.mlf", "measurementdetail.mrf", ".mes", ".wpi", ".wpp")

PICTURES = (".png",)

_IMAGE = re.compile(
    r"(?P<plate>[^/]*)_(?P<well>[A-Z]{1,2}(?:0[1-9]|[1-9]\d))_T(?P<time>\d{1,9})F(?P<site>\d{1,9})"
    r"L(?P<timeline>\d{1,9})A(?P<action>\d{1,9})Z(?P<z>\d{1,9})C(?P<ch>\d{1,9})\.(?:tiff?|png)$",
    re.IGNORECASE,
)
_CORRECTION = re.compile(r"(^|/)[DS]C_[^/]*\.tiff?$", re.IGNORECASE)


def recognise(listing: Listing) -> bool:
    """True if there is the index of a measurement, or an image named by CellVoyager."""
    return bool(listing.ending(INDEX[0])) or any(map(_IMAGE.search, listing.names))


def scan(listing: Listing) -> Scan:
    """The measurement in a folder or anywhere below it.

    Raises
    ------
    FormatError
        An index file is damaged, there are several measurements, or no image is there.
    InputError
        A well lies outside of the plate.
    """
    alone = listing.names[0] if len(listing.names) == 1 else ""
    if alone:
        listing = _with_neighbours(listing)
    index, detail_name, settings_name = (_only(listing, ending) for ending in INDEX[:3])
    detail = read_detail(listing.root / detail_name) if detail_name else Detail()
    settings, oddities = _settings(listing, settings_name)
    if index:
        records, found = _indexed(listing, index, detail.title)
    else:
        records, found = _named(listing, detail.title)
    if alone and index:
        # Of an image that was chosen by itself, the others are not missing.
        records, found = records[records["path"] == alone].assign(z=0, t=0), []
        if records.empty:
            records, found = _named(listing, detail.title)
    oddities = found + oddities
    if records["path"].eq("").all():
        raise FormatError(
            f"None of the images of the measurement in '{listing.root}' is there, only "
            f"{listing.describe()}. Copy the images into the folder of the index."
        )
    check_wells(records, detail)
    planes, plane_oddities, unreadable = _planes(listing, records)
    if not detail.channels:
        state = (
            "tells of no channel: the size of pixels is unknown."
            if detail_name
            else "is not among the files: the size of pixels and the format of the plate are "
            "unknown."
        )
        oddities.append(Oddity("incomplete", f"MeasurementDetail.mrf {state}"))
    numbers = dict(sorted(set(zip(records["channel"], records["ch"].tolist(), strict=True))))
    dyes = fluorophores(numbers, settings)
    if dyes:
        planes = sort_planes(planes.assign(channel=planes["channel"].map(dyes).astype("str")))
        numbers = {dyes[name]: ch for name, ch in numbers.items()}
    size, pixel_oddities = pixel_size(sorted(numbers.values()), detail)
    z_step, step_oddities = checks.z_step(planes)
    corrections = [name for name in listing.names if _CORRECTION.search(name)]
    return Scan(
        vendor=NAME,
        root=listing.root,
        planes=planes,
        channels=tuple(channel_of(name, ch, detail, settings) for name, ch in numbers.items()),
        pixel_size_um=size,
        z_step_um=z_step,
        reader="bioio" if planes["path"].map(suffix).isin(PICTURES).any() else "tiff",
        plate_format=detail.plate,
        oddities=(
            *plane_oddities,
            *oddities,
            *([] if alone else against_plan(planes, detail, settings)),
            *against_detail(planes, numbers, detail),
            *pixel_oddities,
            *step_oddities,
        ),
        metadata={
            **detail.facts,
            **objective_facts(numbers, settings),
            "stage_y_of_microscope": "grows upwards; stage_y_um is its negative",
            "correction_images": [posixpath.basename(name) for name in corrections],
            "set_aside": {"correction images of the microscope (dark, shading)": corrections},
            "unreadable": unreadable,
        },
    )


def _with_neighbours(listing: Listing) -> Listing:
    """The image that was chosen by itself, and the index files that lie beside it."""
    try:
        beside = sorted(os.listdir(listing.root))
    except OSError:
        return listing
    index = [name for name in beside if name.lower().endswith(INDEX) and name not in listing.names]
    return Listing(listing.root, (*listing.names, *index))


def _only(listing: Listing, ending: str) -> str:
    """The file with that ending; "" without one, or if it is not clear which settings count."""
    found = listing.ending(ending)
    if len(found) > 1 and ending != ".mes":
        raise FormatError(
            f"'{listing.root}' holds {len(found)} measurements: {examples(found)}. Choose the "
            "folder of one, and add each as an acquisition of its own."
        )
    return found[0] if len(found) == 1 else ""


def _settings(listing: Listing, name: str) -> tuple[Settings, list[Oddity]]:
    if not name:
        text = "There is no single .mes file: wavelengths, exposures and colours are unknown."
        return Settings(), [Oddity("incomplete", text)]
    try:
        settings = read_settings(listing.root / name)
        text = f"'{name}' tells of no channel: wavelengths, exposures and colours are unknown."
        return settings, [] if settings.channels else [Oddity("incomplete", text)]
    except TmapsError as error:
        text = f"Wavelengths, exposures and colours are unknown: {error}"
        return Settings(), [Oddity("unreadable", text)]


# -- records of images ----------------------------------------------------------------------


def _indexed(listing: Listing, index: str, title: str) -> tuple[pd.DataFrame, list[Oddity]]:
    """Images by the .mlf; path "" where one is not there."""
    path = listing.root / index
    images, failures = read_records(path)
    if not images:
        raise FormatError(
            f"'{path}' records no images, but {len(failures)} failures. Was the measurement "
            "stopped before its first image?"
        )
    names = [record.text.replace("\\", "/") for record in images]
    outside = [name for name in names if leaves_folder(name)]
    there, folder = set(listing.names), posixpath.dirname(index)
    paths = ["" if leaves_folder(name) else posixpath.join(folder, name) for name in names]
    oddities: list[Oddity] = []
    if not there.intersection(paths):
        paths, oddities = _converted(paths, there)
    lost = [name for name in paths if name and name not in there]
    table = record_table(path, images)
    table["path"] = [name if name in there else "" for name in paths]
    if lost:
        text = f"{examples(lost, 'image')} of the index not found in the folder."
        oddities.append(Oddity("missing", text))
    if outside:
        text = (
            f"{examples(outside, 'image')} of the index lie outside of its folder; they are not "
            "read and count as missing."
        )
        oddities.append(Oddity("missing", text))
    if failures:
        counts = Counter(record.text[:80] or "no reason given" for record in failures)
        shown = "; ".join(f"'{text}' ({number}×)" for text, number in counts.most_common(3))
        oddities.append(
            Oddity("missing", f"The microscope recorded {len(failures)} failures: {shown}.")
        )
    title = title or posixpath.basename(folder) or listing.root.name
    return _ordered(table, record_table(path, _placed(failures, images[0]))).assign(
        plate=title
    ), oddities


def _converted(paths: list[str], there: set[str]) -> tuple[list[str], list[Oddity]]:
    """Where none of the images of the index is there: those of the same name as PNG."""
    pictures = {posixpath.splitext(n)[0]: n for n in sorted(there) if suffix(n) in PICTURES}
    found = [pictures.get(posixpath.splitext(path)[0], path) for path in paths]
    if found == paths:
        return paths, []
    text = (
        "The images of the index are not there, but pictures of the same names are, which are read "
        "instead. If they were converted, check that no values were lost."
    )
    return found, [Oddity("doubtful", text)]


def _placed(failures: list[Element], image: Element) -> list[Element]:
    """Failures that tell their site, as records of images.

    One that names no channel or plane stands for its whole site: one plane of the site is enough
    here, as `checks.complete` adds the others.
    """
    first = {key: image.get(key) for key in ("Ch", "ActionIndex", "ZIndex")}
    return [
        Element(
            record.tag,
            {"TimePoint": image.get("TimePoint"), **record.attributes}
            | ({} if first.keys() <= record.attributes.keys() else first),
        )
        for record in failures
        if {"Row", "Column", "FieldIndex"} <= record.attributes.keys()
    ]


def _named(listing: Listing, title: str) -> tuple[pd.DataFrame, list[Oddity]]:
    """Images by their names alone."""
    matches = [match for match in map(_IMAGE.search, listing.names) if match]
    tiffs = [match for match in matches if suffix(match.string) not in PICTURES]
    matches = tiffs or matches
    rows = [match.groupdict() for match in matches]
    table = pd.DataFrame(rows)
    for name in ("time", "site", "timeline", "action", "z", "ch"):
        table[name] = table[name].astype("int64")
    table["well"] = [str(WellName.parse(row["well"])) for row in rows]
    table["path"] = [match.string for match in matches]
    if title:
        table["plate"] = title
    table = table.assign(stage_y_um=float("nan"), stage_x_um=float("nan"), stage_z_um=float("nan"))
    return _ordered(table.assign(moment="")), [
        Oddity(
            "incomplete",
            "MeasurementData.mlf is not among the files. The layout comes from the names of "
            "images; stage positions, distances of z planes and times are unknown, and so is "
            "whether images are missing.",
        )
    ]


def _ordered(images: pd.DataFrame, failures: pd.DataFrame | None = None) -> pd.DataFrame:
    """Records with dense z and t, the name of the channel, and the programme of the site."""
    several = images.groupby(["timeline", "ch"])["action"].nunique().gt(1).any()
    table = images
    if failures is not None and len(failures):
        table = pd.concat([images, failures.assign(path="")], ignore_index=True)
    pairs = zip(table["action"], table["ch"], strict=True)
    channel = [f"A{a:02d}_C{c:02d}" if several else f"C{c:02d}" for a, c in pairs]
    rank = table.groupby("timeline")["time"].rank(method="dense").astype("int64") - 1
    lengths = (rank + 1).groupby(table["timeline"]).max()
    runs = table[["well", "timeline"]].drop_duplicates().sort_values(["well", "timeline"])
    length = runs["timeline"].map(lengths)
    runs["start"] = length.groupby(runs["well"]).cumsum() - length
    start = table[["well", "timeline"]].merge(runs, how="left")["start"]
    return table.assign(
        channel=channel,
        z=dense(table["z"]),
        t=rank + start.to_numpy(),
        programme=[f"{line}+{at}" for line, at in zip(table["timeline"], start, strict=True)],
        time_s=checks.seconds_since_first(table["moment"]),
    )


def _planes(
    listing: Listing, records: pd.DataFrame
) -> tuple[pd.DataFrame, list[Oddity], list[str]]:
    """Source planes with the facts of their files; oddities; files that cannot be read."""
    copied = ("plate", "well", "site", "channel", "z", "t", "path", "time_s")
    stage = ("stage_y_um", "stage_x_um", "stage_z_um")
    planes = make_planes(
        **{name: records[name].array for name in (*copied, *stage)},
        missing=records["path"].eq("").array,
    )
    names = planes["path"].unique().tolist()
    pictures = [name for name in names if suffix(name) in PICTURES]
    headers, reasons = checks.read_headers(listing.root, set(names).difference(pictures))
    if pictures:
        more, broken = checks.read_picture_headers(listing.root, pictures)
        grey = {name: header for name, header in more.items() if header.pages == 1}
        coloured = {
            name: f"'{name}' is a picture in colours." for name in more.keys() - grey.keys()
        }
        headers, reasons = headers | grey, reasons | broken | coloured
    planes, duplicates = checks.first_of_each(checks.apply_headers(planes, headers))
    programmes = records[["plate", "well", "t", "programme"]].drop_duplicates(
        ["plate", "well", "t"]
    )
    programme = planes[["plate", "well", "t"]].merge(programmes, how="left")["programme"]
    planes, sparse = checks.complete(planes, programme)
    oddities = [
        *checks.gaps(planes),
        *checks.unreadable(reasons),
        *duplicates,
        *checks.mixed(planes),
        *sparse,
    ]
    return planes, oddities, list(reasons)
