"""Layers of the map: objects as vector tiles (GeoJSON), plain or with what a tool said of them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import pandas as pd
from fastapi import APIRouter, Query, Response

from napari_tmaps.client.ids import decode, encode
from napari_tmaps.errors import NotFoundError, unknown
from napari_tmaps.server.access import Reading, ServerOf
from napari_tmaps.server.outline_tiles import outline_tile, outline_zooms
from napari_tmaps.server.routes_layers import Number, Text
from napari_tmaps.server.routes_objects import known_name
from napari_tmaps.server.tiles import TILE, zooms
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.feature_table import FeatureTable
from napari_tmaps.tools.run import results_of

router = APIRouter(prefix="/api/experiments/{experiment_id}/segmentation_layers", tags=["map"])

Zoom = Annotated[int, Query(ge=0, le=30)]
Value = float | int | str | None


@router.get("")
def get_segmentation_layers(
    server: ServerOf, experiment: Reading, plate_name: Text = ""
) -> dict[str, Any]:
    """A layer for each plate and object type.

    Its tiles have outlines from `outline_zoom` to `max_zoom`, points from `point_zoom`, and nothing
    farther away.
    """
    plates = [name for name in experiment.plate_names() if plate_name in ("", name)]
    types = list(experiment.catalogue.object_types()["name"])
    layers = []
    for name in plates:
        try:
            with server.maps.use(experiment.path, name) as plate:
                for object_type in types:
                    begins = outline_zooms(plate, object_type)
                    layers.append(
                        {
                            "id": encode(name, object_type),
                            "name": object_type,
                            "mapobject_type_name": object_type,
                            "plate_name": name,
                            "max_zoom": zooms(plate),
                            "outline_zoom": begins.outlines,
                            "point_zoom": begins.points,
                            "tile_size": TILE,
                            "image_height": plate.plan.size[0],
                            "image_width": plate.plan.size[1],
                            "tpoints": plate.plan.times,
                            "zplanes": plate.plan.depth,
                        }
                    )
        except NotFoundError:  # a plate without a layout has no map yet
            continue
    return {"data": layers}


@router.get("/{layer_id}/tiles", response_class=Response)
def get_outline_tile(
    server: ServerOf,
    experiment: Reading,
    layer_id: str,
    x: Number,
    y: Number,
    z: Zoom,
    tpoint: Number = 0,
    zplane: Number = 0,
) -> Response:
    """Objects of a tile as GeoJSON, in pixels x, y of the map at full size.

    An object that lies in several tiles is given whole in each, with the same `id`.
    """
    features = _features(server, experiment, layer_id, (z, y, x), (tpoint, zplane))
    return _geojson(features)


@router.get("/{layer_id}/labeled_tiles", response_class=Response)
def get_labeled_tile(
    server: ServerOf,
    experiment: Reading,
    layer_id: str,
    x: Number,
    y: Number,
    z: Zoom,
    result_name: Text,
    tpoint: Number = 0,
    zplane: Number = 0,
) -> Response:
    """The same with the `value` of a result for each object: a number, the name of a class or null.

    A result of several columns is asked for as `<result>:<column>`.
    """
    features = _features(server, experiment, layer_id, (z, y, x), (tpoint, zplane))
    _, object_type = decode(layer_id, 2)
    values = _values(experiment, object_type, result_name, [f["properties"] for f in features])
    for feature, value in zip(features, values, strict=True):
        feature["properties"]["value"] = value
    return _geojson(features)


def _features(
    server: ServerOf,
    experiment: Experiment,
    layer_id: str,
    tile: tuple[int, int, int],
    plane: tuple[int, int],
) -> list[dict[str, Any]]:
    plate_name, object_type = decode(layer_id, 2)
    known_name(experiment, object_type)
    found = []
    with server.maps.use(experiment.path, plate_name) as plate:
        for number, geometry in outline_tile(plate, object_type, *tile, *plane):
            well, site, label = plate.plan.object_at(number)
            properties = {
                "type": object_type,
                "plate_name": plate_name,
                "well_name": well,
                "site": site,
                "tpoint": plane[0],
                "zplane": plane[1],
                "label": label,
            }
            found.append(
                {"type": "Feature", "id": number, "geometry": geometry, "properties": properties}
            )
    return found


def _values(
    experiment: Experiment, object_type: str, name: str, objects: list[Mapping[str, Any]]
) -> list[Value]:
    table = FeatureTable(experiment.features, object_type)
    before = set(table.columns)
    results_of(experiment).attach(table)
    columns = [each for each in table.columns if each not in before]
    named = [each for each in columns if name in (each, each.rpartition(":")[0])]
    if len(named) != 1:
        raise unknown("column of a result", name, columns)
    keys = {"plate_name": "plate", "well_name": "well", "tpoint": "t"}
    wanted = ["plate_name", "well_name", "site", "tpoint", "label"]
    frame = pd.DataFrame(objects, columns=wanted).rename(columns=keys)
    rows = table.rows_of(frame)
    shown = table.frame(named, np.maximum(rows, 0))[named[0]] if len(rows) else pd.Series()
    return [None if row < 0 else _plain(value) for row, value in zip(rows, shown, strict=True)]


def _plain(value: Any) -> Value:
    if value is None or isinstance(value, str):
        return value
    number = float(value)
    if math.isnan(number):
        return None
    return int(number) if number.is_integer() else number


def _geojson(features: list[dict[str, Any]]) -> Response:
    content = {"type": "FeatureCollection", "features": features}
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(text.encode(), media_type="application/geo+json")
