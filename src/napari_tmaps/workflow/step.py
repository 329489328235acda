"""The contract of a step: batches made by init, stateless run jobs, one collect.

A batch is plain JSON with all that its job needs. A job reads its batch and writes only files
that no other job writes; what it has to say to the catalogue it returns, and collect, which runs
in the coordinator, stores it. So any engine can run the jobs, in any order, anywhere.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from napari_tmaps.model.progress import Progress
from napari_tmaps.store.experiment import Experiment

Batch = dict[str, Any]
"""JSON: `job` (number from 1), `units` (how much work, for progress) and what the step needs."""


class BatchArguments(BaseModel):
    """Arguments of a step; each step has a subclass, from which forms and options are made."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class JobResult:
    """What a run job tells the coordinator, as JSON values.

    Attributes
    ----------
    failures
        Sites that could not be done: plate, well, site, message.
    facts
        What collect of the step needs.
    """

    failures: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


class Step(ABC):
    """One step of the workflow over one experiment."""

    name: ClassVar[str]
    Arguments: ClassVar[type[BatchArguments]]
    has_collect_phase: ClassVar[bool] = True

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment

    @abstractmethod
    def create_run_batches(self, args: Any) -> list[Batch]:
        """Batches of the run phase; what is up to date already gets none."""

    @abstractmethod
    def run_job(self, batch: Batch, assume_clean_state: bool = False) -> JobResult:
        """Do one batch; called in any thread or process."""

    def collect_job_output(self, results: Sequence[JobResult], args: Any) -> list[Progress]:
        """Store what the jobs say and return what the user should be told; in the coordinator."""
        return []

    @abstractmethod
    def delete_previous_job_output(self) -> None:
        """Remove the files that this step has written."""


def failure(plate: str, well: str, site: int, error: Exception) -> dict[str, Any]:
    """A site that could not be done, as a JSON value."""
    return {"plate": plate, "well": well, "site": int(site), "message": str(error)}


def split(items: Sequence[Any], size: int, workers: int) -> list[Sequence[Any]]:
    """Cut work into batches of at most `size`, but at least a few for each worker."""
    size = max(1, min(size, -(-len(items) // (4 * workers))))
    return [items[start : start + size] for start in range(0, len(items), size)]
