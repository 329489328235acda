"""Other names for plates and acquisitions: what is planned, and what the tables have of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from napari_tmaps.store.catalogue import schema
from napari_tmaps.store.catalogue.database import Database, set_setting, setting

_PENDING = "renaming"
_FIRST = "first_plate_names"
_EXCLUSIONS, _PLATE_IN_EXCLUSIONS = "exclusions", 3


class NewName(NamedTuple):
    """A plate, or an acquisition of it, and the name that it shall have."""

    plate: str
    acquisition: str
    new: str


class Names(Database):
    """Renames in all tables at once."""

    def first_names(self) -> dict[str, str]:
        """Names that plates had at first, by their names now, of those that were renamed.

        Digests have the first name, so that they stay as they are.
        """
        names: dict[str, str] = self.get(_FIRST, {})
        return names

    def plan_name(self, name: NewName) -> None:
        """Remember what shall be renamed, until it is."""
        self.set(_PENDING, list(name))

    def planned_name(self) -> NewName | None:
        """What shall be renamed, or is being renamed just now."""
        planned = self.get(_PENDING)
        return NewName(*planned) if planned else None

    @contextmanager
    def renaming(self, uploads: Path) -> Iterator[NewName | None]:
        """What is planned; the tables have the name once the block has ended well.

        Nobody else can write to the catalogue meanwhile. None: somebody else has done it.

        Parameters
        ----------
        uploads
            Where acquisitions lie whose folders have the names.
        """
        table = schema.settings
        with self._begin() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            planned = setting(connection, _PENDING)
            if not planned:
                yield None
                return
            name = NewName(*planned)
            yield name
            _rename(connection, name, uploads)
            connection.execute(sa.delete(table).where(table.c.key == _PENDING))


def _rename(connection: sa.Connection, name: NewName, uploads: Path) -> None:
    plates, acquisitions = schema.plates, schema.acquisitions
    old_folder = uploads / name.plate / name.acquisition
    new_folder = old_folder.with_name(name.new)
    plate = connection.scalar(sa.select(plates.c.id).where(plates.c.name == name.plate))
    mine = acquisitions.c.plate_id == plate
    for row in connection.execute(sa.select(acquisitions).where(mine)).all():
        if name.acquisition in ("", row.name):
            root = Path(row.root)
            values: dict[str, Any] = {"name": name.new} if name.acquisition else {}
            if root.is_relative_to(old_folder):
                values["root"] = str(new_folder / root.relative_to(old_folder))
            if values:
                where = acquisitions.c.id == row.id
                connection.execute(sa.update(acquisitions).where(where).values(values))
    if name.acquisition or plate is None:  # a plate that was only declared
        return
    connection.execute(sa.update(plates).where(plates.c.id == plate).values(name=name.new))
    for table in (schema.analysed, schema.failures):
        of_it = table.c.plate == name.plate
        connection.execute(sa.update(table).where(of_it).values(plate=name.new))
    first = setting(connection, _FIRST) or {}
    first[name.new] = first.pop(name.plate, name.plate)
    set_setting(connection, _FIRST, {now: before for now, before in first.items() if now != before})
    excluded = setting(connection, _EXCLUSIONS) or []
    for row in excluded:
        if row[_PLATE_IN_EXCLUSIONS] == name.plate:
            row[_PLATE_IN_EXCLUSIONS] = name.new
    if excluded:
        set_setting(connection, _EXCLUSIONS, excluded)
