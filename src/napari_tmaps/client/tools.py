"""Calls about tools and their results."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from napari_tmaps.client.calls import Calls
from napari_tmaps.errors import InputError, NotFoundError, TmapsError, unknown

_ASK_S = 0.3


class ToolCalls(Calls):
    """Asks tools, and reads what they found."""

    def get_tools(self) -> list[dict[str, Any]]:
        """The tools, with a JSON schema of the settings of each."""
        found: list[dict[str, Any]] = self._get("/api/tools")
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
                return str(self._get(address)["stdout"])
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
