"""Where a workflow stands, for anyone who looks: another terminal, the window, a client."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pandas as pd

from napari_tmaps.errors import NotFoundError
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.workflow.batches import StepFolder
from napari_tmaps.workflow.lock import WORKFLOW, coordinator
from napari_tmaps.workflow.steps import STEPS
from napari_tmaps.workflow.wells import progress_of, well_table

STATES = ("NEW", "SUBMITTED", "RUNNING", "STOPPED", "TERMINATED")
"""The states of a job."""
_MOST_PROBLEMS = 20


def status(experiment: Experiment) -> dict[str, Any]:
    """State of the last submission and of the steps, as JSON values; the output of `--json`.

    `submission` is None, or has id, created, state and message; `coordinator` tells who is at
    work now, or is None. Each of `steps` has name, state, jobs (state → number), done and total
    (units of work), failed (jobs with their messages), problems (sentences: the first sites that
    could not be done, with the cause), seconds, cpu_s, memory_mb, and wells (plate → well → state,
    sites, done, failed, running) if it works by sites.
    """
    now = coordinator(experiment.path)
    submissions = experiment.catalogue.submissions()
    last, steps = None, {}
    if len(submissions):
        row: Any = submissions.iloc[-1].to_dict()
        steps = row["steps"]
        state, message = row["state"], row["message"]
        now = now or coordinator(experiment.path)  # who has begun since
        if state in ("SUBMITTED", "RUNNING") and now is None:
            state, message = "STOPPED", "It ended without a word; 'resume' goes on."
            steps = {name: "STOPPED" if s == "RUNNING" else s for name, s in steps.items()}
        elif state not in ("SUBMITTED", "RUNNING") and now is not None and now["what"] == WORKFLOW:
            state, message = "SUBMITTED", ""  # it has begun, and not told of it yet
        last = {
            "id": int(row["id"]),
            "created": row["created"],
            "state": state,
            "message": message,
        }
    jobs = dict(iter(experiment.catalogue.jobs().groupby("step")))
    return {
        "submission": last,
        "coordinator": now,
        "steps": [
            _step(experiment, step.name, steps.get(step.name), jobs.get(step.name), now is not None)
            for step in STEPS
            if step.name in steps or step.name in jobs
        ],
    }


def _step(
    experiment: Experiment, name: str, state: str | None, jobs: pd.DataFrame | None, alive: bool
) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "state": state, "jobs": {}, "done": 0, "total": 0}
    row |= {
        "failed": [],
        "problems": [],
        "seconds": 0.0,
        "cpu_s": 0.0,
        "memory_mb": None,
        "wells": {},
    }
    if jobs is None:
        return row
    run = jobs[jobs["phase"] == "run"]
    states = run["state"] if alive else run["state"].replace(["SUBMITTED", "RUNNING"], "STOPPED")
    if state is None:
        through = (jobs.loc[jobs["phase"] == "collect", "state"] == "TERMINATED").all()
        row["state"] = "TERMINATED" if through else "RUNNING" if alive else "STOPPED"
    try:
        units = StepFolder(experiment.path, name).units()
    except NotFoundError:
        units = {}
    ended = run[run["state"] == "TERMINATED"]
    bad = ended[ended["exitcode"] != 0]
    row["wells"] = well_table(progress_of(experiment, name, jobs, alive=alive))
    row["jobs"] = {s: int(n) for s in STATES if (n := (states == s).sum())}
    row["done"] = sum(units.get(job, 0) for job in ended["job"])
    row["total"] = sum(units.values())
    row["failed"] = bad[["job", "exitcode", "message"]].astype({"exitcode": int}).to_dict("records")
    row["problems"] = list(islice(_problems(experiment, name, jobs), _MOST_PROBLEMS))
    row["seconds"] = float(ended["seconds"].sum())
    row["cpu_s"] = float(ended["cpu_s"].sum())
    row["memory_mb"] = float(ended["memory_mb"].max()) if ended["memory_mb"].notna().any() else None
    return row


def _problems(experiment: Experiment, step: str, jobs: pd.DataFrame) -> Iterator[str]:
    for message in jobs.loc[jobs["phase"] == "collect", "message"]:
        yield from message.splitlines()
    failures = experiment.catalogue.failures()
    for row in failures[failures["step"] == step].itertuples(index=False):
        yield f"{row.plate} {row.well} site {row.site}: {row.message}"
