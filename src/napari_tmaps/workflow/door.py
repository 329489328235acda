"""The workflow of an experiment for scripts: `for event in experiment.workflow.submit(): …`.

Thin doors to what the command line calls too. The `Experiment` here is the one of the store with
its workflow beside it; the store itself knows nothing of workflows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from napari_tmaps.client.ids import encode
from napari_tmaps.errors import ExistsError, NotFoundError
from napari_tmaps.model.metadata_edits import MetadataEdits
from napari_tmaps.model.progress import Progress, finish
from napari_tmaps.model.workflow import WorkflowDescription
from napari_tmaps.pipeline.renaming import rename_channel
from napari_tmaps.store import experiment as store
from napari_tmaps.store.plate_names import rename_acquisition, rename_plate
from napari_tmaps.workflow import detached, submission
from napari_tmaps.workflow.correcting_metadata import correct_metadata
from napari_tmaps.workflow.description import FILE, save_workflow, with_argument, workflow_of
from napari_tmaps.workflow.engines import EngineChoice
from napari_tmaps.workflow.lock import ask_to_stop, coordinating, coordinator
from napari_tmaps.workflow.probe import dry_run
from napari_tmaps.workflow.status import status
from napari_tmaps.workflow.submission import Request, Subset, last_submission, prepare
from napari_tmaps.workflow.tool_jobs import tool_jobs


class Workflow:
    """The workflow of one experiment: submit, resume, resubmit, status, kill."""

    def __init__(self, experiment: store.Experiment) -> None:
        self.experiment = experiment

    @property
    def description(self) -> WorkflowDescription:
        """Stages, steps and arguments: of the experiment's `workflow.yaml`, or the default."""
        return workflow_of(self.experiment)

    def save(self, description: WorkflowDescription) -> None:
        """Make a description that of the experiment."""
        save_workflow(description, self.experiment.path / FILE)

    def request(
        self,
        description: WorkflowDescription | None = None,
        *,
        stage: str | None = None,
        until: str | None = None,
        pipeline: str | Path = "",
        wells: Sequence[str] = (),
        sites: Sequence[int] = (),
        random: int = 0,
        engine: EngineChoice | None = None,
    ) -> Request:
        """What `submit` sends off, checked.

        Parameters
        ----------
        description
            None takes that of the experiment.
        stage, until
            Stage or step to begin and to end with.
        pipeline
            Pipeline to run: name in the experiment, name of a ready one, or file.
        wells, sites, random
            Only these wells, only sites of these numbers, only so many sites drawn at random.

        Raises
        ------
        TmapsError
            Something does not fit; nothing was run.
        """
        description = description or self.description
        if pipeline:
            path = Path(pipeline)
            name = str(path.absolute()) if path.is_file() else str(pipeline)
            description = with_argument(description, "jterator", "pipeline", name)
        subset = Subset(wells=tuple(wells), sites=tuple(sites), random=random)
        return prepare(
            self.experiment, description, start=stage, until=until, subset=subset, engine=engine
        )

    def submit(
        self, description: WorkflowDescription | None = None, **choices: Any
    ) -> Iterator[Progress]:
        """Run the workflow in this process; `choices` as for `request`. Closing it stops it.

        Raises
        ------
        TmapsError
            It cannot run as asked: at once, before the first event.
        """
        return self.send(self.request(description, **choices))

    def send(self, request: Request) -> Iterator[Progress]:
        """Run a request in this process."""
        return submission.submit(self.experiment, request)

    def resume(self, engine: EngineChoice | None = None) -> Iterator[Progress]:
        """Go on where the last submission stopped; what failed is tried again."""
        return submission.resume(self.experiment, engine)

    def resubmit(self, stage: str | None = None) -> Iterator[Progress]:
        """Run the workflow as last time, from a stage or step on; what is up to date is skipped.

        Raises
        ------
        NotFoundError
            Nothing was submitted yet, or there is no such stage or step.
        """
        return self.send(self.repeated(stage))

    def repeated(self, stage: str | None = None) -> Request:
        """What `resubmit` sends off."""
        _, last, _ = last_submission(self.experiment)
        return prepare(
            self.experiment,
            last.description,
            start=stage,
            subset=last.subset,
            engine=last.engine,
        )

    def detach(self, request: Request | None) -> int:
        """Run a request, or resume with None, in a process of its own; returns its number."""
        return detached.start(self.experiment.path, request)

    def dry_run(self, request: Request | None = None, *, probe: bool = True) -> dict[str, Any]:
        """What sending a request would do and need; see `workflow.probe.dry_run`."""
        return dry_run(self.experiment, request or self.request(), probe=probe)

    def status(self) -> dict[str, Any]:
        """Where it stands; see `workflow.status.status`."""
        return status(self.experiment)

    def ask_to_stop(self) -> None:
        """Ask whoever is at work to stop."""
        ask_to_stop(self.experiment.path)

    def kill(self, wait_s: float = 60.0) -> bool:
        """Stop it, wherever it runs; True if it has stopped within `wait_s`.

        Raises
        ------
        NotFoundError
            Nothing is at work.
        """
        path = self.experiment.path
        if coordinator(path) is None:
            raise NotFoundError(f"Nothing is at work on '{self.experiment.name}'.")
        self.ask_to_stop()
        end = time.monotonic() + wait_s
        while coordinator(path) is not None:
            if time.monotonic() > end:
                return False
            time.sleep(0.1)
        return True


class Experiment(store.Experiment):
    """An experiment with its workflow; see the class of the store for all else."""

    @cached_property
    def workflow(self) -> Workflow:
        """Its workflow: submit, resume, resubmit, status, kill, dry_run."""
        if self.mirror is not None:
            from napari_tmaps.workflow.remote import RemoteWorkflow

            return RemoteWorkflow(self)
        return Workflow(self)

    def rename_channel(self, old: str, new: str) -> None:
        """Give a channel another name, in images, maps and pipelines; see `pipeline.renaming`.

        Raises
        ------
        TmapsError
            There is no such channel, the name does not fit, or something is at work.
        """
        self._rename(f"/channels/{encode(old)}", new, lambda: rename_channel(self, old, new))

    def rename_plate(self, old: str, new: str) -> None:
        """Give a plate another name, in all files and tables; see `store.plate_names`.

        Raises
        ------
        TmapsError
            There is no such plate, the name does not fit, or something is at work.
        """
        self._rename(f"/plates/{encode(old)}", new, lambda: rename_plate(self, old, new))

    def rename_acquisition(self, plate: str, old: str, new: str) -> None:
        """Give an acquisition of a plate another name.

        Raises
        ------
        TmapsError
            There is none of that name, the new one does not fit, or something is at work.
        """
        self._rename(
            f"/acquisitions/{encode(plate, old)}",
            new,
            lambda: rename_acquisition(self, plate, old, new),
        )

    def _rename(self, address: str, new: str, change: Callable[[], None]) -> None:
        if self.mirror is not None:
            self.mirror.ask("PUT", address, body={"name": new})
            self.refresh()
            return
        for job in tool_jobs(self.path):
            if job.is_at_work:
                raise ExistsError(
                    f"The tool '{job.tool}' is at work on '{self.name}' and knows the names of "
                    "before. Wait for it."
                )
        with coordinating(self.path, "a new name"):
            change()

    def edit_metadata(
        self, edits: MetadataEdits | None = None, *, sure: bool = False, **values: Any
    ) -> list[str]:
        """Correct what the microscope's files say; returns what follows from it, in sentences.

        Parameters
        ----------
        edits
            Or its fields, e.g. `pixel_size_um=0.65, channels={"DAPI": {"exposure_ms": 50}}`; None
            goes back to what the files say.
        sure
            Take doubtful values, too.

        Raises
        ------
        TmapsError
            There is no such thing, a value does not fit or is doubtful, or something is at work.
        """
        edits = MetadataEdits.of(**values) if edits is None else edits
        return finish(correct_metadata(self, edits, sure=sure))
