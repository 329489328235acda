"""Run a step in this process: a pool of threads over its batches.

The kernels of the modules and the codecs release the interpreter, so that threads are enough.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from time import perf_counter

from napari_tmaps.model.progress import Progress
from napari_tmaps.workflow.step import Batch, BatchArguments, JobResult, Step


def default_workers() -> int:
    """Number of processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def run_step(step: Step, args: BatchArguments, *, workers: int | None = None) -> Iterator[Progress]:
    """Do one step with all its jobs; yields after each job, and once for each failed site.

    Closing the generator cancels: jobs under way are finished, the others are not begun, and what
    is finished stays valid for the next run.

    Raises
    ------
    TmapsError
        The step as a whole cannot go on, e.g. because the disk is full.
    """
    batches = step.create_run_batches(args)
    total = sum(batch["units"] for batch in batches)
    yield Progress(step.name, 0, total)
    results: list[JobResult] = []
    states: dict[int, dict[str, object]] = {
        batch["job"]: {"job": batch["job"], "state": "NEW", "seconds": None} for batch in batches
    }
    done = 0
    pool = ThreadPoolExecutor(workers or default_workers(), thread_name_prefix=step.name)
    waiting: dict[Future[tuple[JobResult, float]], Batch] = {
        pool.submit(_timed, step, batch): batch for batch in batches
    }
    try:
        while waiting:
            finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in finished:
                batch = waiting.pop(future)
                result, seconds = future.result()
                results.append(result)
                states[batch["job"]] |= {"state": "TERMINATED", "seconds": seconds}
                done += batch["units"]
                for item in result.failures:
                    where = f"{item['plate']} {item['well']} site {item['site']}"
                    yield Progress(step.name, done, total, f"{where}: {item['message']}", True)
                yield Progress(step.name, done, total, batch.get("label", ""))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        step.experiment.catalogue.set_jobs(step.name, states.values())
        if results:
            # Also after an interruption: what the finished jobs did is not lost.
            notes = step.collect_job_output(results, args)
    if not results:
        notes = step.collect_job_output([], args)
    yield from notes
    yield Progress(step.name, total, total)


def _timed(step: Step, batch: Batch) -> tuple[JobResult, float]:
    start = perf_counter()
    return step.run_job(batch), perf_counter() - start
