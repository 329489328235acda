"""Tools as jobs: each runs in a process of its own, one after the other, and outlives who asked.

logs/tools/000007.json      what was asked for, and how it stands; written by the job alone
logs/tools/000007.log       what it said
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from napari_tmaps.errors import FormatError, InputError, NotFoundError, TmapsError
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.streams.atomic import disk_errors, write_text
from napari_tmaps.workflow.detached import APART, START_S

MOST_WAITING = 32
"""Jobs that may wait or run at a time; each takes a process."""
_WAIT_S = 0.2

State = Literal["SUBMITTED", "RUNNING", "TERMINATED", "FAILED", "STOPPED"]


class ToolJob(BaseModel):
    """One tool that was asked for.

    Attributes
    ----------
    number
        From 1, in the order in which they were asked for.
    result
        Name of the result; "" until it is there, if none was given.
    state
        STOPPED: its process ended without a word, e.g. the machine was switched off.
    message
        What went wrong; "" otherwise.
    submitted
        ISO time, UTC.
    pid, started
        Its process, and when that began (seconds since 1970).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    tool: str
    object_type: str
    settings: dict[str, Any] = {}
    result: str = ""
    state: State = "SUBMITTED"
    message: str = ""
    submitted: str
    pid: int = 0
    started: float = 0.0

    @property
    def is_at_work(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ("SUBMITTED", "RUNNING")


def submit_tool(
    experiment: Experiment,
    tool: str,
    object_type: str,
    settings: Mapping[str, Any],
    *,
    name: str = "",
) -> ToolJob:
    """Ask for a tool; it is checked now and runs in the background.

    Raises
    ------
    NotFoundError, InputError
        There is no such tool or object type, a setting does not fit, or too many jobs wait.
    StorageError
        The disk refuses.
    """
    from napari_tmaps.errors import unknown
    from napari_tmaps.tools import TOOLS

    if tool not in TOOLS:
        raise unknown("tool", tool, TOOLS)
    TOOLS[tool].validate(settings)
    types = experiment.features.object_types()
    if object_type not in types:
        raise unknown("object type", object_type, types)
    before = tool_jobs(experiment.path)
    if sum(job.is_at_work for job in before) >= MOST_WAITING:
        raise InputError(f"{MOST_WAITING} tools wait already. Ask again when some have ended.")
    folder = _folder(experiment.path)
    number = 1 + max((job.number for job in before), default=0)
    job = ToolJob(
        number=number,
        tool=tool,
        object_type=object_type,
        settings=dict(settings),
        result=name,
        submitted=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    log = folder / f"{number:06d}.log"
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file = log.open("wb")
    _write(experiment.path, job)
    with file:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(experiment.path), str(number)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            **APART,
        )
    process.returncode = 0  # it is no child to wait for any more
    return job


def tool_jobs(folder: Path) -> list[ToolJob]:
    """All that were asked for, the oldest first, as they stand now."""
    found = []
    for path in sorted(_folder(folder).glob("*.json")):
        job = _read(path)
        if job.is_at_work and not _lives(job, path):
            job = _read(path)  # it may have said how it ended since
            if job.is_at_work:
                end = {"state": "STOPPED", "message": "Its process has ended."}
                job = job.model_copy(update=end)
        found.append(job)
    return found


def tool_log(folder: Path, number: int) -> str:
    """What a job said.

    Raises
    ------
    NotFoundError
        There is no such job.
    """
    path = _folder(folder) / f"{number:06d}.log"
    if not path.is_file():
        raise NotFoundError(f"There is no job {number} of a tool.")
    return path.read_text(encoding="utf-8", errors="replace")


def _folder(folder: Path) -> Path:
    return folder / "logs" / "tools"


def _read(path: Path) -> ToolJob:
    try:
        return ToolJob.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise FormatError(f"'{path}' is damaged. Remove it.") from error


def _write(folder: Path, job: ToolJob) -> None:
    write_text(_folder(folder) / f"{job.number:06d}.json", job.model_dump_json(indent=2) + "\n")


def _lives(job: ToolJob, path: Path) -> bool:
    import psutil  # type: ignore[import-untyped]

    if not job.pid:  # not begun yet, unless it never does
        return time.time() - path.stat().st_mtime < START_S
    try:
        process = psutil.Process(job.pid)
        same = abs(process.create_time() - job.started) < 2
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def main() -> None:
    """The process itself: `python -m napari_tmaps.workflow.tool_jobs EXPERIMENT NUMBER`."""
    import psutil

    from napari_tmaps.tools.run import run_tool

    folder, number = Path(sys.argv[1]), int(sys.argv[2])
    job = _read(_folder(folder) / f"{number:06d}.json")
    job = job.model_copy(update={"pid": os.getpid(), "started": psutil.Process().create_time()})
    _write(folder, job)
    while any(other.is_at_work and other.number < number for other in tool_jobs(folder)):
        time.sleep(_WAIT_S)
    job = job.model_copy(update={"state": "RUNNING"})
    _write(folder, job)
    try:
        with Experiment.open(folder) as experiment:
            about = run_tool(experiment, job.tool, job.object_type, job.settings, name=job.result)
    except TmapsError as error:
        print(f"Error: {error}", flush=True)
        _write(folder, job.model_copy(update={"state": "FAILED", "message": str(error)}))
        sys.exit(1)
    print("\n".join(about.notes), flush=True)
    _write(folder, job.model_copy(update={"state": "TERMINATED", "result": about.name}))


if __name__ == "__main__":
    main()
