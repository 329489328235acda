"""Object types, and what each site was analysed with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

import pandas as pd
import sqlalchemy as sa

from napari_tmaps.store.catalogue import schema
from napari_tmaps.store.catalogue.database import ROWS_AT_A_TIME, Database

_KEY = ("pipeline", "plate", "well", "site")


class Results(Database):
    """What pipelines made, and of what."""

    def object_types(self) -> pd.DataFrame:
        """Object types: name, pipeline, objects, features, stale."""
        query = sa.select(schema.object_types).order_by(schema.object_types.c.name)
        return self._read_once("object types", query)

    def set_object_type(self, name: str, pipeline: str, objects: int, features: int) -> None:
        """Store or replace the facts of an object type; it is fresh."""
        table = schema.object_types
        row = {"name": name, "pipeline": pipeline, "objects": objects, "features": features}
        self._write(sa.insert(table), [row], after=sa.delete(table).where(table.c.name == name))

    def set_count(self, name: str, objects: int) -> None:
        """Store how many objects of a type there are now."""
        table = schema.object_types
        self._change(sa.update(table).where(table.c.name == name).values(objects=objects))

    def rename_object_type(self, old: str, new: str) -> None:
        """Call an object type by another name."""
        table = schema.object_types
        self._change(sa.update(table).where(table.c.name == old).values(name=new))

    def mark_stale(self, pipelines: Iterable[str]) -> None:
        """Say of the results of pipelines that they were made from other images than today's."""
        table = schema.object_types
        mine = table.c.pipeline.in_(list(pipelines))
        self._change(sa.update(table).where(mine).values(stale=True))

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

    def replace_sources(self, digests: Mapping[str, str]) -> None:
        """Have other digests of images in the place of some, by those of before."""
        table = schema.analysed
        rows = self.analysed_sources()
        with self._begin() as connection:
            for pipeline, plate, well, site, sources in rows:
                new = {cycle: digests.get(text, text) for cycle, text in sources.items()}
                if new != sources:
                    key = (pipeline, plate, well, site)
                    here = [table.c[n] == value for n, value in zip(_KEY, key, strict=True)]
                    connection.execute(sa.update(table).where(*here).values(sources=new))

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
        names = ("pipeline", "plate", "well", "site", "key", "sources")
        rows = (dict(zip(names, (pipeline, *site), strict=True)) for site in sites)
        others = sa.select(types.c.pipeline).where(
            types.c.name.in_(object_types), types.c.pipeline != pipeline
        )
        # By the whole key, so that each is found at once.
        forget = sa.delete(table).where(*(table.c[n] == sa.bindparam(f"of_{n}") for n in names[:4]))
        with self._begin() as connection:
            rivals = set(connection.scalars(others))
            while part := list(islice(rows, ROWS_AT_A_TIME)):
                for rival in rivals:
                    places = [{f"of_{n}": row[n] for n in names[1:4]} for row in part]
                    connection.execute(forget, [{"of_pipeline": rival, **at} for at in places])
                connection.execute(sa.insert(table).prefix_with("OR REPLACE"), part)

    def forget_objects(self, names: Iterable[str]) -> None:
        """Forget object types, and that their pipelines have analysed anything."""
        table, types = schema.analysed, schema.object_types
        mine = types.c.name.in_(list(names))
        pipelines = sa.select(types.c.pipeline).where(mine)
        self._change(
            sa.delete(table).where(table.c.pipeline.in_(pipelines)), sa.delete(types).where(mine)
        )

    def forget_analysed(self) -> None:
        """Forget that any site was analysed, and mark all object types as stale."""
        self._change(sa.delete(schema.analysed), sa.update(schema.object_types).values(stale=True))
