"""Folders with one file a plane: the checks and facts that such formats share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pandas as pd

from napari_tmaps.model.planes import Oddity
from napari_tmaps.vendors import checks
from napari_tmaps.vendors.listing import examples
from napari_tmaps.vendors.tiff import TiffHeader

Headers = tuple[dict[str, TiffHeader], dict[str, str]]
"""Headers of files by their names, and of those that cannot be read the reason."""

_SMALLEST_UM, _LARGEST_UM = 0.01, 100.0


def check_files(
    root: Path,
    planes: pd.DataFrame,
    *,
    fill: bool = True,
    stacks: Mapping[str, int] | None = None,
    read: Callable[[Path, Iterable[str]], Headers] = checks.read_headers,
) -> tuple[pd.DataFrame, list[Oddity], list[str]]:
    """Open the files of some planes: are they there, readable, alike, and each plane only once?

    Parameters
    ----------
    planes
        Source planes, path "" where the file is missing.
    fill
        Add missing rows where a site lacks what others have; False where an index declares every
        plane.
    stacks
        Planes of files that hold more than their headers tell.
    read
        Reads the headers; of TIFFs unless told otherwise.

    Returns
    -------
    The planes with size and pixel type; oddities; names of the files that cannot be read.
    """
    headers, reasons = read(root, planes["path"].unique())
    pages = {name: header.pages for name, header in headers.items()} | dict(stacks or {})
    beyond = planes["page"].ge(planes["path"].map(pages))
    oddities = []
    if beyond.any():
        short = planes.loc[beyond, "path"].unique().tolist()
        text = f"{examples(short)} have fewer pages than they should; these planes are missing."
        oddities.append(Oddity("missing", text))
    last = planes.groupby("path")["page"].max()
    longer = [name for name in headers if pages[name] > last[name] + 1]
    if longer:
        text = f"{examples(longer)} have more pages than planes; the last pages are not read."
        oddities.append(Oddity("doubtful", text))
    planes = checks.apply_headers(planes.assign(path=planes["path"].mask(beyond, "")), headers)
    planes, duplicates = checks.first_of_each(planes)
    planes, sparse = checks.complete(planes) if fill else (planes, [])
    return (
        planes,
        [
            *checks.gaps(planes),
            *checks.unreadable(reasons),
            *oddities,
            *duplicates,
            *checks.mixed(planes),
            *sparse,
        ],
        list(reasons),
    )


def pixel_size(
    sizes: Iterable[tuple[float | None, float | None]], source: str
) -> tuple[tuple[float, float] | None, list[Oddity]]:
    """Size of a pixel (y, x), µm, out of all that a microscope states, and what is odd about it.

    The first counts; sizes that differ or that are not plausible are told, not dropped.
    """
    stated = list(dict.fromkeys((y, x) for y, x in sizes if y and x and min(y, x) > 0))
    if not stated:
        text = f"There is no size of pixels in {source}; it is unknown."
        return None, [Oddity("incomplete", text)]
    oddities = []
    y, x = stated[0]
    if len(stated) > 1:
        shown = ", ".join(f"{one:g} × {other:g}" for one, other in stated[:5])
        text = f"Images differ in size of pixels: {shown} µm (y × x). The first is used."
        oddities.append(Oddity("mixed", text))
    if not _SMALLEST_UM <= min(y, x) <= max(y, x) <= _LARGEST_UM:
        text = f"Pixels of {y:g} × {x:g} µm are not plausible; check the size of pixels."
        oddities.append(Oddity("doubtful", text))
    return (y, x), oddities
