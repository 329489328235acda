"""Micro-Manager: NDTiff, image stacks (MMStack) and image sequences, of versions 1.4 and 2.

Positions become sites. Labels that are wells ("A1-Site_0" of the HCS plugin, "B03_2") put them
into these wells, if all positions have such labels.

Stage positions are turned into the directions of the image by the affine transform that
Micro-Manager stores with each image (stage µm for pixels); without one, or with one that was never
calibrated (unity), the stage is taken to count y down the image.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from posixpath import basename, dirname
from typing import Any

import numpy as np

from napari_tmaps.errors import FormatError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Oddity, Scan
from napari_tmaps.vendors import checks
from napari_tmaps.vendors.containers import (
    RGB_ODDITY,
    Container,
    SiteImage,
    rgb_channels,
    scan_files,
    unique_channels,
    well_in,
)
from napari_tmaps.vendors.listing import Listing, examples
from napari_tmaps.vendors.micromanager_files import (
    INDEX,
    METADATA,
    SEQUENCE,
    STACK,
    Stored,
    StoredPlane,
    is_stack,
    read_ndtiff,
    read_sequence,
    read_stack,
)
from napari_tmaps.vendors.opening import DAMAGE
from napari_tmaps.vendors.tiff import read_header

NAME = "Micro-Manager"
ENDINGS = (INDEX.lower(), METADATA)

# More places than this for each image there is, and the axes make no sense.
_SPARSEST = 100

# Files of a stack that are looked at to know it: one may be empty or damaged.
_TRIED = 3

_PLACE = ("position", "row", "column")
_KNOWN = (*_PLACE, "time", "channel", "z")
_LABEL = re.compile(r"([A-Z]{1,2}\d{1,2})(?:[-_ ].*)?")
# Labels like P1, S2 stand for positions and sites, although plates have such rows.
_COUNTED = re.compile(r"[PS]\d+")


def recognise(listing: Listing) -> bool:
    """True if there is an NDTiff.index, an image stack, or a sequence beside its metadata.txt."""
    return bool(_datasets(listing))


def scan(listing: Listing) -> Scan:
    """The acquisitions in a folder or anywhere below it.

    Raises
    ------
    FormatError
        Nothing can be read.
    """
    datasets = _datasets(listing)
    reduced = [name for name in datasets if _is_reduced(name)]
    names = [name for name in datasets if name not in reduced] or reduced
    colours = False

    def read(name: str) -> Container:
        nonlocal colours
        container, coloured = _describe(listing, name, datasets[name])
        colours |= coloured
        return container

    found = scan_files(NAME, "tiff", listing, names, read)
    set_aside = [] if names == reduced else [file for name in reduced for file in datasets[name]]
    reason = "smaller copies for viewing"
    return replace(
        found,
        reader="tiffsamples" if colours else "tiff",
        metadata={**found.metadata, "set_aside": {reason: set_aside} if set_aside else {}},
    )


def _datasets(listing: Listing) -> dict[str, list[str]]:
    """Acquisitions by the file that stands for each → their image files."""
    found: dict[str, list[str]] = {}
    stacks: dict[tuple[str, str], str] = {}
    for name in listing.names:
        if basename(name) == INDEX:
            folder = dirname(name)
            found[name] = [
                other
                for other in listing.ending(".tif")
                if dirname(other) == folder and "NDTiffStack" in other
            ]
        elif match := STACK.search(name):
            first = stacks.setdefault((dirname(name), match[1]), name)
            found.setdefault(first, []).append(name)
    for first in stacks.values():
        if not any(is_stack(listing.root / name) for name in found[first][:_TRIED]):
            del found[first]
    sequences = {dirname(name): name for name in listing.names if basename(name) == METADATA}
    for name in listing.names:
        if dirname(name) in sequences and any(k.fullmatch(basename(name)) for k in SEQUENCE):
            found.setdefault(sequences[dirname(name)], []).append(name)
    return found


def _is_reduced(name: str) -> bool:
    return basename(dirname(name)).startswith("Downsampled_x")


def _describe(listing: Listing, name: str, files: list[str]) -> tuple[Container, bool]:
    """One acquisition, and whether it is of colour pictures."""
    if basename(name) == INDEX:
        stored = read_ndtiff(listing.root, name)
    elif basename(name) == METADATA:
        stored = read_sequence(listing, name)
    else:
        stored = read_stack(listing.root, files)
    oddities = [Oddity("incomplete", note) for note in stored.notes]
    if stored.lost:
        oddities.append(
            Oddity("missing", f"{examples(stored.lost, 'image file')} cannot be read or are gone.")
        )
    _measure(listing, stored, oddities)
    extra = sorted({axis for plane in stored.planes for axis in plane.axes} - {*_KNOWN})
    if extra:
        oddities.append(
            Oddity("doubtful", f"images differ along {extra}, which is read as different sites.")
        )
    images, colours = _sites(stored, basename(dirname(name)) or listing.root.name)
    oddities += _against_plan(stored)
    if colours:
        oddities.append(RGB_ODDITY)
    return Container(images, tuple(oddities), _facts(stored)), colours


def _measure(listing: Listing, stored: Stored, oddities: list[Oddity]) -> None:
    """Size and pixel type of single images by the headers of their files; drops damaged ones."""
    damaged: list[str] = []
    for plane in stored.planes:
        if plane.page < 0 or plane.dtype:
            continue
        try:
            header = read_header(listing.root / plane.path)
        except DAMAGE:
            plane.page = -1
            damaged.append(plane.path)
            continue
        plane.height, plane.width, plane.dtype = header.height, header.width, header.dtype
        plane.colours = header.samples
    if damaged:
        oddities.append(Oddity("unreadable", f"{examples(damaged, 'image')} damaged or cut off."))
    if not any(plane.dtype for plane in stored.planes):
        raise FormatError("none of its images can be read")


def _sites(stored: Stored, title: str) -> tuple[tuple[SiteImage, ...], bool]:
    """One image for each position; all have the same channels, z and t."""
    groups: dict[tuple[tuple[str, Any], ...], list[StoredPlane]] = {}
    for plane in stored.planes:
        place = tuple((k, v) for k, v in plane.axes.items() if k not in ("time", "channel", "z"))
        groups.setdefault(tuple(sorted(place)), []).append(plane)
    labels = [_label(place, planes, stored.summary) for place, planes in groups.items()]
    matches = [_LABEL.fullmatch(label) for label in labels]
    wells = [well_in(match[1]) if match else None for match in matches]
    if None in wells or all(map(_COUNTED.fullmatch, labels)):
        wells = [None] * len(labels)
    keys = _channel_keys(stored)
    axes = [sorted({_number(p.axes.get(axis, 0)) for p in stored.planes}) for axis in ("time", "z")]
    ranks = [{value: n for n, value in enumerate(values)} for values in axes]
    colours = 3 if any(plane.colours >= 3 for plane in stored.planes) else 1
    channels = _channels(stored, keys)
    if colours == 3:
        many = len(channels) > 1
        channels = [part for each in channels for part in rgb_channels(each if many else None)]
    shape = (len(ranks[0]), len(keys), len(ranks[1]))
    if np.prod(shape, dtype=float) * len(groups) > max(_SPARSEST * len(stored.planes), 10_000):
        raise FormatError(
            f"its {len(stored.planes)} images have little in common: {len(groups)} positions with "
            f"{shape} times, channels and z"
        )
    images = []
    for label, well, planes in zip(labels, wells, groups.values(), strict=True):
        pages = np.full(shape, -1, dtype=np.int64)
        paths = np.full(shape, "", dtype=object)
        heights, times = np.full(shape, np.nan), np.full(shape, np.nan)
        for plane in planes:  # of planes that were written again, the last counts
            at = (
                ranks[0][_number(plane.axes.get("time", 0))],
                keys.index(plane.axes.get("channel", 0)),
                ranks[1][_number(plane.axes.get("z", 0))],
            )
            pages[at], paths[at] = plane.page, plane.path
            heights[at] = _first(plane.facts, *_Z)
            times[at] = _first(plane.facts, "ElapsedTime-ms") / 1000
        size = next((p for p in planes if p.dtype), next(p for p in stored.planes if p.dtype))
        images.append(
            SiteImage(
                name=label or title,
                path=np.repeat(paths, colours, axis=1),
                series=np.broadcast_to(
                    (np.arange(shape[1] * colours) % colours)[None, :, None],
                    (shape[0], shape[1] * colours, shape[2]),
                ),
                channels=unique_channels(channels),
                size_t=shape[0],
                size_z=shape[2],
                height=size.height,
                width=size.width,
                dtype=size.dtype,
                pages=np.repeat(pages, colours, axis=1),
                well=well,
                pixel_size_um=_pixel_size(stored),
                z_step_um=_z_step(stored, heights) if shape[2] > 1 else None,
                stage_yx_um=_stage(planes, label, stored.summary),
                stage_z_um=np.repeat(heights, colours, axis=1),
                time_s=np.repeat(times, colours, axis=1),
            )
        )
    return tuple(images), colours == 3


def _number(value: int | str) -> int:
    if isinstance(value, str) and not re.fullmatch(r"-?\d{1,9}", value):
        raise FormatError(f"'{value}' along time or z is no number")
    return int(value)


# -- facts in the JSON objects --------------------------------------------------------------

_X = ("XPosition_um_Actual", "XPositionUm", "XPosition_um_Intended")
_Y = ("YPosition_um_Actual", "YPositionUm", "YPosition_um_Intended")
_Z = ("ZPosition_um_Actual", "ZPositionUm", "ZPosition_um_Intended")


def _first(facts: dict[str, Any], *keys: str) -> float:
    """The first of the facts that is a finite number; NaN without any."""
    for key in keys:
        try:
            value = float(facts.get(key, "nan"))
        except (TypeError, ValueError):
            continue
        if np.isfinite(value):
            return value
    return float("nan")


def _label(place: tuple[tuple[str, Any], ...], planes: list[StoredPlane], summary: Any) -> str:
    """What people call the position."""
    where = dict(place)
    position = where.get("position")
    if isinstance(position, str):
        return position
    for plane in planes:
        name = plane.facts.get("PositionName")
        if isinstance(name, str) and name and "row" not in where:
            return name
    stated = _positions(summary)
    if isinstance(position, int) and 0 <= position < len(stated) and stated[position].get("Label"):
        return str(stated[position]["Label"])
    return " ".join(f"{axis} {value}" for axis, value in place)


def _positions(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """The list of positions: "StagePositions" of version 2, "InitialPositionList" of 1.4."""
    stated = summary.get("StagePositions") or summary.get("InitialPositionList") or []
    return [each for each in stated if isinstance(each, dict)] if isinstance(stated, list) else []


def _channel_keys(stored: Stored) -> list[int | str]:
    keys = dict.fromkeys(plane.axes.get("channel", 0) for plane in stored.planes)
    if all(isinstance(key, int) for key in keys):
        return sorted(keys)
    names = _names(stored.summary)
    order = {name: number for number, name in enumerate(names)}
    return sorted(keys, key=lambda key: order.get(str(key), len(order)))


def _names(summary: dict[str, Any]) -> list[str]:
    stated = summary.get("ChNames") or []
    return [str(name) for name in stated] if isinstance(stated, list) else []


def _channels(stored: Stored, keys: Sequence[int | str]) -> list[Channel]:
    names = _names(stored.summary)
    channels = []
    for number, key in enumerate(keys):
        mine = [p.facts for p in stored.planes if p.axes.get("channel", 0) == key and p.facts]
        facts = mine[0] if mine else {}
        stated = names[key] if isinstance(key, int) and 0 <= key < len(names) else ""
        name = key if isinstance(key, str) else stated or str(facts.get("Channel") or "")
        if name in ("", "Default", "default"):
            name = f"C{number + 1:02d}"
        exposure, bits = _first(facts, "Exposure-ms", "Exposure"), _first(facts, "BitDepth")
        channels.append(
            Channel(
                name.strip() or f"C{number + 1:02d}",
                exposure_ms=exposure if exposure > 0 else None,
                bit_depth=int(bits) if 1 <= bits <= 64 else None,
            )
        )
    return channels


def _pixel_size(stored: Stored) -> tuple[float, float] | None:
    facts = next((plane.facts for plane in stored.planes if plane.facts), {})
    size = _first({**stored.summary, **facts}, "PixelSizeUm", "PixelSize_um")
    return (size, size) if size > 0 else None


def _z_step(stored: Stored, heights: Any) -> float | None:
    stated = abs(_first(stored.summary, "z-step_um"))
    if stated > 0:
        return stated
    steps = np.abs(np.diff(heights, axis=2))
    steps = steps[np.isfinite(steps)]
    return round(float(np.median(steps)), 6) or None if steps.size else None


def _stage(
    planes: list[StoredPlane], label: str, summary: dict[str, Any]
) -> tuple[float, float] | None:
    """Centre (y, x), µm, along the axes of the image."""
    for plane in planes:
        x, y = _first(plane.facts, *_X), _first(plane.facts, *_Y)
        if np.isfinite(x) and np.isfinite(y):
            return _turned(x, y, plane.facts)
    for stated in _positions(summary):
        if stated.get("Label") == label:
            for device in stated.get("DevicePositions") or ():
                if device.get("Device") == stated.get("DefaultXYStage"):
                    x, y = device["Position_um"][:2]
                    return _turned(float(x), float(y), planes[0].facts)
            for where in (stated.get("DeviceCoordinatesUm") or {}).values():
                if len(where) == 2:
                    return _turned(float(where[0]), float(where[1]), planes[0].facts)
    return None


def _turned(x: float, y: float, facts: dict[str, Any]) -> tuple[float, float]:
    """Stage position in the directions of the image, by "PixelSizeAffine" (two rows of three)."""
    texts = str(facts.get("PixelSizeAffine", "")).split(";")
    try:
        matrix = np.array([float(text) for text in texts]).reshape(2, 3)[:, :2]
    except ValueError:
        return y, x
    scale = abs(float(np.linalg.det(matrix)))
    if not np.isfinite(scale) or scale < 1e-12:
        return y, x
    turned = np.linalg.inv(matrix) @ (x, y) * np.sqrt(scale)
    return round(float(turned[1]), 6), round(float(turned[0]), 6)


def _against_plan(stored: Stored) -> list[Oddity]:
    """Less was recorded than was planned, as when somebody stops a time series."""
    return checks.incomplete(
        (noun, _first(stored.summary, key), len({p.axes.get(axis, 0) for p in stored.planes}))
        for key, axis, noun in (
            ("Frames", "time", "time points"),
            ("Slices", "z", "z planes"),
            ("Positions", "position", "positions"),
        )
    )


def _facts(stored: Stored) -> dict[str, Any]:
    first = next((plane.facts for plane in stored.planes if plane.facts), {})
    stated = {
        "started": stored.summary.get("StartTime") or stored.summary.get("DateAndTime"),
        "software": stored.summary.get("MicroManagerVersion"),
        "objective": first.get("Objective-Label"),
        "pixel_size_affine": first.get("PixelSizeAffine"),
    }
    return {key: value for key, value in stated.items() if value}
