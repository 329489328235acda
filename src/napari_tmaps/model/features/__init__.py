"""The dictionary of features: what each column of a table is, in one place.

`FEATURES` are all entries; `find` reads a column as it stands in a table, with the objects,
channels and aggregates in its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from math import inf

from napari_tmaps.errors import unknown
from napari_tmaps.model.features.entry import Feature
from napari_tmaps.model.features.places import PLACES
from napari_tmaps.model.features.shape import SHAPE
from napari_tmaps.model.features.stain import STAIN
from napari_tmaps.model.features.texture import TEXTURE

__all__ = [
    "FEATURES",
    "Column",
    "Feature",
    "cellprofiler_names",
    "explain",
    "find",
    "position_axis",
    "tells_place",
]

FEATURES: tuple[Feature, ...] = (*SHAPE, *STAIN, *TEXTURE, *PLACES)

_AGGREGATES = {
    "Mean": "mean over the objects inside",
    "Std": "standard deviation (population) over the objects inside",
    "Sum": "sum over the objects inside",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, taken apart.

    Attributes
    ----------
    feature
        What is measured.
    objects
        Type of the objects that were measured, where it is another than that of the table.
    aggregate
        "Mean", "Std" or "Sum" where the column sums up several objects, else empty.
    item
        Channel, or both, or type of the parents; empty for features without.
    numbers
        What stands for the whole numbers in the name of the feature.
    """

    feature: Feature
    objects: str
    aggregate: str
    item: str
    numbers: dict[str, str]


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], Feature], ...]:
    """Longest names first, so that `Intensity_max_x` is not taken for `Intensity_max`."""
    found = []
    for feature in sorted(FEATURES, key=lambda each: -len(each.name)):
        name = re.sub(r"\\{(\w+)\\}", r"(?P<n_\1>\\d+)", re.escape(feature.name))
        found.append(
            (
                re.compile(
                    rf"(?:(?P<objects>.+?)_)??(?:(?P<aggregate>Mean|Std|Sum)_)?{name}"
                    r"(?:_(?P<item>.+))?"
                ),
                feature,
            )
        )
    return tuple(found)


@cache
def find(column: str) -> Column | None:
    """What a column of a table is; None for one that no module of ours makes."""
    for pattern, feature in _patterns():
        match = pattern.fullmatch(column)
        if match:
            parts = {key: value or "" for key, value in match.groupdict().items()}
            numbers = {key[2:]: value for key, value in parts.items() if key.startswith("n_")}
            return Column(feature, parts["objects"], parts["aggregate"], parts["item"], numbers)
    return None


def position_axis(column: str) -> str:
    """ "y" or "x" for a column of positions in the site, or of their means; else empty."""
    found = find(column)
    if found is None or found.feature.unit != "px of the site" or found.aggregate in ("Std", "Sum"):
        return ""
    return "y" if found.feature.name.endswith(("_y", "_Top", "_Bottom")) else "x"


def tells_place(column: str) -> bool:
    """Whether a column says where an object lies, which is no property of the object itself."""
    found = find(column)
    if found is None or found.aggregate == "Std":  # how far objects inside are spread
        return False
    return found.feature.unit == "px of the site" or "_Centroid_" in found.feature.name


def explain(column: str) -> str:
    """A column in words, e.g. for a tooltip.

    Raises
    ------
    NotFoundError
        No module of ours makes such a column.
    """
    found = find(column)
    if found is None:
        exact = next((each for each in FEATURES if each.name == column), None)
        found = Column(exact, "", "", "", {}) if exact else None
    if found is None:
        raise unknown("feature", column, [feature.name for feature in FEATURES])
    feature = found.feature
    lines = [column, f"  {feature.meaning}"]
    if found.objects:
        lines.append(f"  measured of: {found.objects}")
    if found.aggregate:
        lines.append(f"  {_AGGREGATES[found.aggregate]}")
    if found.item:
        lines.append(f"  of: {found.item}")
    lines.append(f"  unit: {feature.unit}")
    if not found.aggregate:
        lines.append(f"  range: {span(feature)}")
    missing = [feature.missing] if feature.missing else []
    if found.objects or found.aggregate:
        missing.append("the object holds none to measure")
    lines.append(f"  NaN: {'; '.join(missing) or 'never'}")
    if feature.source:
        lines.append(f"  source: {feature.source}")
    theirs = _cellprofiler(found)
    if theirs:
        lines.append(f"  CellProfiler: {theirs}")
    return "\n".join(lines)


def span(feature: Feature) -> str:
    """The range of a feature, e.g. "0 … 1"."""
    low, high = feature.low, feature.high
    if low == -inf and high == inf:
        return "any number"
    if high == inf:
        return f"{low:g} or more"
    return f"{low:g} … {high:g}"


def cellprofiler_names(columns: Iterable[str]) -> dict[str, str]:
    """CellProfiler's names of those columns that mean the same there.

    Values stay as they are: CellProfiler's intensities are those of the image / 255 or / 65535.
    """
    names: dict[str, str] = {}
    for column in columns:
        found = find(column)
        name = _cellprofiler(found) if found else ""
        if name and name not in names.values():
            names[column] = name
    return names


def _cellprofiler(column: Column) -> str:
    template = column.feature.cellprofiler
    if not template:
        return ""
    if column.feature.name == "Count":
        return f"Children_{column.objects}_Count" if column.objects else ""
    parts = {**column.numbers, "item": column.item}
    if "{first}" in template:
        # Two channels can be told apart only where their names hold no underscore themselves.
        if column.item.count("_") != 1:
            return ""
        parts["first"], parts["second"] = column.item.split("_")
    name = re.sub(r"\{(\w+)\}", lambda match: parts.get(match[1], match[0]), template).rstrip("_")
    if column.aggregate == "Mean" and column.objects:
        return f"Mean_{column.objects}_{name}"
    # A value that another object receives, and other aggregates, have no name there.
    return "" if column.objects or column.aggregate else name
