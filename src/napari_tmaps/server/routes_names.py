"""Other names for channels, object types and features, as TissueMAPS' API has it."""

from __future__ import annotations

from fastapi import APIRouter

from napari_tmaps.client.ids import decode
from napari_tmaps.errors import NotFoundError
from napari_tmaps.pipeline.foreign import rename_feature, rename_type
from napari_tmaps.pipeline.renaming import rename_channel
from napari_tmaps.server.access import ServerOf, Writing, alone
from napari_tmaps.server.routes_experiments import NewName
from napari_tmaps.server.routes_objects import known_name, known_type

router = APIRouter(prefix="/api/experiments/{experiment_id}", tags=["names"])

_WHAT = "a new name"


@router.put("/channels/{channel_id}")
def put_channel_name(
    server: ServerOf, experiment: Writing, channel_id: str, new: NewName
) -> dict[str, str]:
    """Give a channel another name, in its images and pipelines, too."""
    (name,) = decode(channel_id)
    with alone(server, experiment, _WHAT):
        rename_channel(experiment, name, new.name)
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
    object_type, name = decode(feature_id, 2)
    with alone(server, experiment, _WHAT):
        if known_name(experiment, object_type) not in experiment.features.object_types():
            raise NotFoundError(f"The {object_type} have no features yet.")
        rename_feature(experiment, object_type, name, new.name)
    return {"message": "ok"}
