"""The files of an experiment, part by part, for programs that keep a copy of what they look at."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from napari_tmaps.errors import NotFoundError
from napari_tmaps.model.version import __version__
from napari_tmaps.server.access import Readable, Writing
from napari_tmaps.server.received_files import receive
from napari_tmaps.server.routes_zarr import inside
from napari_tmaps.server.users import Entry
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.parts import DATABASE, PartFile, files_of, part_of
from napari_tmaps.streams.atomic import disk_errors
from napari_tmaps.workflow.lock import coordinator

router = APIRouter(prefix="/api/experiments/{experiment_id}/files", tags=["files"])

FORMAT = 1
"""Of the answers here."""
_TEXT = 1 << 16
"""Descriptions of images of so many bytes are sent along."""
_LOCK = "workflow/coordinator.json"


@router.get("")
def get_files(
    entry: Readable,
    part: Annotated[str, Query(max_length=1000)] = "",
    if_none_match: Annotated[str, Header()] = "",
) -> Response:
    """Files of a part: path, size, when it was changed (µs since 1970), and text if it is small.

    The part "" has settings, tables and states, and names the folders of images (of size -1). Each
    well (`plates/<plate>.ome.zarr/<row>/<column>`) and map (`maps/<plate>/<key>.ome.zarr`) is a
    part, too. A tag of what was sent before (`If-None-Match`) is answered by 304 where nothing has
    changed.
    """
    if part and part_of(f"{part}/x") != part:
        raise NotFoundError(f"There is no part '{part}'.")
    rows = [_row(entry, file) for file in files_of(entry.path, part)]
    content = {
        "format": FORMAT,
        "version": __version__,
        "write_access": entry.write,
        "data": [row for row in rows if row is not None],
    }
    text = json.dumps(content, separators=(",", ":")).encode()
    headers = {"ETag": f'"{hashlib.blake2b(text, digest_size=16).hexdigest()}"'}
    if if_none_match == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(text, media_type="application/json", headers=headers)


def _row(entry: Entry, file: PartFile) -> list[Any] | None:
    if file.path == _LOCK:  # its time of change is only a sign of life
        at_work = coordinator(entry.path)
        if at_work is None:
            return None
        return [file.path, file.size, int(at_work.get("started", 0) * 1e6)]
    row = [file.path, file.size, file.modified]
    if file.path.startswith(("plates/", "maps/")) and 0 <= file.size <= _TEXT:
        name = file.path.rpartition("/")[2]
        if name == "zarr.json" or name.startswith("."):
            try:
                row.append((entry.path / file.path).read_text("utf-8"))
            except (OSError, UnicodeDecodeError):
                return row
    return row


@router.get("/{path:path}", response_class=FileResponse)
def get_file(entry: Readable, path: str) -> FileResponse:
    """A file; of the tables (`experiment.db`) a copy as of this moment."""
    if part_of(path) is None:
        raise NotFoundError(f"There is no file '{path}'.")
    file = inside(entry.path, path)
    if path != DATABASE:
        return FileResponse(file)
    folder = tempfile.TemporaryDirectory(prefix="tmaps-")
    copy = Path(folder.name) / DATABASE
    with disk_errors(copy), Experiment.open(entry.path) as experiment:
        experiment.catalogue.copy_to(copy)
    return FileResponse(copy, background=BackgroundTask(folder.cleanup))


@router.put("/{path:path}")
def put_file(
    experiment: Writing,
    path: str,
    content: Annotated[bytes, Body(media_type="application/octet-stream")],
    known: Annotated[str, Query(max_length=100)] = "",
) -> dict[str, Any]:
    """Replace gates, selections, a pipeline or the plate map; it is checked before.

    `known` is "<size>-<modified>" of the file that is replaced, "" if there is none: who has
    not seen the last change is refused.
    """
    put = receive(experiment, path, content, known)
    return {"data": [put.path, put.size, put.modified]}
