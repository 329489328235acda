"""Microscope formats: a folder or file becomes a table of source planes.

A new microscope is one file beside this one and one line in `VENDORS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_tmaps.errors import FormatError, TmapsError, unknown
from napari_tmaps.model.planes import Oddity, Scan
from napari_tmaps.vendors import (
    arrayscan,
    bioformats,
    cellvoyager,
    cq1,
    czi,
    deltavision,
    generic,
    harmony,
    imagexpress,
    incell,
    leica,
    leica_matrix,
    loaddata,
    metamorph,
    micromanager,
    nikon,
    olympus,
    ometiff,
    omezarr,
    scanr,
    tiffstack,
    wellnames,
)
from napari_tmaps.vendors import pattern as patterns
from napari_tmaps.vendors.channelnames import rename_channels
from napari_tmaps.vendors.listing import Listing, examples, list_files, unused_images

if TYPE_CHECKING:
    from napari_tmaps.model.profile import ImportProfile

__all__ = ["VENDORS", "Vendor", "recognise", "scan"]


@dataclass(frozen=True)
class Vendor:
    """One microscope format.

    Attributes
    ----------
    recognise
        Is it ours? Cheap, from the names and at most the head of one file; never raises.
    scan
        The source planes. What `Scan.metadata` holds under "set_aside" (reason → names) and
        "unreadable" (names) is taken out and told in the oddities.
    index
        Endings, in lower case, of files that stand for the whole folder they lie in.
    clue
        Names or endings, in lower case, of files that nobody else writes: if another format reads
        the folder all the same, they are damaged, and this is told.
    """

    name: str
    recognise: Callable[[Listing], bool]
    scan: Callable[[Listing], Scan]
    index: tuple[str, ...] = ()
    clue: tuple[str, ...] = ()


# The most specific first: the first that recognises a folder reads it.
VENDORS: tuple[Vendor, ...] = (
    Vendor(cellvoyager.NAME, cellvoyager.recognise, cellvoyager.scan, cellvoyager.INDEX),
    Vendor(cq1.NAME, cq1.recognise, cq1.scan),
    Vendor(harmony.NAME, harmony.recognise, harmony.scan, harmony.INDEX, harmony.INDEX),
    Vendor(
        imagexpress.NAME,
        imagexpress.recognise,
        imagexpress.scan,
        imagexpress.INDEX,
        imagexpress.INDEX,
    ),
    Vendor(metamorph.NAME, metamorph.recognise, metamorph.scan, clue=metamorph.CLUE),
    Vendor(scanr.NAME, scanr.recognise, scanr.scan, scanr.INDEX),
    Vendor(leica_matrix.NAME, leica_matrix.recognise, leica_matrix.scan),
    Vendor(micromanager.NAME, micromanager.recognise, micromanager.scan, micromanager.ENDINGS),
    Vendor(incell.NAME, incell.recognise, incell.scan, incell.INDEX),
    Vendor(loaddata.NAME, loaddata.recognise, loaddata.scan),
    Vendor(omezarr.NAME, omezarr.recognise, omezarr.scan),
    Vendor(czi.NAME, czi.recognise, czi.scan),
    Vendor(nikon.NAME, nikon.recognise, nikon.scan),
    Vendor(leica.NAME, leica.recognise, leica.scan),
    Vendor(olympus.NAME, olympus.recognise, olympus.scan),
    Vendor(deltavision.NAME, deltavision.recognise, deltavision.scan),
    Vendor(arrayscan.NAME, arrayscan.recognise, arrayscan.scan),
    Vendor(wellnames.NAME, wellnames.recognise, wellnames.scan),
    Vendor(ometiff.NAME, ometiff.recognise, ometiff.scan),
    Vendor(tiffstack.NAME, tiffstack.recognise, tiffstack.scan),
    Vendor(generic.NAME, generic.recognise, generic.scan),
    Vendor(bioformats.NAME, bioformats.recognise, bioformats.scan),
)


def scan(
    path: Path | str,
    *,
    pattern: str | None = None,
    vendor: str | None = None,
    channel_names: Mapping[str, str] | None = None,
    profile: ImportProfile | None = None,
) -> Scan:
    """Understand a folder that a microscope wrote, or one of its files; no pixel is read.

    Parameters
    ----------
    path
        A folder (the images may lie deeper), an image, or an index file, which stands for its
        folder.
    pattern
        Regular expression with named groups that reads well, site, channel … from the names of
        the files, instead of any microscope's own index; see `vendors.pattern`.
    vendor
        Name of the format, where it should not be found out.
    channel_names
        New names of channels by their old ones.
    profile
        Corrections; `pattern` and `vendor` stand before those of the profile, `channel_names`
        apply after it.

    Raises
    ------
    FormatError
        Nothing that can be recognised, or a damaged index.
    InputError
        A pattern, a well, new names of channels or a correction that do not fit.
    NotFoundError
        No such file or folder, vendor or channel.
    StorageError
        The folder cannot be read.
    """
    listing = _list(Path(path))
    if profile is not None and pattern is None and vendor is None:
        pattern, vendor = profile.pattern, profile.vendor
    if pattern is not None:
        result = patterns.scan(listing, pattern)
        rest = "their names do not match the pattern"
    else:
        chosen = _choose(listing, vendor)
        result = chosen.scan(listing)
        result = replace(result, oddities=(*_unread(listing, chosen), *result.oddities))
        rest = f"not part of what {chosen.name} recorded here"
    facts = dict(result.metadata)
    told = [*result.planes["path"], *facts.pop("unreadable", ())]
    told += [site["file"] for site in facts.get("sites", ())]
    left_out = unused_images(listing, told, facts.pop("set_aside", {}), rest)
    oddities = (*result.oddities, *listing.oddities, *left_out)
    result = replace(result, oddities=oddities, metadata=facts)
    if profile is not None:
        from napari_tmaps.vendors.profile import apply_profile  # YAML and pydantic, rarely needed

        result = apply_profile(result, profile)
    return rename_channels(result, channel_names or {})


def recognise(path: Path | str) -> Vendor | None:
    """The format of a file or folder, None if no microscope wrote it. Never raises."""
    try:
        listing = _list(Path(path))
    except (TmapsError, OSError):
        return None
    return next((vendor for vendor in VENDORS if vendor.recognise(listing)), None)


def _unread(listing: Listing, chosen: Vendor) -> list[Oddity]:
    """Indexes of formats that do not read the folder: they cannot be what they seem."""
    return [
        Oddity(
            "unreadable",
            f"{examples(names)} named like the index of {vendor.name}, but damaged, empty or not "
            f"to be read: the layout was made without, as {chosen.name}. Copy the index again from "
            "the microscope.",
        )
        for vendor in VENDORS
        if vendor is not chosen and vendor.clue and (names := listing.ending(*vendor.clue))
    ]


def _list(path: Path) -> Listing:
    """All files of the folder; of an image, itself alone; of an index, those of its folder."""
    endings = tuple(ending for vendor in VENDORS for ending in vendor.index)
    if path.name.lower().endswith(endings) and path.is_file():
        return list_files(path.parent)
    return list_files(path)


def _choose(listing: Listing, name: str | None) -> Vendor:
    if name is not None:
        named = [vendor for vendor in VENDORS if vendor.name.lower() == name.lower()]
        if not named:
            raise unknown("microscope format", name, [vendor.name for vendor in VENDORS])
        if not named[0].recognise(listing):
            raise FormatError(
                f"'{listing.root}' does not look like {named[0].name}: it has "
                f"{listing.describe()}. Leave the format out to have it found."
            )
        return named[0]
    for vendor in VENDORS:
        if vendor.recognise(listing):
            return vendor
    raise FormatError(
        f"No microscope format is recognised in '{listing.root}', which has {listing.describe()}. "
        "Choose the folder with the images; if their names tell the layout, describe them by a "
        r"pattern, e.g. --pattern '(?P<well>[A-H]\d\d)_s(?P<site>\d+)_w(?P<channel>\d)'."
    )
