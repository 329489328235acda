"""Plates, acquisitions, and the microscope files that are sent to them."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from napari_tmaps.client.ids import decode, encode
from napari_tmaps.errors import InputError, unknown
from napari_tmaps.server import uploads
from napari_tmaps.server.access import Caller, Reading, ServerOf, Writing
from napari_tmaps.server.uploads import Acquisition, ExpectedFile
from napari_tmaps.streams.atomic import remove
from napari_tmaps.vendors import scan

router = APIRouter(prefix="/api/experiments/{experiment_id}", tags=["plates and uploads"])

Text = Annotated[str, Query(max_length=200)]
_IN_MEMORY = 2**22


async def spooled(request: Request) -> AsyncIterator[IO[bytes]]:
    """The body of a request in a file, whatever its size."""
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        async for piece in request.stream():
            file.write(piece)
        file.seek(0)
        yield file


Body = Annotated[IO[bytes], Depends(spooled)]


class NewPlate(BaseModel):
    """A plate to be made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(max_length=100)
    description: str = Field("", max_length=10_000)


class NewAcquisition(NewPlate):
    """An acquisition to be made; pattern and vendor as for `tmaps scan`."""

    plate_name: str = Field(max_length=100)
    pattern: str | None = Field(None, max_length=1000)
    vendor: str | None = Field(None, max_length=100)


class Files(BaseModel):
    """Files that a client has: names, or names with size and SHA-256."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: list[ExpectedFile | str] = Field(max_length=200_000)

    def expected(self) -> list[ExpectedFile]:
        """All as values."""
        return [
            ExpectedFile(name=f, size=None, sha256=None) if isinstance(f, str) else f
            for f in self.files
        ]


class ServerFolder(BaseModel):
    """A folder of the server."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str = Field(max_length=4000)


# -- plates -------------------------------------------------------------------------------------


def _plate(experiment: Reading, name: str, description: str) -> dict[str, Any]:
    rows = [_acquisition(each) for each in uploads.acquisitions(experiment, name)]
    states = {row["status"] for row in rows}
    status = "UPLOADING" if "UPLOADING" in states else "WAITING"
    return {
        "id": encode(name),
        "name": name,
        "description": description,
        "status": "COMPLETE" if states == {"COMPLETE"} else status,
        "acquisitions": rows,
    }


@router.get("/plates")
def get_plates(experiment: Reading, name: Text = "") -> dict[str, Any]:
    """Plates with their acquisitions."""
    found = uploads.plates(experiment).items()
    return {"data": [_plate(experiment, *pair) for pair in found if name in ("", pair[0])]}


@router.post("/plates")
def create_plate(experiment: Writing, new: NewPlate) -> dict[str, Any]:
    """Make a plate."""
    uploads.add_plate(experiment, new.name, new.description)
    return {"data": _plate(experiment, new.name, new.description)}


@router.get("/plates/{plate_id}")
def get_plate(experiment: Reading, plate_id: str) -> dict[str, Any]:
    """One plate."""
    (name,) = decode(plate_id)
    return {"data": _plate(experiment, name, _known_plate(experiment, name))}


def _known_plate(experiment: Reading, name: str) -> str:
    known = uploads.plates(experiment)
    if name not in known:
        raise unknown("plate", name, known)
    return known[name]


@router.delete("/plates/{plate_id}")
def delete_plate(experiment: Writing, plate_id: str) -> dict[str, str]:
    """Remove a plate with its files, as long as nothing was made of it."""
    (name,) = decode(plate_id)
    _known_plate(experiment, name)
    uploads.check_not_taken_up(experiment, name)
    for each in uploads.acquisitions(experiment, name):
        each.remove()
    remove(Acquisition(experiment.path, name, "any").folder.parent)
    return {"message": "ok"}


# -- acquisitions -------------------------------------------------------------------------------


def _acquisition(each: Acquisition) -> dict[str, Any]:
    return {
        "id": encode(each.plate, each.name),
        "name": each.name,
        "plate_name": each.plate,
        "description": each.about().get("description", ""),
        "status": each.status() if each.about() else "COMPLETE",
    }


def _found(experiment: Reading, acquisition_id: str) -> Acquisition:
    return uploads.find_acquisition(experiment, *decode(acquisition_id, 2))


@router.get("/acquisitions")
def get_acquisitions(experiment: Reading, plate_name: Text = "", name: Text = "") -> dict[str, Any]:
    """Acquisitions with their state: WAITING, UPLOADING or COMPLETE."""
    found = uploads.acquisitions(experiment, plate_name)
    return {"data": [_acquisition(each) for each in found if name in ("", each.name)]}


@router.post("/acquisitions")
def create_acquisition(experiment: Writing, new: NewAcquisition) -> dict[str, Any]:
    """Make an acquisition of a plate."""
    _known_plate(experiment, new.plate_name)
    names = [each.name for each in uploads.acquisitions(experiment, new.plate_name)]
    if new.name in names:
        raise InputError(f"Plate '{new.plate_name}' has an acquisition '{new.name}' already.")
    each = Acquisition(experiment.path, new.plate_name, new.name)
    each.declare(description=new.description, pattern=new.pattern, vendor=new.vendor)
    return {"data": _acquisition(each)}


@router.get("/acquisitions/{acquisition_id}")
def get_acquisition(experiment: Reading, acquisition_id: str) -> dict[str, Any]:
    """One acquisition."""
    return {"data": _acquisition(_found(experiment, acquisition_id))}


@router.delete("/acquisitions/{acquisition_id}")
def delete_acquisition(experiment: Writing, acquisition_id: str) -> dict[str, str]:
    """Remove an acquisition with its files, as long as nothing was made of it."""
    each = _found(experiment, acquisition_id)
    uploads.check_not_taken_up(experiment, each.plate, each.name)
    each.remove()
    return {"message": "ok"}


@router.post("/acquisitions/{acquisition_id}/register")
def register_folder(
    server: ServerOf, user: Caller, experiment: Writing, acquisition_id: str, folder: ServerFolder
) -> dict[str, str]:
    """Take the files of a folder of the server, which stay where they are."""
    each = _found(experiment, acquisition_id)
    path = Path(folder.path)
    allowed = [root.resolve() for root in server.settings.register_folders]
    if not path.is_absolute() or not any(path.resolve().is_relative_to(root) for root in allowed):
        raise InputError(
            f"'{path}' is in no folder that this server lets you register. Whoever runs it allows "
            "folders by --register-folder."
        )
    about = each.about()
    found = scan(path.resolve(), pattern=about.get("pattern"), vendor=about.get("vendor"))
    experiment.add(found, plate=each.plate, acquisition=each.name)
    return {"message": "ok"}


# -- files --------------------------------------------------------------------------------------


@router.post("/acquisitions/{acquisition_id}/upload/register")
def register_upload(experiment: Writing, acquisition_id: str, files: Files) -> dict[str, Any]:
    """Announce files; returns the names of those that are to be sent."""
    return {"data": _found(experiment, acquisition_id).expect(files.expected())}


@router.post("/acquisitions/{acquisition_id}/upload/validity-check")
def check_upload(experiment: Reading, acquisition_id: str, files: Files) -> dict[str, Any]:
    """Which files are here as the client has them."""
    each = _found(experiment, acquisition_id)
    return {
        "data": [{"name": file.name, "is_valid": each.is_valid(file)} for file in files.expected()]
    }


@router.post("/acquisitions/{acquisition_id}/microscope-file")
def upload_file(
    server: ServerOf, experiment: Writing, acquisition_id: str, file: UploadFile
) -> dict[str, str]:
    """Send one whole file, as a form."""
    each = _found(experiment, acquisition_id)
    with server.uploading:
        each.put(file.filename or "", file.file)
    return {"message": "ok"}


@router.post("/acquisitions/{acquisition_id}/upload/archive")
def upload_archive(
    server: ServerOf, experiment: Writing, acquisition_id: str, body: Body
) -> dict[str, Any]:
    """Send many files in one request, as a tar archive; returns the names that were taken."""
    each = _found(experiment, acquisition_id)
    with server.uploading:
        return {"data": each.put_all(body)}


@router.get("/acquisitions/{acquisition_id}/upload/files/{name:path}")
def get_upload(experiment: Reading, acquisition_id: str, name: str) -> dict[str, Any]:
    """How much of a file is here."""
    size, complete = _found(experiment, acquisition_id).have(name)
    return {"data": {"size": size, "complete": complete}}


@router.put("/acquisitions/{acquisition_id}/upload/files/{name:path}")
def upload_piece(
    server: ServerOf,
    experiment: Writing,
    acquisition_id: str,
    name: str,
    body: Body,
    offset: Annotated[int, Query(ge=0, le=2**50)] = 0,
) -> dict[str, Any]:
    """Send a piece of a file that was registered, beginning at a byte."""
    each = _found(experiment, acquisition_id)
    with server.uploading:
        size, complete = each.append(name, offset, body)
    return {"data": {"size": size, "complete": complete}}


@router.get("/acquisitions/{acquisition_id}/upload/count")
def count_uploads(experiment: Reading, acquisition_id: str) -> dict[str, int]:
    """How many files are whole."""
    states = _found(experiment, acquisition_id).files().values()
    return {"data": sum(state == "COMPLETE" for state in states)}


def _listed(experiment: Reading, acquisition_id: str, *, images: bool) -> dict[str, Any]:
    files = _found(experiment, acquisition_id).files()
    return {
        "data": [
            {"name": name, "status": status}
            for name, status in files.items()
            if uploads.is_image(name) == images
        ]
    }


@router.get("/acquisitions/{acquisition_id}/images")
def get_image_files(experiment: Reading, acquisition_id: str) -> dict[str, Any]:
    """Files that hold pixels, with their state."""
    return _listed(experiment, acquisition_id, images=True)


@router.get("/acquisitions/{acquisition_id}/metadata")
def get_metadata_files(experiment: Reading, acquisition_id: str) -> dict[str, Any]:
    """All other files, with their state."""
    return _listed(experiment, acquisition_id, images=False)
