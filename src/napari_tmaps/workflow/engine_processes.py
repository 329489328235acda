"""Processes of this machine, each running one job at a time.

Unlike concurrent.futures, a process that dies takes only its own job with it, which is begun
again in a new one; and a job beyond its limits can be ended.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
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
from napari_tmaps.workflow.threadpools import limit_this_process

_GRACE_S = 10.0
"""A process ends itself when its time is up; if it has not after this, it is ended."""

_LEAVE_S = 5.0
"""How long an idle process may take to end."""


@dataclass
class _Task:
    call: JobCall
    attempts: int = 0
    begun: float = 0.0


class _Queue:
    """Jobs to begin: first those of the run, which are taken one by one, then those to repeat."""

    def __init__(self, calls: Iterable[JobCall]) -> None:
        self._calls = iter(calls)
        self._next: _Task | None = None
        self.again: deque[_Task] = deque()

    def __bool__(self) -> bool:
        if self._next is None:
            call = next(self._calls, None)
            if call is not None:
                self._next = _Task(call)
        return bool(self._next or self.again)

    @property
    def first(self) -> _Task:
        """The job to begin now; only where there is one."""
        return self._next or self.again[0]

    def take(self) -> None:
        """It has begun."""
        if self._next is None:
            self.again.popleft()
        self._next = None


class _Worker:
    """One process and the job that it has now."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self.task: _Task | None = None

    def begin(self, task: _Task) -> bool:
        """Send a job; False if the process is dead."""
        task.attempts += 1
        task.begun = monotonic()
        try:
            self.connection.send(task.call)
        except (BrokenPipeError, ConnectionResetError):
            task.attempts -= 1
            return False
        self.task = task
        return True

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
            while queue or self._busy():
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
        return [worker for worker in self._workers if worker.task]

    def _begin(self, queue: _Queue) -> None:
        for worker in [worker for worker in self._workers if not worker.task]:
            if queue and not worker.begin(queue.first):
                self._drop(worker)
            elif worker.task:
                queue.take()
        while queue and len(self._workers) < self._number:
            worker = _Worker()
            self._workers.append(worker)
            if worker.begin(queue.first):
                queue.take()

    def _look(self, worker: _Worker, queue: _Queue, *, has_news: bool) -> Outcome | None:
        """What became of a job; None if it goes on, or is begun again because its process died."""
        task = worker.task
        assert task is not None
        call = task.call
        if has_news:
            try:
                outcome: Outcome = worker.connection.recv()
            except (EOFError, ConnectionResetError):
                return self._died(worker, task, queue)
            worker.task = None
            return outcome
        if call.duration_s and monotonic() - task.begun > call.duration_s + _GRACE_S:
            self._drop(worker)
            return took_too_long(call)
        return None

    def _died(self, worker: _Worker, task: _Task, queue: _Queue) -> Outcome | None:
        worker.process.join(_GRACE_S)
        exitcode = worker.process.exitcode
        self._drop(worker)
        limited = stopped_by_limit(task.call)
        if limited is not None:
            return limited
        if task.attempts < ATTEMPTS:
            queue.again.append(task)
            return None
        return Outcome(
            task.call.job,
            KILLED,
            f"its process died {task.attempts} times (last exit code {exitcode}), perhaps for want "
            "of memory or by a defect of a library. Make batches smaller, or use fewer workers.",
        )

    def _drop(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.end()


def _work(connection: Connection) -> None:
    """The life of a worker: job after job, until its maker dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the coordinator's affair
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
