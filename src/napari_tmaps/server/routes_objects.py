"""Object types, segmentations, features, and their values as streamed CSV."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from napari_tmaps.client.ids import decode, encode
from napari_tmaps.errors import InputError, NotFoundError, unknown
from napari_tmaps.server.access import Reading
from napari_tmaps.server.routes_images import Format, Place, attachment, image_answer
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.feature_table import Categories, FeatureTable
from napari_tmaps.store.features import INDEX
from napari_tmaps.tools.run import results_of

router = APIRouter(prefix="/api/experiments/{experiment_id}", tags=["objects"])

Text = Annotated[str, Query(max_length=200)]
_ROWS = 20_000
"""Rows of a CSV that are in memory at a time."""


class LabelsPlace(Place):
    """Where labels are asked for."""

    align: bool = False
    format: Format = Format.PNG


def known_type(experiment: Experiment, type_id: str) -> str:
    """Name of the object type with an id.

    Raises
    ------
    NotFoundError
        There is none.
    """
    (name,) = decode(type_id)
    return known_name(experiment, name)


def known_name(experiment: Experiment, name: str) -> str:
    """The name of an object type, once it is known that there is one.

    Raises
    ------
    NotFoundError
        There is none.
    """
    names = [*experiment.catalogue.object_types()["name"]]
    if name not in names:
        raise unknown("object type", name, names)
    return name


@router.get("/mapobject_types")
def get_object_types(experiment: Reading, name: Text = "") -> dict[str, Any]:
    """Object types with the number of their objects and features."""
    rows = experiment.catalogue.object_types().to_dict("records")
    return {
        "data": [
            {
                "id": encode(row["name"]),
                "name": row["name"],
                "pipeline": row["pipeline"],
                "objects": row["objects"],
                "features": row["features"],
                "stale": bool(row["stale"]),
            }
            for row in rows
            if name in ("", row["name"])
        ]
    }


@router.get("/mapobject_types/{type_id}/features")
def get_features(experiment: Reading, type_id: str) -> dict[str, Any]:
    """Names of the features of a type."""
    name = known_type(experiment, type_id)
    columns = experiment.features.columns(name)
    return {"data": [{"id": encode(name, each), "name": each} for each in columns]}


@router.get("/mapobject_types/{type_id}/segmentations", response_class=Response)
def get_segmentation(
    experiment: Reading, type_id: str, place: Annotated[LabelsPlace, Query()]
) -> Response:
    """Labels of a site: TIFF and raw int32; PNG 16 bit as far as they fit."""
    name = known_type(experiment, type_id)
    site = place.site(experiment)
    labels = experiment.plate(site[0]).read_labels(site[1], site[2], name)
    if place.tpoint >= labels.shape[0] or place.zplane >= labels.shape[1]:
        raise NotFoundError(
            f"There are {labels.shape[0]} time points and {labels.shape[1]} planes; "
            f"t {place.tpoint}, z {place.zplane} is none of them."
        )
    pixels = labels[place.tpoint]
    window = experiment.shifts.window(*site) if place.align else None
    pixels = (pixels if window is None else window.cut(pixels, -1))[place.zplane]
    if place.format is Format.PNG:
        if pixels.max(initial=0) > 65535:
            raise InputError("PNG holds 65535 objects at most; ask for format=tiff or format=raw.")
        pixels = pixels.astype(np.uint16)
    stem = f"{experiment.name}_{place.file_part()}_{name}"
    return image_answer(pixels, place.format, stem)


@router.get("/mapobject_types/{type_id}/feature-values", response_class=StreamingResponse)
@router.get("/mapobjects/{type_id}/feature-values", response_class=StreamingResponse)
def get_feature_values(
    experiment: Reading,
    type_id: str,
    plate_name: Text = "",
    well_name: Text = "",
    features: Annotated[list[str] | None, Query(max_length=10_000)] = None,
) -> StreamingResponse:
    """One row an object: mapobject_id and its features."""
    name = known_type(experiment, type_id)
    columns = experiment.features.columns(name) if features is None else features
    rows = _rows(experiment, name, columns, plate_name, well_name)
    return _csv(experiment, name, "feature-values", rows)


@router.get("/mapobject_types/{type_id}/metadata", response_class=StreamingResponse)
@router.get("/mapobjects/{type_id}/metadata", response_class=StreamingResponse)
def get_metadata(
    experiment: Reading, type_id: str, plate_name: Text = "", well_name: Text = ""
) -> StreamingResponse:
    """One row an object: mapobject_id, where it lies, its label, and the results of tools."""
    name = known_type(experiment, type_id)
    rows = _rows(experiment, name, None, plate_name, well_name)
    return _csv(experiment, name, "metadata", rows)


@router.get("/mapobjects/{mapobject_id}/info")
def get_object_info(experiment: Reading, mapobject_id: str) -> dict[str, Any]:
    """Where one object lies; the id is made of its type and its mapobject_id."""
    type_name, text = decode(mapobject_id, 2)
    name = known_name(experiment, type_name)
    table = FeatureTable(experiment.features, name)
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    if not 0 < number <= len(table):
        raise NotFoundError(f"There is no object {text} of the {len(table)} {name}.")
    row = table.index(np.array([number - 1])).iloc[0]
    sites = experiment.sites(row["plate"], row["well"]).set_index("site")
    if row["site"] not in sites.index:
        raise NotFoundError(
            f"Object {text} of the {name} lies in site {row['site']} of well {row['well']}, which "
            "the layout has not any more. Analyse again."
        )
    place = sites.loc[row["site"]]
    return {
        "data": {
            "id": mapobject_id,
            "mapobject_id": number,
            "type": name,
            "experiment_name": experiment.name,
            "plate_name": row["plate"],
            "well_name": row["well"],
            "well_pos_y": int(place["y"]),
            "well_pos_x": int(place["x"]),
            "tpoint": int(row["t"]),
            "zplane": 0,
            "label": int(row["label"]),
        }
    }


def _csv(experiment: Reading, name: str, what: str, rows: Iterator[bytes]) -> StreamingResponse:
    headers = attachment(f"{experiment.name}_{name}_{what}.csv")
    first = next(rows)  # what cannot be read at all is told before the answer begins
    return StreamingResponse(
        _after(first, rows), media_type="application/octet-stream", headers=headers
    )


def _after(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _rows(
    experiment: Reading, name: str, columns: list[str] | None, plate: str, well: str
) -> Iterator[bytes]:
    """CSV in pieces: features where columns are given, else where the objects lie.

    The id of an object is its place in the whole table, the same whatever is filtered.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv

    places, results = {}, {}
    if columns is None:
        sites = experiment.catalogue.sites()
        keys = zip(sites["plate"], sites["well"], sites["site"], strict=True)
        places = dict(zip(keys, zip(sites["y"], sites["x"], strict=True), strict=True))
        results = _results(experiment, name)
    plain = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")
    begun = False
    number = 1
    for table in experiment.features.tables(name, ["is_border"] if columns is None else columns):
        ids = pa.array(np.arange(number, number + table.num_rows))
        number += table.num_rows
        if columns is not None:
            shown = {"mapobject_id": ids} | {each: table[each] for each in columns}
        else:
            begin = number - table.num_rows - 1
            shown = {"mapobject_id": ids} | _places(table, places)
            shown |= {key: part[begin : number - 1] for key, part in results.items()}
        answer = pa.table(shown)
        for column, wanted in (("plate", plate), ("well", well)):
            if wanted:
                keep = pc.equal(table[column].cast(pa.string()), wanted)
                answer, table = answer.filter(keep), table.filter(keep)
        if not begun:
            begun = True
            yield (",".join(_quoted(each) for each in answer.column_names) + "\n").encode()
        for begin in range(0, answer.num_rows, _ROWS):
            sink = pa.BufferOutputStream()
            pyarrow.csv.write_csv(answer.slice(begin, _ROWS), sink, plain)
            yield sink.getvalue().to_pybytes()


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"' if any(letter in name for letter in ',"\n') else name


def _places(table: Any, places: dict[tuple[str, str, int], tuple[int, int]]) -> dict[str, Any]:
    frame = {name: table[name].to_pylist() for name in INDEX}
    keys = zip(frame["plate"], frame["well"], frame["site"], strict=True)
    found = [places.get(key, (None, None)) for key in keys]
    return {
        "plate_name": frame["plate"],
        "well_name": frame["well"],
        "well_pos_y": [y for y, _ in found],
        "well_pos_x": [x for _, x in found],
        "tpoint": frame["t"],
        "zplane": [0] * len(found),
        "label": frame["label"],
        "is_border": table["is_border"],
    }


def _results(experiment: Reading, name: str) -> dict[str, Any]:
    """The columns of all results, a value for each object; classes by their names."""
    table = FeatureTable(experiment.features, name)
    before = set(table.columns)
    results_of(experiment).attach(table)
    found: dict[str, Any] = {}
    for column in table.columns:
        if column not in before:
            value = table.column(column)
            if isinstance(value, Categories):
                texts = np.array([*value.names, None], object)
                found[column] = texts[value.codes]
            else:
                found[column] = value
    return found
