"""How far the wells of a plate are in a step, while its jobs run and afterwards.

init writes with each job which sites it works on, the coordinator stores the states of the jobs
and the sites that failed: more is not needed, and no file a site.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from napari_tmaps.errors import NotFoundError
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.workflow.batches import StepFolder
from napari_tmaps.workflow.lock import coordinator
from napari_tmaps.workflow.steps import STEPS

WellWork = Literal["waiting", "running", "done", "failed"]


@dataclass(frozen=True, slots=True)
class WellProgress:
    """Sites of one well in one step: all that there is to do, and what became of them.

    Attributes
    ----------
    running
        Sites whose job is under way.
    """

    sites: int
    done: int = 0
    failed: int = 0
    running: int = 0

    @property
    def state(self) -> WellWork:
        """ "failed" and "done" only when nothing is left to do in the well."""
        if self.done + self.failed >= self.sites:
            return "failed" if self.failed else "done"
        return "running" if self.running or self.done or self.failed else "waiting"


Wells = dict[tuple[str, str], WellProgress]
"""By plate and well."""


def well_progress(experiment: Experiment, step: str) -> Wells:
    """Progress of the wells that the last run of a step had work on; empty if it has none."""
    jobs = experiment.catalogue.jobs()
    alive = coordinator(experiment.path) is not None
    return progress_of(experiment, step, jobs[jobs["step"] == step], alive=alive)


def progress_of(experiment: Experiment, step: str, jobs: pd.DataFrame, *, alive: bool) -> Wells:
    """The same from the states of the jobs; `alive` says whether somebody is at work."""
    try:
        entries = list(StepFolder(experiment.path, step).entries())
    except NotFoundError:
        return {}
    rows = jobs[jobs["phase"] == "run"]
    states = dict(zip(rows["job"], zip(rows["state"], rows["exitcode"], strict=True), strict=True))
    counts: dict[str, Counter[tuple[str, str]]] = {
        name: Counter() for name in ("sites", "ended", "failed", "running")
    }
    for entry in entries:
        state, exitcode = states.get(entry["job"], ("NEW", None))
        for plate, well, number in entry.get("wells", ()):
            key = (plate, well)
            counts["sites"][key] += number
            if state == "TERMINATED":
                counts["failed" if exitcode else "ended"][key] += number
            elif state == "RUNNING" and alive:
                counts["running"][key] += number
    failures = experiment.catalogue.failures()
    mine = failures[failures["step"] == step]
    sites = set(zip(mine["plate"], mine["well"], mine["site"], strict=True))
    bad = Counter((plate, well) for plate, well, _ in sites)
    return {
        key: WellProgress(
            number,
            done=max(0, counts["ended"][key] - bad[key]),
            failed=min(number, counts["failed"][key] + bad[key]),
            running=counts["running"][key],
        )
        for key, number in counts["sites"].items()
    }


def well_table(wells: Wells) -> dict[str, dict[str, dict[str, Any]]]:
    """As JSON values: plate → well → state, sites, done, failed, running."""
    table: dict[str, dict[str, dict[str, Any]]] = {}
    for (plate, well), one in wells.items():
        table.setdefault(plate, {})[well] = {
            "state": one.state,
            "sites": one.sites,
            "done": one.done,
            "failed": one.failed,
            "running": one.running,
        }
    return table


def work_at_hand(experiment: Experiment) -> tuple[str, Wells]:
    """The step that somebody runs now, and its wells; "" and nothing if nobody does."""
    if coordinator(experiment.path) is None:
        return "", {}
    jobs = experiment.catalogue.jobs()
    open_steps = set(jobs.loc[jobs["state"].isin(["SUBMITTED", "RUNNING"]), "step"])
    for step in reversed(STEPS):
        if step.name in open_steps:
            mine = jobs[jobs["step"] == step.name]
            return step.name, progress_of(experiment, step.name, mine, alive=True)
    return "", {}
