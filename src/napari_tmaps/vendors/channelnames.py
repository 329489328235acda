"""Other names for the channels of a scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from napari_tmaps.errors import InputError, unknown
from napari_tmaps.model.planes import Scan, sort_planes


def rename_channels(scan: Scan, names: Mapping[str, str]) -> Scan:
    """The scan with new names of channels, given by their old ones.

    Raises
    ------
    NotFoundError
        There is no channel of an old name.
    InputError
        Two channels would have the same name, or one an empty name.
    """
    if not names:
        return scan
    old = [channel.name for channel in scan.channels]
    for name in names:
        if name not in old:
            raise unknown("channel", name, old)
    new = {name: names.get(name, name).strip() for name in old}
    twice = [name for name in new.values() if list(new.values()).count(name) > 1]
    if twice:
        raise InputError(f"Two channels would be named '{twice[0]}'. Give each its own name.")
    planes = scan.planes.assign(channel=scan.planes["channel"].map(new).astype("str"))
    channels = tuple(replace(channel, name=new[channel.name]) for channel in scan.channels)
    return replace(scan, planes=sort_planes(planes), channels=channels)
