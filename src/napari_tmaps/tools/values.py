"""What goes into a tool and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import pandas as pd

from napari_tmaps.errors import InputError, unknown
from napari_tmaps.model.features import tells_place
from napari_tmaps.model.kinds import Kind
from napari_tmaps.store.feature_table import Categories, Column, FeatureTable, Values
from napari_tmaps.store.features import INDEX
from napari_tmaps.store.gates import Gate
from napari_tmaps.store.selections import Selection

if TYPE_CHECKING:
    from napari_tmaps.tools.object_model import ObjectModel

PALETTE = (  # told apart by everybody (Okabe and Ito, 2008), the brightest last
    "#e69f00", "#56b4e9", "#009e73", "#d55e00", "#cc79a7", "#0072b2", "#f0e442", "#999999",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ToolData:
    """What a tool works on: the objects of one type, and what a person said of them.

    Attributes
    ----------
    table
        The objects; also of results and of the plate map, where these were added.
    """

    table: FeatureTable
    selections: Mapping[str, Selection] = field(default_factory=dict)
    gates: Mapping[str, Gate] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The answer of a tool.

    Attributes
    ----------
    columns
        One value for each row of the table; the first is what the map shows.
    colors
        "#rrggbb" of each class; empty where the first column is a number.
    wells
        A row for each well or treatment, where the answer is about these.
    report
        What else there is to say, as plain JSON values.
    notes
        Sentences that the user should read, e.g. on objects that are gone.
    model
        What was trained, to be applied to other objects.
    """

    columns: Mapping[str, Column] = field(default_factory=dict)
    colors: Mapping[str, str] = field(default_factory=dict)
    wells: pd.DataFrame | None = None
    report: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    model: ObjectModel | None = None


ObjectTable = Annotated[ToolData, Kind.OBJECT_TABLE]
Result = Annotated[ToolResult, Kind.RESULT, "result"]


def chosen_features(table: FeatureTable, names: Sequence[str]) -> tuple[str, ...]:
    """The columns of numbers that a tool is to use.

    If none are named, these are all measured features, without those that say where an object lies.

    Raises
    ------
    NotFoundError
        A column that is not there.
    InputError
        There is none, one twice, or one of names.
    """
    if not names:
        # Labels of parents and the border flag are no measurements.
        found = tuple(
            name
            for name in table.features
            if name != "is_border" and not name.startswith("Parent_label") and not tells_place(name)
        )
        if not found:
            raise InputError(
                f"The objects '{table.object_type}' have no features, or only those that say where "
                "they lie. Measure some first."
            )
        return found
    for name in names:
        if name not in table.columns:
            raise unknown("feature", name, [n for n in table.columns if n not in INDEX])
    if len(set(names)) < len(names):
        raise InputError("A feature is named twice. Name each once.")
    return tuple(names)


def categories(codes: Values, names: Sequence[str]) -> Categories:
    """Classes as a column; -1 where an object has none."""
    return Categories(codes.astype(np.int32), tuple(names))


def palette(names: Sequence[str]) -> dict[str, str]:
    """A colour for each name."""
    return {name: PALETTE[n % len(PALETTE)] for n, name in enumerate(names)}
