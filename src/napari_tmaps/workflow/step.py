"""The contract of a step: batches made by init, stateless run jobs, one collect.

A batch is plain JSON with all that its job needs. A job reads its batch and writes only files
that no other job writes; what it has to say to the catalogue it returns, and collect, which runs
in the coordinator, stores it. So any engine can run the jobs, in any order, anywhere.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from napari_tmaps.errors import InputError, TmapsError
from napari_tmaps.model.layout import WorkflowType
from napari_tmaps.model.progress import Progress
from napari_tmaps.model.workflow import Stage
from napari_tmaps.store.experiment import Experiment

Batch = dict[str, Any]
"""JSON: `job` (number from 1), `units` (how much work, for progress) and what the step needs."""

Site = tuple[str, str, int]
"""Plate, well, number of the site."""


class BatchArguments(BaseModel):
    """Arguments of a step; each step has a subclass, from which forms and options are made."""

    model_config = ConfigDict(frozen=True, extra="forbid")


_Model = TypeVar("_Model", bound=BaseModel)


def make_arguments(
    model: type[_Model], values: Mapping[str, Any], *, called: Callable[[str], str] = str
) -> _Model:
    """Arguments from what a person gave; `called` says how they know the names.

    Raises
    ------
    InputError
        A value that does not fit, or an argument that there is not; all are told at once.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        lines = [
            f"{called(str(detail['loc'][0]))} is {detail['input']!r}: {detail['msg']}."
            for detail in error.errors()
        ]
        raise InputError("\n".join(lines)) from error


def argument_faults(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with which argument, as sentences; empty if all fit."""
    try:
        model.model_validate(values)
    except ValidationError as error:
        return {
            str(detail["loc"][0]): f"{detail['input']!r} does not fit: {detail['msg']}."
            for detail in error.errors()
        }
    return {}


class StoppedError(TmapsError):
    """A job ends early because its run was stopped; it has no result and is repeated."""


def stop_path(folder: Path, step: str) -> Path:
    """The file whose presence asks the jobs of a step to end, wherever they run."""
    return folder / "workflow" / step / "stopped"


@dataclass(frozen=True, slots=True)
class JobResult:
    """What a run job tells the coordinator, as JSON values.

    Attributes
    ----------
    failures
        Sites that could not be done: plate, well, site, message.
    facts
        What collect of the step needs.
    threads_s
        Processor time of threads that the job had of its own.
    """

    failures: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    threads_s: float = 0.0


def failures_of(results: Iterable[JobResult]) -> Iterator[dict[str, Any]]:
    """The sites that the jobs could not do."""
    return (item for result in results for item in result.failures)


class Step(ABC):
    """One step of the workflow over one experiment.

    A new step is a subclass in a file of its own and one line in workflow/steps.py.

    Parameters
    ----------
    sites
        Work on these sites only; None means all. Steps that do not work by sites ignore it.

    Attributes
    ----------
    stage, requires, workflow_types
        Where the step belongs: its stage, the steps that must have run before it, and the types of
        workflow that have it.
    uses
        Steps whose output it takes where it is asked to, or where there is some.
    all_done
        What to tell when there is nothing to do.
    by_default
        False for a step that runs only where a workflow says so.
    path
        Folder of the experiment.
    """

    name: ClassVar[str]
    stage: ClassVar[Stage]
    requires: ClassVar[tuple[str, ...]] = ()
    uses: ClassVar[tuple[str, ...]] = ()
    workflow_types: ClassVar[tuple[WorkflowType, ...]] = ("canonical", "multiplexing")
    all_done: ClassVar[str] = ""
    by_default: ClassVar[bool] = True
    Arguments: ClassVar[type[BatchArguments]]
    has_collect_phase: ClassVar[bool] = True

    path: Path
    experiment: Experiment

    def __init__(self, experiment: Experiment, *, sites: Collection[Site] | None = None) -> None:
        self.experiment = experiment
        self.path = experiment.path
        self._sites = None if sites is None else set(sites)

    @classmethod
    def for_jobs(cls, folder: Path) -> Self:
        """The step as run jobs get it: by the folder of the experiment alone.

        It has no `experiment`, so that a job cannot touch the catalogue.
        """
        step = cls.__new__(cls)
        step.path = folder
        return step

    @classmethod
    def for_collect(cls, experiment: Experiment, batch: Batch) -> Self:
        """The step that collects what was begun with a collect batch, perhaps elsewhere."""
        return cls(experiment)

    def is_chosen(self, plate: str, well: str, site: int) -> bool:
        """True if the step shall work on the site."""
        return self._sites is None or (plate, well, site) in self._sites

    def check(self, args: Any) -> None:  # noqa: B027 - most steps have nothing to refuse
        """Refuse arguments that cannot work, before anything runs.

        Raises
        ------
        TmapsError
            Says what does not fit.
        """

    @staticmethod
    def sites_of(batch: Batch) -> list[Site]:
        """The sites that a batch works on, to tell how far each well is; empty if not by sites."""
        return []

    def frees_interpreter(self, args: Any) -> bool:
        """True if jobs work outside the interpreter's lock, so that threads serve as processes.

        Threads share memory and start at once; jobs that mostly run Python code would wait for
        each other in them.
        """
        return False

    @abstractmethod
    def create_run_batches(self, args: Any) -> Iterable[Batch]:
        """Batches of the run phase; what is up to date already gets none. Writes nothing.

        Steps with a batch for every few sites make them one by one, as they are asked for: a
        screen's would fill the memory.
        """

    def create_collect_batch(self, args: BatchArguments) -> Batch:
        """What collect needs beside the results of the jobs."""
        return {"args": args.model_dump(mode="json")}

    def go_on(self) -> None:
        """For jobs, before each site: end here if the run was stopped.

        Raises
        ------
        StoppedError
            It was; whoever runs the job knows what to do.
        """
        if stop_path(self.path, self.name).exists():
            raise StoppedError("It was stopped.")

    @abstractmethod
    def run_job(self, batch: Batch, assume_clean_state: bool = False) -> JobResult:
        """Do one batch; called in any thread or process, with `path` alone."""

    def collect_job_output(self, batch: Batch, results: Iterable[JobResult]) -> list[Progress]:
        """Store what the jobs say and return what the user should be told; in the coordinator.

        The results can be gone through several times. They lie on disk, and do better than to be
        all in memory. It may be repeated with the same results, if it was interrupted.
        """
        return []

    @abstractmethod
    def delete_previous_job_output(self) -> None:
        """Remove the files that this step has written."""


def failure(plate: str, well: str, site: int, error: Exception) -> dict[str, Any]:
    """A site that could not be done, as a JSON value."""
    return {"plate": plate, "well": well, "site": int(site), "message": str(error)}


def split(items: Iterable[Any], size: int, workers: int) -> Iterator[list[Any]]:
    """Cut work into batches of at most `size`, but at least a few for each worker.

    No more is taken from `items` at a time than that takes to know.
    """
    coming = iter(items)
    first = list(islice(coming, 4 * workers * size))
    size = max(1, min(size, -(-len(first) // (4 * workers))))
    for start in range(0, len(first), size):
        yield first[start : start + size]
    while part := list(islice(coming, size)):
        yield part
