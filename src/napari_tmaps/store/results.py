"""Results of tools: columns on the same objects, with how they were made.

    results/<type>/<name>/result.json                      tool, settings, report, versions, date
    results/<type>/<name>/plate=<plate>/<well>.parquet     site, t, label, then the columns
    results/<type>/<name>/wells.parquet                    where the answer is about wells

A result names its objects as the feature tables do, so it outlives an analysis: objects that are
new since have no value, and how many they are is told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from napari_tmaps.errors import ExistsError, FormatError, InputError, NotFoundError, unknown
from napari_tmaps.store.feature_table import Categories, Column, FeatureTable, Values
from napari_tmaps.store.features import INDEX, readable, write_columns
from napari_tmaps.streams.atomic import disk_errors, remove, replacing, write_text
from napari_tmaps.streams.mounts import bring

_KEYS = INDEX[2:]
_FILE = "result.json"
_WELLS = "wells.parquet"


class AboutResult(BaseModel):
    """What a result is.

    Attributes
    ----------
    columns
        Names of its columns; the first is what the map shows.
    classes
        For each column of classes their names.
    colors
        "#rrggbb" of each class.
    settings, report, notes
        Of the tool that made it.
    objects
        Number of objects when it was made.
    versions
        Of the programs, and of the code of the tool.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["napari-tmaps result 1"] = "napari-tmaps result 1"
    name: str
    tool: str
    object_type: str
    columns: tuple[str, ...]
    classes: dict[str, tuple[str, ...]] = {}
    colors: dict[str, str] = {}
    settings: dict[str, Any] = {}
    report: dict[str, Any] = {}
    notes: tuple[str, ...] = ()
    objects: int
    versions: dict[str, str] = {}
    created: str


@dataclass(frozen=True, slots=True)
class ResultStore:
    """The results of one experiment.

    Attributes
    ----------
    root
        The folder `results/`.
    """

    root: Path

    def names(self, object_type: str) -> list[str]:
        """Names of the results of a type, the oldest first."""
        return list(self._known(object_type))

    def _known(self, object_type: str) -> dict[str, AboutResult]:
        """All results of a type by name, the oldest first."""
        found = {}
        for name in self._folders(object_type):
            with suppress(NotFoundError):  # it was just renamed or removed
                found[name] = self.about(object_type, name)
        return dict(sorted(found.items(), key=lambda one: (one[1].created, one[0])))

    def _folders(self, object_type: str) -> list[str]:
        return sorted(path.parent.name for path in (self.root / object_type).glob(f"*/{_FILE}"))

    def about(self, object_type: str, name: str) -> AboutResult:
        """What a result is.

        Raises
        ------
        NotFoundError
            There is no such result.
        FormatError
            Its file is damaged.
        """
        path = self.root / object_type / name / _FILE
        try:
            return AboutResult.model_validate_json(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            known = self._folders(object_type)
            raise unknown(f"result of '{object_type}'", name, known) from None
        except (ValidationError, UnicodeDecodeError) as error:
            raise _damaged(path, name) from error

    def save(
        self,
        about: AboutResult,
        table: FeatureTable,
        columns: Mapping[str, Column],
        wells: pd.DataFrame | None = None,
    ) -> None:
        """Keep a result: one value for each row of the table in each column.

        Raises
        ------
        ExistsError
            There is a result of that name.
        InputError
            The name cannot be that of a folder.
        """
        folder = self._free(about.object_type, about.name)
        with replacing(folder) as temporary, disk_errors(folder):
            temporary.mkdir()
            if columns:
                keys = {key: table.numbers(key) for key in _KEYS}
                for plate, well, rows in table.wells:
                    path = temporary / f"plate={plate}" / f"{well}.parquet"
                    path.parent.mkdir(exist_ok=True)
                    frame = pd.DataFrame(
                        {key: value[rows] for key, value in keys.items()}
                        | {name: _codes(value)[rows] for name, value in columns.items()}
                    )
                    write_columns(frame, path)
            if wells is not None:
                wells.to_parquet(temporary / _WELLS, index=False)
            # A report has NaN where nothing could be worked out; JSON knows null.
            text = json.dumps(json.loads(about.model_dump_json()), indent=2, ensure_ascii=False)
            write_text(temporary / _FILE, text + "\n")

    def rename(self, object_type: str, old: str, new: str) -> None:
        """Give a result another name.

        Raises
        ------
        NotFoundError, ExistsError, InputError
            There is none of the old name, one of the new, or the new one is no name.
        """
        about = self.about(object_type, old)
        target = self._free(object_type, new)
        with disk_errors(target):
            (self.root / object_type / old).rename(target)
        renamed = about.model_copy(update={"name": new})
        write_text(target / _FILE, renamed.model_dump_json(indent=2) + "\n")

    def move(self, object_type: str, new: str) -> None:
        """Have all results of an object type under the new name of that type."""
        names = self.names(object_type)
        folder = self.root / new
        if names:
            with disk_errors(folder):
                (self.root / object_type).rename(folder)
        for name in self.names(new):
            moved = self.about(new, name).model_copy(update={"object_type": new})
            write_text(folder / name / _FILE, moved.model_dump_json(indent=2) + "\n")

    def remove(self, object_type: str, name: str) -> None:
        """Delete a result.

        Raises
        ------
        NotFoundError
            There is none of that name.
        """
        folder = self.root / object_type / name
        if not (folder / _FILE).is_file():
            self.about(object_type, name)
        remove(folder)

    def wells(self, object_type: str, name: str) -> pd.DataFrame | None:
        """The table of wells of a result; None if it has none.

        Raises
        ------
        NotFoundError
            There is no such result.
        FormatError
            Its file is damaged.
        """
        self.about(object_type, name)
        path = self.root / object_type / name / _WELLS
        if not path.is_file():
            return None
        try:
            with readable(path):
                return pd.read_parquet(bring(path))
        except FormatError as error:
            self.about(object_type, name)  # it may just have been renamed or removed
            raise _damaged(path, name) from error

    def column(self, table: FeatureTable, name: str, column: str) -> Column:
        """A column of a result for the rows of a table; NaN or -1 for objects that it lacks.

        Raises
        ------
        NotFoundError
            There is no such result or column.
        FormatError
            A file is damaged.
        """
        import pyarrow.parquet as pq

        about = self.about(table.object_type, name)
        if column not in about.columns:
            raise unknown(f"column of the result '{name}'", column, about.columns)
        is_class = column in about.classes
        found: Values = np.full(len(table), -1 if is_class else np.nan, np.float64)
        for plate, well, rows in table.wells:
            path = self.root / table.object_type / name / f"plate={plate}" / f"{well}.parquet"
            if not path.is_file() or rows.start == rows.stop:
                continue
            try:
                with readable(path):
                    part = pq.read_table(bring(path), columns=[*_KEYS, column], partitioning=None)
            except FormatError:
                self.about(table.object_type, name)  # it may just have been renamed or removed
                raise
            values = part[column].to_numpy()
            ours = [table.numbers(key)[rows] for key in _KEYS]
            theirs = [part[key].to_numpy() for key in _KEYS]
            if all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True)):
                found[rows] = values
            elif len(values):
                at = pd.MultiIndex.from_arrays(theirs).get_indexer(pd.MultiIndex.from_arrays(ours))
                found[rows] = np.where(at < 0, -1 if is_class else np.nan, values[at])
        self.about(table.object_type, name)  # else its files may be those that are missing
        if is_class:
            return Categories(found.astype(np.int32), about.classes[column])
        return found

    def attach(self, table: FeatureTable) -> None:
        """Add the columns of all results to a table, as `<result>:<column>`."""
        for name, about in self._known(table.object_type).items():
            for column in about.columns:
                table.add(
                    f"{name}:{column}",
                    lambda t, name=name, column=column: self.column(t, name, column),  # type: ignore[misc]
                    about.classes.get(column, ()),
                )

    def _free(self, object_type: str, name: str) -> Path:
        if not name or not name[0].isalnum() or any(sign in name for sign in '/\\:*?"<>|`'):
            raise InputError(
                f"'{name}' cannot be the name of a result. Use letters, digits, spaces and . _ - +."
            )
        folder = self.root / object_type / name
        if folder.exists():
            raise ExistsError(
                f"There is a result '{name}' of '{object_type}' already. Choose another name."
            )
        return folder


def _damaged(path: Path, name: str) -> FormatError:
    return FormatError(f"'{path}' is damaged. Delete the result '{name}'.")


def _codes(value: Column) -> Values:
    return value.codes if isinstance(value, Categories) else value
