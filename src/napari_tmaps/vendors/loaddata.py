"""A table in CSV that names the images: CellProfiler's LoadData, or plain columns.

LoadData has a row for each site and columns for each channel: FileName_<channel> with
PathName_<channel>, or URL_<channel>; Series_<channel>, Frame_<channel>; Metadata_Plate,
Metadata_Well (or Metadata_Row and Metadata_Col), Metadata_Site, Metadata_Z, Metadata_T,
Metadata_Cycle. What pe2loaddata adds is used too: positions and resolution in metres, with y
growing upwards.

A plain table has a row for each image: path, well (or row and column), site, channel, z, t, plate,
cycle, series, page (both from 0), stage_y_um, stage_x_um (y growing down), pixel_size_um, time_s.

Columns are found in any case of letters; separators are comma, semicolon or tab. A table is read
when it is chosen itself, or when a folder has a `load_data.csv` and nothing better.

Paths in such tables are often those of another computer. An image is looked for below the folder
of the table, by the longest end of its path that exists there. Nothing outside of that folder is
ever read, and a file that would stand for two different paths is not taken for either.
"""

from __future__ import annotations

import csv
import io
import posixpath
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from napari_tmaps.errors import FormatError, InputError, StorageError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Oddity, Scan, dense, make_planes, sort_planes
from napari_tmaps.model.wells import WellName, row_index
from napari_tmaps.vendors import checks
from napari_tmaps.vendors.listing import IMAGE_SUFFIXES, TIFF_SUFFIXES, Listing, examples, suffix
from napari_tmaps.vendors.loaddata_files import locate
from napari_tmaps.vendors.opening import number
from napari_tmaps.vendors.tiff import TiffHeader

NAME = "Table of images (CSV)"
INDEX = "load_data.csv"

_FACTS = {
    "plate": ("plate",),
    "well": ("well", "wellname", "well_name"),
    "row": ("row", "wellrow", "well_row"),
    "column": ("column", "col", "wellcolumn", "well_column"),
    "site": ("site", "field", "fieldid", "field_id", "fov"),
    "z": ("z", "planeid", "plane", "zslice"),
    "t": ("t", "timepoint", "timepointid", "time_point"),
    "cycle": ("cycle",),
}
_PLAIN = {
    **_FACTS,
    "stated": ("path", "file", "filename", "file_name", "filepath", "file_path", "image"),
    "channel": ("channel", "channel_name", "wave", "wavelength"),
    "series": ("series", "scene"),
    "page": ("page", "frame"),
    "stage_y_um": ("stage_y_um",),
    "stage_x_um": ("stage_x_um",),
    "pixel_size_um": ("pixel_size_um",),
    "time_s": ("time_s",),
}
_WHOLE = ("site", "z", "t", "cycle", "series", "page")
_REAL = ("stage_y_um", "stage_x_um", "pixel_size_um", "time_s")


def recognise(listing: Listing) -> bool:
    """True if a table alone was chosen, or the folder has a load_data.csv."""
    return _table_of(listing) is not None


def scan(listing: Listing) -> Scan:
    """Source planes as the table lists them.

    Raises
    ------
    FormatError
        The table is damaged, has no columns that name images, or none of them is there.
    InputError
        A value that is no well or no number; the message tells the line.
    """
    name = _table_of(listing) or ""
    table = _read(listing.root / name)
    records = _records(table)
    paths, oddities = locate(listing.root, posixpath.dirname(name), records["stated"].unique())
    records["path"] = records["stated"].map(paths)
    if records["path"].eq("").all():
        raise FormatError(
            f"None of the {len(paths)} images that '{table.path}' lists is below its folder, e.g. "
            f"'{records['stated'].iloc[0]}'. Put the table into the folder of the images, or the "
            "images beside the table."
        )
    values, assumed = _values(records, table)
    planes, found, unreadable = _planes(listing.root, values)
    channels = list(dict.fromkeys(values["channel"]))
    if assumed:
        shown = ", ".join(assumed)
        text = f"The table has no column for {shown}; these are assumed."
        oddities.append(Oddity("doubtful", text))
    tiff = all(suffix(path) in TIFF_SUFFIXES for path in values["path"] if path)
    return Scan(
        vendor=NAME,
        root=listing.root,
        planes=planes,
        channels=tuple(_channel(name, table) for name in channels),
        pixel_size_um=_pixel_size(records, table),
        z_step_um=None,
        reader="tiff" if tiff else "bioio",
        oddities=(*checks.gaps(planes), *found, *oddities),
        metadata={"table": name, "unreadable": unreadable},
    )


def _table_of(listing: Listing) -> str | None:
    tables = listing.ending(".csv")
    if len(listing.names) == 1 and tables:
        return tables[0]
    return next((name for name in tables if posixpath.basename(name).lower() == INDEX), None)


# -- the table ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Table:
    """A table as text: columns by their name in lower case; `names` has them as written."""

    path: Path
    columns: dict[str, list[str]]
    names: list[str]

    def first(self, aliases: tuple[str, ...], prefix: str = "") -> list[str] | None:
        """The first of some columns that is there."""
        found = (self.columns.get(prefix + alias) for alias in aliases)
        return next((column for column in found if column is not None), None)

    def after(self, prefix: str) -> list[str]:
        """The rest of the names of columns that begin with this."""
        return [name[len(prefix) :] for name in self.names if name.lower().startswith(prefix)]

    def single(self, column: str) -> float | None:
        """The number that a column begins with."""
        return number(next(iter(self.columns.get(column, [])), None))


def _read(path: Path) -> _Table:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StorageError(f"'{path}' cannot be read: {error.strerror}.") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # what older programs write under Windows
    head = text.partition("\n")[0]
    separator = max(",;\t", key=head.count)
    try:
        rows = [
            row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if row
        ]
    except csv.Error as error:
        raise FormatError(f"'{path}' is no table in CSV: {error}. Save it again as CSV.") from error
    if len(rows) < 2:
        raise FormatError(f"'{path}' has no rows below its header. Choose the table of the images.")
    names = [name.strip() for name in rows[0]]
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != len(names):
            raise FormatError(
                f"Row {line} of '{path}' has {len(row)} values, its header {len(names)}. Text with "
                f"'{separator}' must be in quotation marks."
            )
    twice = [name for name, times in Counter(map(str.lower, names)).items() if times > 1 and name]
    if twice:
        raise FormatError(f"'{path}' has two columns '{twice[0]}'. Remove or rename one of them.")
    cells = [[cell.strip() for cell in column] for column in zip(*rows[1:], strict=True)]
    columns = {name.lower(): column for name, column in zip(names, cells, strict=True)}
    return _Table(path, columns, names)


def _records(table: _Table) -> pd.DataFrame:
    """One row an image, all values as text; "line" is the row of the table from 1."""
    channels = table.after("filename_") or table.after("url_")
    if channels:
        parts = [part for name in channels if (part := _channel_records(table, name)) is not None]
        records = pd.concat(parts, ignore_index=True).fillna("") if parts else pd.DataFrame()
    else:
        columns = {key: table.first(aliases) for key, aliases in _PLAIN.items()}
        if columns["stated"] is None:
            raise FormatError(
                f"'{table.path}' has no column that names images. LoadData has FileName_<channel>, "
                f"a plain table 'path'; this one has {', '.join(table.names[:12])}"
                f"{' …' if len(table.names) > 12 else ''}."
            )
        found = {key: column for key, column in columns.items() if column is not None}
        records = pd.DataFrame(found).assign(line=range(2, len(columns["stated"]) + 2))
    records = records[records["stated"].ne("")] if len(records) else records
    if records.empty:
        raise FormatError(f"'{table.path}' lists no images: the columns that name them are empty.")
    return records.reset_index(drop=True)


def _channel_records(table: _Table, channel: str) -> pd.DataFrame | None:
    """Images of one channel of LoadData; None if its files are others (illumination functions)."""
    key = channel.lower()
    names = table.columns.get(f"filename_{key}")
    if names is None:
        stated = table.columns[f"url_{key}"]
    else:
        folders = table.columns.get(f"pathname_{key}") or [""] * len(names)
        stated = [
            f"{folder.rstrip('/')}/{name}" if folder and name else name
            for folder, name in zip(folders, names, strict=True)
        ]
    if not any(suffix(text) in IMAGE_SUFFIXES for text in stated):
        return None
    values: dict[str, Any] = {"stated": stated, "channel": channel}
    for name, aliases in _FACTS.items():
        column = table.first(aliases, "metadata_")
        if column is not None:
            values[name] = column
    for name, prefix in (("series", "series_"), ("page", "frame_")):
        if (column := table.columns.get(prefix + key)) is not None:
            values[name] = column
    for name, key_of_metres, sign in (("y", "positiony", -1e6), ("x", "positionx", 1e6)):
        if (column := table.columns.get(f"metadata_{key_of_metres}")) is not None:
            metres = [number(text) for text in column]
            values[f"stage_{name}_um"] = [
                "" if value is None else repr(round(value * sign, 6)) for value in metres
            ]
    return pd.DataFrame(values).assign(line=range(2, len(stated) + 2))


def _channel(name: str, table: _Table) -> Channel:
    """A channel, with wavelengths (nm) and exposure (s) as pe2loaddata writes them."""
    key = name.lower()
    exposure = table.single(f"metadata_exposuretime_{key}")
    return Channel(
        name,
        excitation_nm=table.single(f"metadata_mainexcitationwavelength_{key}") or None,
        emission_nm=table.single(f"metadata_mainemissionwavelength_{key}") or None,
        exposure_ms=None if exposure is None else round(exposure * 1000, 6),
    )


def _pixel_size(records: pd.DataFrame, table: _Table) -> tuple[float, float] | None:
    if "pixel_size_um" in records:
        size = number(records["pixel_size_um"].iloc[0])
        return (size, size) if size and size > 0 else None
    metres = [table.single(f"metadata_imageresolution{axis}") for axis in "yx"]
    y, x = (None if value is None else round(value * 1e6, 9) for value in metres)
    return (y, x) if y and x and min(y, x) > 0 else None


# -- values ---------------------------------------------------------------------------------


def _values(records: pd.DataFrame, table: _Table) -> tuple[pd.DataFrame, list[str]]:
    """Columns of the plane table, and what had to be assumed."""
    values = records[["path", "line"]].copy()
    if "well" in records:
        values["well"] = _convert(records, ["well"], lambda text: str(WellName.parse(text)), table)
    elif {"row", "column"} <= set(records):
        values["well"] = _convert(records, ["row", "column"], _well_at, table)
    for name in _WHOLE:
        if name in records:
            values[name] = _convert(records, [name], _whole, table)
    for name in _REAL:
        if name in records:
            values[name] = _convert(records, [name], _real, table)
    for name in ("plate", "channel"):
        if name in records:
            values[name] = records[name].replace("", "C01") if name == "channel" else records[name]
    for name in ("z", "t", "cycle"):
        if name in values:
            values[name] = dense(values[name])
    assumed = []
    for name, default in (("well", "A01"), ("site", 1), ("channel", "C01")):
        if name not in values:
            values[name] = default
            assumed.append(f"{name} ({default})")
    return values, assumed


def _convert(
    records: pd.DataFrame, names: list[str], convert: Callable[..., Any], table: _Table
) -> pd.Series:
    keys = list(zip(*(records[name] for name in names), strict=True))
    known: dict[tuple[str, ...], Any] = {}
    for key, line in zip(keys, records["line"], strict=True):
        if key not in known:
            try:
                known[key] = convert(*key)
            except (InputError, ValueError) as error:
                raise InputError(
                    f"Row {line} of '{table.path}': {', '.join(map(repr, key))} as "
                    f"{' and '.join(names)} does not fit: {error}"
                ) from error
    return pd.Series([known[key] for key in keys], index=records.index)


def _well_at(row: str, column: str) -> str:
    index = int(row) - 1 if row.isdecimal() else row_index(row) if row.isalpha() else -1
    return str(WellName.at(index, _whole(column) - 1))


def _whole(text: str) -> int:
    if not text:  # a page or series that only other channels have
        return 0
    if not re.fullmatch(r"-?[0-9]{1,9}(\.0*)?", text):
        raise ValueError("it must be a whole number.")
    return int(text.partition(".")[0])


def _real(text: str) -> float:
    value = number(text)
    if value is None and text:
        raise ValueError("it must be a number.")
    return float("nan") if value is None else value


def _planes(root: Path, values: pd.DataFrame) -> tuple[pd.DataFrame, list[Oddity], list[str]]:
    """Source planes with the facts of their files; oddities; files that cannot be read."""
    columns = values.drop(columns=["line", "pixel_size_um"], errors="ignore")
    planes = make_planes(
        **{str(name): columns[name].array for name in columns}, missing=values["path"].eq("").array
    )
    tiffs = planes["path"].map(suffix).isin(TIFF_SUFFIXES) | planes["missing"]
    headers, reasons = checks.read_headers(root, planes.loc[tiffs, "path"].unique())
    known = checks.apply_headers(planes[tiffs].reset_index(drop=True), headers)
    pages = known["path"].map({name: header.pages for name, header in headers.items()})
    beyond = known["page"].ge(pages) | known["page"].lt(0)
    known = known.assign(path=known["path"].mask(beyond, ""), missing=known["missing"] | beyond)
    planes = sort_planes(pd.concat([known, planes[~tiffs]], ignore_index=True))
    planes, duplicates = checks.first_of_each(planes)
    planes, sparse = checks.complete(planes)
    oddities = [
        *checks.unreadable(reasons),
        *_page_oddities(values, headers, int(beyond.sum())),
        *duplicates,
        *checks.mixed(planes),
        *sparse,
    ]
    return planes, oddities, list(reasons)


def _page_oddities(
    values: pd.DataFrame, headers: Mapping[str, TiffHeader], beyond: int
) -> list[Oddity]:
    if beyond:
        return [Oddity("missing", f"{beyond} images of the table are pages that files lack.")]
    several = [name for name, header in headers.items() if header.pages > 1]
    if several and "page" not in values:
        text = (
            f"{examples(several)} have several pages, and the table has no column for them (page, "
            "or Frame_<channel>): only the first is read."
        )
        return [Oddity("doubtful", text)]
    return []
