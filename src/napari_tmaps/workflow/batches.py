"""What a step has on disk: its batches, the results of its jobs, their logs.

workflow/<step>/batches/run-000001.json           one a job, made by init
workflow/<step>/batches/jobs.jsonl                one line a job: its work, and in which wells
workflow/<step>/batches/collect.json              written last: the batches are complete
workflow/<step>/results/<round>/run-000001.json   what the job says; written by the job alone
workflow/<step>/collected.json                    collect is through
logs/<step>/run-000001.log

Each init begins a new round. A job of an earlier one that is still under way somewhere keeps to
its own, and disturbs nobody.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from napari_tmaps.errors import FormatError, NotFoundError
from napari_tmaps.streams.atomic import disk_errors, remove, write_text
from napari_tmaps.streams.mounts import bring
from napari_tmaps.workflow.step import Batch, Site, stop_path

Phase = Literal["init", "run", "collect"]
_JOBS = "jobs.jsonl"


class StepFolder:
    """Batches, results and logs of one step.

    Parameters
    ----------
    experiment
        Folder of the experiment.
    step
        Name of the step.
    """

    def __init__(self, experiment: Path, step: str) -> None:
        self.step = step
        self.root = experiment / "workflow" / step
        self.logs = experiment / "logs" / step

    # -- batches --------------------------------------------------------------------------------

    def write(
        self,
        batches: Iterable[Batch],
        collect: Batch,
        sites_of: Callable[[Batch], Sequence[Site]] = lambda batch: (),
    ) -> int:
        """Replace all batches, which are made as they are written; returns how many there are.

        The logs of the jobs before are kept where there is nothing new to do.

        Parameters
        ----------
        sites_of
            The sites of a batch; how many there are of each well is kept with its number.

        Raises
        ------
        StorageError
            The disk refuses. The step then counts as not begun.
        """
        coming = iter(batches)
        first = list(islice(coming, 1))  # what cannot begin leaves the batches that are there
        remove(self.root)
        if first:
            remove(self.logs)
        folder = self.root / "batches"
        number, count = uuid4().hex[:8], 0
        with disk_errors(folder):
            folder.mkdir(parents=True)
            self.logs.mkdir(parents=True, exist_ok=True)
            # No temporary names: without collect.json nothing of it counts.
            with (folder / _JOBS).open("w", encoding="utf-8") as lines:
                for batch in chain(first, coming):
                    count += 1
                    text = json.dumps(
                        {**batch, "round": number}, ensure_ascii=False, allow_nan=False
                    )
                    self._batch_path(batch["job"]).write_text(text, encoding="utf-8")
                    wells = Counter((plate, well) for plate, well, _ in sites_of(batch))
                    entry = {
                        "job": batch["job"],
                        "units": batch["units"],
                        "wells": [[*well, sites] for well, sites in wells.items()],
                    }
                    lines.write(json.dumps(entry, ensure_ascii=False) + "\n")
        _write_json(folder / "collect.json", {**collect, "round": number})
        return count

    def clear(self) -> None:
        """Remove batches, results and logs."""
        remove(self.root)
        remove(self.logs)

    def _batch_path(self, job: int) -> Path:
        return self.root / "batches" / f"run-{job:06d}.json"

    def batch(self, job: int) -> Batch:
        """The batch of a run job.

        Raises
        ------
        NotFoundError
            There is no such job.
        """
        try:
            return _read_json(bring(self._batch_path(job)))
        except FileNotFoundError as error:
            jobs = self.jobs()
            raise NotFoundError(
                f"{self.step} has no job {job}. Its jobs are 1 to {len(jobs)}."
                if jobs
                else f"{self.step} has no job {job}: there is nothing to do."
            ) from error

    def collect_batch(self) -> Batch:
        """The batch of collect.

        Raises
        ------
        NotFoundError
            init has not run to its end.
        """
        path = self.root / "batches" / "collect.json"
        if not path.is_file():
            raise NotFoundError(
                f"{self.step} has no batches yet. Make them first: tmaps {self.step} "
                f"{self.root.parents[1]} init."
            )
        return _read_json(path)

    def is_open(self) -> bool:
        """True if init is through and collect is not."""
        begun = (self.root / "batches" / "collect.json").is_file()
        return begun and not (self.root / "collected.json").is_file()

    def stop(self) -> None:
        """Ask the jobs under way, wherever they are, to end at their next site."""
        with disk_errors(self.root):
            stop_path(self.root.parents[1], self.step).touch()

    def start(self) -> None:
        """Take the wish to stop back, before jobs begin."""
        remove(stop_path(self.root.parents[1], self.step))

    def set_collected(self) -> None:
        """Say that collect is through."""
        _write_json(self.root / "collected.json", {})

    def reopen(self) -> None:
        """Forget results and collect, but keep the batches: all jobs can run again."""
        remove(self.root / "collected.json")
        remove(self.root / "results")

    def entries(self) -> Iterator[dict[str, Any]]:
        """What is known of each run job from its batch: job, units, and wells.

        `wells` has [plate, well, number of its sites], for jobs that work by sites.
        """
        collect = self.collect_batch()
        if "jobs" in collect:  # of an earlier version
            yield from collect["jobs"]
            return
        path = self.root / "batches" / _JOBS
        try:
            with path.open(encoding="utf-8") as lines:
                yield from map(json.loads, lines)
        except (FileNotFoundError, ValueError) as error:
            raise _damaged(path, error) from error

    def units(self) -> dict[int, int]:
        """Amount of work of each job, by its number."""
        return {item["job"]: item["units"] for item in self.entries()}

    def jobs(self) -> list[int]:
        """Numbers of the run jobs."""
        return list(self.units())

    # -- results --------------------------------------------------------------------------------

    @property
    def _results(self) -> Path:
        return self.root / "results" / str(self.collect_batch()["round"])

    def write_result(self, batch: Batch, result: dict[str, Any]) -> None:
        """Store what the job of a batch says, whole or not at all."""
        folder = self.root / "results" / str(batch["round"])
        _write_json(folder / f"run-{batch['job']:06d}.json", result)

    def results(self) -> Iterator[dict[str, Any]]:
        """What each job said that has finished, well or not."""
        folder = self._results
        return (_read_json(folder / _name(job, "json")) for job in _numbers(folder, "json"))

    def finished(self) -> list[int]:
        """Numbers of the jobs that have finished, well or not."""
        return _numbers(self._results, "json")

    # -- logs -----------------------------------------------------------------------------------

    def log_path(self, phase: Phase, job: int | None = None) -> Path:
        """Log of a phase, or of one of its run jobs."""
        return self.logs / (f"run-{job:06d}.log" if phase == "run" else f"{phase}.log")

    def write_log(self, phase: Phase, lines: Iterable[str]) -> None:
        """Write what the init or collect phase has to say, with the time."""
        text = "".join(f"{line}\n" for line in lines)
        write_text(self.log_path(phase), f"{datetime.now():%Y-%m-%d %H:%M:%S} {text}")

    def log(self, phase: Phase, job: int | None = None) -> str:
        """Text of a log.

        Raises
        ------
        NotFoundError
            The job has not begun.
        """
        path = bring(self.log_path(phase, job))
        if not path.is_file():
            what = f"Job {job}" if phase == "run" else f"The {phase} phase"
            raise NotFoundError(f"{what} of {self.step} has no log: it has not begun yet.")
        return path.read_text(encoding="utf-8")

    def begun(self) -> set[int]:
        """Numbers of the run jobs that have begun: they have a log."""
        return set(_numbers(self.logs, "log"))


def _name(job: int, kind: str) -> str:
    return f"run-{job:06d}.{kind}"


def _numbers(folder: Path, kind: str) -> list[int]:
    """The jobs that have such a file, in their order; by names alone, for they may be many."""
    names = os.listdir(folder) if folder.is_dir() else []
    fitting = (name for name in names if name.startswith("run-") and name.endswith(f".{kind}"))
    return sorted(int(name[4 : -len(kind) - 1]) for name in fitting)


def _write_json(path: Path, value: dict[str, Any]) -> None:
    write_text(path, json.dumps(value, ensure_ascii=False))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise _damaged(path, error) from error
    return value


def _damaged(path: Path, error: Exception) -> FormatError:
    return FormatError(f"'{path}' is damaged: {error}. Remove it and run the step again.")
