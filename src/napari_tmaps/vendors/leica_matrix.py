"""Leica Matrix Screener (LAS AF, LAS X), and the names that the ALMF of EMBL gives its images.

Matrix Screener writes one OME-TIFF a plane, named by letters with numbers from 0:
`image--L0000--S00--U00--V00--J08--E00--O00--X00--Y00--T0000--Z00--C00.ome.tif`, Z absent in wide
field: U and V are column and row of the well, X and Y those of the field in it, S the slide (read
as a plate), J the job, L the loop, C the channel. Channels of several jobs are told apart by the
job, and time points of loops follow each other. Sites are numbered row by row. The size of pixels
is that of the OME-XML of the first image of each job; its stage positions are not used, since old
versions write them without a unit.

ALMF names are `<plate>--<well>--<well>--W<n>--P<field>--T<t>--Z<z>--C<c>.ome.tif`, or `.jpeg`, with
all numbers from 1 and no further facts. JPEGs may be colour pictures: their red, green and blue
parts become channels.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd

from napari_tmaps.errors import FormatError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Oddity, Scan, dense, make_planes
from napari_tmaps.model.wells import WellName
from napari_tmaps.vendors import checks, omexml
from napari_tmaps.vendors.containers import RGB, RGB_ODDITY
from napari_tmaps.vendors.listing import TIFF_SUFFIXES, Listing, natural_sort, suffix
from napari_tmaps.vendors.metaseries import read_description
from napari_tmaps.vendors.opening import parse_xml
from napari_tmaps.vendors.singles import check_files, pixel_size
from napari_tmaps.vendors.tiff import TiffHeader

NAME = "Leica Matrix Screener"

_ENDING = r"(?:\.ome)?\.(?:tiff?|jpe?g|png)"
_MATRIX = re.compile(
    r"(?P<folder>(?:.*/)?)[^/]*?--L(?P<loop>\d{1,9})--S(?P<slide>\d{1,4})--U(?P<u>\d{1,4})"
    r"--V(?P<v>\d{1,4})--J(?P<job>\d{1,4})--E\d{1,9}--O\d{1,9}--X(?P<x>\d{1,4})--Y(?P<y>\d{1,4})"
    rf"--T(?P<t>\d{{1,9}})(?:--Z(?P<z>\d{{1,9}}))?--C(?P<c>\d{{1,4}}){_ENDING}",
    re.IGNORECASE,
)
_ALMF = re.compile(
    r"(?P<folder>(?:.*/)?)(?P<plate>[^/]*?)--(?P<well>[A-Z]{1,2}\d{1,2})--[A-Z]{1,2}\d{1,2}"
    r"--W\d{1,9}--P(?P<site>\d{1,9})--T(?P<t>\d{1,9})--Z(?P<z>\d{1,9})--C(?P<c>\d{1,4})"
    rf"{_ENDING}",
    re.IGNORECASE,
)


def recognise(listing: Listing) -> bool:
    """True if there is an image named by Matrix Screener or after the ALMF."""
    return any(_MATRIX.fullmatch(name) or _ALMF.fullmatch(name) for name in listing.names)


def scan(listing: Listing) -> Scan:
    """The experiment in a folder or anywhere below it.

    Raises
    ------
    FormatError
        Images of both kinds of names.
    InputError
        A well that no plate has.
    """
    matrix = _matches(_MATRIX, listing)
    almf = _matches(_ALMF, listing)
    if matrix and almf:
        raise FormatError(
            f"'{listing.root}' holds {len(matrix)} images of Matrix Screener and {len(almf)} with "
            "names of the ALMF. Choose the folder of one of them."
        )
    table, grid = _matrix_table(matrix) if matrix else (_almf_table(almf), {})
    tiff = bool(table["path"].map(suffix).isin(TIFF_SUFFIXES).all())
    oddities: list[Oddity] = []
    if tiff:
        planes, found, unreadable = check_files(listing.root, _planes(table))
    else:
        headers, reasons = checks.read_picture_headers(listing.root, table["path"])
        table, oddities = _colours(table, headers)
        planes, found, unreadable = check_files(
            listing.root, _planes(table), read=lambda *_: (headers, reasons)
        )
    firsts = table.drop_duplicates("job")["path"].tolist() if tiff else []
    stated = [_pixels(listing.root / name) for name in firsts]
    scale, scale_oddities = pixel_size([(y, x) for _, y, x in stated], "the images")
    steps = [z for z, _, _ in stated if z] if planes["z"].max() > 0 else []
    return Scan(
        vendor=NAME,
        root=listing.root,
        planes=planes,
        channels=tuple(Channel(name) for name in _ordered(planes["channel"].unique().tolist())),
        pixel_size_um=scale,
        z_step_um=steps[0] if steps else None,
        reader="tiff" if tiff else "bioio",
        oddities=(*found, *oddities, *scale_oddities),
        metadata={**grid, "unreadable": unreadable},
    )


def _matches(pattern: re.Pattern[str], listing: Listing) -> list[re.Match[str]]:
    """Images with such names; beside TIFFs, pictures are previews and left out."""
    matches = [match for match in map(pattern.fullmatch, listing.names) if match]
    tiffs = [match for match in matches if suffix(match.string) in TIFF_SUFFIXES]
    return tiffs or matches


def _matrix_table(matches: list[re.Match[str]]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """One row an image, and the grid of sites."""
    keys = ("loop", "slide", "u", "v", "job", "x", "y", "t", "z", "c")
    table = pd.DataFrame({key: [int(match[key] or 0) for match in matches] for key in keys})
    columns, rows = int(table["x"].max()) + 1, int(table["y"].max()) + 1
    one_slide, one_job = (len(table[key].unique()) == 1 for key in ("slide", "job"))
    jobs = [f"J{job:02d}_" if not one_job else "" for job in table["job"]]
    times = table["loop"] * (table["t"].max() + 1) + table["t"]
    wells = zip(table["v"], table["u"], strict=True)
    return pd.DataFrame(
        {
            "path": [match.string for match in matches],
            "plate": ["" if one_slide else f"S{slide:02d}" for slide in table["slide"]],
            "well": [str(WellName.at(int(row), int(column))) for row, column in wells],
            "site": table["y"] * columns + table["x"] + 1,
            "channel": [f"{job}C{c:02d}" for job, c in zip(jobs, table["c"], strict=True)],
            "z": table["z"],
            "t": times,
            "job": table["job"],
        }
    ), {"site_grid": {"rows": rows, "columns": columns}}


def _almf_table(matches: list[re.Match[str]]) -> pd.DataFrame:
    """One row an image."""
    return pd.DataFrame(
        {
            "path": [match.string for match in matches],
            "plate": [match["plate"] for match in matches],
            "well": [str(WellName.parse(match["well"])) for match in matches],
            "channel": [f"C{int(match['c']):02d}" for match in matches],
            **{key: [int(match[key]) for match in matches] for key in ("site", "z", "t")},
            "job": 0,
        }
    )


def _planes(table: pd.DataFrame) -> pd.DataFrame:
    columns = {str(name): table[name].array for name in table if name != "job"}
    return make_planes(**{**columns, "z": dense(table["z"]).array, "t": dense(table["t"]).array})


def _pixels(path: Path) -> tuple[float | None, float | None, float | None]:
    """Size of a pixel (z, y, x), µm, as the OME-XML of an image tells; None where it does not."""
    try:
        root = parse_xml(read_description(path).encode())
    except FormatError:
        return None, None, None
    pixels = next(omexml.every(root, "Pixels"), omexml.NOTHING)
    z, y, x = (omexml.length_um(pixels, f"PhysicalSize{axis}") for axis in "ZYX")
    return z, y, x


def _ordered(channels: list[str]) -> list[str]:
    """Channels as people count, of each its red before its green and blue."""
    bases = natural_sort({name.partition(" ")[0] for name in channels})
    known = [name for base in bases for name in (base, *(f"{base} {part}" for part, _ in RGB))]
    return [name for name in known if name in channels]


# -- pictures -------------------------------------------------------------------------------


def _colours(
    table: pd.DataFrame, headers: dict[str, TiffHeader]
) -> tuple[pd.DataFrame, list[Oddity]]:
    """One row a colour, and what to say of it."""
    stored = table["path"].map({name: header.pages for name, header in headers.items()})
    # A picture that cannot be read has the colours of the others of its channel.
    pages = stored.fillna(stored.groupby(table["channel"]).transform("max")).fillna(1).astype(int)
    coloured = pages.gt(1)
    if not coloured.any():
        return table, []
    table = table.assign(coloured=coloured).loc[table.index.repeat(pages)]
    page = table.groupby("path").cumcount()
    parts = page.map(dict(enumerate(name for name, _ in RGB)))
    channel = table["channel"].where(~table["coloured"], table["channel"] + " " + parts)
    text = f"{int(coloured.sum())} images are {RGB_ODDITY.message}"
    table = table.assign(page=page, channel=channel).drop(columns="coloured")
    return table.reset_index(drop=True), [Oddity(RGB_ODDITY.kind, text)]
