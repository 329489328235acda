"""Objects that clients found: object types, their labels, and what was measured of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from napari_tmaps.client.ids import encode
from napari_tmaps.errors import InputError
from napari_tmaps.pipeline.foreign import create_type, forget_type, put_labels, put_values
from napari_tmaps.server.access import ServerOf, Writing, alone
from napari_tmaps.server.arrays import array_of
from napari_tmaps.server.routes_images import Place
from napari_tmaps.server.routes_objects import known_type
from napari_tmaps.store.corrections import SiteObjects

router = APIRouter(prefix="/api/experiments/{experiment_id}/mapobject_types", tags=["objects"])

_SENT = "objects that are sent"


class NewType(BaseModel):
    """An object type to be made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=100)


class NewLabels(Place):
    """Labels of a site; `image` is an array (y, x) or (z, y, x) as .npy or .npz, in base64."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: str


class NewValues(Place):
    """What was measured: `values` has a row for each of `labels`, a number for each of `names`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: list[str] = Field(min_length=1, max_length=10_000)
    labels: list[int] = Field(max_length=1_000_000)
    values: list[list[float | None]]


@router.post("")
def create_object_type(experiment: Writing, new: NewType) -> dict[str, Any]:
    """Make an object type, to send objects to."""
    create_type(experiment, new.name)
    return {"data": {"id": encode(new.name), "name": new.name}}


@router.delete("/{type_id}")
def delete_object_type(server: ServerOf, experiment: Writing, type_id: str) -> dict[str, str]:
    """Delete objects that were sent, with all that was measured of them."""
    with alone(server, experiment, _SENT):
        forget_type(experiment, known_type(experiment, type_id))
    return {"message": "ok"}


@router.post("/{type_id}/segmentations")
def add_segmentation(
    server: ServerOf, experiment: Writing, type_id: str, new: NewLabels
) -> dict[str, Any]:
    """Send the objects of a site; those that were there are replaced."""
    place = _place(experiment, type_id, new)
    labels = array_of(new.image, "image")
    with alone(server, experiment, _SENT):
        number = put_labels(experiment, place, labels)
    return {"message": "ok", "objects": number}


@router.post("/{type_id}/feature-values")
def add_feature_values(
    server: ServerOf, experiment: Writing, type_id: str, new: NewValues
) -> dict[str, str]:
    """Send what was measured of objects of a site."""
    place = _place(experiment, type_id, new)
    if {len(row) for row in new.values} - {len(new.names)} or len(new.values) != len(new.labels):
        raise InputError(
            f"'values' must have {len(new.labels)} rows (labels) of {len(new.names)} numbers "
            "(names)."
        )
    matrix = np.array(new.values, np.float64).reshape(len(new.labels), len(new.names))
    columns = {name: matrix[:, n] for n, name in enumerate(new.names)}
    with alone(server, experiment, _SENT):
        put_values(experiment, place, new.labels, columns)  # type: ignore[arg-type]
    return {"message": "ok"}


def _place(experiment: Writing, type_id: str, at: Place) -> SiteObjects:
    name = known_type(experiment, type_id)
    if at.zplane:
        raise InputError("Labels of all planes of a site are sent at once, with zplane 0.")
    return SiteObjects(name, *at.site(experiment), at.tpoint)
