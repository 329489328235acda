"""Which z planes a channel has: each has its own, e.g. one in bright field beside a stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def planes_in(own: Sequence[int], depth: int) -> list[int]:
    """The planes of a channel, in order, in an image of so many z planes.

    Parameters
    ----------
    own
        z of all planes of the channel in its plate and cycle.
    """
    return sorted(z for z in own if z < depth)


def shown_plane(own: Sequence[int], z: int) -> int | None:
    """Place in `own` of the plane to show at z; None where the channel has none there.

    The only plane of a channel is shown at every z.
    """
    if len(own) == 1:
        return 0
    return own.index(z) if z in own else None


def depth_text(summary: Mapping[str, Any]) -> str:
    """How many z planes there are, from the JSON of a scan; of each channel, where some have fewer.

    E.g. "3 of DAPI, GFP; 1 of BF; 2.5 µm apart".
    """
    own, step = summary["z_planes"], summary["z_step_um"]
    counts = sorted(set(own.values()), reverse=True)
    parts = [str(summary["size_z"])]
    if len(counts) > 1:
        named = {n: ", ".join(name for name in own if own[name] == n) for n in counts}
        parts = [f"{n} of {names}" for n, names in named.items()]
    return "; ".join(parts) + (f"{',;'[len(counts) > 1]} {step:g} µm apart" if step else "")
