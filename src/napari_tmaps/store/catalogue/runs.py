"""Submissions of the workflow, and the jobs of the last run of each step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
import sqlalchemy as sa

from napari_tmaps.store.catalogue import schema
from napari_tmaps.store.catalogue.database import Database, inserted

_JOBS = sa.insert(schema.jobs).prefix_with("OR REPLACE")


class Runs(Database):
    """What was sent off, how far it is, and what it could not do."""

    def jobs(self) -> pd.DataFrame:
        """Jobs of the last run of each step: step, phase, job, state, exitcode, seconds, …"""
        table = schema.jobs
        return self._read(
            sa.select(table).order_by(table.c.step, table.c.phase.desc(), table.c.job)
        )

    def set_jobs(self, step: str, jobs: Iterable[Mapping[str, Any]]) -> None:
        """Replace the jobs of a step; each has phase, job and state."""
        old = sa.delete(schema.jobs).where(schema.jobs.c.step == step)
        self._write(_JOBS, _of(step, jobs), after=old)

    def update_jobs(self, step: str, jobs: Iterable[Mapping[str, Any]]) -> None:
        """Store what is new of some jobs of a step; all of them with the same columns."""
        self._write(_JOBS, _of(step, jobs))

    def failures(self) -> pd.DataFrame:
        """Sites that could not be done: step, plate, well, site, message."""
        return self._read(sa.select(schema.failures))

    def set_failures(self, step: str, failures: Iterable[Mapping[str, Any]]) -> None:
        """Replace the failures of a step; each has plate, well, site and message."""
        table = schema.failures
        old = sa.delete(table).where(table.c.step == step)
        self._write(sa.insert(table), _of(step, failures), after=old)

    def add_failures(self, step: str, failures: Iterable[Mapping[str, Any]]) -> None:
        """Store failures of a step beside those that are known."""
        self._write(sa.insert(schema.failures), _of(step, failures))

    def submissions(self) -> pd.DataFrame:
        """Submissions: id, created, state, request, steps, message; the last one last."""
        return self._read(sa.select(schema.submissions).order_by(schema.submissions.c.id))

    def add_submission(self, **values: Any) -> int:
        """Store a new submission (columns of schema.submissions); returns its number."""
        with self._begin() as connection:
            return inserted(connection, schema.submissions, values)

    def update_submission(self, number: int, **values: Any) -> None:
        """Change columns of a submission."""
        table = schema.submissions
        self._change(sa.update(table).where(table.c.id == number).values(**values))


def _of(step: str, rows: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    return ({"step": step, **row} for row in rows)
