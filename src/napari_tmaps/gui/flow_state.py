"""What the workflow widget shows, worked out from a workflow and its status: pure values, no Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from napari_tmaps.gui.run_dialog import duration
from napari_tmaps.model.words import counted
from napari_tmaps.model.workflow import Stage, WorkflowDescription

Standing = Literal["inactive", "new", "waiting", "running", "done", "failed", "stopped"]

SIGNS: Mapping[Standing, str] = {
    "inactive": "·",
    "new": "○",
    "waiting": "◌",
    "running": "▶",
    "done": "✓",
    "failed": "✗",
    "stopped": "■",
}
"""One sign for each standing, so that none is told by its colour alone."""
STAGE_TITLES: Mapping[Stage, str] = {
    "image_conversion": "Convert",
    "image_preprocessing": "Correct",
    "pyramid_creation": "Map",
    "image_analysis": "Analyse",
}
_ORDER: tuple[Standing, ...] = ("failed", "running", "stopped", "waiting", "new", "done")
"""Of the standings of several steps the first of these is that of their stage."""


@dataclass(frozen=True)
class StepView:
    """One step as it is shown.

    Attributes
    ----------
    done, total
        Units of work (files, sites); total 0 if it is not known.
    failed
        Sites that could not be done, or jobs that ended badly where a step does not work by sites.
    """

    name: str
    stage: Stage
    active: bool
    standing: Standing
    done: int = 0
    total: int = 0
    failed: int = 0
    text: str = ""

    @property
    def sign(self) -> str:
        """The sign of its standing."""
        return SIGNS[self.standing]


@dataclass(frozen=True)
class FlowState:
    """All that is shown of a workflow.

    Attributes
    ----------
    headline
        One sentence on where it stands.
    """

    steps: tuple[StepView, ...]
    headline: str
    at_work: bool
    can_submit: bool
    can_resume: bool
    can_stop: bool

    def stage(self, name: Stage) -> Standing:
        """The standing of a stage: the one of its steps that matters most."""
        standings = {step.standing for step in self.steps if step.stage == name and step.active}
        return next((each for each in _ORDER if each in standings), "inactive")

    def step(self, name: str) -> StepView:
        """One step by its name."""
        return next(step for step in self.steps if step.name == name)


def flow_state(
    description: WorkflowDescription, status: Mapping[str, Any], *, is_right: bool, starting: bool
) -> FlowState:
    """What to show.

    Parameters
    ----------
    status
        As `workflow.status.status` tells it.
    is_right
        Whether the description has no fault.
    starting
        Whether something was sent off just now, and is not at work yet.
    """
    known = {row["name"]: row for row in status["steps"]}
    at_work = status["coordinator"] is not None
    last = status["submission"]
    steps = tuple(
        _step(step.name, stage.name, stage.active and step.active, known.get(step.name))
        for stage in description.stages
        for step in stage.steps
    )
    free = not at_work and not starting
    return FlowState(
        steps=steps,
        headline=_headline(status, starting),
        at_work=at_work,
        can_submit=free and is_right and any(step.active for step in steps),
        can_resume=free and last is not None and _is_open(last, status["steps"]),
        can_stop=at_work,
    )


def _is_open(last: Mapping[str, Any], steps: Any) -> bool:
    return last["state"] != "TERMINATED" or any(
        row["failed"] or row["state"] == "FAILED" for row in steps
    )


def _headline(status: Mapping[str, Any], starting: bool) -> str:
    now, last = status["coordinator"], status["submission"]
    if starting and now is None:
        return "Starting …"
    if now is not None:
        return f"{now['what'][:1].upper()}{now['what'][1:]} is at work since {now['since']}."
    if last is None:
        return "Nothing was submitted yet."
    words = {"TERMINATED": "ended", "STOPPED": "was stopped", "FAILED": "failed"}
    text = f"Submission {last['id']} of {last['created']} {words.get(last['state'], 'waits')}."
    parts = [f"{bad} failed in {row['name']}" for row in status["steps"] if (bad := _bad(row))]
    if parts:
        text += f" {', '.join(parts)}; Resume tries again."
    return f"{text} {last['message']}".strip()


def _bad_sites(row: Mapping[str, Any]) -> int:
    return sum(well["failed"] for wells in row["wells"].values() for well in wells.values())


def _bad(row: Mapping[str, Any]) -> str:
    """E.g. "3 sites"; "" if nothing failed."""
    sites, jobs = _bad_sites(row), len(row["failed"])
    number, word = (sites, "site") if sites else (jobs, "job")
    return counted(number, word) if number else ""


def _step(name: str, stage: Stage, active: bool, row: Mapping[str, Any] | None) -> StepView:
    if row is None:
        return StepView(name, stage, active, "new" if active else "inactive")
    failed = _bad_sites(row) or len(row["failed"])
    standing: Standing
    match row["state"]:
        case "RUNNING":
            standing = "running"
        case "TERMINATED":
            standing = "failed" if failed else "done"
        case "FAILED":
            standing = "failed"
        case "STOPPED":
            standing = "stopped"
        case _:
            standing = "waiting"
    parts = [f"{row['done']} of {row['total']}"] if row["total"] else []
    if standing == "running" and row["wells"]:
        wells = [well["state"] for plate in row["wells"].values() for well in plate.values()]
        through = sum(state in ("done", "failed") for state in wells)
        parts.append(f"{through} of {counted(len(wells), 'well')}")
    if failed:
        parts.append(f"{_bad(row)} failed")
    if row["seconds"] >= 1 and standing != "running":
        parts.append(duration(row["seconds"]))
    text = " · ".join(parts) or {"done": "up to date", "running": "starting"}.get(standing, "")
    return StepView(name, stage, active, standing, row["done"], row["total"], failed, text)


def estimate_text(found: Mapping[str, Any]) -> str:
    """Sentences on what `Workflow.dry_run` found."""
    lines = []
    for row in found["steps"]:
        if row["note"]:
            lines.append(f"{row['step']}: {row['note']}")
        elif row["units"]:
            took = f", about {duration(row['seconds'])} of one worker" if row["seconds"] else ""
            lines.append(f"{row['step']}: {row['units']} units in {row['jobs']} jobs{took}.")
        else:
            lines.append(f"{row['step']}: nothing to do.")
    if found["seconds"] is not None:
        lines.append(
            f"All together about {duration(found['seconds'])} on {found['workers']} workers"
            + (f", {found['memory_mb'] / 1000:.1f} GB of memory" if found["memory_mb"] else "")
            + f", {found['disk_mb'] / 1000:.2g} GB of disk; {found['free_mb'] / 1000:.0f} GB are "
            "free."
        )
        if found["disk_mb"] > found["free_mb"]:
            lines.append("⚠ The disk will be full before the end. Make room first.")
    return "\n".join(lines)


def with_step(description: WorkflowDescription, name: str, **changes: Any) -> WorkflowDescription:
    """The workflow with one step changed: active, batch_args or submission_args.

    A step that is made active activates its stage, too.
    """
    stages = tuple(
        stage.model_copy(
            update={
                "active": stage.active
                or (changes.get("active", False) and any(s.name == name for s in stage.steps)),
                "steps": tuple(
                    step.model_copy(update=changes) if step.name == name else step
                    for step in stage.steps
                ),
            }
        )
        for stage in description.stages
    )
    return description.model_copy(update={"stages": stages})
