"""What all calls of `TmClient` stand on: a session, the experiment, and things by their names."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Mapping
from http.client import HTTPResponse
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from napari_tmaps.client.files import save
from napari_tmaps.client.session import Session, pieces
from napari_tmaps.errors import InputError, unknown


class Calls:
    """The session; its parameters are those of `TmClient`."""

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

    def get_experiments(self) -> list[dict[str, Any]]:
        """Experiments that the user may see."""
        rows: list[dict[str, Any]] = self._get("/api/experiments")
        return rows

    def _address(self) -> str:
        rows = self.get_experiments()
        if self.experiment_name is None and len(rows) != 1:
            names = ", ".join(f"'{row['name']}'" for row in rows) or "none at all"
            raise InputError(f"Say which experiment: TmClient(…, experiment_name=…). You: {names}.")
        name = self.experiment_name or rows[0]["name"]
        return f"/api/experiments/{id_of('experiment', rows, name)}"

    def _get(self, address: str, **query: Any) -> Any:
        return self.session.json("GET", address, query=query)["data"]

    def _list(self, what: str, **query: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._get(f"{self._address()}/{what}", **query)
        return rows

    def _find(self, kind: str, what: str, name: str, **query: Any) -> str:
        return f"{self._address()}/{what}/{id_of(kind, self._list(what, **query), name)}"

    def _type(self, name: str) -> str:
        return self._find("object type", "mapobject_types", name)

    # -- downloads ------------------------------------------------------------------------------

    def _raw(self, address: str, query: Mapping[str, Any]) -> npt.NDArray[Any]:
        with self.session.open("GET", address, query={**query, "format": "raw"}) as answer:
            shape = [int(part) for part in answer.headers["X-Shape"].split(",")]
            dtype = np.dtype(answer.headers["X-Dtype"])
            content = answer.read()
        return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))

    def _save(self, address: str, query: Mapping[str, Any], directory: str | Path | None) -> Path:
        folder = Path(directory or tempfile.gettempdir()).expanduser()
        with self.session.open("GET", address, query=query) as answer:
            return save(folder / _file_name(answer), pieces(answer))


def place_of(
    plate_name: str, well_name: str, well_pos_x: int, well_pos_y: int, tpoint: int
) -> dict[str, Any]:
    """A site at a time point, as the server is asked for it."""
    return {
        "plate_name": plate_name,
        "well_name": well_name,
        "well_pos_y": well_pos_y,
        "well_pos_x": well_pos_x,
        "tpoint": tpoint,
    }


def id_of(kind: str, rows: list[dict[str, Any]], name: str) -> str:
    """The id of what has a name.

    Raises
    ------
    NotFoundError
        Nothing has.
    """
    for row in rows:
        if row["name"] == name:
            return str(row["id"])
    raise unknown(kind, name, [row["name"] for row in rows])


def _file_name(answer: HTTPResponse) -> str:
    """The file name that the server gives, without any folder."""
    name = answer.headers.get_filename() or "download"
    return Path(name.replace("\\", "/")).name or "download"
