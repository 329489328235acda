"""The phases of a step: init, run, collect; in the coordinator.

What an interrupted run has left is put in place first, so that nothing that was finished is done
again: init skips what is up to date.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import chain
from time import monotonic
from typing import Any

from napari_tmaps.errors import StorageError
from napari_tmaps.model.progress import Progress
from napari_tmaps.model.words import counted
from napari_tmaps.model.workflow import SubmissionArguments
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.streams.atomic import remove
from napari_tmaps.workflow.batches import StepFolder
from napari_tmaps.workflow.engines import Engine
from napari_tmaps.workflow.job import JobCall, Outcome, Results, read_outcomes
from napari_tmaps.workflow.step import BatchArguments, Step

_FLUSH_S = 1.0


def run_phases(
    step: Step,
    args: BatchArguments,
    engine: Engine,
    limits: SubmissionArguments | None = None,
) -> Generator[Progress, None, None]:
    """Do a step with all its phases; yields after each job, and once for each failed site.

    Closing the generator cancels. Also then the finished jobs are collected.

    Raises
    ------
    TmapsError
        The step as a whole cannot go on, e.g. because the disk is full.
    """
    yield from salvage(step.experiment, type(step))
    jobs = init_step(step, args)
    notes: list[Progress] = []
    try:
        yield from run_jobs(step.experiment, type(step), engine, limits=limits)
    finally:
        notes = collect_step(step.experiment, type(step))
    yield from notes
    if not jobs and step.all_done:
        yield Progress(step.name, 0, 0, step.all_done)


def salvage(experiment: Experiment, step: type[Step]) -> Iterator[Progress]:
    """Collect what the jobs of an interrupted run have finished, and remove what they have not."""
    files = StepFolder(experiment.path, step.name)
    if not files.is_open():
        return
    finished = len(files.finished())
    remove_unfinished(experiment)  # also what collect itself has left
    yield from collect_step(experiment, step)
    if finished:
        text = f"{finished} jobs of an interrupted run are kept."
        yield Progress(step.name, 0, 0, text)


def remove_unfinished(experiment: Experiment) -> None:
    """Remove the hidden files that ended jobs were writing; no job may be under way."""
    for room in ("plates", "workflow", "metadata", "features", "illumination", "alignment", "maps"):
        for path in list((experiment.path / room).rglob(".*.part")):
            remove(path)


def init_step(step: Step, args: BatchArguments) -> int:
    """Make the batches of a step; returns the number of run jobs.

    Raises
    ------
    TmapsError
        The step cannot run with these arguments, or not yet.
    """
    step.check(args)
    files = StepFolder(step.path, step.name)
    batches = step.create_run_batches(args)
    count = files.write(batches, step.create_collect_batch(args), step.sites_of)
    catalogue = step.experiment.catalogue
    # What is known of the jobs before is kept where there is nothing new to do.
    store = catalogue.set_jobs if count else catalogue.update_jobs
    rows = (_row("run", item["job"], "NEW") for item in files.entries())
    store(step.name, chain(rows, [_row("collect", 1, "NEW")]))
    files.write_log("init", [f"{step.name}: {counted(count, 'job')} for the run phase."])
    return count


def run_jobs(
    experiment: Experiment,
    step: type[Step],
    engine: Engine,
    *,
    limits: SubmissionArguments | None = None,
) -> Iterator[Progress]:
    """Run the jobs that have no result yet; a job that fails does not stop the others.

    Raises
    ------
    StorageError
        The disk refuses: the other jobs would fare no better.
    """
    limits = limits or SubmissionArguments()
    files = StepFolder(experiment.path, step.name)
    units = files.units()
    total, finished = sum(units.values()), set(files.finished())
    done = sum(units[job] for job in finished)
    left = [job for job in units if job not in finished]
    known = (item for outcome in read_outcomes(files) for item in outcome.failures)
    experiment.catalogue.set_failures(step.name, known)
    for job in files.begun().intersection(left):  # what an earlier attempt said is not of this one
        files.log_path("run", job).unlink(missing_ok=True)
    yield Progress(step.name, done, total)
    files.start()
    states = _States(experiment, files, left)
    place = (str(experiment.path), step)
    most = (limits.duration_s, limits.memory, limits.cores)
    calls = (JobCall(*place, job, *most) for job in left)
    try:
        with closing(engine.outcomes(calls)) as outcomes, _stopping(files):
            for outcome in outcomes:
                if outcome is None:
                    states.flush()
                    yield Progress(step.name, done, total)
                    continue
                states.ended(outcome)
                done += units[outcome.job]
                if outcome.storage:
                    raise StorageError(outcome.message)
                for item in outcome.failures:
                    where = f"{item['plate']} {item['well']} site {item['site']}"
                    yield Progress(step.name, done, total, f"{where}: {item['message']}", True)
                if outcome.exitcode:
                    text = f"Job {outcome.job}: {outcome.message}"
                    yield Progress(step.name, done, total, text, True)
                yield Progress(step.name, done, total)
    finally:
        states.close()
    yield Progress(step.name, total, total)


@contextmanager
def _stopping(files: StepFolder) -> Iterator[None]:
    """Tell the jobs under way when their run ends before they do."""
    try:
        yield
    except BaseException:
        files.stop()
        raise


def collect_step(experiment: Experiment, step: type[Step]) -> list[Progress]:
    """Store what the finished jobs say; returns what the user should be told.

    Raises
    ------
    TmapsError
        The step cannot be collected; it can be tried again.
    """
    files = StepFolder(experiment.path, step.name)
    batch = files.collect_batch()
    doubtful = set(files.jobs())  # they may have left something half-written

    def rows() -> Iterator[dict[str, Any]]:
        for outcome in read_outcomes(files):
            if not outcome.again:
                doubtful.discard(outcome.job)
            yield _ended(outcome)

    # Jobs that ran elsewhere, or when their coordinator was dead, are known by their files only.
    experiment.catalogue.update_jobs(step.name, rows())
    if doubtful:
        remove_unfinished(experiment)
    notes = step.for_collect(experiment, batch).collect_job_output(batch, Results(files))
    files.set_collected()
    files.write_log("collect", [f"{step.name} is collected.", *(note.message for note in notes)])
    failed = "\n".join(note.message for note in notes if note.failed)
    ended = _row("collect", 1, "TERMINATED", exitcode=0, message=failed)
    experiment.catalogue.update_jobs(step.name, [ended])
    return notes


class _States:
    """Stores the states of the jobs of one phase, not more often than once a second."""

    def __init__(self, experiment: Experiment, files: StepFolder, jobs: Iterable[int]) -> None:
        self._catalogue = experiment.catalogue
        self._files = files
        self._changed: dict[int, dict[str, Any]] = {}
        self._live = set(jobs)
        self._running: set[int] = set()
        self._failures: list[dict[str, Any]] = []
        self._catalogue.update_jobs(
            files.step, (_row("run", job, "SUBMITTED") for job in self._live)
        )
        self._next = 0.0
        self.flush()

    def ended(self, outcome: Outcome) -> None:
        self._live.discard(outcome.job)
        self._changed[outcome.job] = _ended(outcome)
        self._failures += outcome.failures
        self.flush()

    def flush(self, *, now: bool = False) -> None:
        begun = monotonic()
        if not now and begun < self._next:
            return
        for job in (self._files.begun() & self._live) - self._running:
            self._running.add(job)
            self._changed[job] = _row("run", job, "RUNNING")
        if self._changed:
            self._catalogue.update_jobs(self._files.step, self._changed.values())
            self._changed.clear()
        if self._failures:
            self._catalogue.add_failures(self._files.step, self._failures)
            self._failures.clear()
        # Looking through the logs of 100,000 jobs takes a while: never more than a tenth of it.
        self._next = monotonic() + _FLUSH_S * max(1.0, 10 * (monotonic() - begun))

    def close(self) -> None:
        """Whatever has not ended was stopped."""
        live, self._live = self._live, set()
        self.flush(now=True)
        self._catalogue.update_jobs(self._files.step, (_row("run", job, "STOPPED") for job in live))


def _ended(outcome: Outcome) -> dict[str, Any]:
    values = outcome.values()
    del values["storage"], values["again"], values["failures"]
    return _row("run", state="TERMINATED", **values)


def _row(phase: str, job: int, state: str, **values: Any) -> dict[str, Any]:
    row = {"phase": phase, "job": job, "state": state, "exitcode": None, "message": ""}
    return {**row, "seconds": None, "cpu_s": None, "memory_mb": None, **values}
