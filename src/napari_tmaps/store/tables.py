"""Feature tables as files for other programs: CSV and Parquet, written well by well."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from napari_tmaps.errors import InputError
from napari_tmaps.store.features import FeatureStore
from napari_tmaps.streams.atomic import disk_errors, replacing

if TYPE_CHECKING:
    import pyarrow as pa


def write_table(
    features: FeatureStore,
    object_type: str,
    path: Path,
    *,
    columns: Sequence[str] | None = None,
    renamed: Mapping[str, str] | None = None,
) -> int:
    """Write all objects of a type: plate, well, site, t, label, then the features.

    Parameters
    ----------
    path
        Ends in .csv or .parquet; an existing file is replaced once the new one is whole.
    columns
        Only these features.
    renamed
        Other names for columns in the file.

    Returns
    -------
    int
        Number of objects.

    Raises
    ------
    InputError
        Another ending.
    NotFoundError
        No such type or feature.
    StorageError
        The disk refused; nothing half-written is left.
    """
    tables = (
        table.rename_columns([(renamed or {}).get(name, name) for name in table.column_names])
        for table in features.tables(object_type, columns)
    )
    first = next(tables)
    return write_tables(path, first.schema, chain([first], tables))


def write_tables(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> int:
    """Write tables one after the other into one file; returns the number of rows.

    Raises
    ------
    InputError
        The file ends neither in .csv nor in .parquet.
    StorageError
        The disk refused; nothing half-written is left.
    """
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq

    ending = path.suffix.lower()
    if ending not in (".csv", ".parquet"):
        raise InputError(f"'{path.name}' should end in .csv or .parquet.")
    rows = 0
    with replacing(path) as temporary, disk_errors(path):
        writer: pa_csv.CSVWriter | pq.ParquetWriter
        writer = (pa_csv.CSVWriter if ending == ".csv" else pq.ParquetWriter)(temporary, schema)
        with writer:
            for table in tables:
                writer.write_table(table)
                rows += table.num_rows
    return rows
