"""At which z planes and time points of a plate each channel was recorded: each has its own.

E.g. one plane in bright field beside a stack, or a second stain at every tenth time point.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple


class Recorded(NamedTuple):
    """Where a channel has planes in its plate and cycle: at each of these z and t."""

    z: frozenset[int]
    t: frozenset[int]


def within(own: Collection[int], size: int) -> list[int]:
    """The z planes (or time points) of a channel, in order, in an image of so many of them."""
    return sorted(n for n in own if n < size)


def common_times(times: Mapping[str, Collection[int]]) -> list[int]:
    """Time points at which all channels were recorded, in order; given are those of each."""
    return sorted(set.intersection(*map(set, times.values()))) if times else []


def never_together(times: Mapping[str, Collection[int]]) -> str:
    """Says so, of channels without a common time point."""
    own = "; ".join(f"'{name}' at t = {numbers_text(t) or 'none'}" for name, t in times.items())
    return f"Its channels were never recorded at the same time: {own}."


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
    step = summary["z_step_um"]
    text = _counts(summary["z_planes"], summary["size_z"])
    return text + (f"{';' if ' of ' in text else ','} {step:g} µm apart" if step else "")


def times_text(summary: Mapping[str, Any]) -> str:
    """How many time points there are, in the same way: "10 of GFP; 2 of DAPI"."""
    return _counts(summary["time_points"], summary["size_t"])


def _counts(own: Mapping[str, int], size: int) -> str:
    """Channels by what they have, the most first; only the number, if they all have the same."""
    counts = sorted(set(own.values()), reverse=True)
    if len(counts) < 2:
        return str(size)
    return "; ".join(
        f"{count} of {', '.join(name for name in own if own[name] == count)}" for count in counts
    )


def numbers_text(numbers: Collection[int], most: int = 5) -> str:
    """The first of some z or t, for messages: "0, 2, 4, 6, 8, …"."""
    return ", ".join([str(n) for n in sorted(numbers)[:most]] + ["…"] * (len(numbers) > most))
