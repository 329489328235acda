"""Names of wells and formats of plates."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from napari_tmaps.errors import InputError

_WELL = re.compile(r"\s*([A-Za-z]{1,2})[\s_-]*0*([1-9][0-9]?)\s*")

_KNOWN = 4096
"""Names whose wells are kept: those of the largest plates."""


def row_letters(index: int) -> str:
    """Letters of the 0-based row: 0 → A, 25 → Z, 26 → AA, 31 → AF."""
    if not 0 <= index < 702:
        raise InputError(f"Row {index} of a plate has no name: rows run from 0 (A) to 701 (ZZ).")
    first, second = divmod(index, 26)
    return (chr(64 + first) if first else "") + chr(65 + second)


def row_index(letters: str) -> int:
    """0-based index of the row: A → 0, Z → 25, AA → 26."""
    index = 0
    for letter in letters.upper():
        index = index * 26 + ord(letter) - 64
    return index - 1


@dataclass(frozen=True, slots=True)
class WellName:
    """Position of a well on its plate, e.g. row "B" and column 3, written B03.

    Wells sort as a reader of the plate expects: by row (A … Z, AA …), then by column.
    """

    row: str
    column: int

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Z]{1,2}", self.row) or not 1 <= self.column <= 99:
            raise InputError(
                f"'{self.row}{self.column}' is no well: the row is one or two capital letters "
                "and the column a number from 1 to 99, as in B03 or AF48."
            )

    @classmethod
    def parse(cls, text: str | WellName) -> WellName:
        """Read "B3", "b03", "B-03", "B - 3" or "AF48".

        Raises
        ------
        InputError
            The text names no well.
        """
        return text if isinstance(text, WellName) else _parse(text)

    @classmethod
    def at(cls, row: int, column: int) -> WellName:
        """The well at the 0-based row and column."""
        return cls(row_letters(row), column + 1)

    @property
    def row_index(self) -> int:
        """0-based row."""
        return row_index(self.row)

    @property
    def column_index(self) -> int:
        """0-based column."""
        return self.column - 1

    def __str__(self) -> str:
        return f"{self.row}{self.column:02d}"

    def __lt__(self, other: WellName) -> bool:
        return (self.row_index, self.column) < (other.row_index, other.column)


def sorted_wells(names: Iterable[str]) -> list[str]:
    """Well names in the order of the plate: row by row, A … Z, AA …"""
    return sorted(names, key=_place)


@lru_cache(_KNOWN)
def _parse(text: str) -> WellName:
    match = _WELL.fullmatch(text)
    if match is None:
        raise InputError(f"'{text}' is no well name. Wells are named like B03, B3 or AF48.")
    return WellName(match[1].upper(), int(match[2]))


def _place(name: str) -> tuple[int, int]:
    well = WellName.parse(name)
    return well.row_index, well.column


@dataclass(frozen=True, slots=True)
class PlateFormat:
    """Rows and columns of a plate."""

    rows: int
    columns: int

    @property
    def wells(self) -> int:
        """Number of wells of the plate."""
        return self.rows * self.columns

    @classmethod
    def of(cls, wells: int) -> PlateFormat:
        """The standard plate with so many wells; 1 is a slide or dish.

        Raises
        ------
        InputError
            No standard plate has that number of wells.
        """
        for plate in PLATE_FORMATS:
            if plate.wells == wells:
                return plate
        known = ", ".join(str(plate.wells) for plate in PLATE_FORMATS)
        raise InputError(f"There is no plate of {wells} wells. Standard plates have {known} wells.")

    @classmethod
    def holding(cls, names: Iterable[WellName]) -> PlateFormat:
        """The likely plate of these wells: a slide, or one of 96, 384 or 1536 wells.

        Smaller plates are rare, and only a person can tell a corner of a large one from them.
        """
        wells = list(names)
        rows = max((well.row_index + 1 for well in wells), default=1)
        columns = max((well.column for well in wells), default=1)
        for plate in PLATE_FORMATS:
            likely = plate.wells == 1 or plate.wells >= 96
            if likely and rows <= plate.rows and columns <= plate.columns:
                return plate
        return cls(rows, columns)

    def check(self, well: WellName) -> None:
        """Refuse a well that lies outside the plate.

        Raises
        ------
        InputError
            The well is not on a plate of this format.
        """
        if well.row_index >= self.rows or well.column > self.columns:
            raise InputError(
                f"Well {well} does not fit a plate of {self.wells} wells, which runs from A01 to "
                f"{WellName.at(self.rows - 1, self.columns - 1)}. Choose a larger plate format or "
                "correct the well."
            )


PLATE_FORMATS = tuple(
    PlateFormat(rows, columns)
    for rows, columns in ((1, 1), (2, 3), (3, 4), (4, 6), (6, 8), (8, 12), (16, 24), (32, 48))
)
