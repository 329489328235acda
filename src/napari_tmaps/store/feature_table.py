"""All objects of a type as columns that are read when they are asked for.

The rows are those of `FeatureStore.tables`, in their order, from the footers of the files; a column
is read whole, kept while there is room, and let go when others need it. So ten million objects of
fifty features open in the time that the footers take.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.errors import FormatError, InputError, StorageError, unknown
from napari_tmaps.model.wells import WellName
from napari_tmaps.store.features import INDEX, FeatureStore, footers, open_parquet, readable
from napari_tmaps.streams.mounts import open_parts, source_of

Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[Any]
_THREADS = 4
_FEW_FILES = 4
"""Rows of so few files are read from these alone, where the column is not kept."""
_SAMPLE = 1 << 16
"""Values by which it is told whether many of a column are the same."""
BLOCK = 1 << 17
"""Rows of a block: 100 features of them fit the processor's cache and little memory."""


@dataclass(frozen=True, slots=True)
class Categories:
    """A column of names: which names there are, and for each row the number of its name.

    Attributes
    ----------
    codes
        (rows,) int32; -1 where there is none.
    names
        Each name once.
    """

    codes: npt.NDArray[np.int32]
    names: tuple[str, ...]


Column = Values | Categories
Maker = Callable[["FeatureTable"], Column]


class FeatureTable:
    """Objects of one type, column by column; to be read from any thread.

    Attributes
    ----------
    store, object_type
        Where the features are.
    """

    def __init__(self, store: FeatureStore, object_type: str, *, memory_mb: float = 640) -> None:
        """Open the table of a type; only footers are read.

        Parameters
        ----------
        memory_mb
            How much the kept columns may take.

        Raises
        ------
        NotFoundError
            There is no table of that type.
        FormatError
            A file is damaged.
        """
        import pyarrow as pa

        self.store, self.object_type = store, object_type
        self._files = store.files(object_type)
        if not self._files:
            raise unknown("table of objects", object_type, store.object_types())
        self._stamps = [_stamp(path) for path in self._files]
        self._footers = footers(self._files)
        rows = [footer.num_rows for footer in self._footers]
        schemas = [each.schema.to_arrow_schema().remove_metadata() for each in self._footers]
        self._schema = pa.unify_schemas(schemas, promote_options="permissive")
        self._starts = np.concatenate([[0], np.cumsum(rows)]).astype(np.int64)
        self._kept: OrderedDict[str, Column] = OrderedDict()
        self._room = int(memory_mb * 1e6)
        self._made: dict[str, Maker] = {}
        self._classes: dict[str, tuple[str, ...]] = {}
        self._dtypes: dict[str, np.dtype[Any]] = {}
        self._lock = RLock()

    def __len__(self) -> int:
        return int(self._starts[-1])

    def has_rows_of(self, other: FeatureTable) -> bool:
        """Whether the files were the same when another table was opened, and so are its rows."""
        return self._files == other._files and self._footers == other._footers

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the measured features."""
        return tuple(name for name in self._schema.names if name not in INDEX)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns: index, features, and what was added."""
        return (*INDEX, *self.features, *self._made)

    @property
    def wells(self) -> list[tuple[str, str, slice]]:
        """(plate, well, its rows), in order."""
        return [
            (plate, well, slice(int(start), int(end)))
            for (plate, well), start, end in zip(
                map(_place, self._files), self._starts[:-1], self._starts[1:], strict=True
            )
        ]

    @property
    def times(self) -> int:
        """Time points up to the last that has objects, at least 1; from the footers."""
        last = 0
        for footer in self._footers:
            at = footer.schema.names.index("t")
            for n in range(footer.num_row_groups):
                known = footer.row_group(n).column(at).statistics
                if known is None or not known.has_min_max:
                    return int(self.numbers("t").max(initial=0)) + 1
                last = max(last, known.max)
        return int(last) + 1

    @property
    def classes(self) -> Mapping[str, tuple[str, ...]]:
        """Names of the classes of each column that was added as one of classes."""
        return self._classes

    def add(self, name: str, make: Maker, classes: Sequence[str] = ()) -> None:
        """Add a column that is made when it is asked for, e.g. of a result or of the plate map.

        Parameters
        ----------
        classes
            Names of the classes that it will hold; empty for any other column.

        Raises
        ------
        InputError
            There is a column of that name.
        """
        if name in self.columns:
            raise InputError(f"There is a column '{name}' already. Choose another name.")
        self._made[name] = make
        if classes:
            self._classes[name] = tuple(classes)

    def column(self, name: str) -> Column:
        """Values of a column, one a row; not to be changed.

        Returns
        -------
        Numbers or booleans (rows,), NaN where a number is missing; `Categories` of a text.

        Raises
        ------
        NotFoundError
            There is no such column.
        StorageError
            The objects were measured anew since the table was opened.
        """
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
            if name in self._made:
                value = self._made[name](self)
            elif name in ("plate", "well"):
                value = self._of_files(name)
            else:
                value = self._read(name)
            self._keep(name, value)
            return value

    def numbers(self, name: str) -> Values:
        """Values of a column of numbers; booleans as 0 and 1.

        Raises
        ------
        NotFoundError
            There is no such column.
        InputError
            The column is a text.
        """
        value = self.column(name)
        if isinstance(value, Categories):
            raise InputError(f"The column '{name}' holds names, not numbers. Choose a feature.")
        return value.astype(np.float32) if value.dtype.kind == "b" else value

    def part(self, name: str, rows: npt.NDArray[np.int64] | slice) -> Column:
        """Some rows of a column. If they are close to each other, only they are read.

        Returns and raises as `column`.
        """
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        first, last = rows.min(initial=len(self)), rows.max(initial=0)
        start, end = np.searchsorted(self._starts, (first, last), side="right") - 1
        if end - start >= _FEW_FILES or not self._can_be_read(name):
            value = self.column(name)
            if isinstance(value, Categories):
                return Categories(value.codes[rows], value.names)
            return np.asarray(value[rows])
        dtype = self._dtype(name)
        if not rows.size:
            return np.empty(0, dtype)
        pieces = [self._piece(n, name) for n in range(start, end + 1)]
        found = np.concatenate(pieces, dtype=dtype, casting="unsafe")
        return np.asarray(found[rows - self._starts[start]])

    def blocks(
        self, names: Sequence[str], size: int = BLOCK
    ) -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
        """Several columns of numbers block by block; no column is kept for it.

        Yields
        ------
        Rows, and float32 (columns, rows of the block).

        Raises
        ------
        NotFoundError
            There is no such column.
        StorageError
            The objects were measured anew meanwhile.
        """
        for name in names:
            if name not in self.columns:
                raise unknown("feature", name, self.columns)
        if any(name not in self._schema.names for name in names):
            whole = {name: self.numbers(name) for name in names}
            for start in range(0, len(self), size):
                rows = slice(start, min(start + size, len(self)))
                yield rows, np.stack([whole[name][rows] for name in names]).astype(np.float32)
            return
        end = 0
        for batch in self._dataset().to_batches(columns=list(names), batch_size=size):
            start, end = end, end + batch.num_rows
            if end > len(self):
                break
            if batch.num_rows:
                block = np.empty((len(names), batch.num_rows), np.float32)
                for row, array in zip(block, batch.columns, strict=True):
                    row[:] = _numpy(array)
                yield slice(start, end), block
        self._check(end)

    def where(
        self,
        *,
        plates: Sequence[str] = (),
        wells: Sequence[str] = (),
        sites: Sequence[int] = (),
    ) -> Mask:
        """True for the objects of these plates, wells and sites; empty means all.

        Raises
        ------
        NotFoundError
            A plate or well has no objects.
        """
        names = [str(WellName.parse(well)) for well in wells]
        have = (
            ("plate", plates, {plate for plate, _, _ in self.wells}),
            ("well", names, {well for _, well, _ in self.wells}),
        )
        for kind, wanted, there in have:
            for name in wanted:
                if name not in there:
                    raise unknown(f"{kind} with objects", name, sorted(there))
        mask = np.zeros(len(self), bool)
        for plate, well, rows in self.wells:
            if (not plates or plate in plates) and (not names or well in names):
                mask[rows] = True
        return mask & np.isin(self.numbers("site"), sites) if sites else mask

    def index(self, rows: npt.NDArray[np.int64] | slice) -> pd.DataFrame:
        """Plate, well, site, t and label of some rows."""
        return self.frame(INDEX, rows)

    def frame(self, names: Sequence[str], rows: npt.NDArray[np.int64] | slice) -> pd.DataFrame:
        """Some rows of some columns, e.g. those that are on the screen."""
        found = {}
        for name in names:
            value = self.part(name, rows)
            if isinstance(value, Categories):
                value = np.array([*value.names, None], object)[value.codes]
            found[name] = value
        return pd.DataFrame(found)

    def order(self, name: str, *, descending: bool = False) -> npt.NDArray[np.int64]:
        """Row numbers sorted by a column; equal values keep their order, missing ones are last."""
        value = self.column(name)
        if isinstance(value, Categories):
            rank = np.empty(len(value.names) + 1, np.int32)
            rank[np.argsort(np.array(value.names, object))] = np.arange(len(value.names))
            rank[-1] = -1 if descending else len(value.names)
            keys: Values = rank[value.codes]
        else:
            keys = value
        if descending:
            keys = -keys.astype(np.float64)
        return _order(keys)

    def rows_of(self, objects: pd.DataFrame) -> npt.NDArray[np.int64]:
        """Row number of each object; -1 for those that are not there (any more).

        Parameters
        ----------
        objects
            With the columns plate, well, site, t, label.
        """
        found = np.full(len(objects), -1, np.int64)
        places = {(plate, well): rows for plate, well, rows in self.wells}
        plain = objects.reset_index(drop=True)
        for place, group in plain.groupby(["plate", "well"], sort=False, observed=True):
            rows = places.get((str(place[0]), str(place[1])))
            if rows is None or rows.start == rows.stop:
                continue
            here = pd.MultiIndex.from_frame(self.frame(["site", "t", "label"], rows))
            at = here.get_indexer(pd.MultiIndex.from_frame(group[["site", "t", "label"]]))
            found[group.index.to_numpy()] = np.where(at < 0, -1, at + rows.start)
        return found

    # -- reading --------------------------------------------------------------------------------

    def _dataset(self) -> Any:
        import pyarrow.dataset as ds
        from pyarrow.fs import LocalFileSystem

        kind, local = ds.ParquetFileFormat(), LocalFileSystem()
        fragments = [
            kind.make_fragment(str(source), local)
            if isinstance(source, Path)
            else kind.make_fragment(source)
            for source in map(open_parts, self._files)
        ]
        return ds.FileSystemDataset(fragments, self._schema, kind)

    def _of_files(self, name: str) -> Categories:
        values = [_place(path)[0 if name == "plate" else 1] for path in self._files]
        names = tuple(dict.fromkeys(values))
        codes = np.array([names.index(value) for value in values], np.int32)
        return Categories(np.repeat(codes, np.diff(self._starts)), names)

    def _read(self, name: str) -> Column:
        if name not in self._schema.names:
            raise unknown("column", name, self.columns)
        if _is_text(self._schema.field(name)):
            with readable(self.store.root / self.object_type):
                table = self._dataset().to_table(columns=[name])
            self._check(len(table))
            coded = table[name].combine_chunks().dictionary_encode()
            return Categories(
                coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32),
                tuple(coded.dictionary.to_pylist()),
            )
        values = np.empty(len(self), self._dtype(name))

        def fill(first: int) -> None:
            for n in range(first, len(self._files), _THREADS):
                values[self._starts[n] : self._starts[n + 1]] = self._piece(n, name)

        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(fill, range(_THREADS)))
        return values

    def _can_be_read(self, name: str) -> bool:
        """Whether a column of numbers is only in the files."""
        is_there = name in self._schema.names and name not in ("plate", "well")
        return is_there and name not in self._kept and not _is_text(self._schema.field(name))

    def _dtype(self, name: str) -> np.dtype[Any]:
        """Of a column of numbers, for all its files: float64 if an integer is missing anywhere."""
        import pyarrow as pa

        if name not in self._dtypes:
            kind = self._schema.field(name).type
            has_gaps = pa.types.is_null(kind) or (
                not pa.types.is_floating(kind)
                and any(_may_have_gaps(footer, name) for footer in self._footers)
            )
            self._dtypes[name] = np.dtype(np.float64 if has_gaps else kind.to_pandas_dtype())
        return self._dtypes[name]

    def _piece(self, number: int, name: str) -> Values:
        """A column of one file. Footers were read before: reading them anew takes longer."""
        footer = self._footers[number]
        if name not in footer.schema.names:
            return np.full(footer.num_rows, np.nan, np.float32)
        path = self._files[number]
        try:
            with readable(path), open_parquet(path, footer) as file:
                value = file.read(columns=[name], use_threads=False)[name].combine_chunks()
        except FormatError:
            if footers([path]) == [footer]:
                raise
        else:
            if len(value) == footer.num_rows and _stamp(path) == self._stamps[number]:
                return _numpy(value)
        raise self._anew(f"The {self.object_type} of well {path.stem}")

    def _check(self, count: int) -> None:
        """Refuse what was read of files that are others than when the table was opened."""
        if count != len(self) or self._stamps != [_stamp(path) for path in self._files]:
            raise self._anew(f"Some {self.object_type}")

    @staticmethod
    def _anew(which: str) -> StorageError:
        return StorageError(
            f"{which} have just been measured anew: what is shown of them is that of before until "
            "the table is read again."
        )

    def _keep(self, name: str, value: Column) -> None:
        self._kept[name] = value
        size = sum(_bytes(kept) for kept in self._kept.values())
        while size > self._room and len(self._kept) > 1:
            _, old = self._kept.popitem(last=False)
            size -= _bytes(old)


def _place(path: Path) -> tuple[str, str]:
    return path.parent.name.removeprefix("plate="), path.stem


def _stamp(path: Path) -> tuple[int, ...]:
    """Another one once the file is replaced; the same for files of a server, come or not."""
    if source_of(path) is not None:
        return ()
    try:
        known = path.stat()
    except OSError:
        return ()
    return known.st_ino, known.st_mtime_ns, known.st_size


def _is_text(field: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(field.type) or pa.types.is_large_string(field.type))


def _may_have_gaps(footer: Any, name: str) -> bool:
    """Whether a file lacks a value of a column, or does not say."""
    if name not in footer.schema.names:
        return bool(footer.num_rows)
    at = footer.schema.names.index(name)
    known = [footer.row_group(n).column(at).statistics for n in range(footer.num_row_groups)]
    return any(each is None or not each.has_null_count or each.null_count for each in known)


def _order(keys: Values) -> npt.NDArray[np.int64]:
    """Places of values in their order, of equal ones in that of their places; NaN last."""
    if keys.dtype.kind != "f":
        return np.argsort(keys, kind="stable").astype(np.int64)
    gone = np.isnan(keys)
    if gone.any():  # the quick sort below would be slow with them
        there = np.flatnonzero(~gone)
        return np.concatenate([there[_order(keys[there])], np.flatnonzero(gone)])
    step = max(1, len(keys) // _SAMPLE)
    sample = np.sort(keys[::step])
    # Two that are the same meet in a sample the more seldom, the smaller it is.
    if 16 * step * np.count_nonzero(sample[1:] == sample[:-1]) > len(sample):
        return np.argsort(keys, kind="stable").astype(np.int64)
    # Measured numbers hardly ever repeat: a quick sort, with the few that do put right, takes half
    # as long as one that keeps the places of all.
    order = np.argsort(keys).astype(np.int64)
    ordered = keys[order]
    same = ordered[1:] == ordered[:-1]
    repeats = np.flatnonzero(same)
    if len(repeats):
        group = np.concatenate([[0], np.cumsum(~same)])
        within = np.union1d(repeats, repeats + 1)
        order[within] = order[within][np.lexsort((order[within], group[within]))]
    return order


def _numpy(array: Any) -> Values:
    """An Arrow array as NumPy; integers and booleans with gaps become float64 with NaN."""
    import pyarrow as pa

    if array.null_count and not pa.types.is_floating(array.type):
        array = array.cast(pa.float64())
    values: Values = array.to_numpy(zero_copy_only=False)
    return values


def _bytes(value: Column) -> int:
    return value.codes.nbytes if isinstance(value, Categories) else value.nbytes
