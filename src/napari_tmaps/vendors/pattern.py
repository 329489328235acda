"""Folders whose layout stands in the names of the files, described by a regular expression.

The expression is searched in each name relative to the folder, "/" between folders, with named
groups:

========================  ===============================================================
well (w)                  B03, b3, B-03; or instead row and column
row, column               row as letter or number from 1, column as number from 1
site (s)                  number of the site within its well
channel (c)               number or text, used as it is
z, t                      numbers, in any steps
plate                     text
cycle                     number of the staining round, in any steps
========================  ===============================================================
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from napari_tmaps.errors import FormatError, InputError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Oddity, Scan, dense, find_duplicates, make_planes, sort_planes
from napari_tmaps.model.wells import WellName, row_index
from napari_tmaps.vendors import checks
from napari_tmaps.vendors.kinds import kind_of
from napari_tmaps.vendors.listing import Listing, examples, natural_sort
from napari_tmaps.vendors.tiff import TiffHeader

NAME = "File names"

_SHORT = {"w": "well", "s": "site", "c": "channel"}
GROUPS = ("well", "row", "column", "site", "channel", "z", "t", "plate", "cycle")
_NUMBERS = ("site", "z", "t", "cycle", "column")
_DEFAULTS = {"well": "A01", "site": 1, "channel": "C01", "z": 0, "t": 0}


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The expression, checked.

    Raises
    ------
    InputError
        It is no regular expression, or its groups are not ours.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            expression = re.compile(pattern)
    except re.error as error:
        where = "" if error.pos is None else f" at character {error.pos + 1}"
        raise InputError(
            f"The pattern '{pattern}' is no regular expression: {error.msg}{where}."
        ) from error
    except (OverflowError, RecursionError) as error:
        raise InputError(f"The pattern '{pattern}' is too large: {error}.") from error
    groups = [_SHORT.get(name, name) for name in expression.groupindex]
    known = f"Groups are {', '.join(GROUPS)}; w, s and c stand for well, site and channel."
    for name in groups:
        if name not in GROUPS:
            raise InputError(f"The pattern has an unknown group '{name}'. {known}")
        if groups.count(name) > 1:
            raise InputError(f"The pattern names '{name}' twice, long and short. {known}")
    if not groups:
        raise InputError(
            f"The pattern '{pattern}' has no named groups such as (?P<well>[A-H]\\d\\d). {known}"
        )
    if ("row" in groups) != ("column" in groups) or {"row", "well"} <= set(groups):
        raise InputError(
            f"The pattern must name either well, or row and column, or none of them. {known}"
        )
    return expression


def scan(listing: Listing, pattern: str) -> Scan:
    """Source planes of the images whose names match.

    Raises
    ------
    InputError
        The pattern is wrong, or what it takes for a well or a number is none.
    FormatError
        No image matches, or two images claim one plane.
    """
    expression = compile_pattern(pattern)
    texts = _matching(listing, expression)
    found = texts["path"].tolist()
    if not found:
        raise FormatError(_nothing(listing, pattern))
    table = _converted(texts).astype({"path": "str"})
    groups = set(table.columns)
    tiffs = listing.tiffs()
    names = [name for name in found if name in tiffs]
    tiff = len(names) == len(found)
    headers, reasons = checks.read_headers(listing.root, names)
    table, oddities = _pages(table, headers, "z" in groups)
    pictures = [] if tiff else [name for name in found if kind_of(name) == "pictures"]
    more, broken = checks.read_picture_headers(listing.root, pictures)
    coloured = [name for name, header in more.items() if header.pages > 1]
    if coloured:
        text = f"{examples(coloured, 'image')} in colours: their red part alone is read."
        oddities.append(Oddity("doubtful", text))
    headers, reasons = headers | more, reasons | broken
    for name in {"z", "t", "cycle"} & set(table.columns):
        table[name] = dense(table[name])
    planes = make_planes(**{name: table[name].array for name in table.columns})
    _refuse_duplicates(planes, groups, pattern)
    planes = _with_headers(planes, headers, reasons)
    planes, sparse = checks.complete(planes)
    missing_groups = [name for name in _DEFAULTS if name not in table.columns]
    if missing_groups:
        shown = ", ".join(f"{name} {_DEFAULTS[name]}" for name in missing_groups)
        oddities.append(
            Oddity("doubtful", f"The pattern does not tell {shown}; these are assumed.")
        )
    return Scan(
        vendor=NAME,
        root=listing.root,
        planes=planes,
        channels=tuple(Channel(name) for name in natural_sort(planes["channel"].unique())),
        reader="tiff" if tiff else "bioio",
        oddities=(
            *checks.gaps(planes),
            *checks.unreadable(reasons),
            *checks.mixed(planes),
            *sparse,
            *oddities,
            Oddity("incomplete", "Names tell no size of pixels and no stage positions."),
        ),
        metadata={"pattern": pattern, "unreadable": list(reasons)},
    )


def of_names(
    name: str, pattern: str
) -> tuple[Callable[[Listing], bool], Callable[[Listing], Scan]]:
    """`recognise` and `scan` of a format without any index, whose names of TIFF files tell all.

    It is recognised where most of them fit the pattern.
    """

    def recognise(listing: Listing) -> bool:
        tiffs = listing.ending(".tif", ".tiff")
        return sum(1 for each in tiffs if re.search(pattern, each)) > len(tiffs) / 2

    def scan_named(listing: Listing) -> Scan:
        return replace(scan(listing, pattern), vendor=name)

    return recognise, scan_named


def _matching(listing: Listing, expression: re.Pattern[str]) -> pd.DataFrame:
    """Texts of the groups by their long names, and `path`, of the images that have them all."""
    names = list(expression.groupindex)
    rows = []
    for path in listing.images():
        match = expression.search(path)
        if match:
            row = (*map(match.group, names), path)
            if all(row):
                rows.append(row)
    columns = [*(_SHORT.get(name, name) for name in names), "path"]
    values = zip(*rows, strict=True) if rows else ([] for _ in columns)
    return pd.DataFrame(dict(zip(columns, values, strict=True)), dtype=object)


def _converted(texts: pd.DataFrame) -> pd.DataFrame:
    """The texts of the groups as wells and numbers; each different text is read once."""
    table = texts.copy()
    for group in _NUMBERS:
        if group in texts:
            table[group] = _map(texts, [group], _number)
    if "row" in table:
        table["well"] = _map(table, ["row", "column"], _well_at)
        table = table.drop(columns=["row", "column"])
    elif "well" in table:
        table["well"] = _map(texts, ["well"], WellName.parse).astype("str")
    return table


def _map(table: pd.DataFrame, groups: list[str], convert: Callable[..., Any]) -> pd.Series:
    keys = list(zip(*(table[group].to_numpy() for group in groups), strict=True))
    values = {}
    for key in dict.fromkeys(keys):
        try:
            values[key] = convert(*key)
        except (InputError, ValueError) as error:
            name = table["path"].iloc[keys.index(key)]
            raise InputError(
                f"The pattern takes {', '.join(repr(part) for part in key)} in '{name}' for the "
                f"{' and '.join(groups)}, which does not fit: {error}"
            ) from error
    return pd.Series([values[key] for key in keys], index=table.index)


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError("it must be a whole number; match digits only, as in \\d+.")
    return int(text)


def _well_at(row: str, column: int) -> str:
    number = int(row) - 1 if row.isdecimal() else row_index(row)
    return str(WellName.at(number, column - 1))


def _nothing(listing: Listing, pattern: str) -> str:
    """Why nothing matches: the longest beginning of the pattern that fits some name."""
    images = listing.images()
    if not images:
        return (
            f"There are no images in '{listing.root}', only {listing.describe()}. Choose the "
            "folder with the images."
        )
    text = f"None of {len(images):,} images in '{listing.root}' matches the pattern '{pattern}'. "
    for end in range(len(pattern) - 1, 0, -1):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)
                beginning = re.compile(pattern[:end])
        except (re.error, OverflowError, RecursionError):
            continue
        match = next(filter(None, map(beginning.search, images[:1000])), None)
        if match and match.end() > match.start():
            rest = match.string[match.end() :]
            return text + (
                f"Its beginning '{pattern[:end]}' fits '{match.string}' up to '{match[0]}', but "
                f"'{pattern[end:]}' does not fit what follows: '{rest}'."
            )
    return text + f"Not even its beginning fits; names look like '{images[0]}'."


def _pages(
    table: pd.DataFrame, headers: dict[str, TiffHeader], z_named: bool
) -> tuple[pd.DataFrame, list[Oddity]]:
    """One row a page; pages are z planes, unless the names tell z already."""
    pages = table["path"].map({name: header.pages for name, header in headers.items()})
    pages = pages.fillna(1).astype("int64")
    if pages.max() == 1:
        return table, []
    several = f"{int((pages > 1).sum())} files have up to {pages.max()} pages. "
    if z_named:
        text = "The names tell z already, so only the first page of each is used."
        return table, [Oddity("doubtful", several + text)]
    table = table.loc[table.index.repeat(pages)]
    page = table.groupby("path").cumcount()
    table = table.assign(page=page, z=page).reset_index(drop=True)
    return table, [Oddity("doubtful", several + "Pages are taken for z planes.")]


def _refuse_duplicates(planes: pd.DataFrame, groups: Iterable[str], pattern: str) -> None:
    twice = find_duplicates(planes)
    if twice.empty:
        return
    first = twice.iloc[0]
    same = (
        twice[["well", "site", "channel", "z", "t"]] == first[["well", "site", "channel", "z", "t"]]
    )
    one, other = twice.loc[same.all(axis=1), "path"].tolist()[:2]
    absent = [
        name for name in ("site", "channel", "z", "t", "plate", "cycle") if name not in groups
    ]
    raise FormatError(
        f"'{one}' and '{other}' would be the same plane (well {first['well']}, site "
        f"{first['site']}, channel {first['channel']}, z {first['z']}, t {first['t']}). The "
        f"pattern '{pattern}' does not tell them apart; add a group for what differs"
        f"{': ' + ', '.join(absent) if absent else ''}."
    )


def _with_headers(
    planes: pd.DataFrame, headers: dict[str, TiffHeader], reasons: dict[str, str]
) -> pd.DataFrame:
    """Facts of TIFF files and pictures; other formats stay unknown until they are opened."""
    told = np.array([path in headers or path in reasons for path in planes["path"].to_numpy()])
    if told.all():
        return checks.apply_headers(planes, headers)
    known = checks.apply_headers(planes[told].reset_index(drop=True), headers)
    return sort_planes(pd.concat([known, planes[~told]], ignore_index=True))
