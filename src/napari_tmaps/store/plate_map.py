"""What is in which well: treatment, dose, replicate, control, and whatever else a CSV says.

plate_map.csv      plate, well, then columns of the user; kept as it was given
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from napari_tmaps.errors import FormatError, InputError, NotFoundError
from napari_tmaps.model.wells import WellName
from napari_tmaps.store.feature_table import Categories, Column, FeatureTable
from napari_tmaps.streams.atomic import disk_errors, replacing

FILE = "plate_map.csv"
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
    frame.columns = frame.columns.str.strip()
    by_lower = {name.lower(): name for name in frame.columns}
    known = ("plate", "well", "treatment", *NUMBERS, CONTROL)
    frame = frame.rename(columns={by_lower[name]: name for name in known if name in by_lower})
    if "well" not in frame.columns:
        raise FormatError(
            f"'{path.name}' has no column 'well'. Its columns are {', '.join(frame.columns)}."
        )
    if "plate" not in frame.columns:
        frame = pd.concat([frame.assign(plate=plate) for plate in plates], ignore_index=True)
    try:
        frame["well"] = [str(WellName.parse(str(well))) for well in frame["well"]]
    except InputError as error:
        raise FormatError(f"'{path.name}': {error}") from error
    strange = sorted(set(frame["plate"].astype(str)) - set(plates))
    if strange:
        raise FormatError(
            f"'{path.name}' names the plate '{strange[0]}', which the experiment has not. It has: "
            f"{', '.join(plates)}."
        )
    twice = frame[frame.duplicated(["plate", "well"])]
    if len(twice):
        one = twice.iloc[0]
        raise FormatError(f"'{path.name}' has well {one['well']} of plate '{one['plate']}' twice.")
    for name in NUMBERS:
        if name in frame.columns and not pd.api.types.is_numeric_dtype(frame[name]):
            wrong = frame.loc[pd.to_numeric(frame[name], errors="coerce").isna(), name].dropna()
            raise FormatError(
                f"'{path.name}': the {name} '{wrong.iloc[0]}' is no number. Give the unit in the "
                "name of another column."
            )
    if CONTROL in frame.columns:
        frame[CONTROL] = frame[CONTROL].fillna("").astype(str).str.strip().str.lower()
        strange = sorted(set(frame[CONTROL]) - set(CONTROLS))
        if strange:
            raise FormatError(
                f"'{path.name}': the control '{strange[0]}' is none of negative, positive or empty."
            )
    rest = [name for name in frame.columns if name not in ("plate", "well")]
    return PlateMap(frame[["plate", "well", *rest]])


def save_plate_map(plate_map: PlateMap, folder: Path) -> None:
    """Keep a plate map with an experiment, in place of an older one."""
    path = folder / FILE
    with replacing(path) as temporary, disk_errors(path):
        plate_map.wells.to_csv(temporary, index=False)


def load_plate_map(folder: Path, plates: list[str]) -> PlateMap | None:
    """The plate map of an experiment; None if it has none."""
    return read_plate_map(folder / FILE, plates) if (folder / FILE).is_file() else None
