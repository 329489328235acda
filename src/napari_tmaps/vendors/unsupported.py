"""Formats that nobody but Bio-Formats reads: known by their names, to say what helps."""

from __future__ import annotations

from typing import NoReturn

from napari_tmaps.errors import FormatError
from napari_tmaps.vendors.kinds import dominant
from napari_tmaps.vendors.listing import Listing, examples

NAME = "formats for Bio-Formats"

_FORMATS = {
    ".flex": (
        "PerkinElmer Opera .flex",
        "export the measurement as TIFF from Columbus or Acapella",
    ),
    ".c01": ("Cellomics .C01", "export the plate as TIFF from the HCS Studio or vHCS database"),
    ".vsi": ("Olympus .vsi", "export as OME-TIFF from cellSens"),
    ".oir": ("Olympus .oir", "export as OME-TIFF or OIB from FluoView"),
    ".ims": ("Imaris .ims", "save as OME-TIFF in Imaris"),
    ".zvi": ("Zeiss AxioVision .zvi", "save as CZI in ZEN"),
    ".sld": ("SlideBook .sld", "export as OME-TIFF from SlideBook"),
}


def recognise(listing: Listing) -> bool:
    """True if there are such files, and no images that can be read."""
    return bool(listing.ending(*_FORMATS)) and dominant(listing) is None


def scan(listing: Listing) -> NoReturn:
    """Say what helps.

    Raises
    ------
    FormatError
        Always.
    """
    ending = next(end for end in _FORMATS if listing.ending(end))
    name, way_out = _FORMATS[ending]
    raise FormatError(
        f"{examples(listing.ending(ending))} in '{listing.root}' are {name} files, which only "
        f"Bio-Formats reads. Convert them with bfconvert or bioformats2raw, or {way_out}."
    )
