"""What `TmClient` sends to a server about objects, and asks its tools."""

from __future__ import annotations

import base64
import io
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.client.session import Session
from napari_tmaps.errors import InputError, NotFoundError, TmapsError, unknown

_ASK_S = 0.3


class AnalysisCalls(ABC):
    """Objects that are sent, tools and their results, and tiles of the map."""

    session: Session

    @abstractmethod
    def _address(self) -> str:
        """Address of the experiment."""

    @abstractmethod
    def _type(self, name: str) -> str:
        """Address of an object type."""

    @abstractmethod
    def _list(self, what: str, **query: Any) -> list[dict[str, Any]]:
        """All things of a kind of the experiment."""

    # -- objects --------------------------------------------------------------------------------

    def create_mapobject_type(self, name: str) -> None:
        """Make an object type, to send objects to."""
        self.session.json("POST", f"{self._address()}/mapobject_types", body={"name": name})

    def delete_mapobject_type(self, name: str) -> None:
        """Delete objects that were sent, with all that was measured of them."""
        self.session.json("DELETE", self._type(name))

    def upload_segmentation_image(
        self,
        mapobject_type: str,
        plate_name: str,
        well_name: str,
        well_pos_x: int,
        well_pos_y: int,
        image: npt.NDArray[Any],
        tpoint: int = 0,
    ) -> int:
        """Send the objects of a site: labels (y, x) or (z, y, x); returns how many they are.

        Those that were there are replaced.
        """
        file = io.BytesIO()
        np.savez_compressed(file, labels=np.asarray(image))
        answer = self.session.json(
            "POST",
            f"{self._type(mapobject_type)}/segmentations",
            body={
                "plate_name": plate_name,
                "well_name": well_name,
                "well_pos_x": well_pos_x,
                "well_pos_y": well_pos_y,
                "tpoint": tpoint,
                "image": base64.b64encode(file.getvalue()).decode(),
            },
        )
        return int(answer["objects"])

    def upload_feature_values(
        self,
        mapobject_type: str,
        plate_name: str,
        well_name: str,
        well_pos_x: int,
        well_pos_y: int,
        values: pd.DataFrame,
        tpoint: int = 0,
    ) -> None:
        """Send what was measured of objects of a site: a row each, index label."""
        rows = values.astype(object).where(values.notna(), None)
        self.session.json(
            "POST",
            f"{self._type(mapobject_type)}/feature-values",
            body={
                "plate_name": plate_name,
                "well_name": well_name,
                "well_pos_x": well_pos_x,
                "well_pos_y": well_pos_y,
                "tpoint": tpoint,
                "names": [str(name) for name in values.columns],
                "labels": [int(label) for label in values.index],
                "values": rows.to_numpy().tolist(),
            },
        )

    # -- tools ----------------------------------------------------------------------------------

    def get_tools(self) -> list[dict[str, Any]]:
        """The tools, with a JSON schema of the settings of each."""
        found: list[dict[str, Any]] = self.session.json("GET", "/api/tools")["data"]
        return found

    def submit_tool(
        self, name: str, mapobject_type: str, settings: Mapping[str, Any], result: str = ""
    ) -> int:
        """Run a tool in the background; returns the number of its job."""
        payload = {"object_type": mapobject_type, "settings": dict(settings), "result": result}
        answer = self.session.json(
            "POST",
            f"{self._address()}/tools/request",
            body={"name": name, "payload": payload},
        )
        return int(answer["submission_id"])

    def run_tool(
        self,
        name: str,
        mapobject_type: str,
        settings: Mapping[str, Any],
        result: str = "",
        timeout_s: float = 3600.0,
    ) -> dict[str, Any]:
        """Run a tool and wait for its result.

        Raises
        ------
        InputError
            The tool failed; the message is its own.
        TmapsError
            It has not ended in time; it goes on.
        """
        number = self.submit_tool(name, mapobject_type, settings, result)
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            (job,) = (row for row in self.get_tools_status() if row["submission_id"] == number)
            if job["state"] == "TERMINATED":
                return self.get_tool_result(mapobject_type, job["result"])
            if job["state"] in ("FAILED", "STOPPED"):
                raise InputError(f"{name}: {job['message']}")
            time.sleep(_ASK_S)
        raise TmapsError(f"{name} has not ended after {timeout_s:g} s. It goes on.")

    def get_tools_status(self) -> list[dict[str, Any]]:
        """What was asked for, and how it stands."""
        return self._list("tools/jobs")

    def get_tool_log(self, number: int) -> str:
        """What a job of a tool said."""
        for row in self.get_tools_status():
            if row["submission_id"] == number:
                address = f"{self._address()}/tools/jobs/{row['id']}/log"
                return str(self.session.json("GET", address)["data"]["stdout"])
        raise NotFoundError(f"There is no job {number} of a tool.")

    def get_tool_results(self) -> list[dict[str, Any]]:
        """Results of tools, the oldest first; their values are columns of the metadata."""
        return self._list("tools/results")

    def get_tool_result(self, mapobject_type: str, name: str) -> dict[str, Any]:
        """One result: settings, report, classes and colours."""
        rows = [row for row in self.get_tool_results() if row["object_type"] == mapobject_type]
        for row in rows:
            if row["name"] == name:
                return row
        raise unknown(f"result of '{mapobject_type}'", name, [row["name"] for row in rows])

    def rename_tool_result(self, mapobject_type: str, name: str, new_name: str) -> None:
        """Give a result another name."""
        row = self.get_tool_result(mapobject_type, name)
        address = f"{self._address()}/tools/results/{row['id']}"
        self.session.json("PUT", address, body={"name": new_name})

    def delete_tool_result(self, mapobject_type: str, name: str) -> None:
        """Delete a result."""
        row = self.get_tool_result(mapobject_type, name)
        self.session.json("DELETE", f"{self._address()}/tools/results/{row['id']}")

    # -- the map --------------------------------------------------------------------------------

    def get_channel_layers(self, plate_name: str = "") -> list[dict[str, Any]]:
        """Layers of the map: plate, channel, size, zooms, contrast."""
        return self._list("channel_layers", plate_name=plate_name)

    def download_tile(self, layer_id: str, z: int, y: int, x: int) -> bytes:
        """A JPEG of 256 × 256 pixels of a layer; z 0 is the whole plate."""
        address = f"{self._address()}/channel_layers/{layer_id}/tiles"
        return self.session.fetch("GET", address, query={"x": x, "y": y, "z": z})
