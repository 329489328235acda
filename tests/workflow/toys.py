"""A step whose jobs behave as told; importable, so that other processes can run it."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import time
from pathlib import Path
from unittest import mock

from napari_tmaps.model.progress import Progress
from napari_tmaps.streams.ngff import ImageWriter
from napari_tmaps.workflow.imextract import ImageExtractor
from napari_tmaps.workflow.jterator import PipelineRunner
from napari_tmaps.workflow.step import BatchArguments, JobResult, Step


class ToyArguments(BatchArguments):
    jobs: tuple[str, ...] = ()


def _sleep_for_ever() -> None:
    while True:
        time.sleep(0.01)


def _lose_a_heartbeat() -> None:
    """The worker of dask that runs this hears nothing of its scheduler."""
    from distributed import get_worker
    from distributed.comm import CommClosedError

    worker = get_worker()
    with mock.patch("distributed.worker.retry_operation", side_effect=CommClosedError("closed")):
        heard = asyncio.run_coroutine_threadsafe(worker.heartbeat(), worker.loop.asyncio_loop)
        heard.result(timeout=30)


class Toy(Step):
    """Each job does what its word says, and counts how often it was begun."""

    name = "toy"
    stage = "image_analysis"
    Arguments = ToyArguments

    def create_run_batches(self, args):
        return [{"job": n, "units": 1, "do": word} for n, word in enumerate(args.jobs, 1)]

    def run_job(self, batch, assume_clean_state=False):
        folder = self.path / "toys"
        if batch["do"] == "nothing":
            return JobResult()
        folder.mkdir(exist_ok=True)
        count = folder / f"{batch['job']}.count"
        begun = len(count.read_text()) if count.exists() else 0
        count.write_text("x" * (begun + 1))
        word = batch["do"]
        if word == "lock and die once":
            self.lock = multiprocessing.Lock()  # as numcodecs does for blosc
            word = "die once"
        if word == "die" or (word == "die once" and not begun):
            os.kill(os.getpid(), signal.SIGKILL)
        if word == "hang":
            _sleep_for_ever()
        if word == "sites":
            while True:
                self.go_on()
                time.sleep(0.01)
        if word == "complain":
            dask = logging.getLogger("distributed.worker")
            dask.warning("the toy is slow")
            dask.error("the toy is lost")
        if word == "lose a heartbeat":
            _lose_a_heartbeat()
        if word == "raise":
            raise RuntimeError("the toy is broken")
        if word == "eat":
            self.meal = bytearray(400_000_000)
            _sleep_for_ever()
        if word == "fail":
            item = {"plate": "p", "well": "A01", "site": batch["job"], "message": "no image"}
            return JobResult([item])
        return JobResult(facts={"squared": batch["job"] ** 2})

    def collect_job_output(self, batch, results):
        total = sum(result.facts.get("squared", 0) for result in results)
        (self.path / "toys").mkdir(exist_ok=True)
        (self.path / "toys" / "total").write_text(str(total))
        return [Progress(self.name, 0, 0, f"total {total}")]

    def delete_previous_job_output(self):
        pass


def begun(folder: Path, job: int) -> int:
    """How often a job was begun."""
    path = folder / "toys" / f"{job}.count"
    return len(path.read_text()) if path.exists() else 0


class DyingExtractor(ImageExtractor):
    """imextract whose process is killed once, in the middle of writing an image."""

    def run_job(self, batch, assume_clean_state=False):
        mark = self.path / "killed"
        if not mark.exists():
            mark.touch()
            ImageWriter.__exit__ = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        return super().run_job(batch, assume_clean_state)


class SlowRunner(PipelineRunner):
    """jterator that takes its time, so that it can be disturbed."""

    def run_job(self, batch, assume_clean_state=False):
        time.sleep(0.5)
        return super().run_job(batch, assume_clean_state)
