"""Calls about the workflow of the experiment and its jterator project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from napari_tmaps.client.calls import Calls
from napari_tmaps.client.files import save
from napari_tmaps.errors import FormatError, NotFoundError


class WorkflowCalls(Calls):
    """Describes the workflow, runs it and says how far it is."""

    def download_workflow_description(self) -> dict[str, Any]:
        """Stages, steps and arguments."""
        found: dict[str, Any] = self._get(f"{self._address()}/workflow/description")
        return found

    def download_workflow_description_file(self, filename: str | Path) -> None:
        """The same as a YAML file."""
        text = yaml.safe_dump(self.download_workflow_description(), sort_keys=False)
        save(Path(filename).expanduser(), [text.encode()])

    def upload_workflow_description(self, description: Mapping[str, Any]) -> None:
        """Replace the workflow of the experiment."""
        body = {"description": dict(description)}
        self.session.json("POST", f"{self._address()}/workflow/description", body=body)

    def upload_workflow_description_file(self, filename: str | Path) -> None:
        """The same from a YAML file.

        Raises
        ------
        FormatError
            It is no YAML file of a workflow.
        """
        path = Path(filename).expanduser()
        if not path.is_file():
            raise NotFoundError(f"There is no file '{path}'.")
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise FormatError(f"'{path}' is no YAML file: {error}") from error
        if not isinstance(content, dict):
            raise FormatError(f"'{path}' is no workflow description.")
        self.upload_workflow_description(content)

    def submit_workflow(self, description: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Run the workflow on the server; it goes on without this client."""
        return self._run("submit", {"description": description} if description else {})

    def resubmit_workflow(
        self, stage_name: str | None = None, description: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Run it again from a stage on."""
        return self._run("resubmit", {"stage_name": stage_name, "description": description})

    def resume_workflow(self) -> dict[str, Any]:
        """Go on where it stopped."""
        return self._run("resume", None)

    def kill_workflow(self) -> dict[str, Any]:
        """Stop it."""
        return self._run("kill", None)

    def _run(self, what: str, body: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.session.json(
            "POST", f"{self._address()}/workflow/{what}", body=body
        )
        return answer

    def get_workflow_status(self, depth: int = 2) -> dict[str, Any] | None:
        """Workflow, stages and steps with state and progress; None if nothing was submitted."""
        found: dict[str, Any] | None = self._get(f"{self._address()}/workflow/status", depth=depth)
        return found

    def get_workflow_jobs(self, step_name: str = "", phase: str = "") -> list[dict[str, Any]]:
        """Jobs of the steps."""
        return self._list("workflow/jobs", step_name=step_name, phase=phase, batch_size=10_000)

    def get_workflow_job_log(self, step_name: str, job: int, phase: str = "run") -> str:
        """What a job said."""
        for row in self.get_workflow_jobs(step_name, phase):
            if row["job"] == job or phase == "collect":
                address = f"{self._address()}/workflow/jobs/{row['id']}/log"
                return str(self._get(address)["stdout"])
        raise NotFoundError(f"Step '{step_name}' has no job {job}.")

    def download_jterator_project(self) -> dict[str, Any]:
        """Text of pipeline.yaml ("pipeline"), and of handles by the name of their file."""
        found: dict[str, Any] = self._get(f"{self._address()}/workflow/jtproject")
        return found

    def download_jterator_project_files(self, directory: str | Path) -> None:
        """The project as files in a folder."""
        project, folder = self.download_jterator_project(), Path(directory).expanduser()
        save(folder / "pipeline.yaml", [project["pipeline"].encode()])
        (folder / "handles").mkdir(exist_ok=True)
        for name, text in project["handles"].items():
            save(folder / "handles" / Path(name).name, [text.encode()])

    def upload_jterator_project(
        self, pipeline: str, handles: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Send a project, or a pipeline of ours without handles; returns notes on what differs."""
        answer: dict[str, Any] = self.session.json(
            "PUT",
            f"{self._address()}/workflow/jtproject",
            body={"pipeline": pipeline, "handles": dict(handles or {})},
        )
        return answer

    def upload_jterator_project_files(self, directory: str | Path) -> dict[str, Any]:
        """The same from a folder with pipeline.yaml and handles/, or from one file.

        Raises
        ------
        NotFoundError
            There is no pipeline.yaml.
        """
        folder = Path(directory).expanduser()
        names = (
            [folder] if folder.is_file() else [folder / f"pipeline.{e}" for e in ("yaml", "yml")]
        )
        main = next((path for path in names if path.is_file()), None)
        if main is None:
            raise NotFoundError(f"There is no pipeline.yaml in '{folder}'.")
        handles = {
            path.name: path.read_text(encoding="utf-8")
            for path in sorted((folder / "handles").glob("*.yaml"))
        }
        return self.upload_jterator_project(main.read_text(encoding="utf-8"), handles)
