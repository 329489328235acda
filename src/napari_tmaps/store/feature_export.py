"""Tables of objects for other programs, with results and plate map: CSV and Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_tmaps.errors import InputError
from napari_tmaps.store.feature_table import FeatureTable, Mask
from napari_tmaps.store.features import INDEX
from napari_tmaps.streams.atomic import disk_errors, replacing


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
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq

    ending = path.suffix.lower()
    if ending not in (".csv", ".parquet"):
        raise InputError(f"'{path.name}' should end in .csv or .parquet.")
    wanted = list(dict.fromkeys([*INDEX, *(columns or table.columns)]))
    schema = pa.Schema.from_pandas(table.frame(wanted, slice(0, 1)), preserve_index=False)
    texts = {name for name in wanted if hasattr(table.column(name), "names")}
    schema = pa.schema(
        [pa.field(f.name, pa.string() if f.name in texts else f.type) for f in schema]
    )
    written = 0
    with replacing(path) as temporary, disk_errors(path):
        writer: pa_csv.CSVWriter | pq.ParquetWriter
        writer = (pa_csv.CSVWriter if ending == ".csv" else pq.ParquetWriter)(temporary, schema)
        with writer:
            for _, _, place in table.wells:
                here = np.arange(place.start, place.stop)
                if rows is not None:
                    here = here[rows[place]]
                if here.size:
                    frame = table.frame(wanted, here)
                    writer.write_table(
                        pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
                    )
                    written += here.size
    return written
