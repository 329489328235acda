"""Experiments: list, make, rename, delete, share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from napari_tmaps.client.ids import encode
from napari_tmaps.errors import ExistsError, InputError, NotFoundError
from napari_tmaps.model.layout import WorkflowType
from napari_tmaps.server.access import Caller, Owned, Readable, Reading, Server, ServerOf
from napari_tmaps.server.users import Entry
from napari_tmaps.store.experiment import Experiment, is_experiment
from napari_tmaps.store.names import safe_name
from napari_tmaps.streams.atomic import remove
from napari_tmaps.vendors import VENDORS
from napari_tmaps.workflow.lock import ask_to_stop, coordinator

router = APIRouter(prefix="/api", tags=["experiments"])

Name = Annotated[str, Field(min_length=1, max_length=100)]


class NewExperiment(BaseModel):
    """An experiment to be made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    description: str = Field("", max_length=10_000)
    workflow_type: WorkflowType = "canonical"
    microscope_type: str = Field("", max_length=100)
    plate_format: int = 0
    plate_acquisition_mode: str = Field("", max_length=100)


class NewName(BaseModel):
    """What a thing shall be called."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name


class Share(BaseModel):
    """With whom to share, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    user: str = Field(max_length=64)
    write_access: bool = False


@router.get("/workflow_types")
def get_workflow_types(user: Caller) -> dict[str, Any]:
    """Types of experiments."""
    return {"data": ["canonical", "multiplexing"]}


@router.get("/microscope_types")
def get_microscope_types(user: Caller) -> dict[str, Any]:
    """Formats that are recognised; nobody has to choose one."""
    return {"data": [vendor.name for vendor in VENDORS]}


@router.get("/acquisition_modes")
def get_acquisition_modes(user: Caller) -> dict[str, Any]:
    """What several acquisitions of a plate are: time points, or staining cycles."""
    return {"data": ["basic", "multiplexing"]}


@router.get("/experiments")
def get_experiments(
    server: ServerOf, user: Caller, name: Annotated[str | None, Query(max_length=100)] = None
) -> dict[str, Any]:
    """Experiments that the user may see."""
    entries = filter(_is_there, server.users.experiments(user))
    found = [describe(server, entry) for entry in entries]
    return {"data": [row for row in found if name in (None, row["name"])]}


def _is_there(entry: Entry) -> bool:
    return is_experiment(entry.path)


def describe(server: Server, entry: Entry) -> dict[str, Any]:
    """An experiment as clients see it."""
    with server.experiments.use(entry.path) as experiment:
        return {
            "id": encode(entry.id),
            "name": experiment.name,
            "description": experiment.catalogue.get("description", ""),
            "user": entry.owner,
            "workflow_type": experiment.workflow_type,
            "write_access": entry.write,
        }


@router.post("/experiments")
def create_experiment(server: ServerOf, user: Caller, new: NewExperiment) -> dict[str, Any]:
    """Make an experiment; it belongs to the user."""
    _check_free(server, user, new.name)
    multiplexed = "multiplexing" in (new.workflow_type, new.plate_acquisition_mode)
    path = _folder(server, user, new.name)
    with Experiment.create(
        path,
        name=new.name,
        description=new.description,
        workflow_type="multiplexing" if multiplexed else "canonical",
    ):
        number = server.users.register(path, user)
    return {"data": describe(server, server.users.entry(user, number))}


def _folder(server: Server, user: str, name: str) -> Path:
    """A new folder for an experiment, in that of the user."""
    folder = server.settings.folders[0].absolute() / safe_name(user)
    stem = safe_name(name)
    path = folder / f"{stem}.tmaps"
    number = 2
    while path.exists():
        path = folder / f"{stem}-{number}.tmaps"
        number += 1
    return path


def _check_free(server: Server, user: str, name: str) -> None:
    for entry in server.users.experiments(user):
        mine = entry.owner == user and _is_there(entry)
        if mine and describe(server, entry)["name"] == name:
            raise ExistsError(f"You have an experiment '{name}' already. Choose another name.")


@router.get("/experiments/{experiment_id}")
def get_experiment(server: ServerOf, entry: Readable) -> dict[str, Any]:
    """One experiment."""
    return {"data": describe(server, entry)}


@router.get("/experiments/{experiment_id}/info")
def get_info(experiment: Reading) -> dict[str, Any]:
    """What it holds: the same as `tmaps info --json`, without folders of the server."""
    info = experiment.info()
    for row in info["acquisitions"]:
        row.pop("folder")
    return {"data": info}


@router.put("/experiments/{experiment_id}")
def rename_experiment(server: ServerOf, user: Caller, entry: Owned, new: NewName) -> dict[str, str]:
    """Give it another name; its folder stays."""
    _check_free(server, user, new.name)
    with Experiment.open(entry.path) as experiment:
        experiment.catalogue.set("name", new.name)
    return {"message": "ok"}


@router.delete("/experiments/{experiment_id}")
def delete_experiment(server: ServerOf, entry: Owned) -> dict[str, str]:
    """Stop what works on it, and remove it from the disk if it was made by this server.

    One that lay in the folder before is only taken from the list.
    """
    if coordinator(entry.path) is not None:
        ask_to_stop(entry.path)
        raise ExistsError("Something was at work on it and has been stopped. Delete it again.")
    server.users.forget(entry.id)
    server.give_back(entry.path)
    made_here = server.settings.folders[0].absolute() / safe_name(entry.owner)
    if entry.path.parent == made_here:
        remove(entry.path)
    return {"message": "ok"}


@router.get("/experiments/{experiment_id}/shares")
def get_shares(server: ServerOf, entry: Readable) -> dict[str, Any]:
    """With whom it is shared."""
    shares = server.users.shares(entry.id)
    return {"data": [{"user": user, "write_access": write} for user, write in shares.items()]}


@router.post("/experiments/{experiment_id}/shares")
def add_share(server: ServerOf, entry: Owned, share: Share) -> dict[str, str]:
    """Share it to read, or to write."""
    if share.user == entry.owner:
        raise InputError(f"The experiment belongs to '{share.user}' already.")
    server.users.share(entry.id, share.user, write=share.write_access)
    return {"message": "ok"}


@router.delete("/experiments/{experiment_id}/shares/{name}")
def remove_share(server: ServerOf, entry: Owned, name: str) -> dict[str, str]:
    """Share it no longer with a user."""
    if name not in server.users.shares(entry.id):
        raise NotFoundError(f"It is not shared with '{name}'.")
    server.users.unshare(entry.id, name)
    return {"message": "ok"}
