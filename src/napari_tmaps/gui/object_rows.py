"""Which objects the table shows, in which order; worked out from choices, no Qt."""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import InputError
from napari_tmaps.model.progress import Progress
from napari_tmaps.model.wells import WellName
from napari_tmaps.store.feature_table import FeatureTable, Mask
from napari_tmaps.store.features import INDEX
from napari_tmaps.tools.expression import parse
from napari_tmaps.tools.population import ALL, Population, members
from napari_tmaps.tools.values import ToolData

_SHOWN = 6
"""Features that are shown before anybody chose."""


@dataclass(frozen=True)
class RowChoice:
    """What the user asked for.

    Attributes
    ----------
    filter
        A condition, see `tools.expression`; empty for all objects.
    sort
        Name of a column; empty for the order of the plates.
    time
        Only objects of this time point; None for all.
    population
        Only objects of this gate, selection or class.
    """

    filter: str = ""
    sort: str = ""
    descending: bool = False
    time: int | None = None
    population: Population = ALL

    @property
    def where(self) -> str:
        """Filter and time point as one condition."""
        now = "" if self.time is None else f"t == {self.time}"
        text = self.filter.strip()
        return f"({text}) and {now}" if text and now else text or now


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows that are shown.

    Attributes
    ----------
    total
        Objects in all.
    numbers
        Row of the table for each line that is shown; None for all of them in their order.
    mask
        True for the objects that are shown; None for all.
    """

    total: int
    numbers: npt.NDArray[np.int64] | None = None
    mask: Mask | None = None

    def __len__(self) -> int:
        return self.total if self.numbers is None else len(self.numbers)

    def of(self, lines: slice | npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Rows of the table in some lines."""
        if self.numbers is not None:
            return self.numbers[lines]
        if isinstance(lines, slice):
            return np.arange(*lines.indices(self.total))
        return lines

    def line_of(self, row: int) -> int:
        """Where a row of the table is shown; -1 if it is not."""
        if self.numbers is None:
            return row
        found = np.flatnonzero(self.numbers == row)
        return int(found[0]) if len(found) else -1


def choose_rows(data: ToolData, choice: RowChoice) -> Generator[Progress, None, Rows]:
    """The rows of a choice (value of the generator).

    Raises
    ------
    TmapsError
        The filter or the column does not fit.
    """
    table, mask = data.table, None
    if choice.population != ALL:
        yield Progress("choosing", 0, 0)
        mask = members(choice.population, data)
    if choice.filter.strip():
        yield Progress("filtering", 0, 0)
        found = parse(choice.filter).evaluate(table)
        mask = found if mask is None else mask & found
    if choice.time is not None:
        now = table.numbers("t") == choice.time
        mask = now if mask is None else mask & now
    if not choice.sort:
        return Rows(len(table), None if mask is None else np.flatnonzero(mask), mask)
    yield Progress("sorting", 0, 0)
    order = table.order(choice.sort, descending=choice.descending)
    return Rows(len(table), order if mask is None else order[mask[order]], mask)


def default_columns(table: FeatureTable) -> tuple[str, ...]:
    """Columns that are shown at first: where an object is, what was found last, some features."""
    features = [name for name in table.features if name != "is_border"]
    results = [name for name in table.columns if ":" in name and name.endswith(":class")]
    return (*_places(table), *results, *features[:_SHOWN])


def _places(table: FeatureTable) -> list[str]:
    """Columns of the index that tell objects apart; one plate or time point alone tells nothing."""
    tells = {
        "plate": len({plate for plate, _, _ in table.wells}) > 1,
        "t": table.times > 1,
    }
    return [name for name in INDEX if tells.get(name, True)]


_FORMS = "Write a well, a site and a label, e.g. B03 2 17, or less: B03, or B03 2."


def find(table: FeatureTable, text: str) -> npt.NDArray[np.int64]:
    """Rows of objects by where they are: "B03 2 17" is well B03, site 2, label 17.

    Raises
    ------
    InputError
        The text is no such place.
    """
    words = re.split(r"[\s,/]+", text.strip())
    try:
        well = str(WellName.parse(words[0]))
        numbers = [int(word) for word in words[1:]]
    except (InputError, ValueError) as error:
        raise InputError(f"'{text}' is no place of an object. {_FORMS}") from error
    if len(numbers) > 2:
        raise InputError(f"'{text}' has too many numbers. {_FORMS}")
    found = []
    for _, name, rows in table.wells:
        if name == well:
            here = np.arange(rows.start, rows.stop)
            for column, number in zip(("site", "label"), numbers, strict=False):
                here = here[table.part(column, here) == number]
            found.append(here)
    return np.concatenate([np.empty(0, np.int64), *found])


def in_view(
    table: FeatureTable, plate: str, well: str = "", site: int = 0, t: int | None = None
) -> Mask:
    """The objects of the plate, the well or the site that is looked at, at a time point or all."""
    found = np.zeros(len(table), bool)
    for of, name, rows in table.wells:
        if of == plate and (not well or name == well):
            found[rows] = table.part("site", rows) == site if site else True
    return found if t is None else found & (table.numbers("t") == t)
