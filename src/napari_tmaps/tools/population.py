"""Populations: the objects that somebody means, by a filter, a gate, a selection or a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_tmaps.errors import InputError, unknown
from napari_tmaps.store.feature_table import Categories, Mask
from napari_tmaps.tools.expression import parse
from napari_tmaps.tools.gating import objects_in
from napari_tmaps.tools.values import ToolData

Kind = Literal["all", "filter", "gate", "selection", "class"]


@dataclass(frozen=True, slots=True)
class Population:
    """Some of the objects of a type.

    Attributes
    ----------
    name
        The filter as it was typed, or the name of the gate, the selection or the class.
    column
        Where the class stands, e.g. "classify 1:class"; the name of the result is enough.
    """

    kind: Kind = "all"
    name: str = ""
    column: str = ""

    def __str__(self) -> str:
        if self.kind == "all":
            return "All objects"
        if self.kind == "class":
            return f"{self.column.partition(':')[0]}: {self.name}"
        return f"{self.kind.capitalize()} {self.name}"


ALL = Population()


def class_of(text: str) -> Population:
    """ "sizes:class=large", or shorter "sizes=large": the class "large" of the result "sizes".

    Raises
    ------
    InputError
        Nothing stands before or after the "=".
    """
    column, _, name = (part.strip() for part in text.partition("="))
    if not column or not name:
        raise InputError(f"'{text}' is no class; write result=class, e.g. sizes=large.")
    return Population("class", name, column)


def populations(data: ToolData) -> list[Population]:
    """What there is to choose from: all, each gate, each selection, and each class of a result."""
    found = [ALL]
    found += [Population("gate", name) for name in data.gates]
    found += [Population("selection", name) for name in data.selections]
    for column, names in data.table.classes.items():
        found += [Population("class", name, column) for name in names]
    return found


def members(population: Population, data: ToolData) -> Mask:
    """True for the objects of a population, (rows,).

    Raises
    ------
    NotFoundError
        A gate, selection, class or column that is gone.
    InputError
        A filter that does not fit.
    """
    table = data.table
    match population.kind:
        case "all":
            return np.ones(len(table), bool)
        case "filter":
            return parse(population.name).evaluate(table)
        case "gate":
            if population.name not in data.gates:
                raise unknown("gate", population.name, data.gates)
            return objects_in(data.gates[population.name], table, data.gates)
        case "selection":
            if population.name not in data.selections:
                raise unknown("selection", population.name, data.selections)
            found = np.zeros(len(table), bool)
            found[data.selections[population.name].rows(table)[0]] = True
            return found
        case "class":
            fitting = (n for n in table.classes if n.partition(":")[0] == population.column)
            where = next(fitting, population.column)
            if where not in table.classes:
                raise unknown("column of classes", where, table.classes)
            column = table.column(where)
            assert isinstance(column, Categories), "it was added as one"
            if population.name not in column.names:
                raise unknown(f"class of '{where}'", population.name, column.names)
            fits: Mask = column.codes == column.names.index(population.name)
            return fits
