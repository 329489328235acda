"""A Harmony measurement without its index, or with a damaged one: the names of the images alone.

Names are `r01c02f03p04-ch1sk1fk1fl1.tiff`: row, column, field, z plane, channel and time point.
What they do not tell is said, and nothing is taken from an index that is cut off: half of it would
make half a layout.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pandas as pd

from napari_tmaps.errors import FormatError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Oddity, Scan, dense, make_planes
from napari_tmaps.model.wells import WellName
from napari_tmaps.vendors.listing import Listing, examples, natural_sort
from napari_tmaps.vendors.singles import check_files

_IMAGE = re.compile(
    r"(?P<folder>(?:.*/)?)r(?P<row>\d{2,3})c(?P<column>\d{2,3})f(?P<site>\d{2,4})p(?P<z>\d{2,4})"
    r"-ch(?P<c>\d{1,2})sk(?P<t>\d{1,5})fk\d+fl\d+\.tiff?",
    re.IGNORECASE,
)


def has_named_images(listing: Listing) -> bool:
    """True if there is an image named by Harmony."""
    return next(_matches(listing), None) is not None


def scan_names(listing: Listing, vendor: str, oddity: Oddity) -> Scan:
    """The measurement in a folder or anywhere below it.

    Parameters
    ----------
    oddity
        Why the index is not read.

    Raises
    ------
    FormatError
        There are several measurements, or none.
    InputError
        A well that no plate has.
    """
    matches = list(_matches(listing))
    folders = list(dict.fromkeys(match["folder"] for match in matches))
    if not folders:
        raise FormatError(f"{oddity} No image beside it has a name of Harmony either.")
    if len(folders) > 1:
        raise FormatError(
            f"'{listing.root}' holds {len(folders)} measurements: {examples(folders, 'folder')}. "
            "Choose the folder of one, and add each as an acquisition of its own."
        )
    table = pd.DataFrame(
        {key: [int(m[key]) for m in matches] for key in ("row", "column", "site", "z", "t")}
    )
    places = list(zip(table["row"], table["column"], strict=True))
    wells = {place: str(WellName.at(place[0] - 1, place[1] - 1)) for place in set(places)}
    planes, found, unreadable = check_files(
        listing.root,
        make_planes(
            path=[match.string for match in matches],
            well=[wells[place] for place in places],
            site=table["site"].array,
            channel=[f"C{int(match['c']):02d}" for match in matches],
            z=dense(table["z"]).array,
            t=dense(table["t"]).array,
        ),
    )
    return Scan(
        vendor=vendor,
        root=listing.root,
        planes=planes,
        channels=tuple(Channel(name) for name in natural_sort(planes["channel"].unique())),
        oddities=(
            oddity,
            *found,
            Oddity(
                "incomplete",
                "Size of pixels, stage positions, times and names of channels are unknown, and so "
                "is whether whole wells are missing: the names of the images do not tell.",
            ),
        ),
        metadata={"unreadable": unreadable},
    )


def _matches(listing: Listing) -> Iterator[re.Match[str]]:
    return filter(None, map(_IMAGE.fullmatch, listing.names))
