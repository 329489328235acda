"""The workflow of an experiment: description, submit, resume, kill, status, jobs, logs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from napari_tmaps.client.ids import decode, encode
from napari_tmaps.errors import ExistsError, InputError
from napari_tmaps.model.workflow import WorkflowDescription
from napari_tmaps.server.access import Reading, Writing
from napari_tmaps.server.routes_jterator import PROJECT
from napari_tmaps.server.uploads import take_up
from napari_tmaps.workflow.batches import StepFolder
from napari_tmaps.workflow.description import FILE, check_description, save_workflow, with_argument
from napari_tmaps.workflow.lock import coordinator
from napari_tmaps.workflow.steps import STEPS, find_step
from napari_tmaps.workflow.submission import Request, Subset, prepare

router = APIRouter(prefix="/api/experiments/{experiment_id}/workflow", tags=["workflow"])


class Description(BaseModel):
    """A workflow description, of TissueMAPS or ours."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: WorkflowDescription


class Submit(BaseModel):
    """What to run; without a description, that of the experiment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: WorkflowDescription | None = None
    stage_name: str | None = Field(default=None, max_length=100)
    index: int | None = Field(default=None, ge=0, le=100)
    until: str | None = Field(default=None, max_length=100)
    subset: Subset = Subset()
    save: bool = Field(default=True, description="make the description that of the experiment")


@router.get("/description")
def get_description(experiment: Reading) -> dict[str, Any]:
    """Stages, steps and arguments."""
    return {"data": experiment.workflow.description.document()}


@router.post("/description")
def set_description(experiment: Writing, body: Description) -> dict[str, str]:
    """Replace the workflow of the experiment."""
    _check(experiment, body.description)
    save_workflow(body.description, experiment.path / FILE)
    return {"message": "ok"}


def _check(experiment: Reading, description: WorkflowDescription) -> None:
    """Refuse what cannot run, and what would reach for files of the server.

    Raises
    ------
    InputError
        It does not fit.
    """
    check_description(description, done=[step.name for step in STEPS])
    for step in description.active():
        pipeline = str(step.batch_args.get("pipeline") or "")
        if step.name == "jterator" and pipeline and set(pipeline) & set("/\\"):
            raise InputError(
                f"'{pipeline}' is no name of a pipeline. Send the pipeline (jtproject), then name "
                "it."
            )


def _request(experiment: Writing, body: Submit) -> Request:
    description = body.description or experiment.workflow.description
    if (experiment.path / "pipelines" / f"{PROJECT}.yaml").is_file():
        for step in description.active():
            if step.name == "jterator" and not step.batch_args.get("pipeline"):
                description = with_argument(description, "jterator", "pipeline", PROJECT)
    _check(experiment, description)
    start = body.stage_name
    if start is None and body.index is not None:
        names = [stage.name for stage in description.stages]
        if body.index >= len(names):
            raise InputError(f"There is no stage {body.index}; there are {len(names)}.")
        start = names[body.index]
    return prepare(experiment, description, start=start, until=body.until, subset=body.subset)


def _start(experiment: Writing, request: Request | None) -> dict[str, Any]:
    if coordinator(experiment.path) is not None:
        raise ExistsError("Something is at work on the experiment. Wait, or kill it first.")
    process = experiment.workflow.detach(request)
    submissions = experiment.catalogue.submissions()
    number = int(submissions["id"].max()) if len(submissions) else None
    return {"message": "ok", "submission_id": number, "process": process}


@router.post("/submit")
def submit(experiment: Writing, body: Submit | None = None) -> dict[str, Any]:
    """Take up the files that were sent, and run the workflow in the background."""
    if coordinator(experiment.path) is None:
        take_up(experiment)
    body = body or Submit()
    request = _request(experiment, body)
    if body.description is not None and body.save:
        save_workflow(body.description, experiment.path / FILE)
    return _start(experiment, request)


@router.post("/resubmit")
def resubmit(experiment: Writing, body: Submit | None = None) -> dict[str, Any]:
    """Run again, from a stage on."""
    body = body or Submit()
    if body.description is not None:
        return _start(experiment, _request(experiment, body))
    stage = body.stage_name
    if stage is None and body.index is not None:
        stages = [each.name for each in experiment.workflow.description.stages]
        if body.index >= len(stages):
            raise InputError(f"There is no stage {body.index}; there are {len(stages)}.")
        stage = stages[body.index]
    return _start(experiment, experiment.workflow.repeated(stage))


@router.post("/resume")
def resume(experiment: Writing) -> dict[str, Any]:
    """Go on where the last submission stopped."""
    return _start(experiment, None)


@router.post("/kill")
def kill(experiment: Writing) -> dict[str, Any]:
    """Stop what is at work."""
    return {"message": "ok" if experiment.workflow.kill(wait_s=20) else "stopping"}


@router.get("/status")
def get_status(
    experiment: Reading, depth: Annotated[int, Query(ge=0, le=10)] = 2
) -> dict[str, Any]:
    """Workflow, stages and steps as a tree with state and progress."""
    found = experiment.workflow.status()
    stages: dict[str, list[dict[str, Any]]] = {}
    for step in found["steps"]:
        stages.setdefault(find_step(step["name"]).stage, []).append(_task(step, "step", []))
    tree = [_task(_sum(name, steps), "stage", steps, depth > 1) for name, steps in stages.items()]
    last = found["submission"]
    top = _sum("workflow", tree)
    if last is not None:
        top["state"] = last["state"]
    task = _task(top, "workflow", tree, depth > 0)
    return {"data": None if last is None and not tree else {**task, "submission": last}}


def _sum(name: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    states = {part["state"] for part in parts}
    order = ("RUNNING", "FAILED", "STOPPED", "SUBMITTED", "NEW", "TERMINATED")
    return {
        "name": name,
        "state": next((state for state in order if state in states), "NEW"),
        "done": sum(part["done_units"] for part in parts),
        "total": sum(part["total_units"] for part in parts),
        "failed": [None] * sum(part["failed_jobs"] for part in parts),
        "seconds": sum(part["time"] for part in parts),
        "cpu_s": sum(part["cpu_time"] for part in parts),
        "memory_mb": max((part["memory"] or 0 for part in parts), default=None),
    }


def _task(
    row: dict[str, Any], kind: str, parts: list[dict[str, Any]], deeper: bool = False
) -> dict[str, Any]:
    state, total = row["state"], row["total"]
    return {
        "name": row["name"],
        "type": kind,
        "state": state,
        "live": state in ("RUNNING", "SUBMITTED"),
        "done": state in ("TERMINATED", "FAILED", "STOPPED"),
        "failed": bool(row["failed"]) or state == "FAILED",
        "percent_done": 100.0 * row["done"] / total
        if total
        else float(state == "TERMINATED") * 100,
        "exitcode": None if state not in ("TERMINATED", "FAILED") else int(bool(row["failed"])),
        "done_units": row["done"],
        "total_units": total,
        "failed_jobs": len(row["failed"]),
        "time": row["seconds"],
        "cpu_time": row["cpu_s"],
        "memory": row["memory_mb"],
        "subtasks": parts if deeper else [],
    }


@router.get("/jobs")
def get_jobs(
    experiment: Reading,
    step_name: Annotated[str, Query(max_length=100)] = "",
    phase: Literal["", "run", "collect"] = "",
    index: Annotated[int, Query(ge=0, le=10**9)] = 0,
    batch_size: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> dict[str, Any]:
    """Jobs of the steps, so many from an index on."""
    jobs = experiment.catalogue.jobs()
    for column, wanted in (("step", step_name), ("phase", phase)):
        if wanted:
            jobs = jobs[jobs[column] == wanted]
    page = jobs.iloc[index : index + batch_size].astype(object)
    rows = page.where(page.notna(), None).to_dict("records")
    return {
        "data": [
            {"id": encode(row["step"], row["phase"], row["job"]), "name": _job_name(row), **row}
            for row in rows
        ],
        "total": len(jobs),
    }


def _job_name(row: Mapping[Any, Any]) -> str:
    return f"{row['step']}_{row['phase']}_{int(row['job']):06d}"


@router.get("/jobs/{job_id}/log")
def get_log(experiment: Reading, job_id: str) -> dict[str, Any]:
    """What a job said."""
    step, phase, job = decode(job_id, 3)
    find_step(step)
    if phase not in ("run", "collect") or not (job.isascii() and job.isdigit() and len(job) < 9):
        raise InputError(f"'{job_id}' is no id of a job.")
    folder = StepFolder(experiment.path, step)
    text = folder.log("run", int(job)) if phase == "run" else folder.log("collect")
    return {"data": {"stdout": text, "stderr": ""}}
