"""Tables of objects for other programs, with results and plate map: CSV and Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_tmaps.store.feature_table import Categories, FeatureTable, Mask
from napari_tmaps.store.features import INDEX
from napari_tmaps.store.tables import write_tables

if TYPE_CHECKING:
    import pyarrow as pa


def write_objects(
    table: FeatureTable,
    path: Path,
    *,
    columns: Sequence[str] = (),
    rows: Mask | None = None,
) -> int:
    """Write objects well by well: plate, well, site, t, label, then columns.

    Parameters
    ----------
    path
        Ends in .csv or .parquet; an existing file is replaced once the new one is whole.
    columns
        Features, or columns that were added of results and plate map; all if none are named.
    rows
        Only these objects.

    Returns
    -------
    int
        Number of objects.

    Raises
    ------
    InputError
        Another ending.
    NotFoundError
        No such column.
    StorageError
        The disk refused; nothing half-written is left.
    """
    import pyarrow as pa

    wanted = list(dict.fromkeys([*INDEX, *(columns or table.columns)]))
    schema = pa.Schema.from_pandas(table.frame(wanted, slice(0, 1)), preserve_index=False)
    texts = {name for name in wanted if isinstance(table.part(name, slice(0, 0)), Categories)}
    schema = pa.schema(
        [pa.field(f.name, pa.string() if f.name in texts else f.type) for f in schema]
    )

    def tables() -> Iterator[pa.Table]:
        for _, _, place in table.wells:
            here = np.arange(place.start, place.stop)
            if rows is not None:
                here = here[rows[place]]
            if here.size:
                frame = table.frame(wanted, here)
                yield pa.Table.from_pandas(frame, schema=schema, preserve_index=False)

    return write_tables(path, schema, tables())
