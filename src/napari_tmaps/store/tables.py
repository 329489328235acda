"""Feature tables as files for other programs: CSV and Parquet, written well by well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from napari_tmaps.errors import InputError
from napari_tmaps.store.features import FeatureStore
from napari_tmaps.streams.atomic import disk_errors, replacing


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
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq

    ending = path.suffix.lower()
    if ending not in (".csv", ".parquet"):
        raise InputError(f"'{path.name}' should end in .csv or .parquet.")
    tables = (
        table.rename_columns([(renamed or {}).get(name, name) for name in table.column_names])
        for table in features.tables(object_type, columns)
    )
    first = next(tables)
    rows = 0
    with replacing(path) as temporary, disk_errors(path):
        writer: pa_csv.CSVWriter | pq.ParquetWriter
        if ending == ".csv":
            writer = pa_csv.CSVWriter(temporary, first.schema)
        else:
            writer = pq.ParquetWriter(temporary, first.schema)
        with writer:
            for table in (first, *tables):
                writer.write_table(table)
                rows += table.num_rows
    return rows
