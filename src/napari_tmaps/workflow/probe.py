"""What a submission would do and need, found out by one job of each step on one site.

The probe works in a temporary copy of the experiment's catalogue, with the image of that one site;
nothing is written into the experiment.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from napari_tmaps.errors import TmapsError
from napari_tmaps.model.layout import SITE
from napari_tmaps.store.catalogue import Catalogue
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.parts import DATABASE
from napari_tmaps.streams.atomic import disk_errors
from napari_tmaps.workflow.batches import StepFolder
from napari_tmaps.workflow.description import check_description
from napari_tmaps.workflow.engine_processes import Processes
from napari_tmaps.workflow.engines import Engine, default_workers
from napari_tmaps.workflow.phases import collect_step, run_jobs
from napari_tmaps.workflow.step import BatchArguments, Site, Step
from napari_tmaps.workflow.steps import find_step
from napari_tmaps.workflow.submission import Request, steps_done

_COPIED = ("pipelines", "illumination", "alignment")
"""Folders of an experiment that steps read; pixels are brought for one site alone."""
_MB = 1e6


@dataclass(frozen=True, slots=True)
class _Measured:
    """What one unit of work costs: seconds, once-only seconds of a worker, MB."""

    seconds: float
    start_s: float
    memory_mb: float
    disk_mb: float


def dry_run(experiment: Experiment, request: Request, *, probe: bool = True) -> dict[str, Any]:
    """What a submission would do; nothing is written into the experiment.

    Parameters
    ----------
    probe
        Run one job of each step that has work, on one site in a temporary folder, and estimate
        from it what the rest needs. It takes as long as that site does, twice.

    Returns
    -------
    dict
        JSON values. `steps` has for each step: step, jobs, units (files or sites, at most so many
        where it depends on a step before), and, None where unknown, seconds (of one worker),
        memory_mb (of one worker), disk_mb and note (why nothing is known). For all together:
        workers, seconds (by the clock), memory_mb, disk_mb, and free_mb (of the disk).
    """
    workers = request.engine.workers or default_workers()
    rows, start_s = [], 0.0
    certain, done = True, set(steps_done(experiment))
    arguments = check_description(request.description, done=done)
    with _copy(experiment) as copy, closing(Processes(1)) as engine:
        for name, args in arguments.items():
            kind = find_step(name)
            where = experiment if certain else copy
            sites = request.subset.choose(where.catalogue.sites())
            counted = _count(kind, where, sites, args)
            row: dict[str, Any] = {"step": kind.name, "jobs": None, "units": None}
            row |= {"seconds": None, "memory_mb": None, "disk_mb": None, "note": ""}
            rows.append(row)
            if isinstance(counted, str):
                row["note"] = counted
                certain = False
                continue
            jobs, units = counted
            row |= {"jobs": jobs, "units": units}
            if probe and not (certain and kind.name in done and not jobs):
                try:
                    cost = _measure(experiment, copy, kind, args, sites, engine)
                except TmapsError as error:
                    row["note"] = str(error)
                else:
                    start_s = max(start_s, cost.start_s if jobs else 0.0)
                    row["seconds"] = cost.seconds * units
                    row["memory_mb"] = cost.memory_mb if jobs else None
                    row["disk_mb"] = cost.disk_mb * units
            certain = certain and not jobs and kind.name in done
    free = shutil.disk_usage(experiment.path).free / _MB
    known = [row for row in rows if row["seconds"] is not None]
    memory = [row["memory_mb"] for row in rows if row["memory_mb"] is not None]
    return {
        "steps": rows,
        "workers": workers,
        "seconds": start_s + sum(row["seconds"] for row in known) / workers if known else None,
        "memory_mb": max(memory) * workers if memory else None,
        "disk_mb": sum(row["disk_mb"] for row in known) if known else None,
        "free_mb": free,
    }


def _count(
    kind: type[Step], experiment: Experiment, sites: list[Site] | None, args: BatchArguments
) -> tuple[int, int] | str:
    """Jobs of a step and their units, or why they are not known."""
    jobs = units = 0
    try:
        for batch in kind(experiment, sites=sites).create_run_batches(args):
            jobs, units = jobs + 1, units + batch["units"]
    except TmapsError as error:
        return str(error)
    return jobs, units


@contextmanager
def _copy(experiment: Experiment) -> Iterator[Experiment]:
    """The experiment without pixels and results, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="tmaps-probe-") as parent:
        folder = Path(parent) / experiment.path.name
        with disk_errors(folder):
            folder.mkdir()
            for name in _COPIED:
                if (experiment.path / name).is_dir():
                    shutil.copytree(experiment.path / name, folder / name)
        experiment.catalogue.copy_to(folder / DATABASE)
        with closing(Experiment(folder, Catalogue(folder / DATABASE))) as copy:
            yield copy


def _measure(
    experiment: Experiment,
    copy: Experiment,
    kind: type[Step],
    args: BatchArguments,
    sites: list[Site] | None,
    engine: Engine,
) -> _Measured:
    """Run one job of a step in the copy, twice: the first time a worker also loads and compiles."""
    table = copy.catalogue.sites()
    chosen = None
    if len(table):
        rows = sites or [(p, w, int(s)) for p, w, s in table[SITE].to_numpy().tolist()]
        chosen = [rows[len(rows) // 2]]
        _bring_image(experiment, copy, chosen[0])
    step = kind(copy, sites=chosen)
    step.check(args)
    batches = list(islice(step.create_run_batches(args), 1))
    files = StepFolder(copy.path, kind.name)
    files.write(batches, step.create_collect_batch(args))
    before = _bytes(copy.path)
    seconds, memory = [], 0.0
    for _ in range(2 if batches else 0):
        files.reopen()
        failed = [event for event in run_jobs(copy, kind, engine) if event.failed]
        if failed:
            raise TmapsError(f"The probe failed: {failed[0].message}")
        jobs = copy.catalogue.jobs().query("phase == 'run'")
        row = jobs[(jobs["step"] == kind.name) & (jobs["job"] == batches[0]["job"])].iloc[0]
        seconds.append(float(row["seconds"]))
        memory = max(memory, float(row["memory_mb"]))
    collect_step(copy, kind)
    if not batches:
        return _Measured(0.0, 0.0, 0.0, 0.0)
    units = max(1, batches[0]["units"])
    return _Measured(
        seconds[1] / units,
        max(0.0, seconds[0] - seconds[1]),
        memory,
        max(0, _bytes(copy.path) - before) / units / _MB,
    )


def _bring_image(experiment: Experiment, copy: Experiment, site: Site) -> None:
    """Copy the converted image of a site, all its cycles and labels, if there is one."""
    plate, well, number = site
    for cycle in sorted(set(copy.catalogue.channels()["cycle"])):
        source = experiment.plate(plate).image_path(well, number, int(cycle))
        target = copy.plate(plate).image_path(well, number, int(cycle))
        if source.is_dir() and not target.exists():
            with disk_errors(target):
                shutil.copytree(source, target)


def _bytes(folder: Path) -> int:
    """Size of what steps leave behind: not of batches, logs and the catalogue."""
    return sum(
        path.stat().st_size
        for room in folder.iterdir()
        if room.is_dir() and room.name not in ("workflow", "logs")
        for path in room.rglob("*")
        if path.is_file()
    )
