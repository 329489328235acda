"""`TmClient`: an experiment of a server by names, without knowing of addresses and ids."""

from __future__ import annotations

import shutil
import ssl
import tempfile
from collections.abc import Mapping
from http.client import HTTPResponse
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml

from napari_tmaps.client.analysis import AnalysisCalls
from napari_tmaps.client.sending import local_files, send_files
from napari_tmaps.client.session import Session
from napari_tmaps.errors import FormatError, InputError, NotFoundError, unknown


class TmClient(AnalysisCalls):
    """One user at one server, and an experiment there.

    Parameters
    ----------
    host, port
        Of `tmaps serve`.
    username, password
        Of the user.
    experiment_name
        The experiment; None takes the only one that the user has.
    https
        True for a server with a certificate, or a context for one that is not widely trusted.

    Raises
    ------
    RefusedError
        The name or the password is wrong.
    StorageError
        The server cannot be reached.
    """

    def __init__(
        self,
        host: str = "localhost",
        port: int = 8002,
        username: str = "",
        password: str = "",
        experiment_name: str | None = None,
        *,
        https: bool | ssl.SSLContext = False,
    ) -> None:
        context = ssl.create_default_context() if https is True else https or None
        self.session = Session(host, port, context=context)
        self.session.log_in(username, password)
        self.experiment_name = experiment_name

    def close(self) -> None:
        """Log out."""
        self.session.log_out()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- addresses ------------------------------------------------------------------------------

    def _address(self) -> str:
        rows = self.get_experiments()
        if self.experiment_name is None and len(rows) != 1:
            names = ", ".join(f"'{row['name']}'" for row in rows) or "none at all"
            raise InputError(f"Say which experiment: TmClient(…, experiment_name=…). You: {names}.")
        name = self.experiment_name or rows[0]["name"]
        return f"/api/experiments/{_id_of('experiment', rows, name)}"

    def _list(self, what: str, **query: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.session.json(
            "GET", f"{self._address()}/{what}", query=query
        )["data"]
        return rows

    def _find(self, kind: str, what: str, name: str, **query: Any) -> str:
        return f"{self._address()}/{what}/{_id_of(kind, self._list(what, **query), name)}"

    # -- experiments ----------------------------------------------------------------------------

    def get_experiments(self) -> list[dict[str, Any]]:
        """Experiments that the user may see."""
        rows: list[dict[str, Any]] = self.session.json("GET", "/api/experiments")["data"]
        return rows

    def create_experiment(
        self,
        name: str,
        workflow_type: str = "canonical",
        microscope_type: str = "",
        plate_format: int = 0,
        plate_acquisition_mode: str = "",
        description: str = "",
    ) -> dict[str, Any]:
        """Make an experiment, and take it from now on."""
        made: dict[str, Any] = self.session.json(
            "POST",
            "/api/experiments",
            body={
                "name": name,
                "workflow_type": workflow_type,
                "microscope_type": microscope_type,
                "plate_format": plate_format,
                "plate_acquisition_mode": plate_acquisition_mode,
                "description": description,
            },
        )["data"]
        self.experiment_name = name
        return made

    def rename_experiment(self, new_name: str) -> None:
        """Give the experiment another name."""
        self.session.json("PUT", self._address(), body={"name": new_name})
        self.experiment_name = new_name

    def delete_experiment(self) -> None:
        """Delete the experiment, with all that is in it."""
        self.session.json("DELETE", self._address())
        self.experiment_name = None

    def share_experiment(self, user: str, *, write_access: bool = False) -> None:
        """Let another user read the experiment, or write to it."""
        body = {"user": user, "write_access": write_access}
        self.session.json("POST", f"{self._address()}/shares", body=body)

    def unshare_experiment(self, user: str) -> None:
        """Share it no longer with a user."""
        self.session.json("DELETE", f"{self._address()}/shares/{user}")

    def get_info(self) -> dict[str, Any]:
        """What the experiment holds, as of `tmaps info --json`."""
        info: dict[str, Any] = self.session.json("GET", f"{self._address()}/info")["data"]
        return info

    # -- plates, acquisitions, files ------------------------------------------------------------

    def get_plates(self) -> list[dict[str, Any]]:
        """Plates with their acquisitions."""
        return self._list("plates")

    def create_plate(self, name: str, description: str = "") -> None:
        """Make a plate."""
        body = {"name": name, "description": description}
        self.session.json("POST", f"{self._address()}/plates", body=body)

    def delete_plate(self, name: str) -> None:
        """Delete a plate, as long as nothing was made of its files."""
        self.session.json("DELETE", self._find("plate", "plates", name))

    def get_acquisitions(self, plate_name: str = "") -> list[dict[str, Any]]:
        """Acquisitions of a plate, or of all."""
        return self._list("acquisitions", plate_name=plate_name)

    def create_acquisition(
        self,
        plate_name: str,
        name: str,
        description: str = "",
        *,
        pattern: str | None = None,
        vendor: str | None = None,
    ) -> None:
        """Make an acquisition; pattern and vendor as for `tmaps scan`, where files need them."""
        body = {"plate_name": plate_name, "name": name, "description": description}
        self.session.json(
            "POST",
            f"{self._address()}/acquisitions",
            body={**body, "pattern": pattern, "vendor": vendor},
        )

    def delete_acquisition(self, plate_name: str, name: str) -> None:
        """Delete an acquisition, as long as nothing was made of its files."""
        self.session.json("DELETE", self._acquisition(plate_name, name))

    def _acquisition(self, plate_name: str, name: str) -> str:
        return self._find("acquisition", "acquisitions", name, plate_name=plate_name)

    def get_microscope_files(self, plate_name: str, acquisition_name: str) -> list[dict[str, Any]]:
        """Files of an acquisition with their state."""
        address = self._acquisition(plate_name, acquisition_name)
        return [
            row
            for what in ("images", "metadata")
            for row in self.session.json("GET", f"{address}/{what}")["data"]
        ]

    def upload_microscope_files(
        self,
        plate_name: str,
        acquisition_name: str,
        path: str | Path,
        parallel: int = 4,
        retry: int = 5,
        *,
        delete_after_upload: bool = False,
    ) -> list[str]:
        """Send a file or a folder; what is there already is not sent again.

        Returns
        -------
        list
            Names of the files that were sent.

        Raises
        ------
        StorageError
            The connection broke `retry` times; calling it again goes on.
        """
        address = self._acquisition(plate_name, acquisition_name)
        files = local_files(Path(path).expanduser())
        sent = send_files(self.session, address, files, parallel=parallel, retries=retry)
        if delete_after_upload:
            check = [{"name": file.name, "size": file.size} for file in files]
            answer = self.session.json(
                "POST", f"{address}/upload/validity-check", body={"files": check}
            )
            valid = {row["name"] for row in answer["data"] if row["is_valid"]}
            for file in files:
                if file.name in valid:
                    file.path.unlink()
        return sent

    def register_microscope_files(self, plate_name: str, acquisition_name: str, path: str) -> None:
        """Take the files of a folder of the server, which stay where they are."""
        address = self._acquisition(plate_name, acquisition_name)
        self.session.json("POST", f"{address}/register", body={"path": path})

    # -- layout and images ----------------------------------------------------------------------

    def get_cycles(self) -> list[dict[str, Any]]:
        """Staining cycles."""
        return self._list("cycles")

    def get_wells(self, plate_name: str = "") -> list[dict[str, Any]]:
        """Wells that have sites."""
        return self._list("wells", plate_name=plate_name)

    def get_sites(self, plate_name: str = "", well_name: str = "") -> list[dict[str, Any]]:
        """Sites with their places."""
        return self._list("sites", plate_name=plate_name, well_name=well_name)

    def get_channels(self) -> list[dict[str, Any]]:
        """Channels."""
        return self._list("channels")

    def download_channel_image(
        self,
        channel_name: str,
        plate_name: str,
        well_name: str,
        well_pos_x: int = 0,
        well_pos_y: int = 0,
        cycle_index: int = 0,
        tpoint: int = 0,
        zplane: int = 0,
        correct: bool = True,
        align: bool = False,
    ) -> npt.NDArray[Any]:
        """Pixels (y, x) of a plane, in the original type.

        Parameters
        ----------
        correct
            With the illumination corrected (corilla has run).
        align
            Cut to what all cycles show (align has run).
        """
        address = self._find("channel", "channels", channel_name)
        query = {
            "plate_name": plate_name,
            "well_name": well_name,
            "well_pos_y": well_pos_y,
            "well_pos_x": well_pos_x,
            "cycle_index": cycle_index,
            "tpoint": tpoint,
            "zplane": zplane,
            "correct": correct,
            "align": align,
        }
        return self._raw(f"{address}/image-file", query)

    def _raw(self, address: str, query: Mapping[str, Any]) -> npt.NDArray[Any]:
        with self.session.open("GET", address, query={**query, "format": "raw"}) as answer:
            shape = [int(part) for part in answer.headers["X-Shape"].split(",")]
            dtype = np.dtype(answer.headers["X-Dtype"])
            content = answer.read()
        return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))

    def download_channel_image_file(
        self,
        channel_name: str,
        plate_name: str,
        well_name: str,
        well_pos_x: int = 0,
        well_pos_y: int = 0,
        cycle_index: int = 0,
        tpoint: int = 0,
        zplane: int = 0,
        correct: bool = True,
        align: bool = False,
        directory: str | Path | None = None,
    ) -> Path:
        """The same as a PNG file in a folder, by default that for temporary files."""
        address = self._find("channel", "channels", channel_name)
        query = {
            "plate_name": plate_name,
            "well_name": well_name,
            "well_pos_y": well_pos_y,
            "well_pos_x": well_pos_x,
            "cycle_index": cycle_index,
            "tpoint": tpoint,
            "zplane": zplane,
            "correct": correct,
            "align": align,
        }
        return self._save(f"{address}/image-file", query, directory)

    def _save(self, address: str, query: Mapping[str, Any], directory: str | Path | None) -> Path:
        folder = Path(directory or tempfile.gettempdir()).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        with self.session.open("GET", address, query=query) as answer:
            path = folder / _file_name(answer)
            with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
                shutil.copyfileobj(answer, file)
        Path(file.name).replace(path)
        return path

    # -- objects --------------------------------------------------------------------------------

    def get_mapobject_types(self) -> list[dict[str, Any]]:
        """Object types with the numbers of their objects and features."""
        return self._list("mapobject_types")

    def _type(self, name: str) -> str:
        return self._find("object type", "mapobject_types", name)

    def get_features(self, mapobject_type: str) -> list[dict[str, Any]]:
        """Features of an object type."""
        rows: list[dict[str, Any]] = self.session.json(
            "GET", f"{self._type(mapobject_type)}/features"
        )["data"]
        return rows

    def download_segmentation_image(
        self,
        mapobject_type: str,
        plate_name: str,
        well_name: str,
        well_pos_x: int = 0,
        well_pos_y: int = 0,
        tpoint: int = 0,
        zplane: int = 0,
        align: bool = False,
    ) -> npt.NDArray[np.int32]:
        """Labels (y, x) of a site, int32; 0 is background."""
        query = {
            "plate_name": plate_name,
            "well_name": well_name,
            "well_pos_y": well_pos_y,
            "well_pos_x": well_pos_x,
            "tpoint": tpoint,
            "zplane": zplane,
            "align": align,
        }
        return self._raw(f"{self._type(mapobject_type)}/segmentations", query)

    def download_segmentation_image_file(
        self,
        mapobject_type: str,
        plate_name: str,
        well_name: str,
        well_pos_x: int = 0,
        well_pos_y: int = 0,
        tpoint: int = 0,
        zplane: int = 0,
        align: bool = False,
        directory: str | Path | None = None,
    ) -> Path:
        """The same as a PNG file of 16 bit in a folder, by default that for temporary files."""
        query = {
            "plate_name": plate_name,
            "well_name": well_name,
            "well_pos_y": well_pos_y,
            "well_pos_x": well_pos_x,
            "tpoint": tpoint,
            "zplane": zplane,
            "align": align,
        }
        return self._save(f"{self._type(mapobject_type)}/segmentations", query, directory)

    def download_object_feature_values(
        self, mapobject_type: str, plate_name: str = "", well_name: str = ""
    ) -> pd.DataFrame:
        """Features of all objects of a type, index mapobject_id."""
        return self._table(mapobject_type, "feature-values", plate_name, well_name)

    download_feature_values = download_object_feature_values

    def download_object_metadata(
        self, mapobject_type: str, plate_name: str = "", well_name: str = ""
    ) -> pd.DataFrame:
        """Where all objects of a type lie, and their labels; index mapobject_id."""
        return self._table(mapobject_type, "metadata", plate_name, well_name)

    def _table(self, name: str, what: str, plate_name: str, well_name: str) -> pd.DataFrame:
        query = {"plate_name": plate_name, "well_name": well_name}
        with self.session.open("GET", f"{self._type(name)}/{what}", query=query) as answer:
            return pd.read_csv(answer, index_col="mapobject_id")

    def download_feature_values_and_metadata_files(
        self, mapobject_type: str, directory: str | Path | None = None
    ) -> list[Path]:
        """Features and places as two CSV files in a folder."""
        address = self._type(mapobject_type)
        return [
            self._save(f"{address}/{what}", {}, directory)
            for what in ("feature-values", "metadata")
        ]

    # -- workflow -------------------------------------------------------------------------------

    def download_workflow_description(self) -> dict[str, Any]:
        """Stages, steps and arguments."""
        found: dict[str, Any] = self.session.json("GET", f"{self._address()}/workflow/description")[
            "data"
        ]
        return found

    def download_workflow_description_file(self, filename: str | Path) -> None:
        """The same as a YAML file."""
        text = yaml.safe_dump(self.download_workflow_description(), sort_keys=False)
        Path(filename).expanduser().write_text(text, encoding="utf-8")

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
        found: dict[str, Any] | None = self.session.json(
            "GET", f"{self._address()}/workflow/status", query={"depth": depth}
        )["data"]
        return found

    def get_workflow_jobs(self, step_name: str = "", phase: str = "") -> list[dict[str, Any]]:
        """Jobs of the steps."""
        return self._list("workflow/jobs", step_name=step_name, phase=phase, batch_size=10_000)

    def get_workflow_job_log(self, step_name: str, job: int, phase: str = "run") -> str:
        """What a job said."""
        for row in self.get_workflow_jobs(step_name, phase):
            if row["job"] == job or phase == "collect":
                answer = self.session.json(
                    "GET", f"{self._address()}/workflow/jobs/{row['id']}/log"
                )
                return str(answer["data"]["stdout"])
        raise NotFoundError(f"Step '{step_name}' has no job {job}.")

    def download_jterator_project(self) -> dict[str, Any]:
        """Text of pipeline.yaml ("pipeline"), and of handles by the name of their file."""
        found: dict[str, Any] = self.session.json("GET", f"{self._address()}/workflow/jtproject")[
            "data"
        ]
        return found

    def download_jterator_project_files(self, directory: str | Path) -> None:
        """The project as files in a folder."""
        project, folder = self.download_jterator_project(), Path(directory).expanduser()
        (folder / "handles").mkdir(parents=True, exist_ok=True)
        (folder / "pipeline.yaml").write_text(project["pipeline"], encoding="utf-8")
        for name, text in project["handles"].items():
            (folder / "handles" / Path(name).name).write_text(text, encoding="utf-8")

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


def _id_of(kind: str, rows: list[dict[str, Any]], name: str) -> str:
    for row in rows:
        if row["name"] == name:
            return str(row["id"])
    raise unknown(kind, name, [row["name"] for row in rows])


def _file_name(answer: HTTPResponse) -> str:
    """The file name that the server gives, without any folder."""
    name = answer.headers.get_filename() or "download"
    return Path(name.replace("\\", "/")).name or "download"
