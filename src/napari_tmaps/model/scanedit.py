"""What people correct in a scan before it is imported: names, pixel size, planes to leave out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from napari_tmaps.errors import InputError, unknown
from napari_tmaps.model.planes import Scan


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


def with_pixel_size(scan: Scan, pixel_um: float) -> Scan:
    """The scan with square pixels of this size in µm.

    Raises
    ------
    InputError
        It is not greater than 0.
    """
    if not pixel_um > 0:
        raise InputError(f"The size of a pixel is {pixel_um} µm; it must be greater than 0.")
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
    used = set(planes["channel"])
    return replace(
        scan,
        planes=planes,
        channels=tuple(channel for channel in scan.channels if channel.name in used),
    )
