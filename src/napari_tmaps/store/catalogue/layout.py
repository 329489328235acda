"""The layout: sites, channels and gaps of all acquisitions together, as metaconfig found them."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import sqlalchemy as sa

from napari_tmaps.model.channels import name_in_cycle
from napari_tmaps.model.overlay import Overlay
from napari_tmaps.model.recorded import Recorded
from napari_tmaps.store.catalogue import schema
from napari_tmaps.store.catalogue.acquisitions import Acquisitions
from napari_tmaps.store.catalogue.database import insert_table

STITCHING = "stitching"
"""Setting with the overlaps by which sites were put where their images fit."""
_GIVEN = "channel_names"
_FORMER = "former_channel_names"


class Layout(Acquisitions):
    """Where everything lies."""

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
            insert_table(
                connection,
                schema.sites,
                sites.assign(plate_id=sites["plate"].map(ids)).drop(columns="plate"),
            )
            insert_table(connection, schema.channels, channels)
        self.add_gaps(gaps, "metaconfig")

    def sites(self) -> pd.DataFrame:
        """Sites: id, plate, well, site, y, x, stage µm, height, width; in order of the plate."""
        query = (
            sa.select(schema.plates.c.name.label("plate"), schema.sites)
            .join_from(schema.sites, schema.plates)
            .order_by(schema.sites.c.id)
        )
        return self._read_once("sites", query, {"stage_y_um": float, "stage_x_um": float})

    def channels(self, overlay: Overlay | None = None) -> pd.DataFrame:
        """Channels: id, name, wavelength, cycle, facts; in the order of the microscope.

        Parameters
        ----------
        overlay
            Corrections to lay over what the files say; None: those that hold now.
        """
        query = sa.select(schema.channels).order_by(schema.channels.c.id)
        table = self._read_once("channels", query)
        overlay = self.overlay() if overlay is None else overlay
        facts = zip(table["name"], table["facts"], strict=True)
        table["facts"] = pd.Series(
            [overlay.on_channel(name, own) for name, own in facts], table.index, object
        )
        return table

    def rename_channel(self, old: str, new: str) -> None:
        """Give a channel another name, here and in the source planes that it comes from."""
        channels, gaps, planes = schema.channels, schema.gaps, schema.planes
        acquisitions = schema.acquisitions
        workflow_type = self.get("workflow_type")
        multiplexing = workflow_type == "multiplexing"
        with self._begin() as connection:
            row = connection.execute(sa.select(channels).where(channels.c.name == old)).one()
            changed = {"name": new, "facts": {**row.facts, "name": new}}
            connection.execute(sa.update(channels).where(channels.c.id == row.id).values(changed))
            connection.execute(sa.update(gaps).where(gaps.c.channel == old).values(channel=new))
            prefix = name_in_cycle("", row.cycle, workflow_type)
            source, target = old.removeprefix(prefix), new.removeprefix(prefix)
            for one in connection.execute(sa.select(acquisitions)).all():
                mine = (planes.c.acquisition_id == one.id, planes.c.channel == source)
                here = (planes.c.cycle == row.cycle - one.cycle_offset,) if multiplexing else ()
                of_it = sa.update(planes).where(*mine, *here).values(channel=target)
                if not connection.execute(of_it).rowcount:
                    continue
                left = connection.scalar(sa.select(planes.c.channel).where(*mine).limit(1))
                described = []
                for facts in one.facts["channels"]:
                    if facts["name"] != source or left is not None:
                        described.append(facts)
                    if facts["name"] == source:
                        described.append({**facts, "name": target})
                facts = {**one.facts, "channels": described}
                connection.execute(
                    sa.update(acquisitions).where(acquisitions.c.id == one.id).values(facts=facts)
                )
            self._change_rows(
                connection, lambda row: {**row, "channel": new} if row["channel"] == old else row
            )
        former = {name: new if now == old else now for name, now in self.get(_FORMER, {}).items()}
        self.set(_FORMER, {**former, old: new})
        if not multiplexing:
            known = self.given_names()
            later = {name: new if given == old else given for name, given in known.items()}
            self.set(_GIVEN, later if old in known.values() else {**later, old: new})

    def former_names(self) -> dict[str, str]:
        """Names of channels now, by names that they had and none has any more."""
        names = self.channel_names()
        former: dict[str, str] = self.get(_FORMER, {})
        return {old: now for old, now in former.items() if old not in names and now in names}

    def given_names(self) -> dict[str, str]:
        """Names that channels were given, by those of the microscope; for acquisitions to come."""
        names: dict[str, str] = self.get(_GIVEN, {})
        return names

    def recorded(self) -> dict[tuple[str, int], dict[str, Recorded]]:
        """Channels that each (plate, cycle) of the layout has, and z and t of the planes of each.

        Planes that were declared but are missing count, what no site has does not.
        """
        kinds = self._kinds_of_planes()
        workflow_type = self.get("workflow_type")
        mip = bool(self.get("mip", False))
        found: dict[tuple[str, int], dict[str, tuple[set[int], set[int]]]] = {}
        columns = [kinds[name].tolist() for name in ("plate", "cycle", "channel", "z", "t")]
        for plate, cycle, channel, z, t in zip(*columns, strict=True):
            name = name_in_cycle(channel, cycle, workflow_type)
            own = found.setdefault((plate, cycle), {}).setdefault(name, (set(), set()))
            own[0].add(0 if mip else z)
            own[1].add(t)
        return {
            place: {name: Recorded(*map(frozenset, own)) for name, own in channels.items()}
            for place, channels in found.items()
        }

    def channel_names(self) -> list[str]:
        """Names of the channels."""
        return list(self.channels()["name"])

    def gaps(self) -> pd.DataFrame:
        """Planes that are not there: plate, well, site, cycle, channel, z, t, reason."""
        gaps, sites, plates = schema.gaps, schema.sites, schema.plates
        query = (
            sa.select(plates.c.name.label("plate"), sites.c.well, sites.c.site, gaps)
            .select_from(gaps.join(sites).join(plates))
            .order_by(gaps.c.site_id)
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
            insert_table(connection, schema.gaps, rows.drop(columns=key[:3]).assign(step=step))

    def forget_gaps(self, step: str, images: Iterable[tuple[str, str, int, int]]) -> None:
        """Forget what a step could not find of images (plate, well, site, cycle) that it redid."""
        gaps, sites, plates = schema.gaps, schema.sites, schema.plates
        query = (
            sa.select(plates.c.name, sites.c.well, sites.c.site, gaps.c.cycle, gaps.c.site_id)
            .select_from(gaps.join(sites).join(plates))
            .where(gaps.c.step == step)
            .distinct()
        )
        with self._begin() as connection:
            site_of = {tuple(row[:-1]): row[-1] for row in connection.execute(query)}
            for image in images:
                if image in site_of:
                    mine = (gaps.c.site_id == site_of[image], gaps.c.cycle == image[-1])
                    connection.execute(sa.delete(gaps).where(gaps.c.step == step, *mine))
