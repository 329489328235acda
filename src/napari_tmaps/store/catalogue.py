"""The catalogue of an experiment: one SQLite file, written by one process.

Questions come back as pandas tables. Only the coordinator (the process that runs a workflow or
adds an acquisition) writes; jobs write files of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from napari_tmaps.errors import ExistsError, FormatError, NotFoundError, StorageError, unknown
from napari_tmaps.model.planes import COLUMNS, Scan, sort_planes
from napari_tmaps.model.wells import PlateFormat, WellName
from napari_tmaps.store import schema

WAIT_S = 30.0
"""How long to wait while another process writes."""
_ROWS_AT_A_TIME = 1000


class Catalogue:
    """Tables of one experiment.

    Parameters
    ----------
    path
        The file `experiment.db`; it is made if `create` is true.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path = path
        if not create and not path.is_file():
            raise NotFoundError(f"'{path.parent}' is no experiment: it has no {path.name}.")
        self._engine = sa.create_engine(
            sa.URL.create("sqlite", database=str(path)), connect_args={"timeout": WAIT_S}
        )
        sa.event.listen(self._engine, "connect", _configure)
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
            return pd.read_sql(query, connection)

    # -- settings -------------------------------------------------------------------------------

    def get(self, key: str, default: Any = None) -> Any:
        """A setting of the experiment, e.g. "name"."""
        table = schema.settings
        with self._begin() as connection:
            value = connection.scalar(sa.select(table.c.value).where(table.c.key == key))
        return default if value is None else value

    def set(self, key: str, value: Any) -> None:
        """Store a setting (a JSON value)."""
        with self._begin() as connection:
            connection.execute(sa.delete(schema.settings).where(schema.settings.c.key == key))
            connection.execute(sa.insert(schema.settings), {"key": key, "value": value})
        if key == "name":
            self.__dict__.pop("name", None)  # see the cached property

    # -- plates and acquisitions ----------------------------------------------------------------

    def plates(self) -> pd.DataFrame:
        """Plates: id, name, description, rows, columns."""
        return self._read(sa.select(schema.plates).order_by(schema.plates.c.id))

    def acquisitions(self) -> pd.DataFrame:
        """Acquisitions: id, plate (name), name, root, vendor, reader, offsets, facts."""
        query = (
            sa.select(schema.plates.c.name.label("plate"), schema.acquisitions)
            .join_from(schema.acquisitions, schema.plates)
            .order_by(schema.acquisitions.c.id)
        )
        return self._read(query)

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
        wells = [WellName.parse(well) for well in scan.wells]
        with self._begin() as connection:
            row = connection.execute(
                sa.select(schema.plates).where(schema.plates.c.name == plate)
            ).one_or_none()
            stated = plate_format or scan.plate_format
            if row is None:
                chosen = stated or PlateFormat.holding(wells)
                plate_id = connection.execute(
                    sa.insert(schema.plates),
                    {
                        "name": plate,
                        "rows": chosen.rows,
                        "columns": chosen.columns,
                        "stated": stated is not None,
                    },
                ).inserted_primary_key[0]  # type: ignore[index]
            else:
                plate_id, chosen = row.id, PlateFormat(row.rows, row.columns)
                if not row.stated:
                    corner = WellName.at(row.rows - 1, row.columns - 1)
                    chosen = stated or PlateFormat.holding([*wells, corner])
                    connection.execute(
                        sa.update(schema.plates)
                        .where(schema.plates.c.id == plate_id)
                        .values(rows=chosen.rows, columns=chosen.columns, stated=stated is not None)
                    )
            for well in wells:
                chosen.check(well)
            table = schema.acquisitions
            known = connection.execute(
                sa.select(table).where(table.c.plate_id == plate_id, table.c.name == name)
            ).one_or_none()
            values = {
                "plate_id": plate_id,
                "name": name,
                "root": str(scan.root),
                "vendor": scan.vendor,
                "reader": scan.reader,
                "facts": {
                    "channels": [asdict(channel) for channel in scan.channels],
                    "pixel_size_um": scan.pixel_size_um,
                    "z_step_um": scan.z_step_um,
                    "oddities": [asdict(oddity) for oddity in scan.oddities],
                    "metadata": scan.metadata,
                },
            }
            if known is None:
                done = connection.execute(sa.insert(table), values)
                acquisition_id = int(done.inserted_primary_key[0])  # type: ignore[index]
            elif not update:
                raise ExistsError(
                    f"Plate '{plate}' has an acquisition '{name}' already. Give this one another "
                    "name (--acquisition), or say --update if its folder has grown."
                )
            elif known.root != str(scan.root):
                raise ExistsError(
                    f"Acquisition '{name}' of plate '{plate}' lies in '{known.root}', not in "
                    f"'{scan.root}'. Give this one another name (--acquisition)."
                )
            else:
                acquisition_id = int(known.id)
                connection.execute(
                    sa.update(table).where(table.c.id == acquisition_id).values(**values)
                )
                connection.execute(
                    sa.delete(schema.planes).where(schema.planes.c.acquisition_id == acquisition_id)
                )
            _insert(
                connection,
                schema.planes,
                scan.planes.drop(columns="plate").assign(acquisition_id=acquisition_id),
            )
        return acquisition_id

    def describe_plate(self, plate: str, description: str) -> None:
        """Store what a person says of a plate."""
        table = schema.plates
        with self._begin() as connection:
            connection.execute(
                sa.update(table).where(table.c.name == plate).values(description=description)
            )

    def laid_out(self) -> frozenset[int]:
        """Acquisitions (id) that the layout holds: sites, images and objects come of them."""
        known = self.get("laid_out")
        if known is None:  # an older experiment does not say it: then all that there may be
            known = self.acquisitions()["id"] if len(self.sites()) else ()
        return frozenset(int(number) for number in known)

    def acquired(self) -> pd.DataFrame:
        """Images that were acquired: acquisition_id, well, site, cycle, planes."""
        planes, acquisitions = schema.planes, schema.acquisitions
        key = (
            planes.c.acquisition_id,
            planes.c.well,
            planes.c.site,
            (planes.c.cycle + acquisitions.c.cycle_offset).label("cycle"),
        )
        query = (
            sa.select(*key, sa.func.count().label("planes"))
            .select_from(planes.join(acquisitions))
            .where(~planes.c.missing)
            .group_by(*key)
        )
        return self._read(query)

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
            others = sa.select(acquisitions.c.id).where(acquisitions.c.plate_id == plate)
            if connection.scalar(others.limit(1)) is None:
                connection.execute(sa.delete(plates).where(plates.c.id == plate))

    def set_offsets(self, offsets: Mapping[int, tuple[int, int]]) -> None:
        """Store (t_offset, cycle_offset) by acquisition id: of those that the layout holds."""
        self.set("laid_out", sorted(int(number) for number in offsets))
        table = schema.acquisitions
        with self._begin() as connection:
            for number, (t_offset, cycle_offset) in offsets.items():
                connection.execute(
                    sa.update(table)
                    .where(table.c.id == number)
                    .values(t_offset=t_offset, cycle_offset=cycle_offset)
                )

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
            for plate, well, _ in wanted:
                wells.setdefault(plate, set()).add(well)
            found = [
                self._read(query.where(plates.c.name == plate, planes.c.well.in_(sorted(names))))
                for plate, names in wells.items()
            ]
            table = pd.concat(found, ignore_index=True)
            keys = zip(table["plate"], table["well"], table["site"], strict=True)
            table = table[[key in wanted for key in keys]]
        dtypes = {name: dtype for name, dtype in COLUMNS.items() if name in table}
        return sort_planes(table.astype(dtypes))

    def extent(self, plate: str) -> tuple[int, int, frozenset[str]]:
        """Time points and z planes that a plate has images of, and the types of its pixels."""
        planes, plates, acquisitions = schema.planes, schema.plates, schema.acquisitions
        query = (
            sa.select(
                sa.func.max(planes.c.t + acquisitions.c.t_offset),
                sa.func.max(planes.c.z),
                planes.c.dtype,
            )
            .select_from(planes.join(acquisitions).join(plates))
            .where(plates.c.name == plate, ~planes.c.missing)
            .group_by(planes.c.dtype)
        )
        with self._begin() as connection:
            rows = [tuple(row) for row in connection.execute(query)]
        times, depth = (max((row[n] + 1 for row in rows), default=1) for n in (0, 1))
        return times, depth, frozenset(dtype for _, _, dtype in rows if dtype)

    def set_fingerprints(self, acquisition: int, files: Iterable[tuple[str, int, str]]) -> None:
        """Store (path, size, digest) of the files of an acquisition, replacing all of them."""
        table = schema.files
        rows = [
            {"acquisition_id": acquisition, "path": path, "size": size, "digest": digest}
            for path, size, digest in files
        ]
        with self._begin() as connection:
            connection.execute(sa.delete(table).where(table.c.acquisition_id == acquisition))
            if rows:
                connection.execute(sa.insert(table), rows)

    def fingerprints(self) -> dict[tuple[str, str], list[Any]]:
        """[size, digest] by (number of the acquisition as text, path)."""
        with self._begin() as connection:
            rows = connection.execute(sa.select(schema.files)).all()
        return {(str(row.acquisition_id), row.path): [row.size, row.digest] for row in rows}

    # -- layout ---------------------------------------------------------------------------------

    def set_layout(self, sites: pd.DataFrame, channels: pd.DataFrame, gaps: pd.DataFrame) -> None:
        """Replace sites, channels and known gaps by what metaconfig found.

        Parameters
        ----------
        sites
            plate, well, site, y, x, stage_y_um, stage_x_um, height, width.
        channels
            name, wavelength, cycle, facts (dict).
        gaps
            plate, well, site, cycle, channel, z, t, reason.
        """
        ids = dict(zip(*self.plates()[["name", "id"]].to_numpy().T, strict=True))
        with self._begin() as connection:
            for table in (schema.gaps, schema.sites, schema.channels):
                connection.execute(sa.delete(table))
            _insert(
                connection,
                schema.sites,
                sites.assign(plate_id=sites["plate"].map(ids)).drop(columns="plate"),
            )
            _insert(connection, schema.channels, channels)
        self.add_gaps(gaps, "metaconfig")

    def sites(self) -> pd.DataFrame:
        """Sites: id, plate, well, site, y, x, stage µm, height, width; in order of the plate."""
        query = (
            sa.select(schema.plates.c.name.label("plate"), schema.sites)
            .join_from(schema.sites, schema.plates)
            .order_by(schema.sites.c.id)
        )
        # A column of nothing but NULL comes without a type.
        return self._read(query).astype({"stage_y_um": float, "stage_x_um": float})

    def channels(self) -> pd.DataFrame:
        """Channels: id, name, wavelength, cycle, facts; in the order of the microscope."""
        return self._read(sa.select(schema.channels).order_by(schema.channels.c.id))

    def plate_channels(self) -> dict[tuple[str, int], frozenset[str]]:
        """Channels that each (plate, cycle) of the layout has."""
        planes, plates, acquisitions = schema.planes, schema.plates, schema.acquisitions
        query = (
            sa.select(
                plates.c.name,
                (planes.c.cycle + acquisitions.c.cycle_offset).label("cycle"),
                planes.c.channel,
            )
            .select_from(planes.join(acquisitions).join(plates))
            .distinct()
        )
        multiplexing = self.get("workflow_type") == "multiplexing"
        found: dict[tuple[str, int], frozenset[str]] = {}
        with self._begin() as connection:
            for plate, cycle, channel in connection.execute(query):
                name = f"{cycle}_{channel}" if multiplexing else channel
                found[plate, cycle] = found.get((plate, cycle), frozenset()) | {name}
        return found

    def channel_names(self) -> list[str]:
        """Names of the channels."""
        return list(self.channels()["name"])

    def gaps(self) -> pd.DataFrame:
        """Planes that are not there: plate, well, site, cycle, channel, z, t, reason."""
        gaps, sites, plates = schema.gaps, schema.sites, schema.plates
        query = (
            sa.select(plates.c.name.label("plate"), sites.c.well, sites.c.site, gaps)
            .select_from(gaps.join(sites).join(plates))
            .order_by(sites.c.id)
        )
        return self._read(query).drop(columns=["site_id", "step"])

    def add_gaps(self, gaps: pd.DataFrame, step: str) -> None:
        """Record planes that a step could not find; known ones keep their first reason."""
        if gaps.empty:
            return
        key = ["plate", "well", "site", "cycle", "channel", "z", "t"]
        known = self.gaps()[key].astype({"site": "int64"})
        new = gaps.merge(known, on=key, how="left", indicator=True)
        new = new[new.pop("_merge") == "left_only"]
        ids = self.sites().set_index(["plate", "well", "site"])["id"]
        rows = new.assign(site_id=[ids[tuple(row)] for row in new[key[:3]].to_numpy()])
        with self._begin() as connection:
            _insert(connection, schema.gaps, rows.drop(columns=key[:3]).assign(step=step))

    def forget_gaps(self, step: str, images: Iterable[tuple[str, str, int, int]]) -> None:
        """Forget what a step could not find of images (plate, well, site, cycle) that it redid."""
        gaps, sites, plates = schema.gaps, schema.sites, schema.plates
        query = (
            sa.select(plates.c.name, sites.c.well, sites.c.site, gaps.c.cycle, gaps.c.site_id)
            .select_from(gaps.join(sites).join(plates))
            .where(gaps.c.step == step)
            .distinct()
        )
        redone = set(images)
        with self._begin() as connection:
            for *image, site_id in connection.execute(query).all():
                if tuple(image) in redone:
                    mine = (gaps.c.site_id == site_id, gaps.c.cycle == image[-1])
                    connection.execute(sa.delete(gaps).where(gaps.c.step == step, *mine))

    # -- results --------------------------------------------------------------------------------

    def object_types(self) -> pd.DataFrame:
        """Object types: name, pipeline, objects, features, stale."""
        return self._read(sa.select(schema.object_types).order_by(schema.object_types.c.name))

    def set_object_type(self, name: str, pipeline: str, objects: int, features: int) -> None:
        """Store or replace the facts of an object type; it is fresh."""
        table = schema.object_types
        with self._begin() as connection:
            connection.execute(sa.delete(table).where(table.c.name == name))
            connection.execute(
                sa.insert(table),
                {"name": name, "pipeline": pipeline, "objects": objects, "features": features},
            )

    def set_count(self, name: str, objects: int) -> None:
        """Store how many objects of a type there are now."""
        table = schema.object_types
        with self._begin() as connection:
            connection.execute(sa.update(table).where(table.c.name == name).values(objects=objects))

    def mark_stale(self, pipelines: Iterable[str]) -> None:
        """Say of the results of pipelines that they were made from other images than today's."""
        table = schema.object_types
        with self._begin() as connection:
            connection.execute(
                sa.update(table).where(table.c.pipeline.in_(list(pipelines))).values(stale=True)
            )

    def analysed(self) -> dict[tuple[str, str, str, int], str]:
        """Key of the analysis of each (pipeline, plate, well, site)."""
        table = schema.analysed
        with self._begin() as connection:
            rows = connection.execute(sa.select(table)).all()
        return {(row.pipeline, row.plate, row.well, row.site): row.key for row in rows}

    def analysed_sources(self) -> list[tuple[str, str, str, int, dict[str, str]]]:
        """(pipeline, plate, well, site, digest of the image of each cycle)."""
        table = schema.analysed
        with self._begin() as connection:
            rows = connection.execute(sa.select(table)).all()
        return [(row.pipeline, row.plate, row.well, row.site, row.sources) for row in rows]

    def set_analysed(
        self,
        pipeline: str,
        sites: Iterable[tuple[str, str, int, str, dict[str, str]]],
        object_types: Sequence[str],
    ) -> None:
        """Store that sites (plate, well, site, key, sources) were analysed by a pipeline.

        Other pipelines whose objects it replaced have to run again there: they are forgotten.
        """
        table, types = schema.analysed, schema.object_types
        rows = [
            {
                "pipeline": pipeline,
                "plate": plate,
                "well": well,
                "site": site,
                "key": key,
                "sources": sources,
            }
            for plate, well, site, key, sources in sites
        ]
        if not rows:
            return
        with self._begin() as connection:
            for row in rows:
                where = [table.c[name] == row[name] for name in ("plate", "well", "site")]
                rivals = sa.select(types.c.pipeline).where(types.c.name.in_(object_types))
                connection.execute(
                    sa.delete(table).where(
                        *where, sa.or_(table.c.pipeline == pipeline, table.c.pipeline.in_(rivals))
                    )
                )
            connection.execute(sa.insert(table), rows)

    def forget_objects(self, names: Iterable[str]) -> None:
        """Forget object types, and that their pipelines have analysed anything."""
        table, types = schema.analysed, schema.object_types
        mine = types.c.name.in_(list(names))
        with self._begin() as connection:
            pipelines = sa.select(types.c.pipeline).where(mine)
            connection.execute(sa.delete(table).where(table.c.pipeline.in_(pipelines)))
            connection.execute(sa.delete(types).where(mine))

    def forget_analysed(self) -> None:
        """Forget that any site was analysed, and mark all object types as stale."""
        with self._begin() as connection:
            connection.execute(sa.delete(schema.analysed))
            connection.execute(sa.update(schema.object_types).values(stale=True))

    def failures(self) -> pd.DataFrame:
        """Sites that could not be done: step, plate, well, site, message."""
        return self._read(sa.select(schema.failures))

    def set_failures(self, step: str, failures: Iterable[Mapping[str, Any]]) -> None:
        """Replace the failures of a step; each has plate, well, site and message."""
        table = schema.failures
        self._write_failures(step, failures, sa.delete(table).where(table.c.step == step))

    def add_failures(self, step: str, failures: Iterable[Mapping[str, Any]]) -> None:
        """Store failures of a step beside those that are known."""
        self._write_failures(step, failures)

    def _write_failures(
        self, step: str, failures: Iterable[Mapping[str, Any]], before: sa.Delete | None = None
    ) -> None:
        rows = [{"step": step, **failure} for failure in failures]
        with self._begin() as connection:
            if before is not None:
                connection.execute(before)
            if rows:
                connection.execute(sa.insert(schema.failures), rows)

    # -- jobs -----------------------------------------------------------------------------------

    def jobs(self) -> pd.DataFrame:
        """Jobs of the last run of each step: step, phase, job, state, exitcode, seconds, …"""
        table = schema.jobs
        return self._read(
            sa.select(table).order_by(table.c.step, table.c.phase.desc(), table.c.job)
        )

    def set_jobs(self, step: str, jobs: Iterable[Mapping[str, Any]]) -> None:
        """Replace the jobs of a step; each has phase, job and state."""
        self._write_jobs(step, jobs, sa.delete(schema.jobs).where(schema.jobs.c.step == step))

    def update_jobs(self, step: str, jobs: Iterable[Mapping[str, Any]]) -> None:
        """Store what is new of some jobs of a step; all of them with the same columns."""
        self._write_jobs(step, jobs)

    def _write_jobs(
        self, step: str, jobs: Iterable[Mapping[str, Any]], before: sa.Delete | None = None
    ) -> None:
        rows = ({"step": step, **job} for job in jobs)
        with self._begin() as connection:
            if before is not None:
                connection.execute(before)
            while part := list(islice(rows, _ROWS_AT_A_TIME)):
                connection.execute(sa.insert(schema.jobs).prefix_with("OR REPLACE"), part)

    def submissions(self) -> pd.DataFrame:
        """Submissions: id, created, state, request, steps, message; the last one last."""
        return self._read(sa.select(schema.submissions).order_by(schema.submissions.c.id))

    def add_submission(self, **values: Any) -> int:
        """Store a new submission (columns of schema.submissions); returns its number."""
        with self._begin() as connection:
            done = connection.execute(sa.insert(schema.submissions), values)
            return int(done.inserted_primary_key[0])  # type: ignore[index]

    def update_submission(self, number: int, **values: Any) -> None:
        """Change columns of a submission."""
        table = schema.submissions
        with self._begin() as connection:
            connection.execute(sa.update(table).where(table.c.id == number).values(**values))

    @cached_property
    def name(self) -> str:
        """Name of the experiment."""
        return str(self.get("name"))

    def plate_format(self, plate: str) -> PlateFormat:
        """Format of a plate.

        Raises
        ------
        NotFoundError
            There is no such plate.
        """
        table = self.plates().set_index("name")
        if plate not in table.index:
            raise unknown("plate", plate, table.index)
        return PlateFormat(int(table.loc[plate, "rows"]), int(table.loc[plate, "columns"]))  # type: ignore[arg-type]


def _configure(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _insert(connection: sa.Connection, table: sa.Table, rows: pd.DataFrame) -> None:
    """Add the rows of a data frame; NaN becomes NULL."""
    if rows.empty:
        return
    plain = rows.astype(object).where(rows.notna().to_numpy(), None)
    columns = list(plain.columns)
    values = [dict(zip(columns, row, strict=True)) for row in plain.to_numpy()]
    for row in values:
        for key, value in row.items():
            if isinstance(value, np.generic):
                row[key] = value.item()
    connection.execute(sa.insert(table), values)
