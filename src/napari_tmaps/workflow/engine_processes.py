"""Processes of this machine, each running one job at a time.

Unlike concurrent.futures, a process that dies takes only the job that it is at with it, which is
begun again in a new one; and a job beyond its limits can be ended. While jobs are small and many, a
process is sent the next ones before it is through, so that it need not wait for them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from math import inf
from multiprocessing.connection import Connection, wait
from time import monotonic

from napari_tmaps.workflow.engines import ATTEMPTS, TICK_S, ClosesItself, Outcomes
from napari_tmaps.workflow.job import (
    JobCall,
    Outcome,
    run_job,
    stopped_by_limit,
    took_too_long,
)
from napari_tmaps.workflow.limits import KILLED
from napari_tmaps.workflow.main_program import WORKER, keep_main_program_out
from napari_tmaps.workflow.threadpools import limit_this_process

_GRACE_S = 10.0
"""A process ends itself when its time is up; if it has not after this, it is ended."""

_LEAVE_S = 5.0
"""How long an idle process may take to end."""

_SMALL_S = 0.05
"""Jobs that took no longer than this are sent ahead."""
_AHEAD = 4
"""Most jobs that a process has at a time: the one that it is at, and those that follow."""


@dataclass
class _Task:
    call: JobCall
    attempts: int = 0
    begun: float = 0.0

    def begin(self) -> None:
        """A process is at it now."""
        self.attempts += 1
        self.begun = monotonic()


class _Queue:
    """Jobs to begin: those to repeat, then those of the run, which are taken one by one."""

    def __init__(self, calls: Iterable[JobCall]) -> None:
        self._calls = iter(calls)
        self._waiting: deque[_Task] = deque()

    def has(self, number: int) -> bool:
        """True if at least so many jobs are left."""
        more = islice(self._calls, max(0, number - len(self._waiting)))
        self._waiting.extend(map(_Task, more))
        return len(self._waiting) >= number

    def take(self) -> _Task:
        """The job to begin now; only where there is one."""
        return self._waiting.popleft()

    def put_back(self, tasks: Iterable[_Task]) -> None:
        """These are to begin next."""
        self._waiting.extendleft(tasks)


class _Worker:
    """One process and the jobs that it has now: the one that it is at, then those sent ahead."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        keep_main_program_out()
        self.process = context.Process(target=_work, args=(theirs,), name=WORKER, daemon=True)
        self.process.start()
        theirs.close()
        self.tasks: deque[_Task] = deque()
        self.last_s: float = inf

    def send(self, task: _Task) -> bool:
        """Send a job; False if the process is dead."""
        try:
            self.connection.send(task.call)
        except (BrokenPipeError, ConnectionResetError):
            return False
        if not self.tasks:
            task.begin()
        self.tasks.append(task)
        return True

    def ended(self, outcome: Outcome) -> None:
        """It is through with a job, and at the next."""
        self.tasks.popleft()
        if self.tasks:
            self.tasks[0].begin()
        self.last_s = inf if outcome.seconds is None else outcome.seconds

    def leave(self) -> None:
        """Let an idle process end by itself, so that its libraries can tidy up."""
        self.connection.close()
        self.process.join(_LEAVE_S)
        self.end()

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.process.close()
        self.connection.close()


class Processes(ClosesItself):
    """Runs jobs in processes of this machine; cancelling ends those under way."""

    def __init__(self, workers: int) -> None:
        self._number = workers
        self._workers: list[_Worker] = []

    def outcomes(self, calls: Iterable[JobCall]) -> Outcomes:
        """Run jobs; see `Engine`."""
        queue = _Queue(calls)
        try:
            while queue.has(1) or self._busy():
                self._begin(queue)
                ready = wait([worker.connection for worker in self._busy()], TICK_S)
                if not ready:
                    yield None
                for worker in self._busy():
                    outcome = self._look(worker, queue, has_news=worker.connection in ready)
                    if outcome is not None:
                        yield outcome
        finally:
            for worker in self._busy():
                self._drop(worker)

    def close(self) -> None:
        """End the processes."""
        for worker in self._busy():
            self._drop(worker)
        while self._workers:
            self._workers.pop().leave()

    def _busy(self) -> list[_Worker]:
        return [worker for worker in self._workers if worker.tasks]

    def _begin(self, queue: _Queue) -> None:
        for worker in [worker for worker in self._workers if not worker.tasks]:
            if queue.has(1):
                self._send(worker, queue)
        while queue.has(1) and len(self._workers) < self._number:
            self._workers.append(_Worker())
            self._send(self._workers[-1], queue)
        # The last jobs are not sent ahead, lest one waits behind another beside an idle process.
        for worker in [worker for worker in self._busy() if worker.last_s <= _SMALL_S]:
            while len(worker.tasks) < _AHEAD and queue.has(_AHEAD * self._number):
                if not self._send(worker, queue):
                    break

    def _send(self, worker: _Worker, queue: _Queue) -> bool:
        task = queue.take()
        if worker.send(task):
            return True
        queue.put_back([task])
        if not worker.tasks:  # else its end is about to be noticed
            self._drop(worker)
        return False

    def _look(self, worker: _Worker, queue: _Queue, *, has_news: bool) -> Outcome | None:
        """What became of a job; None if it goes on, or is begun again because its process died."""
        task = worker.tasks[0]
        call = task.call
        if has_news:
            try:
                outcome: Outcome = worker.connection.recv()
            except (EOFError, ConnectionResetError):
                return self._died(worker, queue)
            worker.ended(outcome)
            return outcome
        if call.duration_s and monotonic() - task.begun > call.duration_s + _GRACE_S:
            self._drop(worker, queue)
            return took_too_long(call)
        return None

    def _died(self, worker: _Worker, queue: _Queue) -> Outcome | None:
        worker.process.join(_GRACE_S)
        exitcode = worker.process.exitcode
        task = worker.tasks[0]
        self._drop(worker, queue)
        limited = stopped_by_limit(task.call)
        if limited is not None:
            return limited
        if task.attempts < ATTEMPTS:
            queue.put_back([task])
            return None
        return Outcome(
            task.call.job,
            KILLED,
            f"its process died {task.attempts} times (last exit code {exitcode}), perhaps for want "
            "of memory or by a defect of a library. Make batches smaller, or use fewer workers.",
        )

    def _drop(self, worker: _Worker, queue: _Queue | None = None) -> None:
        """End a process; the jobs that it was sent ahead have not begun, and go back."""
        self._workers.remove(worker)
        worker.end()
        if queue is not None:
            queue.put_back(reversed(tuple(worker.tasks)[1:]))


def _work(connection: Connection) -> None:
    """The life of a worker: job after job, until its maker dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the coordinator's affair
    if sys.platform != "win32":
        # It has no children; so the locks that libraries make for some vanish with it, unnamed.
        multiprocessing.set_start_method("fork", force=True)
    threading.Thread(target=_die_with_coordinator, daemon=True).start()
    while True:
        try:
            call: JobCall = connection.recv()
        except EOFError:  # the coordinator has ended
            return
        limit_this_process(call.cores)
        connection.send(run_job(call))


def _die_with_coordinator() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
