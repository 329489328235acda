"""Limits of time and memory: a process whose job has used up either ends itself; the log says why.

Time is watched by a thread of the C library (faulthandler), so that code that never lets go of the
interpreter is ended as well, and the log shows where it was. To set it and take it back costs more
than a small job, so it is set only for jobs that have lasted for a moment.
"""

from __future__ import annotations

import faulthandler
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, sleep
from typing import TextIO

KILLED = 137
"""Exit code of a job whose process was ended, as a shell tells it."""
TIMEOUT_MARK = "Timeout ("
"""How faulthandler begins, in the log of a job that took too long."""
MEMORY_MARK = "Too much memory: "
"""What the log of a job has that needed too much memory."""
_LOOK_S = 0.2


@contextmanager
def limited(log: TextIO, duration_s: int, memory_mb: int) -> Iterator[None]:
    """End this process if what is done within takes longer, or needs more; 0 means no limit.

    A worker of another's cluster may do several jobs in threads: each has its own limits.

    Parameters
    ----------
    log
        An open file, which tells why.
    """
    if not (duration_s or memory_mb):
        yield
        return
    log.flush()
    deadline = monotonic() + duration_s if duration_s else None
    job = _Limited(log, deadline, memory_mb)
    _watch.begin(job)
    try:
        yield
    finally:
        _watch.end(job)


@dataclass(eq=False)
class _Limited:
    log: TextIO
    deadline: float | None
    memory_mb: int
    is_timed: bool = False


class _Watch:
    """One thread that looks after all jobs of this process."""

    def __init__(self) -> None:
        self._jobs: set[_Limited] = set()
        self._changing = threading.Lock()
        self._there = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, job: _Limited) -> None:
        with self._changing:
            self._jobs.add(job)
            self._there.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="limits", daemon=True)
                self._thread.start()

    def end(self, job: _Limited) -> None:
        with self._changing:
            self._jobs.remove(job)
            if not self._jobs:
                self._there.clear()
            if job.is_timed:
                self._set_timer()

    def _look(self) -> None:
        import psutil  # type: ignore[import-untyped]

        process = psutil.Process()
        known: set[_Limited] = set()
        while True:
            self._there.wait()
            sleep(_LOOK_S)
            with self._changing:
                used = process.memory_info().rss / 2**20
                for job in self._jobs:
                    if job.memory_mb and used > job.memory_mb:
                        print(f"{MEMORY_MARK}{used:.0f} MB", file=job.log, flush=True)
                        os._exit(KILLED)
                new = {job for job in self._jobs & known if job.deadline and not job.is_timed}
                for job in new:
                    job.is_timed = True
                if new:
                    self._set_timer()
                known = set(self._jobs)

    def _set_timer(self) -> None:
        """The process has one timer: for the job whose time is up first."""
        timed = [(job.deadline, job.log) for job in self._jobs if job.is_timed and job.deadline]
        if not timed:
            faulthandler.cancel_dump_traceback_later()
            return
        deadline, log = min(timed, key=lambda item: item[0])
        left = max(0.01, deadline - monotonic())
        faulthandler.dump_traceback_later(left, exit=True, file=log)


_watch = _Watch()
