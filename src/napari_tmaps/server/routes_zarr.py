"""OME-Zarr of plates and maps as plain files with ranges, so that any Zarr client reads pixels."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

from napari_tmaps.errors import NotFoundError
from napari_tmaps.server.access import Readable

router = APIRouter(prefix="/api/experiments/{experiment_id}/zarr", tags=["OME-Zarr"])


@router.get("/plates/{path:path}", response_class=FileResponse)
@router.head("/plates/{path:path}", response_class=FileResponse, include_in_schema=False)
def get_plate_file(entry: Readable, path: str) -> FileResponse:
    """A file of a plate: `<plate>.ome.zarr/zarr.json`, a chunk …"""
    return FileResponse(inside(entry.path / "plates", path))


@router.get("/maps/{path:path}", response_class=FileResponse)
@router.head("/maps/{path:path}", response_class=FileResponse, include_in_schema=False)
def get_map_file(entry: Readable, path: str) -> FileResponse:
    """A file of a map."""
    return FileResponse(inside(entry.path / "maps", path))


def inside(folder: Path, path: str) -> Path:
    """A file below a folder.

    Raises
    ------
    NotFoundError
        There is none, or it would be elsewhere.
    """
    parts = path.split("/")
    if "\0" not in path and "\\" not in path and not {"", ".", ".."} & set(parts):
        target = (folder / path).resolve()
        if target.is_relative_to(folder.resolve()) and target.is_file():
            return target
    raise NotFoundError(f"There is no file '{path}'.")
