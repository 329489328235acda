"""Tables within the plate, beside images and labels, as ngio and Fractal read them.

    <image>/tables/<type>               feature_table: features of the objects, by label
    <image>/tables/<type>_objects       masking_roi_table: the box of each object
    <image>/tables/<type>_over_time     roi_table: the box of each object at each time point
    <image>/tables/image                roi_table: the whole image

These tables know objects by their labels alone. Of images of several time points the features have
a column `t` beside the label, and the box of a label in the masking table holds it at all of them.

Source: the table specifications of ngio 1.1 (version 1, backend parquet).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.errors import NotFoundError
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.feature_table import Categories, FeatureTable
from napari_tmaps.store.features import INDEX
from napari_tmaps.store.plates import PlateFolder
from napari_tmaps.streams import ngff
from napari_tmaps.streams.atomic import disk_errors, replacing

_BOX = ("x_micrometer", "y_micrometer", "z_micrometer")


def write_plate_tables(
    experiment: Experiment, table: FeatureTable
) -> Generator[Progress, None, int]:
    """Write the tables of one object type into all images that have its labels.

    Returns
    -------
    int
        Number of images that have tables now.

    Raises
    ------
    NotFoundError
        No image of the plates has such labels.
    StorageError
        The disk refuses.
    """
    object_type = table.object_type
    names = [name for name in table.columns if name not in INDEX]
    written = 0
    for n, (plate, well, rows) in enumerate(table.wells):
        yield Progress("wells", n, len(table.wells), f"{plate} {well}")
        folder = experiment.plate(plate)
        here = np.arange(rows.start, rows.stop)
        sites = table.numbers("site")[here]
        kinds = [name for name in names if isinstance(table.column(name), Categories)]
        for site in experiment.sites(plate, well)["site"].astype(int):
            if object_type not in folder.label_names(well, site):
                continue
            labels = folder.read_labels(well, site, object_type)
            keys = ["label", "t"] if len(labels) > 1 else ["label"]
            features = table.frame([*keys, *names], here[sites == site])
            features[kinds] = features[kinds].astype("string")
            _write_site(folder, well, site, object_type, features, labels)
            written += 1
    if not written:
        raise NotFoundError(
            f"No image of the plates has labels of '{object_type}'. Analyse the plate first."
        )
    yield Progress("wells", len(table.wells), len(table.wells))
    return written


def _write_site(
    folder: PlateFolder,
    well: str,
    site: int,
    object_type: str,
    features: pd.DataFrame,
    labels: npt.NDArray[np.int32],
) -> None:
    info = folder.info(well, site)
    size = tuple(1.0 if each is None else each for each in info.pixel_size_um)
    root = folder.image_path(well, site) / "tables"
    region = {"region": {"path": f"../labels/{object_type}"}, "instance_key": "label"}
    whole = tuple(slice(0, length) for length in labels.shape[1:])
    tables = {
        "image": ("roi_table", _named(["image"], _boxes([whole], size)), {}),
        object_type: ("feature_table", features, region),
        f"{object_type}_objects": ("masking_roi_table", _objects(labels, size), region),
    }
    if len(labels) > 1:
        boxes = _over_time(labels, size, info.time_step_s or 1.0)
        tables[f"{object_type}_over_time"] = ("roi_table", boxes, {})
    known = _names(root)
    for name, (kind, frame, facts) in tables.items():
        key = str(frame.columns[0])
        _write_table(
            root / name,
            frame,
            {
                "type": kind,
                "table_version": "1",
                "backend": "parquet",
                "index_key": key,
                "index_type": "str" if key == "FieldIndex" else "int",
                **facts,
            },
            folder.version,
        )
    ngff.write_plain_group(root, {"tables": list(dict.fromkeys([*known, *tables]))}, folder.version)


def _write_table(path: Path, frame: pd.DataFrame, attributes: dict[str, Any], version: str) -> None:
    with replacing(path) as temporary, disk_errors(path):
        temporary.mkdir()
        frame.to_parquet(temporary / "table.parquet", index=False)
        ngff.write_plain_group(temporary, attributes, version)


def _objects(labels: npt.NDArray[np.int32], size: tuple[float, ...]) -> pd.DataFrame:
    """The box of each label, (z, y, x) of all time points."""
    from scipy import ndimage

    found = {n: box for n, box in enumerate(ndimage.find_objects(labels), 1) if box is not None}
    return pd.DataFrame(
        {
            "label": np.array(list(found), np.int64),
            **_boxes([box[-3:] for box in found.values()], size),
        }
    )


def _over_time(
    labels: npt.NDArray[np.int32], size: tuple[float, ...], step_s: float
) -> pd.DataFrame:
    """The box of each label at each time point, whose name is `<label>_t<time point>`."""
    each = [_objects(now, size).assign(t=t) for t, now in enumerate(labels)]
    boxes = pd.concat(each, ignore_index=True)
    t = boxes.pop("t")
    names = [f"{label}_t{at}" for label, at in zip(boxes["label"], t, strict=True)]
    return _named(names, {**boxes, "t_second": t * step_s, "len_t_second": step_s})


def _named(names: list[str], columns: Mapping[str, Any]) -> pd.DataFrame:
    return pd.DataFrame({"FieldIndex": pd.array(names, "str"), **columns})


def _boxes(places: list[tuple[slice, ...]], size: tuple[float, ...]) -> dict[str, Any]:
    """Corners and lengths in micrometers; those of the image begin with 0."""
    start = np.array([[axis.start for axis in place] for place in places], float).reshape(-1, 3)
    stop = np.array([[axis.stop for axis in place] for place in places], float).reshape(-1, 3)
    corner, length = start * size, (stop - start) * size
    by_axis = {name: corner[:, 2 - n] for n, name in enumerate(_BOX)}
    return by_axis | {f"len_{name}": length[:, 2 - n] for n, name in enumerate(_BOX)}


def _names(root: Path) -> list[str]:
    try:
        return list(ngff.read_attributes(root).get("tables", []))
    except NotFoundError:
        return []
