"""One feature of the dictionary."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class Feature:
    """What the values of a column are, or of a family of columns.

    Attributes
    ----------
    name
        Name of the column, without the objects and channels that a pipeline adds; `{n}` stands for
        any whole number.
    meaning
        Formula or definition, in a sentence.
    unit
        E.g. "px", "µm²", "intensity" (of the image), "%"; "1" for numbers without a unit, "label"
        for the number of an object, "px of the site" for positions.
    source
        Publication or program that defines it; empty where the meaning says all.
    low, high
        Smallest and largest value that it can have.
    missing
        Which objects have no value (NaN); empty if all have one.
    cellprofiler
        CellProfiler's name, where it means the same; `{item}` stands for the channel, `{first}` and
        `{second}` for two.
    """

    name: str
    meaning: str
    unit: str = "1"
    source: str = ""
    low: float = 0.0
    high: float = inf
    missing: str = ""
    cellprofiler: str = ""
