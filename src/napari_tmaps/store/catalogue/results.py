"""Object types, and what each site was analysed with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd
import sqlalchemy as sa

from napari_tmaps.store.catalogue import schema
from napari_tmaps.store.catalogue.database import Database


class Results(Database):
    """What pipelines made, and of what."""

    def object_types(self) -> pd.DataFrame:
        """Object types: name, pipeline, objects, features, stale."""
        return self._read(sa.select(schema.object_types).order_by(schema.object_types.c.name))

    def set_object_type(self, name: str, pipeline: str, objects: int, features: int) -> None:
        """Store or replace the facts of an object type; it is fresh."""
        table = schema.object_types
        row = {"name": name, "pipeline": pipeline, "objects": objects, "features": features}
        self._write(sa.insert(table), [row], after=sa.delete(table).where(table.c.name == name))

    def set_count(self, name: str, objects: int) -> None:
        """Store how many objects of a type there are now."""
        table = schema.object_types
        self._change(sa.update(table).where(table.c.name == name).values(objects=objects))

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
        pipelines = sa.select(types.c.pipeline).where(mine)
        self._change(
            sa.delete(table).where(table.c.pipeline.in_(pipelines)), sa.delete(types).where(mine)
        )

    def forget_analysed(self) -> None:
        """Forget that any site was analysed, and mark all object types as stale."""
        self._change(sa.delete(schema.analysed), sa.update(schema.object_types).values(stale=True))
