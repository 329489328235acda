"""What is in which well: treatment, dose, replicate, control, and whatever else a CSV says.

plate_map.csv          plate, well, then columns of the user; kept as it was given
plate_map_history.csv  each value that was ever changed: when, by whom, and what it was before
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from napari_tmaps.errors import FormatError, InputError, NotFoundError
from napari_tmaps.model.wells import WellName
from napari_tmaps.store.exclusions import user_name
from napari_tmaps.store.feature_table import Categories, Column, FeatureTable
from napari_tmaps.streams.atomic import disk_errors, replacing

FILE = "plate_map.csv"
HISTORY = "plate_map_history.csv"
_HISTORY_COLUMNS = ("when", "who", "plate", "well", "column", "before", "after")
CONTROL = "control"
CONTROLS = ("negative", "positive", "")
NUMBERS = ("dose", "replicate")


@dataclass(frozen=True, slots=True)
class PlateMap:
    """What is in which well.

    Attributes
    ----------
    wells
        Columns plate, well (as B03), then those of the user: treatment (text), dose (number),
        replicate (number), control ("negative", "positive" or ""), or any other. One row a well.
    """

    wells: pd.DataFrame

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of the user."""
        return tuple(self.wells.columns[2:])

    def values(self) -> dict[tuple[str, str, str], str]:
        """Each value as text, by plate, well and name of the column; empty ones are left out."""
        found = {}
        for row in self.wells.to_dict("records"):
            for column in self.columns:
                text = "" if pd.isna(row[column]) else _text(row[column])
                if text:
                    found[str(row["plate"]), str(row["well"]), column] = text
        return found

    def of_wells(self, wells: pd.DataFrame) -> pd.DataFrame:
        """A table of wells with the columns of the user beside it; missing where not mapped."""
        return wells.merge(self.wells, on=["plate", "well"], how="left", validate="many_to_one")

    def attach(self, table: FeatureTable) -> None:
        """Add the columns of the user to a table of objects."""
        for name in self.columns:
            table.add(name, lambda t, name=name: self._column(t, name))  # type: ignore[misc]

    def _column(self, table: FeatureTable, name: str) -> Column:
        places = pd.DataFrame(
            [(plate, well) for plate, well, _ in table.wells], columns=["plate", "well"]
        )
        values = self.of_wells(places)[name]
        rows = np.array([place.stop - place.start for _, _, place in table.wells])
        if pd.api.types.is_numeric_dtype(values):
            return np.repeat(values.to_numpy(np.float64), rows)
        codes, names = pd.factorize(values)
        return Categories(np.repeat(codes.astype(np.int32), rows), tuple(map(str, names)))


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def read_plate_map(path: Path, plates: list[str]) -> PlateMap:
    """Read a plate map from a CSV file.

    Parameters
    ----------
    path
        With the column well, and plate if there are several plates.
    plates
        Names of the plates of the experiment. A map without the column plate is for each of them.

    Raises
    ------
    NotFoundError
        There is no such file.
    FormatError
        It is no table of wells; the message says what is wrong.
    """
    if not path.is_file():
        raise NotFoundError(f"There is no plate map '{path}'.")
    try:
        frame = pd.read_csv(path, dtype={"plate": str, "well": str}, encoding="utf-8-sig")
    except (ValueError, pd.errors.ParserError) as error:
        raise FormatError(f"'{path.name}' is no CSV table: {error}.") from error
    return check_plate_map(frame, plates, path.name)


def check_plate_map(frame: pd.DataFrame, plates: list[str], title: str) -> PlateMap:
    """A table as a plate map; see `read_plate_map`.

    Parameters
    ----------
    title
        Where the table is from, for messages.

    Raises
    ------
    FormatError
        It is no table of wells; the message says what is wrong.
    """
    frame = frame.copy()
    frame.columns = frame.columns.str.strip()
    by_lower = {name.lower(): name for name in frame.columns}
    known = ("plate", "well", "treatment", *NUMBERS, CONTROL)
    frame = frame.rename(columns={by_lower[name]: name for name in known if name in by_lower})
    if frame.columns.has_duplicates:
        name = frame.columns[frame.columns.duplicated()][0]
        raise FormatError(f"'{title}' has the column '{name}' twice. Rename or remove one.")
    if "well" not in frame.columns:
        raise FormatError(
            f"'{title}' has no column 'well'. Its columns are {', '.join(frame.columns)}."
        )
    if "plate" not in frame.columns:
        frame = pd.concat([frame.assign(plate=plate) for plate in plates], ignore_index=True)
    try:
        frame["well"] = [str(WellName.parse(str(well))) for well in frame["well"]]
    except InputError as error:
        raise FormatError(f"'{title}': {error}") from error
    strange = sorted(set(frame["plate"].astype(str)) - set(plates))
    if strange:
        raise FormatError(
            f"'{title}' names the plate '{strange[0]}', which the experiment has not. It has: "
            f"{', '.join(plates)}."
        )
    twice = frame[frame.duplicated(["plate", "well"])]
    if len(twice):
        one = twice.iloc[0]
        raise FormatError(f"'{title}' has well {one['well']} of plate '{one['plate']}' twice.")
    for name in NUMBERS:
        if name in frame.columns and not pd.api.types.is_numeric_dtype(frame[name]):
            wrong = frame.loc[pd.to_numeric(frame[name], errors="coerce").isna(), name].dropna()
            raise FormatError(
                f"'{title}': the {name} '{wrong.iloc[0]}' is no number. Give the unit in the "
                "name of another column."
            )
    if CONTROL in frame.columns:
        frame[CONTROL] = frame[CONTROL].fillna("").astype(str).str.strip().str.lower()
        strange = sorted(set(frame[CONTROL]) - set(CONTROLS))
        if strange:
            raise FormatError(
                f"'{title}': the control '{strange[0]}' is none of negative, positive or empty."
            )
    rest = [name for name in frame.columns if name not in ("plate", "well")]
    return PlateMap(frame[["plate", "well", *rest]])


def save_plate_map(plate_map: PlateMap, folder: Path, plates: list[str], who: str = "") -> int:
    """Keep a plate map with an experiment, in place of an older one, and what it changes.

    Parameters
    ----------
    plates
        Names of the plates of the experiment.
    who
        Empty takes the name of the user's account.

    Returns
    -------
    int
        Number of values that are not what they were.
    """
    changes = _changes(load_plate_map(folder, plates), plate_map)
    path, told = folder / FILE, folder / HISTORY
    if len(changes):
        when = datetime.now(UTC).isoformat(timespec="seconds")
        changes.insert(0, "when", when)
        changes.insert(1, "who", who or user_name())
        before = told.read_text("utf-8") if told.is_file() else ""
        with replacing(told) as temporary, disk_errors(told):
            rows = changes.to_csv(index=False, header=not before, lineterminator="\n")
            temporary.write_text(before + rows, "utf-8")
    with replacing(path) as temporary, disk_errors(path):
        plate_map.wells.to_csv(temporary, index=False)
    return len(changes)


def _changes(before: PlateMap | None, after: PlateMap) -> pd.DataFrame:
    old = {} if before is None else before.values()
    new = after.values()
    rows = [
        (*place, old.get(place, ""), new.get(place, ""))
        for place in dict.fromkeys([*old, *new])
        if old.get(place, "") != new.get(place, "")
    ]
    return pd.DataFrame(rows, columns=list(_HISTORY_COLUMNS[2:]))


def plate_map_history(folder: Path) -> pd.DataFrame:
    """Each value that was ever changed, in order: when, who, plate, well, column, before, after."""
    path = folder / HISTORY
    if not path.is_file():
        return pd.DataFrame(columns=list(_HISTORY_COLUMNS))
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def load_plate_map(folder: Path, plates: list[str]) -> PlateMap | None:
    """The plate map of an experiment; None if it has none."""
    return read_plate_map(folder / FILE, plates) if (folder / FILE).is_file() else None


def layout_values(cells: Sequence[Sequence[str]]) -> dict[str, str] | None:
    """Values by well of cells that are laid out like the plate; None if they are not.

    The first row has the numbers 1, 2, 3 … of the columns, and the first column the letters of the
    rows, as spreadsheets of plate layouts have them.
    """
    if len(cells) < 2 or len(cells[0]) < 2:
        return None
    columns = [text.strip() for text in cells[0][1:]]
    rows = [row[0].strip().upper() if row else "" for row in cells[1:]]
    if not all(text.isdigit() for text in columns) or not all(text.isalpha() for text in rows):
        return None
    found = {}
    for letters, row in zip(rows, cells[1:], strict=True):
        for number, value in zip(columns, row[1:], strict=False):
            try:
                found[str(WellName(letters, int(number)))] = value.strip()
            except InputError:
                return None
    return found
