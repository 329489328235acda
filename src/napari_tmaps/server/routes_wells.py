"""Wells, and what is said to be in them: the plate map, well by well."""

from __future__ import annotations

from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from napari_tmaps.client.ids import decode, encode
from napari_tmaps.errors import InputError
from napari_tmaps.server.access import Caller, Reading, ServerOf, Writing
from napari_tmaps.server.routes_images import sites_json
from napari_tmaps.store.plate_map import check_plate_map, load_plate_map, save_plate_map

router = APIRouter(prefix="/api/experiments/{experiment_id}/wells", tags=["images"])

Text = Annotated[str, Query(max_length=200)]
Value = Annotated[str, Field(max_length=1000)] | float | None


class Annotation(BaseModel):
    """What is in a well: columns of the plate map; null takes a value away."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    description: dict[Annotated[str, Field(min_length=1, max_length=100)], Value] = Field(
        max_length=100
    )


@router.get("")
def get_wells(experiment: Reading, plate_name: Text = "", name: Text = "") -> dict[str, Any]:
    """Wells that have sites, each with what the plate map says of it."""
    plates = [plate for plate in experiment.plate_names() if plate_name in ("", plate)]
    said = _said(experiment)
    return {
        "data": [
            {
                "id": encode(plate, well),
                "name": well,
                "plate_name": plate,
                "description": said.get((plate, well), {}),
            }
            for plate in plates
            for well in experiment.wells(plate)
            if name in ("", well)
        ]
    }


@router.get("/{well_id}")
def get_well(experiment: Reading, well_id: str) -> dict[str, Any]:
    """One well, with its sites."""
    plate, well = decode(well_id, 2)
    sites = experiment.sites(plate, well)
    return {
        "data": {
            "id": well_id,
            "name": well,
            "plate_name": plate,
            "description": _said(experiment).get((plate, well), {}),
            "sites": sites_json(sites.assign(plate=plate, well=well)),
        }
    }


def _said(experiment: Reading) -> dict[tuple[str, str], dict[str, str]]:
    known = load_plate_map(experiment.path, experiment.plate_names())
    found: dict[tuple[str, str], dict[str, str]] = {}
    for (plate, well, column), text in ({} if known is None else known.values()).items():
        found.setdefault((plate, well), {})[column] = text
    return found


@router.put("/{well_id}")
def put_well(
    server: ServerOf, user: Caller, experiment: Writing, well_id: str, said: Annotation
) -> dict[str, str]:
    """Say what is in a well; all else that the plate map has stays."""
    plate, well = decode(well_id, 2)
    experiment.sites(plate, well)  # refuses what is not there
    columns = {name.strip(): value for name, value in said.description.items()}
    wrong = {"plate", "well", ""} & {name.lower() for name in columns}
    if wrong:
        raise InputError(f"'{min(wrong)}' cannot be said of a well: it is what the well is.")
    plates = experiment.plate_names()
    with server.uploading:
        known = load_plate_map(experiment.path, plates)
        rows = [] if known is None else known.wells.to_dict("records")
        mine = [row for row in rows if (row["plate"], row["well"]) == (plate, well)]
        if not mine:
            rows.append({"plate": plate, "well": well})
        (mine or rows[-1:])[0].update(columns)
        changed = check_plate_map(pd.DataFrame(rows), plates, "description")
        save_plate_map(changed, experiment.path, plates, user)
    return {"message": "ok"}
