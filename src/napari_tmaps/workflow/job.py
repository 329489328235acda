"""One run job: read its batch, do it, write its result and its log.

Stateless: everything comes from the folder of the experiment and goes there, into files that no
other job writes. Every engine calls `run_job`, in a thread, a process or on another machine.
"""

from __future__ import annotations

import os
import socket
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import perf_counter, process_time, thread_time
from typing import Any, TextIO

from napari_tmaps.errors import StorageError, TmapsError
from napari_tmaps.workflow.batches import StepFolder
from napari_tmaps.workflow.limits import KILLED, MEMORY_MARK, TIMEOUT_MARK, limited
from napari_tmaps.workflow.step import Batch, JobResult, Step, StoppedError

TIMED_OUT = 124
"""Exit code of a job that took longer than it may."""
STOPPED = 143
"""Exit code of a job that ended early because its run was stopped."""


@dataclass(frozen=True, slots=True)
class JobCall:
    """All that an engine has to carry to where a job runs.

    Attributes
    ----------
    experiment
        Folder of the experiment, as the worker sees it.
    duration_s, memory_mb
        What the job may take; 0 means no limit.
    cores
        Threads that numerical libraries may use.
    """

    experiment: str
    step: type[Step]
    job: int
    duration_s: int = 0
    memory_mb: int = 0
    cores: int = 1

    @property
    def files(self) -> StepFolder:
        """Where batches, results and logs lie."""
        return StepFolder(Path(self.experiment), self.step.name)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended.

    Attributes
    ----------
    exitcode
        0 if the job was done (single sites may have failed); else `message` says why.
    seconds, cpu_s
        Wall and processor time; None if the job did not live to tell.
    memory_mb
        Peak memory of the process so far.
    storage
        True if the disk refused: other jobs will fare no better.
    again
        True if an earlier attempt has died, perhaps in the middle of writing a file.
    failures
        Sites that could not be done: plate, well, site, message.
    """

    job: int
    exitcode: int = 0
    message: str = ""
    seconds: float | None = None
    cpu_s: float | None = None
    memory_mb: float | None = None
    storage: bool = False
    again: bool = False
    failures: tuple[dict[str, Any], ...] = ()

    def values(self) -> dict[str, Any]:
        """By name, to be stored as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def run_job(call: JobCall, *, own_process: bool = True) -> Outcome:
    """Do one job; whatever goes wrong is told in the outcome, the result and the log.

    Parameters
    ----------
    own_process
        The process runs no other job at the same time: its time limit can be enforced, by ending
        the process, and processor time is that of all its threads.
    """
    files = call.files
    log_path = files.log_path("run", call.job)
    again = log_path.exists()
    ended = stopped_by_limit(call) if own_process and again else None
    if ended is not None:
        # A cluster that lost the worker sends the job again; it would fare no better.
        return ended
    clock = process_time if own_process else thread_time
    start, cpu = perf_counter(), clock()
    result, message, storage = JobResult(), "", False
    batch: Batch | None = None
    with _log(log_path) as log:
        print(
            f"{datetime.now():%Y-%m-%d %H:%M:%S} {call.step.name} job {call.job} on "
            f"{socket.gethostname()}, process {os.getpid()}",
            file=log,
        )
        is_limited = own_process and not isinstance(log, _Nowhere)
        limits = limited(log, call.duration_s, call.memory_mb) if is_limited else nullcontext()
        try:
            with limits:
                step = call.step.for_jobs(Path(call.experiment))
                batch = files.batch(call.job)
                result = step.run_job(batch, assume_clean_state=True)
        except StoppedError as error:
            print(f"{error}\nJOB STOPPED", file=log)
            return Outcome(call.job, STOPPED, str(error))
        except TmapsError as error:
            message, storage = str(error), isinstance(error, StorageError)
        except Exception as error:  # noqa: BLE001 - a job ends here: its log and state must tell
            traceback.print_exc(file=log)
            message = f"{type(error).__name__}: {error}"
        outcome = Outcome(
            job=call.job,
            exitcode=1 if message else 0,
            message=message,
            seconds=perf_counter() - start,
            cpu_s=clock() - cpu + (0.0 if own_process else result.threads_s),
            memory_mb=_peak_memory_mb(),
            storage=storage,
            again=again,
            failures=tuple(result.failures),
        )
        try:
            if batch is not None:
                files.write_result(batch, {"outcome": outcome.values(), "facts": result.facts})
        except StorageError as error:
            if not storage:
                outcome = Outcome(call.job, 1, str(error), storage=True)
        for item in result.failures:
            where = f"{item['plate']} {item['well']} site {item['site']}"
            print(f"  {where}: {item['message']}", file=log)
        if outcome.exitcode:
            print(f"{outcome.message}\nJOB FAILED", file=log)
        else:
            print(f"JOB COMPLETED in {outcome.seconds:.2f} s", file=log)
    return outcome


def read_outcomes(files: StepFolder) -> Iterator[Outcome]:
    """How the finished jobs ended."""
    return (Outcome(**content["outcome"]) for content in files.results())


class Results:
    """What the jobs say that were done; read from their files each time, for they may be many."""

    def __init__(self, files: StepFolder) -> None:
        self._files = files

    def __iter__(self) -> Iterator[JobResult]:
        for content in self._files.results():
            if not content["outcome"]["exitcode"]:
                yield JobResult(content["outcome"]["failures"], content["facts"])


def stopped_by_limit(call: JobCall) -> Outcome | None:
    """The outcome of a job that its limit of time or memory has ended; its log tells."""
    path = call.files.log_path("run", call.job)
    if not (call.duration_s or call.memory_mb) or not path.is_file():
        return None
    text = path.read_text(encoding="utf-8", errors="replace")
    if TIMEOUT_MARK in text:
        return took_too_long(call)
    if MEMORY_MARK in text:
        return Outcome(
            call.job,
            KILLED,
            f"needed more than the {call.memory_mb} MB that it may, and was stopped. Allow more "
            "with --memory, or make the batches smaller.",
        )
    return None


def took_too_long(call: JobCall) -> Outcome:
    """The outcome of a job that its time limit has ended."""
    return Outcome(
        call.job,
        TIMED_OUT,
        f"took longer than {call.duration_s} s and was stopped; its log shows where it was. Allow "
        "more with --duration, or make the batches smaller.",
    )


class _Nowhere:
    """A log that could not be opened, because the disk is full."""

    def write(self, text: str) -> int:
        return len(text)


@contextmanager
def _log(path: Path) -> Iterator[TextIO]:
    try:
        file = path.open("a", encoding="utf-8", errors="replace")
    except OSError:
        yield _Nowhere()  # type: ignore[misc]
        return
    try:
        yield file
    finally:
        with suppress(OSError):  # a log that cannot be written must not hide what happened
            file.close()


def _peak_memory_mb() -> float:
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset) / 2**20
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
