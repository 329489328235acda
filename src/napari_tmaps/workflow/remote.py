"""The workflow of an experiment of a server: it is sent there, runs there, and is followed here."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from napari_tmaps.errors import InputError, NotFoundError, StorageError
from napari_tmaps.model.progress import Progress
from napari_tmaps.model.workflow import WorkflowDescription
from napari_tmaps.store.mirror import Mirror
from napari_tmaps.workflow.description import check_description, part_of, with_argument
from napari_tmaps.workflow.door import Workflow
from napari_tmaps.workflow.engines import EngineChoice
from napari_tmaps.workflow.lock import coordinator
from napari_tmaps.workflow.status import status
from napari_tmaps.workflow.submission import Request, Subset, last_submission, steps_done

_ASK_S = 1.0


class RemoteWorkflow(Workflow):
    """See `Workflow`; what needs the machine that has the images is asked of the server."""

    @property
    def _mirror(self) -> Mirror:
        mirror = self.experiment.mirror
        assert mirror is not None, "the experiment is one of a server"
        return mirror

    def save(self, description: WorkflowDescription) -> None:
        """See Workflow."""
        self._ask("description", {"description": description.document()})

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
        """See Workflow; the engine is the server's, and so is the check of files."""
        chosen = description or self.description
        if pipeline:
            if Path(pipeline).suffix:
                raise InputError(
                    f"'{pipeline}' is a file here. Save the pipeline with the experiment, then "
                    "name it."
                )
            chosen = with_argument(chosen, "jterator", "pipeline", str(pipeline))
        chosen = part_of(chosen, start=stage, until=until)
        if not check_description(chosen, done=steps_done(self.experiment)):
            raise InputError("No step of the workflow is active: there is nothing to do.")
        subset = Subset(wells=tuple(wells), sites=tuple(sites), random=random)
        return Request(description=chosen, subset=subset)

    def repeated(self, stage: str | None = None) -> Request:
        """See Workflow."""
        _, last, _ = last_submission(self.experiment)
        return self.request(last.description, stage=stage).model_copy(
            update={"subset": last.subset}
        )

    def detach(self, request: Request | None) -> int:
        """Run a request, or resume with None, on the server; returns the process there."""
        if request is None:
            return self._ask("resume", None)
        body = {
            "description": request.description.document(),
            "subset": request.subset.model_dump(mode="json"),
            "save": False,
        }
        return self._ask("submit", body)

    def _ask(self, what: str, body: Any) -> int:
        answer = self._mirror.ask("POST", f"/workflow/{what}", body=body)
        self.experiment.refresh(thoroughly=False)
        return int(answer.get("process", 0))

    def send(self, request: Request) -> Iterator[Progress]:
        """Run a request on the server, and follow it. Closing it stops it there."""
        self.detach(request)
        return self._followed()

    def resume(self, engine: EngineChoice | None = None) -> Iterator[Progress]:
        """See Workflow."""
        self.detach(None)
        return self._followed()

    def _followed(self) -> Iterator[Progress]:
        ended = False
        try:
            while not ended:
                self.experiment.refresh(thoroughly=False)
                now = status(self.experiment)
                ended = now["coordinator"] is None
                for step in now["steps"]:
                    if step["state"] == "RUNNING" or (ended and step["failed"]):
                        failed = [f"Job {row['job']}: {row['message']}" for row in step["failed"]]
                        text = "\n".join(failed) if ended else ""
                        yield Progress(
                            step["name"], step["done"], step["total"], text, failed=bool(text)
                        )
                if not ended:
                    time.sleep(_ASK_S)
        finally:
            if not ended:
                self.ask_to_stop()

    def dry_run(self, request: Request | None = None, *, probe: bool = True) -> dict[str, Any]:
        """Refused: a site would have to be tried on the server.

        Raises
        ------
        StorageError
            Always.
        """
        raise StorageError(
            f"How long it takes is found out on the machine itself, {self._mirror.address.server}: "
            "tmaps workflow EXPERIMENT submit --dry-run there."
        )

    def ask_to_stop(self) -> None:
        """See Workflow."""
        self._ask("kill", None)

    def kill(self, wait_s: float = 60.0) -> bool:
        """See Workflow."""
        path = self.experiment.path
        self.experiment.refresh(thoroughly=False)
        if coordinator(path) is None:
            raise NotFoundError(f"Nothing is at work on '{self.experiment.name}'.")
        self.ask_to_stop()
        end = time.monotonic() + wait_s
        while coordinator(path) is not None:
            if time.monotonic() > end:
                return False
            time.sleep(0.2)
            self.experiment.refresh(thoroughly=False)
        return True
