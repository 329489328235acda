"""The engines: what a job costs beside its work, and what a second processor brings."""

from __future__ import annotations

import atexit
import hashlib
import json
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_tmaps import convert, generate_sample, scan
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Scan, make_planes
from napari_tmaps.model.progress import run
from napari_tmaps.model.wells import WellName
from napari_tmaps.pipeline import ready_pipelines
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.workflow.batches import StepFolder
from napari_tmaps.workflow.engines import Engine, EngineChoice, Outcomes
from napari_tmaps.workflow.imextract import ImageExtractor, ImextractArguments
from napari_tmaps.workflow.job import JobCall, Outcome
from napari_tmaps.workflow.jterator import PipelineRunner
from napari_tmaps.workflow.metaconfig import MetaconfigArguments, MetadataConfigurator
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

    def create_run_batches(self, args: IdleArguments) -> Iterator[Batch]:
        """Empty batches."""
        return ({"job": number, "units": 1} for number in range(1, args.jobs + 1))

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


def submission(folder: Path, full: bool) -> Contest:
    """Batches of a screen of 10,000 (full: 100,000) images: 4 a site, 100 sites a job."""
    source = folder / "source"
    source.mkdir()
    channels = ("DAPI", "GFP", "RFP", "Cy5")
    for channel in channels:
        tifffile.imwrite(source / f"{channel}.tif", np.zeros((8, 8), np.uint16))
    wells = [WellName.at(row, column) for row in range(32) for column in range(48)]
    sites = [(well, site) for site in range(1, 18) for well in wells]
    sites = sites[: 25_000 if full else 2_500]
    keys = [(str(well), site, channel) for well, site in sites for channel in channels]
    planes = make_planes(
        plate=["p"] * len(keys),
        well=[well for well, _, _ in keys],
        site=[site for _, site, _ in keys],
        channel=[channel for _, _, channel in keys],
        path=[f"{channel}.tif" for _, _, channel in keys],
        height=[8] * len(keys),
        width=[8] * len(keys),
        dtype=["uint16"] * len(keys),
    )
    experiment = Experiment.create(folder / "screen.tmaps")
    described = tuple(Channel(name) for name in channels)
    experiment.add(Scan(vendor="benchmark", root=source, planes=planes, channels=described))
    init_step(MetadataConfigurator(experiment), MetaconfigArguments())
    collect_step(experiment, MetadataConfigurator)
    files = StepFolder(experiment.path, ImageExtractor.name)

    def ours() -> float:
        init_step(ImageExtractor(experiment), ImextractArguments())
        batches = map(files.batch, files.jobs())
        images = (image for batch in batches for image in batch["images"])
        return sum(len(image["planes"]) for image in images) / len(keys)

    def peer() -> float:
        copies = folder / "copies"
        copies.mkdir(exist_ok=True)
        for path in (files.root / "batches").glob("run-*.json"):
            (copies / path.name).write_text(json.dumps(json.loads(path.read_text())))
        return 1.0

    return Contest(
        "reading the same batches and writing them again, without working them out",
        ours=ours,
        peer=peer,
        accuracy=lambda ours, peer: ours,
        accuracy_is=f"share of the {len(keys):,} images that are in a batch",
    )


class Pretending:
    """An engine whose jobs have all ended well at once, so that only the coordinator works."""

    def outcomes(self, calls: Iterable[JobCall]) -> Outcomes:
        """Each job is done; its result is written as cheaply as files can be."""
        results = None
        for call in calls:
            outcome = Outcome(call.job, 0, "", 0.1, 0.1, 100.0)
            if results is None:
                call.files.write_result(call.files.batch(call.job), {})
                results = str(next((call.files.root / "results").iterdir()))
            text = json.dumps({"outcome": outcome.values(), "facts": {}})
            with open(f"{results}/run-{call.job:06d}.json", "w") as file:
                file.write(text)
            yield outcome


def coordinator(folder: Path, full: bool) -> Contest:
    """The coordinator alone, with 10,000 (full: 100,000) jobs at once, against a hundred a time.

    Nothing that it does for a job takes longer because there are many, and it keeps hardly
    anything of each.
    """
    most, few = 100_000 if full else 10_000, 100
    experiment = Experiment.create(folder / "screen.tmaps")

    def coordinate(jobs: int) -> None:
        init_step(Idle(experiment), IdleArguments(jobs=jobs))
        run(run_jobs(experiment, Idle, Pretending()))  # type: ignore[arg-type]
        collect_step(experiment, Idle)

    def memory_mb(jobs: int) -> float:
        tracemalloc.start()
        coordinate(jobs)
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        return peak

    def by_and_by() -> None:
        for _ in range(most // few):
            coordinate(few)

    return Contest(
        f"{most // few} times {few} jobs",
        ours=lambda: coordinate(most),
        peer=by_and_by,
        accuracy=lambda ours, peer: memory_mb(most) - memory_mb(few),
        accuracy_is=f"MB of memory that {most:,} jobs need more than {few}",
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
