"""Features of objects: Parquet, one file a well, read by column.

    features/<type>/plate=<plate>/<well>.parquet

Rows are sorted by site, time point and label, so that the same analysis gives the same file
however it was cut into jobs. Jobs write parts of their own; `collect` puts them into place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from napari_tmaps.errors import FormatError, StorageError, unknown
from napari_tmaps.model.wells import WellName
from napari_tmaps.streams.atomic import disk_errors, remove, replacing
from napari_tmaps.streams.mounts import bring, open_parts, source_of

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

INDEX = ["plate", "well", "site", "t", "label"]

_Well = tuple[str, str]  # plate, well
_THREADS = 6


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what pyarrow says of a damaged file into a `FormatError`."""
    import pyarrow as pa

    try:
        yield
    except StorageError:
        raise
    except (pa.ArrowInvalid, OSError) as error:
        raise FormatError(
            f"'{path}' is damaged: {error}. Run the analysis of well {path.stem} again."
        ) from error


def open_parquet(
    path: Path, footer: pq.FileMetaData | None = None, *, whole: bool = False
) -> pq.ParquetFile:
    """A file to read columns of; of one of a server, only these are fetched.

    Parameters
    ----------
    footer
        Read before; None: it is read now.
    whole
        All of it is to be read.
    """
    import pyarrow.parquet as pq

    source = bring(path) if whole else open_parts(path)
    return pq.ParquetFile(source, metadata=footer, pre_buffer=not isinstance(source, Path))


def write_columns(table: pd.DataFrame | pa.Table, path: Path) -> None:
    """Write columns to be read one by one.

    Measured numbers hardly ever repeat: written one after the other they take less room, and less
    time to write and to read, than by a dictionary of all of them.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if isinstance(table, pd.DataFrame):
        table = pa.Table.from_pandas(table, preserve_index=False)
    repeat = [field.name for field in table.schema if not pa.types.is_floating(field.type)]
    pq.write_table(table, path, use_dictionary=repeat)


def footers(files: Sequence[Path]) -> list[pq.FileMetaData]:
    """What the ends of files say of them: rows and columns.

    Raises
    ------
    FormatError
        A file is damaged.
    """
    from concurrent.futures import ThreadPoolExecutor

    def read(path: Path) -> pq.FileMetaData:
        with readable(path), open_parquet(path) as file:
            return file.metadata

    if not files or source_of(files[0]) is None:
        return [read(path) for path in files]
    with ThreadPoolExecutor(_THREADS) as pool:  # most of the time is spent waiting for the server
        return list(pool.map(read, files))


class FeatureStore:
    """Tables of features of one experiment.

    Parameters
    ----------
    root
        The folder `features/`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def object_types(self) -> list[str]:
        """Types that have a table."""
        if not self.root.is_dir():
            return []
        return sorted(path.name for path in self.root.iterdir() if path.is_dir())

    def files(self, object_type: str) -> list[Path]:
        """The files of a type, in the order of the plates and wells."""
        files = list((self.root / object_type).glob("plate=*/*.parquet"))
        return sorted(files, key=lambda path: (path.parent.name, WellName.parse(path.stem)))

    def columns(self, object_type: str) -> list[str]:
        """Names of the features of a type, without the index.

        Raises
        ------
        NotFoundError
            There is no table of that type.
        """
        return [name for name in self._schema(object_type).names if name not in INDEX]

    def _schema(self, object_type: str) -> pa.Schema:
        import pyarrow as pa

        files = self.files(object_type)
        if not files:
            raise unknown("table of objects", object_type, self.object_types())
        return pa.unify_schemas([footer.schema.to_arrow_schema() for footer in footers(files)])

    def count(self, object_type: str) -> int:
        """Number of rows, read from the footers alone."""
        return sum(footer.num_rows for footer in footers(self.files(object_type)))

    def tables(self, object_type: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The table well by well, in the order of the plates; all with the same columns.

        Raises
        ------
        NotFoundError
            No such type or column.
        FormatError
            A file is damaged.
        """
        import pyarrow as pa

        schema = self._schema(object_type)
        if columns is not None:
            for name in columns:
                if name not in schema.names:
                    raise unknown("feature", name, self.columns(object_type))
            wanted = [*INDEX, *(name for name in columns if name not in INDEX)]
            schema = pa.schema([schema.field(name) for name in wanted])
        for path in self.files(object_type):
            with readable(path), open_parquet(path, whole=columns is None) as file:
                there = set(file.schema_arrow.names)
                names = [name for name in schema.names if name in there]
                table = file.read(columns=names)
            arrays = [
                table[field.name] if field.name in there else pa.nulls(table.num_rows, field.type)
                for field in schema
            ]
            yield pa.Table.from_arrays(arrays, schema=schema)

    def read(self, object_type: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The table of a type, index plate, well, site, t, label.

        Raises
        ------
        NotFoundError
            No such type or column.
        """
        import pyarrow as pa

        table = pa.concat_tables(self.tables(object_type, columns))
        frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
        return frame.set_index(INDEX)

    def read_site(self, object_type: str, plate: str, well: str, site: int) -> pd.DataFrame:
        """Rows of one site, index plate, well, site, t, label; empty if it has no objects.

        Raises
        ------
        NotFoundError
            There is no table of that type.
        FormatError
            Its file is damaged.
        """
        import pyarrow.parquet as pq

        path = self.root / object_type / f"plate={plate}" / f"{well}.parquet"
        if path.exists():
            with readable(path):
                table = pq.read_table(bring(path), partitioning=None, filters=[("site", "=", site)])
        else:
            table = self._schema(object_type).empty_table()
        frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
        return frame.set_index(INDEX)

    def write_part(self, part: Path, tables: Iterable[pd.DataFrame]) -> None:
        """Write what one job measured of one type; each table has the columns `INDEX`."""
        frame = pd.concat(list(tables), ignore_index=True)
        with replacing(part) as temporary, disk_errors(part):
            write_columns(frame, temporary)

    def collect(
        self, object_type: str, parts: Sequence[Path], done: Iterable[tuple[str, str, int]]
    ) -> None:
        """Put parts into place: they replace the rows of the sites that were analysed.

        One part at a time is in memory, and the wells that are not complete yet.

        Parameters
        ----------
        parts
            Files of `write_part`; left where they are.
        done
            (plate, well, site) of all sites that were analysed, also those without objects.
        """
        if not parts:
            return
        wells: dict[_Well, set[int]] = {}
        for plate, well, site in done:
            wells.setdefault((plate, well), set()).add(site)
        last = {
            well: number
            for number, part in enumerate(parts)
            for well in _by_well(pd.read_parquet(part, columns=["plate", "well"]))
        }
        waiting: dict[_Well, list[pd.DataFrame]] = {}
        for number, part in enumerate(parts):
            table = pd.read_parquet(part)
            for where, rows in _by_well(table).items():
                waiting.setdefault(where, []).append(rows)
            for where in [where for where in waiting if last[where] == number]:
                rows = pd.concat(waiting.pop(where), ignore_index=True)
                self._replace_sites(object_type, where, wells.pop(where), rows)
        for where, sites in wells.items():
            self._replace_sites(object_type, where, sites, table.iloc[:0])

    def _replace_sites(
        self, object_type: str, well: _Well, sites: Set[int], rows: pd.DataFrame
    ) -> None:
        """Put new rows in the place of all of some sites of a well."""
        path = self.root / object_type / f"plate={well[0]}" / f"{well[1]}.parquet"
        if path.exists():
            old = pd.read_parquet(path, partitioning=None)
            old = old[~old["site"].isin(sites)]
            # A column that the new analysis does not make any more goes with the old rows.
            rows = pd.concat([old, rows]) if len(old) else rows
        rows = rows.sort_values(["site", "t", "label"], ignore_index=True)
        with replacing(path) as temporary, disk_errors(path):
            write_columns(rows, temporary)

    def replace_rows(
        self,
        object_type: str,
        site: tuple[str, str, int],
        t: int,
        labels: Sequence[int],
        rows: pd.DataFrame,
    ) -> None:
        """Put new rows in the place of some objects of a site; all others stay as they are.

        Parameters
        ----------
        site
            (plate, well, site).
        labels
            Of the objects whose rows go.
        rows
            New rows, with the columns `INDEX`; they need not be as many.
        """
        plate, well, number = site
        path = self.root / object_type / f"plate={plate}" / f"{well}.parquet"
        table = rows
        if path.is_file():
            with readable(path):
                old = pd.read_parquet(path, partitioning=None)
            gone = (old["site"] == number) & (old["t"] == t) & old["label"].isin(labels)
            kept = old[~gone]
            fitting = rows.reindex(columns=old.columns)
            table = pd.concat([kept, fitting.astype(old.dtypes)]) if len(rows) else kept
        table = table.sort_values(["site", "t", "label"], ignore_index=True)
        with replacing(path) as temporary, disk_errors(path):
            write_columns(table, temporary)

    def replace_site(
        self, object_type: str, site: tuple[str, str, int], t: int, rows: pd.DataFrame
    ) -> None:
        """Put new rows in the place of all objects of a site at a time point.

        Parameters
        ----------
        site
            (plate, well, site).
        rows
            With the columns `INDEX`; features that the table lacks are new for the whole well.
        """
        plate, well, number = site
        path = self.root / object_type / f"plate={plate}" / f"{well}.parquet"
        table = rows
        if path.is_file():
            with readable(path):
                old = pd.read_parquet(path, partitioning=None)
            kept = old[(old["site"] != number) | (old["t"] != t)]
            table = pd.concat([kept, rows]) if len(kept) else rows
        table = table.sort_values(["site", "t", "label"], ignore_index=True)
        with replacing(path) as temporary, disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_columns(table, temporary)

    def rename_column(self, object_type: str, old: str, new: str) -> None:
        """Call a feature by another name, in the files of all wells that have it."""

        def changed(table: Any) -> Any:
            names = [new if name == old else name for name in table.column_names]
            return table.rename_columns(names)

        self._change_column(object_type, old, changed)

    def remove_column(self, object_type: str, name: str) -> None:
        """Remove a feature from the files of all wells that have it."""
        self._change_column(object_type, name, lambda table: table.drop_columns([name]))

    def _change_column(self, object_type: str, name: str, change: Callable[[Any], Any]) -> None:
        import pyarrow.parquet as pq

        for path in self.files(object_type):
            with readable(path):
                table = pq.read_table(path, partitioning=None)
            if name in table.column_names:
                with replacing(path) as temporary, disk_errors(path):
                    write_columns(change(table).replace_schema_metadata(), temporary)

    def remove(self, object_type: str) -> None:
        """Remove the table of a type."""
        remove(self.root / object_type)


def _by_well(table: pd.DataFrame) -> dict[_Well, pd.DataFrame]:
    groups = table.groupby(["plate", "well"])
    return {(str(plate), str(well)): rows for (plate, well), rows in groups}
