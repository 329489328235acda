"""The engine in this process: a pool of threads.

The kernels of the modules and the codecs release the interpreter, so that threads are enough for
most pipelines; they share memory and start at once. A thread cannot be stopped from outside:
limits of time and memory hold in processes only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice

from napari_tmaps.model.progress import Progress
from napari_tmaps.workflow.engines import TICK_S, ClosesItself, Outcomes, default_workers
from napari_tmaps.workflow.job import JobCall, Outcome, run_job
from napari_tmaps.workflow.lock import coordinating
from napari_tmaps.workflow.phases import run_phases
from napari_tmaps.workflow.step import BatchArguments, Step


class Threads(ClosesItself):
    """Runs jobs in threads of this process; cancelling finishes those under way."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def outcomes(self, calls: Iterable[JobCall]) -> Outcomes:
        """Run jobs; see `Engine`."""
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="tmaps")
        try:
            left = iter(calls)
            waiting: set[Future[Outcome]] = set()
            while True:
                for call in islice(left, 2 * self.workers - len(waiting)):
                    waiting.add(pool.submit(run_job, call, own_process=False))
                if not waiting:
                    break
                finished, waiting = wait(waiting, TICK_S, FIRST_COMPLETED)
                for future in finished:
                    yield future.result()
                if not finished:
                    yield None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def run_step(step: Step, args: BatchArguments, *, workers: int | None = None) -> Iterator[Progress]:
    """Do one step with all its jobs, in threads; yields after each job and for each failed site.

    Closing the generator cancels: jobs under way are finished, the others are not begun, and what
    is finished stays valid for the next run.

    Raises
    ------
    TmapsError
        The step as a whole cannot go on, e.g. because the disk is full.
    ExistsError
        A workflow is running on the experiment already.
    """
    with coordinating(step.path, step.name):
        yield from run_phases(step, args, Threads(workers or default_workers()))
