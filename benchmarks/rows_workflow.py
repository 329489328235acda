"""The engines: what a job costs beside its work, and what a second processor brings."""

from __future__ import annotations

import atexit
import hashlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from napari_tmaps import convert, generate_sample, scan
from napari_tmaps.model.progress import run
from napari_tmaps.pipeline import ready_pipelines
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.workflow.engines import Engine, EngineChoice
from napari_tmaps.workflow.jterator import PipelineRunner
from napari_tmaps.workflow.phases import collect_step, init_step, run_jobs
from napari_tmaps.workflow.step import Batch, BatchArguments, JobResult, Step
from timing import Contest

_JOBS = 2000


class IdleArguments(BatchArguments):
    """How many jobs."""

    jobs: int = _JOBS


class Idle(Step):
    """Jobs that do nothing."""

    name = "idle"
    stage = "image_analysis"
    Arguments = IdleArguments

    def create_run_batches(self, args: IdleArguments) -> list[Batch]:
        """Empty batches."""
        return [{"job": number, "units": 1} for number in range(1, args.jobs + 1)]

    def run_job(self, batch: Batch, assume_clean_state: bool = False) -> JobResult:
        """Do nothing."""
        return JobResult()

    def delete_previous_job_output(self) -> None:
        """There is none."""


def nothing(number: int) -> int:
    """A call that does nothing."""
    return number


def _idle(folder: Path, engine: Engine) -> Callable[[], float]:
    experiment = Experiment.create(folder / "idle.tmaps")

    def ours() -> float:
        init_step(Idle(experiment), IdleArguments())
        run(run_jobs(experiment, Idle, engine))
        collect_step(experiment, Idle)
        jobs = experiment.catalogue.jobs()
        return float((jobs["exitcode"] == 0).sum() - 1) / _JOBS  # one row is that of collect

    return ours


def overhead(folder: Path, full: bool) -> Contest:
    """2,000 jobs that do nothing, in two processes.

    Ours writes and reads the batches, results and logs, and stores the states: the difference is
    what it costs that a job can be looked at, repeated and gone on with.
    """
    pool = ProcessPoolExecutor(2, mp_context=get_context("spawn"))
    engine = EngineChoice(kind="processes", workers=2).make()
    atexit.register(engine.close)

    def peer() -> float:
        futures = [pool.submit(nothing, number) for number in range(_JOBS)]
        return sum(future.exception() is None for future in as_completed(futures)) / _JOBS

    return Contest(
        "concurrent.futures, 2,000 calls without states, logs or results on disk",
        ours=_idle(folder, engine),
        peer=peer,
        accuracy=lambda ours, peer: ours,
        accuracy_is="share of the 2,000 jobs that have ended well and are known",
    )


def overhead_dask(folder: Path, full: bool) -> Contest:
    """The same on the embedded dask cluster, against its own `map`."""
    from distributed import as_completed as as_completed_on_dask

    engine = EngineChoice(kind="dask", workers=2).make()
    atexit.register(engine.close)
    client: Any = engine._client  # type: ignore[attr-defined]

    def peer() -> float:
        futures = client.map(nothing, range(_JOBS), pure=False)
        return sum(future.status == "finished" for future in as_completed_on_dask(futures)) / _JOBS

    return Contest(
        "distributed.Client.map, 2,000 calls without states, logs or results on disk",
        ours=_idle(folder, engine),
        peer=peer,
        accuracy=lambda ours, peer: ours,
        accuracy_is="share of the 2,000 jobs that have ended well and are known",
        in_this_process=False,
    )


def two_cores(folder: Path, full: bool) -> Contest:
    """A plate analysed by two processes, against one: the ratio should come near 2."""
    source = folder / "microscope"
    run(generate_sample(source, wells=("B02", "B03", "B04"), sites=4 if full else 2))
    experiment = Experiment.create(folder / "screen.tmaps")
    experiment.add(scan(source), plate="plate")
    run(convert(experiment))
    pipeline = ready_pipelines()["nuclei_and_cells"]
    engines = {number: EngineChoice(kind="processes", workers=number).make() for number in (1, 2)}
    for engine in engines.values():
        atexit.register(engine.close)

    def analyse(number: int) -> dict[str, str]:
        runner = PipelineRunner(experiment, pipeline)
        runner.delete_previous_job_output()
        init_step(runner, runner.Arguments(batch_size=1))
        if run(run_jobs(experiment, PipelineRunner, engines[number])):
            raise RuntimeError("a site failed")
        collect_step(experiment, PipelineRunner)
        return {
            str(path): hashlib.sha1(path.read_bytes()).hexdigest()
            for path in (experiment.path / "features").rglob("*.parquet")
        }

    return Contest(
        "one process",
        ours=lambda: analyse(2),
        peer=lambda: analyse(1),
        accuracy=lambda ours, peer: float(ours == peer and len(ours) > 0),
        accuracy_is="1 if the tables are the same, byte by byte",
        in_this_process=False,
    )
