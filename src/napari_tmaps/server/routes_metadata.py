"""Metadata that people corrected after the import."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from napari_tmaps.model.metadata_edits import MetadataEdits
from napari_tmaps.model.progress import finish
from napari_tmaps.server.access import Caller, Reading, ServerOf, Writing
from napari_tmaps.store.edited_values import edited
from napari_tmaps.workflow.correcting_metadata import correct_metadata

router = APIRouter(prefix="/api/experiments/{experiment_id}", tags=["by hand"])


class Asked(BaseModel):
    """Fields that are null go back to what is recorded; `sure` takes doubtful values, too."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    edits: dict[str, Any]
    sure: bool = False


@router.get("/metadata")
def get_metadata(experiment: Reading) -> dict[str, Any]:
    """The values that are corrected now, beside what is recorded."""
    return {"data": edited(experiment)}


@router.put("/metadata")
def put_metadata(
    server: ServerOf, user: Caller, experiment: Writing, asked: Asked
) -> dict[str, Any]:
    """Correct metadata; the answer is what follows from it, in sentences."""
    edits = MetadataEdits.of(**asked.edits)
    with server.uploading:
        return {"data": finish(correct_metadata(experiment, edits, sure=asked.sure, who=user))}
