"""The SQLite file under the catalogue: opening, reading, writing, settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import sqlalchemy as sa

from napari_tmaps.errors import FormatError, NotFoundError, StorageError
from napari_tmaps.store.catalogue import schema

T = TypeVar("T")

WAIT_S = 30.0
"""How long to wait while another process writes."""
ROWS_AT_A_TIME = 1000


class Database:
    """The file, and the settings of the experiment in it.

    Parameters
    ----------
    path
        The file `experiment.db`; it is made if `create` is true.
    refusal
        Says why nothing can be written to it; None: it can.
    """

    def __init__(
        self, path: Path, *, create: bool = False, refusal: Callable[[], str] | None = None
    ) -> None:
        self.path, self._refusal = path, refusal
        if not create and not path.is_file():
            raise NotFoundError(f"'{path.parent}' is no experiment: it has no {path.name}.")
        self._engine = sa.create_engine(
            sa.URL.create("sqlite", database=str(path)), connect_args={"timeout": WAIT_S}
        )
        sa.event.listen(self._engine, "connect", _configure)
        if refusal is not None:
            sa.event.listen(self._engine, "connect", _only_read)
        if create:
            with self._begin() as connection:
                schema.metadata.create_all(connection)
            self.set("version", schema.VERSION)
        elif (version := self.get("version")) != schema.VERSION:
            raise FormatError(
                f"'{path.parent}' was made by another version of napari-tmaps (catalogue version "
                f"{version}, this program reads {schema.VERSION}). Open it with that version."
            )

    def close(self) -> None:
        """Give the file back."""
        self._engine.dispose()

    def forget(self) -> None:
        """Forget what is kept in memory: the file has changed."""
        self.__dict__.pop("name", None)  # see the cached property

    def copy_to(self, path: Path) -> None:
        """Write a copy of the whole catalogue, as it is at this moment, to a new file."""
        with self._begin() as connection:
            connection.execute(sa.text("VACUUM INTO :path"), {"path": str(path)})

    @contextmanager
    def _begin(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except sa.exc.OperationalError as error:
            if self._refusal is not None and "readonly" in str(error.orig):
                raise StorageError(self._refusal()) from error
            raise StorageError(
                f"The catalogue '{self.path}' cannot be used: {error.orig}. If another program "
                "writes to it, wait and try again; if the disk is full, free some space."
            ) from error
        except sa.exc.DatabaseError as error:
            raise FormatError(
                f"The catalogue '{self.path}' is damaged: {error.orig}. Restore it from a copy."
            ) from error

    def _read(self, query: sa.Select[Any]) -> pd.DataFrame:
        with self._begin() as connection:
            return _table(connection.execute(query))

    def _read_once(
        self, name: str, query: sa.Select[Any], dtypes: Mapping[str, type] = MappingProxyType({})
    ) -> pd.DataFrame:
        """Read what is asked for again and again, and again from the file once that has changed.

        Parameters
        ----------
        name
            By which it is known.
        dtypes
            Of columns that would come with another type, or with none if they are all NULL.
        """

        def read(connection: sa.Connection) -> pd.DataFrame:
            return _table(connection.execute(query)).astype(dtypes)

        return self._once(name, read).copy(deep=False)  # copies a column once it is written to

    def _once(self, name: str, read: Callable[[sa.Connection], T]) -> T:
        """What was read before, or now if the file has changed since; nobody may change it.

        SQLite counts the changes that others make to its file, and those of a connection.
        """
        with self._begin() as connection:
            raw = connection.connection.dbapi_connection
            assert raw is not None, "it is open"
            (others,) = raw.execute("PRAGMA data_version").fetchone()
            version = others, raw.total_changes
            kept = connection.info.setdefault("kept", {})
            if name not in kept or kept[name][0] != version:
                kept[name] = version, read(connection)
            found: T = kept[name][1]
            return found

    def _change(self, *statements: sa.Update | sa.Delete) -> None:
        """Carry out statements, all or none."""
        with self._begin() as connection:
            for statement in statements:
                connection.execute(statement)

    def _write(
        self,
        insert: sa.Insert,
        rows: Iterable[Mapping[str, Any]],
        *,
        after: sa.Delete | None = None,
    ) -> None:
        """Add rows, all or none, once what they replace is deleted; it may be none at all."""
        rows = iter(rows)
        with self._begin() as connection:
            if after is not None:
                connection.execute(after)
            while part := list(islice(rows, ROWS_AT_A_TIME)):
                connection.execute(insert, part)

    # -- settings -------------------------------------------------------------------------------

    def get(self, key: str, default: Any = None) -> Any:
        """A setting of the experiment, e.g. "name"."""

        def read(connection: sa.Connection) -> Any:
            column = sa.type_coerce(schema.settings.c.value, sa.String)
            return connection.scalar(sa.select(column).where(schema.settings.c.key == key))

        kept = self._once(f"setting {key}", read)
        value = json.loads(kept) if isinstance(kept, str) else kept  # SQLite keeps numbers as such
        return default if value is None else value

    def set(self, key: str, value: Any) -> None:
        """Store a setting (a JSON value)."""
        self.set_all({key: value})

    def set_all(self, values: Mapping[str, Any]) -> None:
        """Store settings, all or none."""
        with self._begin() as connection:
            for key, value in values.items():
                set_setting(connection, key, value)
        if "name" in values:
            self.forget()

    @cached_property
    def name(self) -> str:
        """Name of the experiment."""
        return str(self.get("name"))


def _table(found: sa.CursorResult[Any]) -> pd.DataFrame:
    """Rows as a table; made column by column, which is faster than row by row."""
    names, rows = list(found.keys()), found.fetchall()
    if not rows:
        return pd.DataFrame(columns=names)
    columns = zip(names, zip(*rows, strict=True), strict=True)
    return pd.DataFrame({name: _column(values) for name, values in columns})


def _column(values: Sequence[Any]) -> Any:
    """Numbers as numpy takes them, the rest as pandas does."""
    if isinstance(values[0], int | float):
        numbers = np.array(values)
        if numbers.dtype.kind in "bif":
            return numbers
    return list(values)


def setting(connection: sa.Connection, key: str) -> Any:
    """A setting, in a transaction that is under way; None if there is none."""
    table = schema.settings
    return connection.scalar(sa.select(table.c.value).where(table.c.key == key))


def set_setting(connection: sa.Connection, key: str, value: Any) -> None:
    """Store a setting, in a transaction that is under way."""
    table = schema.settings
    connection.execute(sa.delete(table).where(table.c.key == key))
    connection.execute(sa.insert(table).values(key=key, value=value))


def insert_table(connection: sa.Connection, table: sa.Table, rows: pd.DataFrame) -> None:
    """Add the rows of a data frame; NaN becomes NULL."""
    if len(rows):
        columns = [_plain(column) for _, column in rows.items()]
        names = list(map(str, rows))
        records = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        connection.execute(sa.insert(table), records)


def _plain(column: pd.Series) -> list[Any]:
    values: list[Any] = column.tolist()
    lost = column.isna().tolist()
    return [None if gone else value for gone, value in zip(lost, values, strict=True)]


def inserted(connection: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> int:
    """Add one row; returns its number."""
    key = connection.execute(sa.insert(table), values).inserted_primary_key
    return int(key[0])  # type: ignore[index]


def _configure(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _only_read(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA query_only=ON")
