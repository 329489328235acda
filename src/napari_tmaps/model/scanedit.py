"""What people correct in a scan before it is imported: names, places, pixel size, what is in it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

import pandas as pd

from napari_tmaps.errors import InputError, unknown
from napari_tmaps.model.planes import KEY, Scan, find_duplicates, sort_planes
from napari_tmaps.model.wells import WellName


def renamed(scan: Scan, names: Mapping[str, str]) -> Scan:
    """The scan with other names of channels.

    Parameters
    ----------
    names
        New names by the old ones; channels that are left out keep theirs.

    Raises
    ------
    NotFoundError
        There is no such channel.
    InputError
        A name is empty, or two channels would have the same.
    """
    known = [channel.name for channel in scan.channels]
    for name in names:
        if name not in known:
            raise unknown("channel", name, known)
    after = [names.get(name, name).strip() for name in known]
    for name in after:
        if not name:
            raise InputError("A channel needs a name.")
        if after.count(name) > 1:
            raise InputError(f"Two channels would be called '{name}'. Give them different names.")
    new = dict(zip(known, after, strict=True))
    return replace(
        scan,
        planes=scan.planes.assign(channel=scan.planes["channel"].map(new)),
        channels=tuple(replace(each, name=new[each.name]) for each in scan.channels),
    )


def with_pixel_size(scan: Scan, pixel_um: float | None) -> Scan:
    """The scan with square pixels of this size in µm; None: the size is not known.

    Raises
    ------
    InputError
        It is no finite number greater than 0.
    """
    if pixel_um is None:
        return replace(scan, pixel_size_um=None)
    if not 0 < pixel_um < math.inf:
        raise InputError("The size of a pixel must be a number of µm greater than 0, such as 0.65.")
    return replace(scan, pixel_size_um=(pixel_um, pixel_um))


def without(scan: Scan, rows: Iterable[int]) -> Scan:
    """The scan without some rows of its table of planes; channels that are gone are left out.

    Raises
    ------
    InputError
        No image would be left.
    """
    planes = scan.planes.drop(index=list(rows)).reset_index(drop=True)
    if planes.empty or planes["missing"].all():
        raise InputError("No image would be left. Leave out fewer.")
    return _with(scan, planes)


def placed(scan: Scan, rows: Iterable[int], column: str, value: str) -> Scan:
    """The scan with another value of a column of `KEY` in some rows of its table of planes.

    Parameters
    ----------
    value
        As it was typed. An image that comes to a place where one was missing takes it.

    Raises
    ------
    NotFoundError
        There is no such channel.
    InputError
        The value does not fit the column, numbers would have gaps, or two images would be at the
        same place.
    """
    changed, planes = list(rows), scan.planes.copy()
    planes.loc[changed, column] = _understood(scan, column, value.strip())
    if column in ("z", "t", "cycle"):
        numbers = sorted(set(planes[column]))
        gaps = set(range(numbers[-1])) - set(numbers)
        if gaps:
            raise InputError(
                f"{column} counts from 0 without gaps, and no plane would have {min(gaps)}."
            )
    twice = find_duplicates(planes)
    at = planes.loc[changed, KEY].merge(twice, on=KEY)
    if not at.empty:
        place = ", ".join(f"{name} {at[name].iloc[0]}" for name in KEY if name != "plate")
        names = [PurePosixPath(path).name for path in at["path"].head(2)]
        raise InputError(f"'{names[0]}' and '{names[-1]}' would both be {place}.")
    # What was told to be missing is there now.
    filled = planes.sort_values("missing", kind="stable").duplicated(KEY) & planes["missing"]
    return _with(scan, sort_planes(planes[~filled]))


def _understood(scan: Scan, column: str, text: str) -> str | int:
    if column == "well":
        well = WellName.parse(text)
        if scan.plate_format is not None:
            scan.plate_format.check(well)
        return str(well)
    if column == "channel":
        names = [channel.name for channel in scan.channels]
        if text not in names:
            raise unknown("channel", text, names)
        return text
    if column == "plate":
        if not text:
            raise InputError("A plate needs a name.")
        return text
    if not text.isdecimal():
        raise InputError(f"'{text}' is no {column}; it is a whole number, 0 or more.")
    return int(text)


def _with(scan: Scan, planes: pd.DataFrame) -> Scan:
    """The scan with other planes; channels that are gone are left out."""
    used = set(planes["channel"])
    return replace(
        scan,
        planes=planes,
        channels=tuple(channel for channel in scan.channels if channel.name in used),
    )
