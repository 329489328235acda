"""Calls about experiments, their plates and acquisitions, and the files of these."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_tmaps.client.calls import Calls
from napari_tmaps.client.sending import local_files, send_files


class ExperimentCalls(Calls):
    """Makes and shares experiments, and fills them with files."""

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
        info: dict[str, Any] = self._get(f"{self._address()}/info")
        return info

    # -- plates, acquisitions, files ------------------------------------------------------------

    def get_plates(self) -> list[dict[str, Any]]:
        """Plates with their acquisitions."""
        return self._list("plates")

    def create_plate(self, name: str, description: str = "") -> None:
        """Make a plate."""
        body = {"name": name, "description": description}
        self.session.json("POST", f"{self._address()}/plates", body=body)

    def rename_plate(self, name: str, new_name: str) -> None:
        """Give a plate another name, in all that was made of it, too."""
        address = self._find("plate", "plates", name)
        self.session.json("PUT", address, body={"name": new_name})

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

    def rename_acquisition(self, plate_name: str, name: str, new_name: str) -> None:
        """Give an acquisition of a plate another name."""
        address = self._acquisition(plate_name, name)
        self.session.json("PUT", address, body={"name": new_name})

    def delete_acquisition(self, plate_name: str, name: str) -> None:
        """Delete an acquisition, as long as nothing was made of its files."""
        self.session.json("DELETE", self._acquisition(plate_name, name))

    def _acquisition(self, plate_name: str, name: str) -> str:
        return self._find("acquisition", "acquisitions", name, plate_name=plate_name)

    def get_microscope_files(self, plate_name: str, acquisition_name: str) -> list[dict[str, Any]]:
        """Files of an acquisition with their state."""
        address = self._acquisition(plate_name, acquisition_name)
        return [row for what in ("images", "metadata") for row in self._get(f"{address}/{what}")]

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
