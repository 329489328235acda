"""Other names for plates, acquisitions, channels, object types and features."""

from __future__ import annotations

from fastapi import APIRouter

from napari_tmaps.client.ids import decode
from napari_tmaps.errors import NotFoundError
from napari_tmaps.pipeline.foreign import forget_feature, rename_feature, rename_type
from napari_tmaps.server.access import ServerOf, Writing, alone
from napari_tmaps.server.routes_experiments import NewName
from napari_tmaps.server.routes_objects import known_name, known_type

router = APIRouter(prefix="/api/experiments/{experiment_id}", tags=["names"])

_WHAT = "a new name"


@router.put("/plates/{plate_id}")
def put_plate_name(
    server: ServerOf, experiment: Writing, plate_id: str, new: NewName
) -> dict[str, str]:
    """Give a plate another name, in all that was made of it, too."""
    (name,) = decode(plate_id)
    with server.uploading:
        experiment.rename_plate(name, new.name)
    return {"message": "ok"}


@router.put("/acquisitions/{acquisition_id}")
def put_acquisition_name(
    server: ServerOf, experiment: Writing, acquisition_id: str, new: NewName
) -> dict[str, str]:
    """Give an acquisition of a plate another name."""
    plate, name = decode(acquisition_id, 2)
    with server.uploading:
        experiment.rename_acquisition(plate, name, new.name)
    return {"message": "ok"}


@router.put("/channels/{channel_id}")
def put_channel_name(
    server: ServerOf, experiment: Writing, channel_id: str, new: NewName
) -> dict[str, str]:
    """Give a channel another name, in its images and pipelines, too."""
    (name,) = decode(channel_id)
    with server.uploading:
        experiment.rename_channel(name, new.name)
    return {"message": "ok"}


@router.put("/mapobject_types/{type_id}")
def put_type_name(
    server: ServerOf, experiment: Writing, type_id: str, new: NewName
) -> dict[str, str]:
    """Give objects that were sent another name; those of a pipeline have the name that it gives."""
    with alone(server, experiment, _WHAT):
        rename_type(experiment, known_type(experiment, type_id), new.name)
    return {"message": "ok"}


@router.put("/features/{feature_id}")
def put_feature_name(
    server: ServerOf, experiment: Writing, feature_id: str, new: NewName
) -> dict[str, str]:
    """Give a feature that was sent another name; those of a pipeline have the names it gives."""
    with alone(server, experiment, _WHAT):
        rename_feature(experiment, *_feature(experiment, feature_id), new.name)
    return {"message": "ok"}


@router.delete("/features/{feature_id}")
def delete_feature(server: ServerOf, experiment: Writing, feature_id: str) -> dict[str, str]:
    """Remove a feature that was sent, of all objects."""
    with alone(server, experiment, "a feature that goes"):
        forget_feature(experiment, *_feature(experiment, feature_id))
    return {"message": "ok"}


def _feature(experiment: Writing, feature_id: str) -> tuple[str, str]:
    object_type, name = decode(feature_id, 2)
    if known_name(experiment, object_type) not in experiment.features.object_types():
        raise NotFoundError(f"The {object_type} have no features yet.")
    return object_type, name
