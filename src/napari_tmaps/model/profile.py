"""An import profile: how a person corrects what was understood of a microscope's folder.

A profile is a small YAML file that makes an import reproducible, on one folder or on a hundred:

    pattern: '(?P<well>[A-H]\\d\\d)_s(?P<site>\\d+)_w(?P<channel>\\d)'
    plate: Screen 7
    channels: {'1': DAPI, '2': GFP}
    pixel_size_um: 0.325
    exclude: [well=H12, 'channel=GFP, z=0', '*/thumbs/*']
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from napari_tmaps.model.grid import StitchLayout

TEXTS = ("plate", "well", "channel", "path")
NUMBERS = ("site", "z", "t", "cycle")

_PART = re.compile(rf",\s*(?=(?:{'|'.join((*TEXTS, *NUMBERS))})\s*=)")
_RANGE = re.compile(r"\s*(\d{1,9})\s*(?:-\s*(\d{1,9}))?\s*")


def parse_condition(text: str) -> dict[str, str]:
    """The parts of a condition, all of which must hold, by the name of the column.

    "well=B0*, z=0-3" speaks of a column each; a text without them is the path of a file. Texts may
    have the wildcards * and ?, numbers are one or a range.

    >>> parse_condition("well=B03, z=0-3")
    {'well': 'B03', 'z': '0-3'}
    >>> parse_condition("*/thumbs/*")
    {'path': '*/thumbs/*'}

    Raises
    ------
    ValueError
        A number that is none, or a column named twice.
    """
    parts: dict[str, str] = {}
    for part in _PART.split(text.strip()):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or name not in (*TEXTS, *NUMBERS):
            name, value = "path", part.strip()
        if name in parts or not value:
            raise ValueError(
                f"'{text}' is no condition; write e.g. well=B03 or 'channel=DAPI, z=0'"
            )
        if name in NUMBERS and not _RANGE.fullmatch(value):
            raise ValueError(f"'{text}': {name} must be a number or a range such as 0-3")
        parts[name] = value
    return parts


def parse_range(text: str) -> tuple[int, int]:
    """First and last of "3" or "0-3"."""
    match = _RANGE.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' is no number and no range such as 0-3")
    return int(match[1]), int(match[2] or match[1])


def _checked(text: str) -> str:
    parse_condition(text)
    return text


def _pair(value: Any) -> Any:
    return (value, value) if isinstance(value, int | float) else value


Condition = Annotated[str, AfterValidator(_checked)]
Micrometres = Annotated[float, Field(gt=0, lt=1000)]
PixelSize = Annotated[tuple[Micrometres, Micrometres], BeforeValidator(_pair)]
Text = Annotated[str, Field(min_length=1)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Shift(_Value):
    """What is added to the numbers of sites, z planes and time points."""

    site: int = 0
    z: int = 0
    t: int = 0


class Grid(_Value):
    """Order in which the sites of each well were recorded, instead of stage positions."""

    stitch_layout: StitchLayout = "horizontal"
    n_vertical: Annotated[int, Field(ge=1)]
    n_horizontal: Annotated[int, Field(ge=1)]


class ImportProfile(_Value):
    """Corrections of a scan; what is not given stays as the microscope says.

    Attributes
    ----------
    vendor, pattern
        How the folder is read: as the format of that name, or by the names of its files.
    plate
        New name of the plate.
    channels
        New names of channels by their old ones.
    pixel_size_um
        (y, x), or one number for both.
    flip_y, flip_x
        The stage counts the other way round.
    include, exclude
        Conditions (see `parse_condition`): planes that meet none of `include`, if there are any,
        or one of `exclude`, are left out. They speak of the names and numbers before correction.
    shift
        Added to the numbers of sites, z planes and time points, after excluding.
    grid
        Places of sites; stage positions are dropped.
    """

    vendor: Text | None = None
    pattern: Text | None = None
    plate: Text | None = None
    channels: dict[Text, Text] = Field(default_factory=dict)
    pixel_size_um: PixelSize | None = None
    z_step_um: Micrometres | None = None
    flip_y: bool = False
    flip_x: bool = False
    include: tuple[Condition, ...] = ()
    exclude: tuple[Condition, ...] = ()
    shift: Shift = Shift()
    grid: Grid | None = None

    @model_validator(mode="after")
    def _one_way_to_read(self) -> ImportProfile:
        if self.vendor is not None and self.pattern is not None:
            raise ValueError("give either vendor or pattern, not both")
        return self
