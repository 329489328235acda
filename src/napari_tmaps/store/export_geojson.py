"""Outlines of objects as GeoJSON: opens in QuPath and in any geometry library."""

from __future__ import annotations

import json
import uuid
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_tmaps.errors import InputError, NotFoundError, unknown
from napari_tmaps.measure.outlines import Polygon, outlines
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.feature_table import Categories, FeatureTable, Mask
from napari_tmaps.store.mapplan import plan_map
from napari_tmaps.streams.atomic import disk_errors, replacing


def write_geojson(
    experiment: Experiment,
    table: FeatureTable,
    path: Path,
    *,
    plate: str,
    site: tuple[str, int] | None = None,
    columns: Sequence[str] = (),
    rows: Mask | None = None,
    classes: str = "",
    colors: dict[str, str] | None = None,
) -> Generator[Progress, None, int]:
    """Write polygons of objects, with their holes, features and classes.

    Parameters
    ----------
    plate
        Of which plate.
    site
        (well, site): only that, in pixels of the site. None means the whole plate, in pixels of its
        map at full size.
    columns
        Numbers that go along as measurements; all features if none are named.
    rows
        Only these objects.
    classes
        A column of names that becomes the classification, e.g. "sizes:class".
    colors
        "#rrggbb" of the classes.

    Returns
    -------
    int
        Number of objects.

    Raises
    ------
    NotFoundError
        No such plate, site or column, or no labels.
    InputError
        The ending, or a column of classes that holds numbers.
    StorageError
        The disk refuses; nothing half-written is left.
    """
    if path.suffix.lower() not in (".geojson", ".json"):
        raise InputError(f"'{path.name}' should end in .geojson.")
    plan = plan_map(experiment, plate)
    sites = [each for each in plan.sites if site is None or (each.well, each.site) == site]
    if not sites:
        well, number = site or ("", 0)
        raise NotFoundError(f"Plate '{plate}' has no {well} site {number}.")
    measured = list(columns) or list(table.features)
    for name in measured:
        table.numbers(name)
    classified = table.column(classes) if classes else None
    if classified is not None and not isinstance(classified, Categories):
        raise InputError(f"'{classes}' holds numbers, not classes. Choose a column of names.")
    palette = dict(colors or {})
    places = {well: rows for of, well, rows in table.wells if of == plate}
    folder = experiment.plate(plate)
    written = 0
    with replacing(path) as temporary, disk_errors(path), temporary.open("w") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        for n, each in enumerate(sites):
            yield Progress("outlines", n, len(sites), f"{each.well} site {each.site}")
            rows_here = places.get(each.well)
            if rows_here is None or table.object_type not in folder.label_names(
                each.well, each.site
            ):
                continue
            here = np.arange(rows_here.start, rows_here.stop)
            here = here[table.numbers("site")[here] == each.site]
            if rows is not None:
                here = here[rows[here]]
            index = table.index(here)
            of = {
                (int(t), int(label)): int(row)
                for t, label, row in zip(index["t"], index["label"], here, strict=True)
            }
            values = table.frame(measured, here)
            facts = dict(zip(here.tolist(), values.to_dict("records"), strict=True))
            corner = (0, 0) if site is not None else (each.left, each.top)
            labels = folder.read_labels(each.well, each.site, table.object_type)
            several = labels.shape[0] * labels.shape[1] > 1
            for t, z in np.ndindex(*labels.shape[:2]):
                for label, polygons in outlines(labels[t, z]):
                    row = of.get((t, label))
                    if row is None:
                        continue
                    name = ""
                    if classified is not None and classified.codes[row] >= 0:
                        name = classified.names[classified.codes[row]]
                    feature = _feature(
                        f"{plate} {each.well} site {each.site} {table.object_type} {label}",
                        geometry(polygons, corner, (z, t) if several else None),
                        facts[row],
                        name,
                        palette.get(name, ""),
                        (t, z),
                    )
                    text = json.dumps(feature, ensure_ascii=False, allow_nan=False)
                    file.write(("," if written else "") + "\n" + text)
                    written += 1
        file.write("\n]}\n")
    yield Progress("outlines", len(sites), len(sites))
    return written


def geometry(
    polygons: Sequence[Polygon], corner: tuple[int, int], plane: tuple[int, int] | None
) -> dict[str, Any]:
    """A Polygon, or a MultiPolygon where the object is in pieces."""
    rings = [
        [
            [*(ring + corner).tolist(), (ring[0] + corner).tolist()]
            for ring in (polygon.outer, *polygon.holes)
        ]
        for polygon in polygons
    ]
    found: dict[str, Any] = {"type": "Polygon", "coordinates": rings[0]}
    if len(rings) > 1:
        found = {"type": "MultiPolygon", "coordinates": rings}
    if plane is not None:
        found["plane"] = {"c": -1, "z": plane[0], "t": plane[1]}
    return found


def _feature(
    name: str,
    geometry: dict[str, Any],
    values: dict[str, Any],
    class_name: str,
    color: str,
    place: tuple[int, int],
) -> dict[str, Any]:
    """An object as QuPath describes its own."""
    measurements = {key: float(value) for key, value in values.items() if np.isfinite(float(value))}
    properties: dict[str, Any] = {
        "objectType": "detection",
        "name": name,
        "measurements": measurements,
    }
    if class_name:
        properties["classification"] = {"name": class_name}
        if color:
            parts = [int(color[n : n + 2], 16) for n in (1, 3, 5)]
            properties["classification"]["color"] = parts
    number = uuid.uuid5(uuid.NAMESPACE_OID, f"{name} {place}")
    return {"type": "Feature", "id": str(number), "geometry": geometry, "properties": properties}


def one_plate(experiment: Experiment, plate: str) -> str:
    """The plate of that name, or the only one.

    Raises
    ------
    InputError
        There are several, and none is named.
    NotFoundError
        There is no such plate.
    """
    names = experiment.plate_names()
    if plate and plate not in names:
        raise unknown("plate", plate, names)
    if not plate and len(names) != 1:
        raise InputError(f"Say which plate: {', '.join(names) or 'the experiment has none'}.")
    return plate or names[0]
