"""Engines run the jobs of a phase: threads, processes or dask. All give the same results."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from pathlib import Path
from types import TracebackType
from typing import Annotated, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field

from napari_tmaps.errors import InputError
from napari_tmaps.model.workflow import SubmissionArguments
from napari_tmaps.workflow.job import JobCall, Outcome

TICK_S = 0.5
"""How often an engine says that it is still alive."""
ATTEMPTS = 3
"""How often a job is begun whose worker dies."""


def default_workers() -> int:
    """Number of processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


_NO_LIMITS = SubmissionArguments()
LIMITS_NEED_PROCESSES = (
    "Jobs run in processes instead of threads, for limits of time and memory hold there alone."
)
Outcomes = Generator[Outcome | None, None, None]


class Engine(Protocol):
    """Something that runs jobs. What it starts lives until `close`, over many phases."""

    def outcomes(self, calls: Iterable[JobCall]) -> Outcomes:
        """Run jobs; yields as they end, and None when nothing has ended for a while.

        Calls are taken as they are needed: a few for each worker, however many there are.

        Closing the iterator cancels: jobs that have not begun never will, those under way are
        finished (threads) or ended (processes).
        """
        ...

    def close(self) -> None:
        """Give processes and connections back."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None: ...


class EngineChoice(BaseModel):
    """Which engine to use; stored with a submission, so that resuming uses the same."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Annotated[
        Literal["threads", "processes", "dask"],
        Field(description="threads of this program, processes, or a dask cluster"),
    ] = "dask"
    workers: Annotated[
        int, Field(ge=0, description="jobs at the same time; 0: one for each processor")
    ] = 0
    scheduler: Annotated[
        str, Field(description="address of a running dask scheduler, e.g. tcp://host:8786")
    ] = ""
    cluster: Annotated[
        str, Field(description="YAML file that describes a cluster with a queue (dask-jobqueue)")
    ] = ""

    @property
    def unused(self) -> frozenset[str]:
        """Fields that are empty, and would be wrong beside the others if they were not."""
        no_dask = () if self.kind == "dask" else ("scheduler", "cluster")
        return frozenset(name for name in no_dask if not getattr(self, name))

    def within(self, limits: Iterable[SubmissionArguments]) -> EngineChoice:
        """Processes instead of threads where limits are given: a thread cannot be ended."""
        if self.kind != "threads" or not are_given(limits):
            return self
        return self.model_copy(update={"kind": "processes"})

    def make(self, *, threads: bool = False) -> Engine:
        """Start the engine.

        Parameters
        ----------
        threads
            The embedded dask cluster is one process with threads instead of several processes.

        Raises
        ------
        InputError
            The choices exclude each other, or the cluster cannot be reached or started.
        """
        if (self.scheduler or self.cluster) and self.kind != "dask":
            raise InputError(
                f"A scheduler or a cluster goes with the engine 'dask', not with '{self.kind}'."
            )
        if self.scheduler and self.cluster:
            raise InputError("Give either the address of a scheduler or a cluster file, not both.")
        workers = self.workers or default_workers()
        if self.kind == "threads":
            from napari_tmaps.workflow.local import Threads

            return Threads(workers)
        if self.kind == "processes":
            from napari_tmaps.workflow.engine_processes import Processes

            return Processes(workers)
        from napari_tmaps.workflow.engine_dask import connect, start_cluster, start_local

        if self.scheduler:
            return connect(self.scheduler)
        if self.cluster:
            return start_cluster(Path(self.cluster))
        return start_local(workers, threads=threads)


def are_given(limits: Iterable[SubmissionArguments]) -> bool:
    """Whether somebody set a limit of time or memory."""
    return any(each.memory or each.duration != _NO_LIMITS.duration for each in limits)


class ClosesItself:
    """An engine as a context: leaving it closes it."""

    def close(self) -> None:
        """Give processes and connections back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
