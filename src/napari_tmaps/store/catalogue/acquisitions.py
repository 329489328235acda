"""Plates, acquisitions, and the files and planes that microscopes wrote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd
import sqlalchemy as sa

from napari_tmaps.errors import ExistsError, unknown
from napari_tmaps.model.overlay import RECORDED, Overlay
from napari_tmaps.model.planes import COLUMNS, Scan, sort_planes
from napari_tmaps.model.wells import PlateFormat, WellName
from napari_tmaps.store.catalogue import schema
from napari_tmaps.store.catalogue.database import insert_table, inserted
from napari_tmaps.store.catalogue.edited import Edited

_MOST_CYCLES = 1000
_OF_FILES = (schema.files.c.path, schema.files.c.size, schema.files.c.digest)


class Acquisitions(Edited):
    """What was registered."""

    def plates(self) -> pd.DataFrame:
        """Plates: id, name, description, rows, columns."""
        return self._read_once("plates", sa.select(schema.plates).order_by(schema.plates.c.id))

    def plate_format(self, plate: str) -> PlateFormat:
        """Format of a plate.

        Raises
        ------
        NotFoundError
            There is no such plate.
        """
        table = self.plates()
        formats = {
            name: PlateFormat(int(rows), int(columns))
            for name, rows, columns in zip(
                table["name"], table["rows"], table["columns"], strict=True
            )
        }
        if plate not in formats:
            raise unknown("plate", plate, formats)
        return formats[plate]

    def describe_plate(self, plate: str, description: str) -> None:
        """Store what a person says of a plate."""
        table = schema.plates
        self._change(sa.update(table).where(table.c.name == plate).values(description=description))

    def acquisitions(self, overlay: Overlay | None = None) -> pd.DataFrame:
        """Acquisitions: id, plate (name), name, root, vendor, reader, offsets, facts.

        Parameters
        ----------
        overlay
            Corrections to lay over what the files say; None: those that hold now.
        """
        query = (
            sa.select(schema.plates.c.name.label("plate"), schema.acquisitions)
            .join_from(schema.acquisitions, schema.plates)
            .order_by(schema.acquisitions.c.id)
        )
        table = self._read(query)
        overlay = self.overlay() if overlay is None else overlay
        if overlay != RECORDED:
            rows = zip(table["id"], table["facts"], self._cycles(table), strict=True)
            table["facts"] = pd.Series(
                [overlay.on_acquisition(*row) for row in rows], table.index, object
            )
        return table

    def _cycles(self, acquisitions: pd.DataFrame) -> Iterator[range | None]:
        """Cycles that each acquisition may have; None where channels are not called by them."""
        multiplexing = self.get("workflow_type") == "multiplexing"
        starts = acquisitions.groupby("plate")["cycle_offset"].agg(sorted)
        for plate, first in acquisitions[["plate", "cycle_offset"]].to_numpy():
            after = next((start for start in starts[plate] if start > first), first + _MOST_CYCLES)
            yield range(first, after) if multiplexing else None

    def depths(self) -> dict[int, int]:
        """Number of z planes of each acquisition, by its number."""
        planes = schema.planes
        query = sa.select(planes.c.acquisition_id, sa.func.max(planes.c.z)).group_by(
            planes.c.acquisition_id
        )
        with self._begin() as connection:
            return {number: z + 1 for number, z in connection.execute(query)}

    def add_acquisition(
        self,
        plate: str,
        name: str,
        scan: Scan,
        plate_format: PlateFormat | None = None,
        *,
        update: bool = False,
    ) -> int:
        """Register what was scanned; the plate is made if it is new. Returns its number.

        Parameters
        ----------
        update
            Replace what is known of an acquisition of that name, from the same folder.

        Raises
        ------
        ExistsError
            The plate has an acquisition of that name already.
        InputError
            A well does not fit the format of the plate.
        """
        with self._begin() as connection:
            plate_id = _plate_for(connection, plate, scan, plate_format)
            number = _number_for(connection, plate, plate_id, name, scan, update)
            planes = scan.planes.drop(columns="plate").assign(acquisition_id=number)
            insert_table(connection, schema.planes, planes)
        return number

    def remove_acquisition(self, number: int) -> None:
        """Forget an acquisition, and its plate if it was the only one; no file is touched.

        Raises
        ------
        ExistsError
            The layout holds it.
        """
        if number in self.laid_out():
            raise ExistsError(
                "Sites, images and objects of this acquisition share tables with all others, so it "
                "cannot be taken out. Make a new experiment without it."
            )
        plates, acquisitions = schema.plates, schema.acquisitions
        with self._begin() as connection:
            for table in (schema.planes, schema.files):
                connection.execute(sa.delete(table).where(table.c.acquisition_id == number))
            plate = connection.scalar(
                sa.select(acquisitions.c.plate_id).where(acquisitions.c.id == number)
            )
            connection.execute(sa.delete(acquisitions).where(acquisitions.c.id == number))
            self._change_rows(  # numbers are used again
                connection,
                lambda row: {**row, "acquisition": None} if row["acquisition"] == number else row,
            )
            others = sa.select(acquisitions.c.id).where(acquisitions.c.plate_id == plate)
            if connection.scalar(others.limit(1)) is None:
                connection.execute(sa.delete(plates).where(plates.c.id == plate))

    def laid_out(self) -> frozenset[int]:
        """Acquisitions (id) that the layout holds: sites, images and objects come of them."""
        known = self.get("laid_out")
        if known is None:  # an older experiment does not say it: then all that there may be
            some = self._read(sa.select(schema.sites.c.id).limit(1))
            known = self.acquisitions()["id"] if len(some) else ()
        return frozenset(int(number) for number in known)

    def set_offsets(self, offsets: Mapping[int, tuple[int, int]]) -> None:
        """Store (t_offset, cycle_offset) by acquisition id: of those that the layout holds."""
        self.set("laid_out", sorted(int(number) for number in offsets))
        table = schema.acquisitions
        self._change(
            *(
                sa.update(table)
                .where(table.c.id == number)
                .values(t_offset=t_offset, cycle_offset=cycle_offset)
                for number, (t_offset, cycle_offset) in offsets.items()
            )
        )

    def acquired(self) -> pd.DataFrame:
        """Images that were acquired: acquisition_id, plate, well, site, cycle, planes."""
        planes, plates, acquisitions = schema.planes, schema.plates, schema.acquisitions
        key = (
            planes.c.acquisition_id,
            plates.c.name.label("plate"),
            planes.c.well,
            planes.c.site,
            (planes.c.cycle + acquisitions.c.cycle_offset).label("cycle"),
        )
        query = (
            sa.select(*key, sa.func.count().label("planes"))
            .select_from(planes.join(acquisitions).join(plates))
            .where(~planes.c.missing)
            .group_by(*key)
        )
        return self._read(query)

    def source_planes(
        self,
        *,
        acquisition: int | None = None,
        sites: Iterable[tuple[str, str, int]] | None = None,
    ) -> pd.DataFrame:
        """Source planes with the columns of model.planes.COLUMNS and `acquisition_id`.

        Parameters
        ----------
        acquisition
            Only this acquisition (id).
        sites
            Only these sites (plate, well, site).
        """
        planes, plates, acquisitions = schema.planes, schema.plates, schema.acquisitions
        query = sa.select(plates.c.name.label("plate"), planes).select_from(
            planes.join(acquisitions).join(plates)
        )
        if acquisition is not None:
            query = query.where(planes.c.acquisition_id == acquisition)
        if sites is None:
            table = self._read(query)
        else:
            wanted = set(sites)
            wells: dict[str, set[str]] = {}
            numbers = [site for _, _, site in wanted]
            for plate, well, _ in wanted:
                wells.setdefault(plate, set()).add(well)
            found = [
                self._read(
                    query.where(
                        plates.c.name == plate,
                        planes.c.well.in_(sorted(names)),
                        planes.c.site.between(min(numbers), max(numbers)),
                    )
                )
                for plate, names in wells.items()
            ]
            table = pd.concat(found, ignore_index=True)
            keys = zip(*(table[name].tolist() for name in ("plate", "well", "site")), strict=True)
            table = table[[key in wanted for key in keys]]
        dtypes = {name: dtype for name, dtype in COLUMNS.items() if name in table}
        return sort_planes(table.astype(dtypes))

    def extent(self, plate: str) -> tuple[int, int, frozenset[str]]:
        """Time points and z planes that a plate has images of, and the types of its pixels."""
        kinds = self._kinds_of_planes()
        own = kinds[(kinds["plate"] == plate) & ~kinds["missing"]]
        times, depth = (int(own[axis].max()) + 1 if len(own) else 1 for axis in ("t", "z"))
        return times, depth, frozenset(own["dtype"].dropna())

    def _kinds_of_planes(self) -> pd.DataFrame:
        """Planes without their place: plate, cycle, channel, z, t, dtype, missing; each once."""
        planes, plates, acquisitions = schema.planes, schema.plates, schema.acquisitions
        query = (
            sa.select(
                plates.c.name.label("plate"),
                (planes.c.cycle + acquisitions.c.cycle_offset).label("cycle"),
                planes.c.channel,
                planes.c.z,
                (planes.c.t + acquisitions.c.t_offset).label("t"),
                planes.c.dtype,
                planes.c.missing,
            )
            .select_from(planes.join(acquisitions).join(plates))
            .distinct()
        )
        return self._read_once("kinds of planes", query, {"missing": bool})

    def set_fingerprints(self, acquisition: int, files: Iterable[tuple[str, int, str]]) -> None:
        """Store (path, size, digest) of the files of an acquisition, replacing all of them."""
        table = schema.files
        rows = (
            {"acquisition_id": acquisition, "path": path, "size": size, "digest": digest}
            for path, size, digest in files
        )
        old = sa.delete(table).where(table.c.acquisition_id == acquisition)
        self._write(sa.insert(table), rows, after=old)

    def known_files(
        self, plate: str, files: Iterable[tuple[str, int, str]], *, but: str
    ) -> dict[str, int]:
        """How many of some files each acquisition of a plate has, those that have any but one.

        Files of the same path, size and digest are the same.
        """
        wanted = set(files)
        tables = schema.files.join(schema.acquisitions).join(schema.plates)
        query = (
            sa.select(schema.acquisitions.c.name, *_OF_FILES)
            .select_from(tables)
            .where(schema.plates.c.name == plate, schema.acquisitions.c.name != but)
        )
        with self._begin() as connection:
            rows = connection.execute(query)
            return dict(Counter(name for name, *file in rows if tuple(file) in wanted))

    def fingerprints(self) -> dict[tuple[str, str], list[Any]]:
        """[size, digest] by (number of the acquisition as text, path)."""
        with self._begin() as connection:
            rows = connection.execute(sa.select(schema.files)).all()
        return {(str(row.acquisition_id), row.path): [row.size, row.digest] for row in rows}


def _plate_for(connection: sa.Connection, name: str, scan: Scan, stated: PlateFormat | None) -> int:
    """The plate of a scan: made if it is new, enlarged if its format was only concluded."""
    table = schema.plates
    wells = [WellName.parse(well) for well in scan.wells]
    stated = stated or scan.plate_format
    row = connection.execute(sa.select(table).where(table.c.name == name)).one_or_none()
    if row is not None and row.stated:
        chosen = PlateFormat(row.rows, row.columns)
    else:
        corner = () if row is None else (WellName.at(row.rows - 1, row.columns - 1),)
        chosen = stated or PlateFormat.holding([*wells, *corner])
    for well in wells:
        chosen.check(well)
    values = {"rows": chosen.rows, "columns": chosen.columns, "stated": stated is not None}
    if row is None:
        return inserted(connection, table, {"name": name, **values})
    if not row.stated:
        connection.execute(sa.update(table).where(table.c.id == row.id).values(values))
    return int(row.id)


def _number_for(
    connection: sa.Connection, plate: str, plate_id: int, name: str, scan: Scan, update: bool
) -> int:
    """The number of an acquisition, which has no planes yet or no longer."""
    table, planes = schema.acquisitions, schema.planes
    values = {
        "plate_id": plate_id,
        "name": name,
        "root": str(scan.root),
        "vendor": scan.vendor,
        "reader": scan.reader,
        "facts": {
            "channels": [channel.facts() for channel in scan.channels],
            "pixel_size_um": scan.pixel_size_um,
            "z_step_um": scan.z_step_um,
            "oddities": [asdict(oddity) for oddity in scan.oddities],
            "metadata": scan.metadata,
        },
    }
    known = connection.execute(
        sa.select(table).where(table.c.plate_id == plate_id, table.c.name == name)
    ).one_or_none()
    if known is None:
        return inserted(connection, table, values)
    if not update:
        raise ExistsError(
            f"Plate '{plate}' has an acquisition '{name}' already. Give this one another "
            "name (--acquisition), or say --update if its folder has grown."
        )
    if known.root != str(scan.root):
        raise ExistsError(
            f"Acquisition '{name}' of plate '{plate}' lies in '{known.root}', not in "
            f"'{scan.root}'. Give this one another name (--acquisition)."
        )
    connection.execute(sa.update(table).where(table.c.id == known.id).values(values))
    connection.execute(sa.delete(planes).where(planes.c.acquisition_id == known.id))
    return int(known.id)
