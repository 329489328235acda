"""What each image of an experiment is made of: its source planes, by their place in the image.

A plan is plain JSON, so that a job in another process, or on another machine, needs nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import pandas as pd

from napari_tmaps.errors import NotFoundError
from napari_tmaps.model.layout import SITE, final_planes

if TYPE_CHECKING:
    from napari_tmaps.store.experiment import Experiment

_SOURCE = ["acquisition_id", "path", "series", "page"]


class PlannedPlane(TypedDict):
    """One plane of an image; several sources are projected to their maximum.

    `sources` has a list (acquisition, path, series, page) for each.
    """

    t: int
    c: int
    z: int
    sources: list[list[Any]]


class ImagePlan(TypedDict):
    """One image: a site in one cycle.

    `shape` is (t, c, z); `source` a digest of all the rest, by which an image is known to be up
    to date.
    """

    plate: str
    well: str
    site: int
    cycle: int
    shape: list[int]
    channels: list[dict[str, Any]]
    pixel_size_um: list[float | None]
    time_step_s: float | None
    translation_um: list[float]
    planes: list[PlannedPlane]
    source: str


class SourceFolder(TypedDict):
    """Where the files of an acquisition lie and how they are read."""

    root: str
    reader: str


def source_folders(experiment: Experiment) -> dict[str, SourceFolder]:
    """Folder and reader of each acquisition, by its number as text."""
    return {
        str(row["id"]): {"root": row["root"], "reader": row["reader"]}
        for row in experiment.catalogue.acquisitions().to_dict("records")
    }


def placed_planes(
    experiment: Experiment, sites: Iterable[tuple[str, str, int]] | None = None
) -> pd.DataFrame:
    """Source planes with pixel sizes, offsets and fingerprints of their acquisitions' files.

    Raises
    ------
    NotFoundError
        The experiment has no acquisition.
    """
    acquisitions = experiment.catalogue.acquisitions()
    if acquisitions.empty:
        raise NotFoundError(
            f"Experiment '{experiment.name}' has no acquisition yet. Add a folder of the "
            "microscope first: tmaps add EXPERIMENT FOLDER."
        )
    planes = experiment.catalogue.source_planes(sites=sites)
    rows = {row["id"]: row for row in acquisitions.to_dict("records")}
    numbers = planes["acquisition_id"]

    def fact(name: str, axis: int | None = None) -> pd.Series:
        values = {}
        for number, row in rows.items():
            value = row["facts"][name]
            if axis is not None and value is not None:
                value = value[axis]
            values[number] = np.nan if value is None else float(value)
        return numbers.map(values).astype(float)

    return planes.assign(
        pixel_y_um=fact("pixel_size_um", 0),
        pixel_x_um=fact("pixel_size_um", 1),
        z_step_um=fact("z_step_um"),
        t_offset=numbers.map({number: row["t_offset"] for number, row in rows.items()}),
        cycle_offset=numbers.map({number: row["cycle_offset"] for number, row in rows.items()}),
    )


def image_plans(
    experiment: Experiment, sites: Iterable[tuple[str, str, int]] | None = None
) -> Iterator[ImagePlan]:
    """Plans of all images, or of those of chosen sites (plate, well, site).

    Images without any plane have no plan; their gaps are recorded.

    Raises
    ------
    NotFoundError
        There is no acquisition or no layout yet.
    """
    catalogue = experiment.catalogue
    places = {
        (row["plate"], row["well"], row["site"]): row
        for row in catalogue.sites().to_dict("records")
    }
    table = placed_planes(experiment, sites)
    if not places:
        raise NotFoundError(
            f"Experiment '{experiment.name}' has no layout yet. Convert it first: "
            f"tmaps convert {experiment.path.name}."
        )
    mip = bool(catalogue.get("mip", False))
    planes = final_planes(table, experiment.workflow_type, mip=mip)
    facts = {channel.name: asdict(channel) for channel in experiment.channels()}
    used = catalogue.plate_channels()
    channels = {key: [name for name in facts if name in names] for key, names in used.items()}
    prints = catalogue.fingerprints()
    for _, group in planes.groupby([*SITE, "cycle"], sort=False):
        there = group[~group["missing"]]
        first = group.iloc[0]
        key = (str(first["plate"]), str(first["well"]), int(first["site"]))
        cycle = int(first["cycle"])
        if there.empty or key not in places:
            continue
        names = channels[key[0], cycle]
        pixel = (there["pixel_y_um"].iloc[0], there["pixel_x_um"].iloc[0])
        plan: ImagePlan = {
            "plate": key[0],
            "well": key[1],
            "site": key[2],
            "cycle": cycle,
            "shape": [int(group["t"].max()) + 1, len(names), int(group["z"].max()) + 1],
            "channels": [facts[name] for name in names],
            "pixel_size_um": [
                None if mip else _known(there["z_step_um"].iloc[0]),
                *(_known(size) for size in pixel),
            ],
            "time_step_s": _time_step(there),
            "translation_um": _first_pixel_um(places[key], pixel),
            "planes": list(_planned(there, names)),
            "source": "",
        }
        files = sorted({(row[0], row[1]) for plane in plan["planes"] for row in plane["sources"]})
        plan["source"] = _digest([plan, [prints.get(file) for file in files]])
        yield plan


def _planned(planes: pd.DataFrame, names: list[str]) -> Iterator[PlannedPlane]:
    rows = zip(
        planes["t"],
        planes["channel"],
        planes["z"],
        planes[_SOURCE].to_numpy().tolist(),
        strict=True,
    )
    grouped: dict[tuple[int, str, int], list[list[Any]]] = {}
    for t, channel, z, source in rows:
        grouped.setdefault((int(t), channel, int(z)), []).append([str(source[0]), *source[1:]])
    for (t, channel, z), sources in grouped.items():
        yield {"t": t, "c": names.index(channel), "z": z, "sources": sources}


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _time_step(planes: pd.DataFrame) -> float | None:
    """Median time between time points, None where there is one or times are not known."""
    starts = planes.groupby("t")["time_s"].min().sort_index()
    steps = starts.diff().dropna()
    if steps.empty or starts.isna().any() or steps.median() <= 0:
        return None
    return float(round(steps.median(), 6))


def _first_pixel_um(place: dict[Any, Any], pixel: tuple[float, float]) -> list[float]:
    """Position (z, y, x) of the centre of the first pixel; 0 where the stage is unknown."""
    position = [0.0]
    for axis, side, size in (
        ("stage_y_um", "height", pixel[0]),
        ("stage_x_um", "width", pixel[1]),
    ):
        value = float(place[axis]) - (float(place[side]) - 1) / 2 * size
        position.append(value if np.isfinite(value) else 0.0)
    return position


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
