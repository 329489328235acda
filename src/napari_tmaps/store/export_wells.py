"""One row a well, with what the plate map says of it: CSV and Parquet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from napari_tmaps.errors import InputError
from napari_tmaps.store.feature_table import Categories, FeatureTable, Mask
from napari_tmaps.streams.atomic import disk_errors, replacing

Aggregate = Literal["mean", "median", "std"]
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "mean": np.mean,
    "median": np.median,
    "std": lambda part: np.std(part, ddof=1) if part.size > 1 else np.nan,
}


def well_table(
    table: FeatureTable,
    *,
    columns: Sequence[str] = (),
    of_wells: Sequence[str] = (),
    rows: Mask | None = None,
    aggregate: Aggregate = "median",
    over_time: bool = False,
) -> pd.DataFrame:
    """Each well as a row: plate, well, objects, facts of the well, then a number a feature.

    Parameters
    ----------
    columns
        Features and results; all features if none are named. A class becomes a share of objects
        for each of its names: "<column> = <name>".
    of_wells
        Columns that are the same for all objects of a well: those of the plate map.
    rows
        Only these objects.
    over_time
        A row for each time point of a well, with a column t after the well: for each time point at
        which there are any objects at all.

    Raises
    ------
    InputError
        Another aggregate.
    NotFoundError
        No such column.
    """
    if aggregate not in _FUNCTIONS:
        raise InputError(f"Wells are given as {', '.join(_FUNCTIONS)}, not as '{aggregate}'.")
    names = list(columns) or [name for name in table.features if name != "is_border"]
    places = table.wells
    kept = [
        np.arange(place.start, place.stop)[slice(None) if rows is None else rows[place]]
        for _, _, place in places
    ]
    times: list[int] = []
    if over_time:
        t = table.numbers("t")
        there = np.unique(t).tolist()
        times = there * len(places)
        kept = [here[t[here] == one] for here in kept for one in there]
        places = [place for place in places for _ in there]
    found: dict[str, Any] = {
        "plate": [plate for plate, _, _ in places],
        "well": [well for _, well, _ in places],
        **({"t": times} if over_time else {}),
        "objects": [len(here) for here in kept],
    }
    for name in of_wells:
        first = table.column(name)
        values: list[Any] = []
        for _, _, place in places:
            if place.start == place.stop:
                values.append(None)
            elif isinstance(first, Categories):
                code = int(first.codes[place.start])
                values.append(first.names[code] if code >= 0 else None)
            else:
                values.append(first[place.start])
        found[name] = values
    for name in names:
        column = table.column(name)
        if isinstance(column, Categories):
            for code, text in enumerate(column.names):
                found[f"{name} = {text}"] = [_share(column.codes[here] == code) for here in kept]
            continue
        numbers = table.numbers(name)
        values = []
        for here in kept:
            part = numbers[here].astype(np.float64)
            part = part[np.isfinite(part)]
            values.append(float(_FUNCTIONS[aggregate](part)) if part.size else np.nan)
        found[name] = values
    return pd.DataFrame(found)


def write_wells(path: Path, wells: pd.DataFrame) -> None:
    """Write a table of wells; an existing file is replaced once the new one is whole.

    Raises
    ------
    InputError
        The file ends in neither .csv nor .parquet.
    StorageError
        The disk refuses.
    """
    ending = path.suffix.lower()
    if ending not in (".csv", ".parquet"):
        raise InputError(f"'{path.name}' should end in .csv or .parquet.")
    with replacing(path) as temporary, disk_errors(path):
        if ending == ".csv":
            wells.to_csv(temporary, index=False)
        else:
            wells.to_parquet(temporary, index=False)


def _share(is_class: Mask) -> float:
    return float(is_class.mean()) if is_class.size else np.nan
