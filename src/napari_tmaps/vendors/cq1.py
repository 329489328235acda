"""Yokogawa CQ1 without its index: the names of the images alone.

Names are `W0001F0001T0001Z001C1.tif`: number of the well, field, time, z and channel, all from 1.
Which well a number stands for depends on the plate, which no name tells: wells are taken to be
counted row by row on the smallest plate of 96 wells or more that holds the largest number, and this
is told as doubtful. A measurement with its index (MeasurementData.mlf) is read by cellvoyager.py.
"""

from __future__ import annotations

import re

import pandas as pd

from napari_tmaps.errors import FormatError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Oddity, Scan, dense, make_planes
from napari_tmaps.model.wells import PLATE_FORMATS, PlateFormat, WellName
from napari_tmaps.vendors.listing import Listing, examples, natural_sort
from napari_tmaps.vendors.singles import check_files

NAME = "Yokogawa CQ1"

_IMAGE = re.compile(
    r"(?P<folder>(?:.*/)?)W(?P<well>\d{4})F(?P<site>\d{4})T(?P<t>\d{4})Z(?P<z>\d{3})C(?P<c>\d{1,2})"
    r"\.tiff?",
    re.IGNORECASE,
)


def recognise(listing: Listing) -> bool:
    """True if there is an image named by a CQ1."""
    return any(map(_IMAGE.fullmatch, listing.names))


def scan(listing: Listing) -> Scan:
    """The measurement in a folder or anywhere below it.

    Raises
    ------
    FormatError
        There are several measurements, or numbers of wells that no plate has.
    """
    matches = [match for match in map(_IMAGE.fullmatch, listing.names) if match]
    folders = list(dict.fromkeys(match["folder"] for match in matches))
    if len(folders) > 1:
        raise FormatError(
            f"'{listing.root}' holds {len(folders)} measurements: {examples(folders, 'folder')}. "
            "Choose the folder of one, and add each as an acquisition of its own."
        )
    numbers = [int(match["well"]) for match in matches]
    plate = _plate(numbers)
    table = pd.DataFrame(
        {key: [int(match[key]) for match in matches] for key in ("site", "t", "z")}
    )
    planes, found, unreadable = check_files(
        listing.root,
        make_planes(
            path=[match.string for match in matches],
            well=[str(WellName.at(*divmod(number - 1, plate.columns))) for number in numbers],
            site=table["site"].array,
            channel=[f"C{int(match['c']):02d}" for match in matches],
            z=dense(table["z"]).array,
            t=dense(table["t"]).array,
        ),
    )
    return Scan(
        vendor=NAME,
        root=listing.root,
        planes=planes,
        channels=tuple(Channel(name) for name in natural_sort(planes["channel"].unique())),
        plate_format=plate,
        oddities=(
            *found,
            Oddity(
                "doubtful",
                f"The names tell only numbers of wells; they are taken to count the rows of a "
                f"plate of {plate.wells} wells. Correct the wells if the plate is another.",
            ),
            Oddity(
                "incomplete",
                "MeasurementData.mlf is not among the files: size of pixels, stage positions and "
                "times are unknown, and so is whether images are missing.",
            ),
        ),
        metadata={"unreadable": unreadable},
    )


def _plate(numbers: list[int]) -> PlateFormat:
    likely = [plate for plate in PLATE_FORMATS if plate.wells >= max(96, *numbers)]
    if not likely or min(numbers) < 1:
        raise FormatError(
            f"The names tell of wells {min(numbers)} to {max(numbers)}, but plates have wells 1 to "
            f"{PLATE_FORMATS[-1].wells}. Are these images of a CQ1?"
        )
    return likely[0]
