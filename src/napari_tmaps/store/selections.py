"""Selections: named, coloured groups of objects of a type; an object may be in several.

    selections/<type>.parquet       selection, plate, well, site, t, label; names and colours in
                                    its metadata

Objects are known by where they are and their label, so a selection outlives an analysis: who asks
for its rows is told which objects are gone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.errors import FormatError, InputError, unknown
from napari_tmaps.store.feature_table import FeatureTable
from napari_tmaps.store.features import INDEX
from napari_tmaps.streams.atomic import disk_errors, replacing

_KEY = b"napari-tmaps selections 1"


@dataclass(frozen=True, slots=True)
class Selection:
    """Some objects, with a colour.

    Attributes
    ----------
    objects
        Columns plate, well, site, t, label; each object once.
    color
        As "#rrggbb".
    """

    objects: pd.DataFrame
    color: str = "#ffb000"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", self.color):
            raise InputError(f"'{self.color}' is no colour. Write it as #rrggbb, e.g. #ffb000.")
        lost = [name for name in INDEX if name not in self.objects.columns]
        if lost:
            raise InputError(f"The objects of a selection need the column '{lost[0]}'.")

    def toggled(self, objects: pd.DataFrame) -> Selection:
        """The selection with these objects added, or without them where they were in it."""
        both = pd.concat([self.objects[INDEX], objects[INDEX].drop_duplicates()])
        return Selection(both.drop_duplicates(keep=False, ignore_index=True), self.color)

    def rows(self, table: FeatureTable) -> tuple[npt.NDArray[np.int64], pd.DataFrame]:
        """Rows of a table that are in the selection, ascending; and the objects that are gone."""
        found = table.rows_of(self.objects)
        return np.unique(found[found >= 0]), self.objects[found < 0].reset_index(drop=True)


class SelectionStore:
    """The selections of one experiment.

    Parameters
    ----------
    root
        The folder `selections/`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def load(self, object_type: str) -> dict[str, Selection]:
        """All selections of a type by name, in the order in which they were made.

        Raises
        ------
        FormatError
            The file is damaged.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self.root / f"{object_type}.parquet"
        if not path.is_file():
            return {}
        try:
            table = pq.read_table(path)
            colors = json.loads((table.schema.metadata or {})[_KEY])
            frame = table.to_pandas(ignore_metadata=True)
            return {
                name: Selection(
                    frame.loc[frame["selection"] == name, INDEX].reset_index(drop=True), color
                )
                for name, color in colors.items()
            }
        except (pa.ArrowInvalid, OSError, KeyError, ValueError) as error:
            raise FormatError(f"'{path}' holds no selections: {error}. Remove it.") from error

    def save(self, object_type: str, selections: Mapping[str, Selection]) -> None:
        """Replace all selections of a type.

        Raises
        ------
        InputError
            A name is empty.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not all(name.strip() for name in selections):
            raise InputError("A selection needs a name.")
        empty = pd.DataFrame({"selection": pd.Series(dtype=str), **dict.fromkeys(INDEX)}).iloc[:0]
        frames = [
            selection.objects[INDEX].drop_duplicates().assign(selection=name)
            for name, selection in selections.items()
        ]
        frame = pd.concat(frames, ignore_index=True) if frames else empty
        kinds: dict[str, type] = dict.fromkeys(("selection", "plate", "well"), str)
        kinds |= dict.fromkeys(("site", "t", "label"), int)
        table = pa.Table.from_pandas(frame[list(kinds)].astype(kinds), preserve_index=False)
        colors = {name: selection.color for name, selection in selections.items()}
        table = table.replace_schema_metadata({_KEY: json.dumps(colors)})
        path = self.root / f"{object_type}.parquet"
        with replacing(path) as temporary, disk_errors(path):
            pq.write_table(table, temporary)

    def set(self, object_type: str, name: str, selection: Selection | None) -> None:
        """Add or replace one selection; None removes it.

        Raises
        ------
        NotFoundError
            There is none to remove.
        """
        selections = self.load(object_type)
        if selection is None:
            if name not in selections:
                raise unknown("selection", name, selections)
            del selections[name]
        else:
            selections[name] = selection
        self.save(object_type, selections)
