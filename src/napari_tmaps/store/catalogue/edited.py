"""Corrections of metadata: all that were made, in order; what holds now is worked out from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa

from napari_tmaps.model.overlay import Overlay, Row
from napari_tmaps.store.catalogue import schema
from napari_tmaps.store.catalogue.database import Database, set_setting, setting

_ROWS = "metadata_edits"
_CARRIED_OUT = "metadata_edits_carried_out"


class Edited(Database):
    """What was corrected, and how much of it is carried out in the files."""

    def metadata_edits(self) -> list[Row]:
        """All corrected values, in order."""
        rows: list[Row] = self.get(_ROWS, [])
        return rows

    def overlay(self) -> Overlay:
        """What the corrections come to."""
        return Overlay.of(self.metadata_edits())

    def former_overlay(self) -> Overlay | None:
        """What they came to when the files were written; None if the files are as of now."""
        rows, done = self.metadata_edits(), int(self.get(_CARRIED_OUT, 0))
        return None if done == len(rows) else Overlay.of(rows[:done])

    def set_carried_out(self) -> None:
        """Say that the files are as the corrections want them."""
        self.set(_CARRIED_OUT, len(self.metadata_edits()))

    def correct_metadata(
        self,
        rows: Sequence[Row],
        places: Sequence[tuple[int, int, int]] = (),
        layout_notes: Sequence[str] = (),
    ) -> None:
        """Add corrected values, with what they make of the layout, all or none.

        They hold from now on; `set_carried_out` follows when the files are written.

        Parameters
        ----------
        places
            New place in the grid (id, y, x) of sites.
        layout_notes
            What a person should know of the layout.
        """
        sites = schema.sites
        with self._begin() as connection:
            set_setting(connection, _ROWS, [*(setting(connection, _ROWS) or []), *rows])
            set_setting(connection, "layout_notes", [*layout_notes])
            for number, y, x in places:
                here = sa.update(sites).where(sites.c.id == number)
                connection.execute(here.values(y=y, x=x))

    def _change_rows(self, connection: sa.Connection, changed: Callable[[Row], Row]) -> None:
        """Change all corrected values in a transaction that is under way."""
        rows = setting(connection, _ROWS)
        if rows:
            set_setting(connection, _ROWS, [changed(row) for row in rows])
