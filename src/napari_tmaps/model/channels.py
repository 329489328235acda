"""A channel: one colour of light that the microscope recorded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from napari_tmaps.errors import InputError

# Colours for channels without one of their own, in this order. Distinguishable with the common
# forms of colour blindness when shown in pairs (cyan + magenta rather than green + red).
DEFAULT_COLORS = ("#00FFFF", "#FF00FF", "#FFFF00", "#00FF00", "#FF0000", "#0000FF", "#FFFFFF")

# What the dyes of the field look like to its people, by the names microscopes give channels.
_KNOWN = (
    (r"dapi|hoechst|405|bfp|nucle|dna", "#0080FF"),
    (r"gfp|fitc|488|alexa ?488|af488|mneongreen|egfp", "#00FF00"),
    (r"rfp|tritc|cy3|561|555|568|mcherry|tomato|texas", "#FF4000"),
    (r"cy5|640|647|far.?red", "#FF00FF"),
    (r"yfp", "#FFFF00"),
    (r"cfp", "#00FFFF"),
    (r"bright|bf|phase|dic|trans|tl\b|pmt", "#FFFFFF"),
)


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel as the microscope describes it; None where it does not say.

    Attributes
    ----------
    name
        Unique within an experiment; pipelines and features name channels by it.
    color
        Hex colour for display, "#RRGGBB".
    bit_depth
        Bits that the camera really uses (12 of 16, say).
    fluorophore
        The dye or protein that is seen, e.g. "Alexa Fluor 488".
    """

    name: str
    color: str | None = None
    excitation_nm: float | None = None
    emission_nm: float | None = None
    exposure_ms: float | None = None
    bit_depth: int | None = None
    fluorophore: str | None = None

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise InputError("A channel needs a name that is not empty.")
        if self.color is not None and not re.fullmatch(r"#[0-9A-Fa-f]{6}", self.color):
            raise InputError(
                f"Channel '{self.name}': '{self.color}' is no colour; write it as #RRGGBB, "
                "e.g. #00FF00."
            )

    def facts(self) -> dict[str, Any]:
        """As JSON values.

        A fluorophore that is not known is left out, as in experiments from before it was a fact:
        what was made of them stays up to date.
        """
        facts = asdict(self)
        if self.fluorophore is None:
            del facts["fluorophore"]
        return facts


def name_in_cycle(name: str, cycle: int, workflow_type: str) -> str:
    """What an experiment calls a channel of the microscope.

    In multiplexing experiments that is `<cycle>_<channel>`, since each round stains something else.
    """
    return f"{cycle}_{name}" if workflow_type == "multiplexing" else name


def display_colors(channels: Sequence[Channel]) -> list[str]:
    """A hex colour for each channel: its own, else the one its dye is known for, else a free one.

    >>> display_colors([Channel("DAPI"), Channel("whatever")])
    ['#0080FF', '#00FFFF']
    """
    if len(channels) == 1 and channels[0].color is None:
        return ["#FFFFFF"]
    colors: list[str | None] = [channel.color for channel in channels]
    for number, channel in enumerate(channels):
        if colors[number] is None:
            words = f"{channel.name} {channel.fluorophore or ''}".lower()
            for pattern, color in _KNOWN:
                if re.search(pattern, words) and color not in colors:
                    colors[number] = color
                    break
    free = [color for color in DEFAULT_COLORS if color not in colors]
    return [color or (free.pop(0) if free else "#FFFFFF") for color in colors]
