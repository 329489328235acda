"""Tools and results of an experiment on a server: asked for there, read here."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

from napari_tmaps.client.ids import encode
from napari_tmaps.errors import InputError, StorageError
from napari_tmaps.model.progress import Progress, finish
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.mirror import Mirror
from napari_tmaps.store.results import AboutResult, ResultStore

_ASK_S = 0.3


@dataclass(frozen=True, slots=True)
class FarResults(ResultStore):
    """The results of an experiment on a server; see `ResultStore`.

    Attributes
    ----------
    mirror
        Follows the experiment.
    """

    mirror: Mirror

    def rename(self, object_type: str, old: str, new: str) -> None:
        """See ResultStore."""
        self.about(object_type, old)
        self.mirror.ask("PUT", _address(object_type, old), body={"name": new})
        self.mirror.refresh()

    def remove(self, object_type: str, name: str) -> None:
        """See ResultStore."""
        self.about(object_type, name)
        self.mirror.ask("DELETE", _address(object_type, name))
        self.mirror.refresh()


def _address(object_type: str, name: str) -> str:
    return f"/tools/results/{encode(object_type, name)}"


def ask_for_tool(
    experiment: Experiment,
    tool: str,
    object_type: str,
    settings: Mapping[str, Any],
    name: str,
) -> Generator[Progress, None, AboutResult]:
    """Have a tool run on the server, and wait for its result.

    Raises
    ------
    TmapsError
        The server refuses, or the tool failed; the message is its own.
    """
    mirror = experiment.mirror
    assert mirror is not None, "the experiment is one of a server"
    payload = {"object_type": object_type, "settings": dict(settings), "result": name}
    answer = mirror.ask("POST", "/tools/request", body={"name": tool, "payload": payload})
    while True:
        yield Progress(f"{tool} on {mirror.address.host}", 0, 0)
        jobs = mirror.ask("GET", "/tools/jobs")["data"]
        job = next(row for row in jobs if row["submission_id"] == answer["submission_id"])
        if job["state"] == "TERMINATED":
            mirror.refresh()
            return ResultStore(experiment.path / "results").about(object_type, job["result"])
        if job["state"] in ("FAILED", "STOPPED"):
            raise InputError(job["message"])
        time.sleep(_ASK_S)


def run_there(
    experiment: Experiment,
    tool: str,
    object_type: str,
    settings: Mapping[str, Any],
    name: str,
) -> AboutResult:
    """`ask_for_tool` without a word until it has ended.

    Raises
    ------
    StorageError
        A classifier from a file here cannot be sent.
    """
    if "model" in settings:
        raise StorageError(
            f"The classifier '{settings['model']}' is a file here. What it says of objects of an "
            "experiment on a server can be seen, but not kept there."
        )
    return finish(ask_for_tool(experiment, tool, object_type, settings, name))
