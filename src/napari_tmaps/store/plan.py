"""What each image of an experiment is made of: its source planes, by their place in the image.

A plan is plain JSON, so that a job in another process, or on another machine, needs nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from math import isfinite
from operator import itemgetter
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple, NotRequired, TypedDict

import numpy as np
import pandas as pd

from napari_tmaps.errors import NotFoundError
from napari_tmaps.model.layout import final_planes
from napari_tmaps.model.overlay import Overlay
from napari_tmaps.model.recorded import within

if TYPE_CHECKING:
    from napari_tmaps.store.experiment import Experiment


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

    `shape` is (t, c, z); `z_of_channels` has the z planes of each channel, where some have fewer
    than the image, `t_of_channels` the time points; `source` a digest of all the rest, by which an
    image is known to be up to date.
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
    z_of_channels: NotRequired[list[list[int]]]
    t_of_channels: NotRequired[list[list[int]]]
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
    experiment: Experiment,
    sites: Iterable[tuple[str, str, int]] | None = None,
    overlay: Overlay | None = None,
) -> pd.DataFrame:
    """Source planes with pixel sizes, offsets and fingerprints of their acquisitions' files.

    Parameters
    ----------
    overlay
        Corrections to lay over what the files say; None: those that hold now.

    Raises
    ------
    NotFoundError
        The experiment has no acquisition.
    """
    acquisitions = _acquisitions(experiment, overlay)
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


def _acquisitions(experiment: Experiment, overlay: Overlay | None) -> pd.DataFrame:
    acquisitions = experiment.catalogue.acquisitions(overlay)
    if acquisitions.empty:
        raise NotFoundError(
            f"Experiment '{experiment.name}' has no acquisition yet. Add a folder of the "
            "microscope first: tmaps add EXPERIMENT FOLDER."
        )
    return acquisitions


_SITES_AT_A_TIME = 2000
"""Sites whose planes are in memory together: enough for speed, however many a screen has."""


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
    return ImagePlanner(experiment).plans(sites)


class ImagePlanner:
    """Makes the plans of images; what all of them need is read once.

    Parameters
    ----------
    renamed
        Names that channels shall have in the plans, by those that they have.
    overlay
        Corrections to lay over what the files say; None: those that hold now.

    Raises
    ------
    NotFoundError
        There is no acquisition or no layout yet.
    """

    def __init__(
        self,
        experiment: Experiment,
        renamed: Mapping[str, str] | None = None,
        overlay: Overlay | None = None,
    ) -> None:
        self._experiment = experiment
        catalogue = experiment.catalogue
        self._overlay = catalogue.overlay() if overlay is None else overlay
        _acquisitions(experiment, self._overlay)
        table = catalogue.sites()
        rows = zip(*(table[name].tolist() for name in _Place._fields), strict=True)
        self._places = {(row.plate, row.well, row.site): row for row in map(_Place._make, rows)}
        if not self._places:
            raise NotFoundError(
                f"Experiment '{experiment.name}' has no layout yet. Convert it first: "
                f"tmaps convert {experiment.path.name}."
            )
        self._mip = bool(catalogue.get("mip", False))
        self._facts = {
            channel.name: channel.facts() for channel in experiment.channels(self._overlay)
        }
        for name, new in (renamed or {}).items():
            self._facts[name]["name"] = new
        self._used = catalogue.recorded()
        self._names = {
            key: [name for name in self._facts if name in names]
            for key, names in self._used.items()
        }
        self._prints = catalogue.fingerprints()
        self._first_names = catalogue.first_names()

    def plans(
        self,
        sites: Iterable[tuple[str, str, int]] | None = None,
        cycles: Collection[int] | None = None,
    ) -> Iterator[ImagePlan]:
        """Plans of the images of chosen sites and cycles; None means all."""
        places = self._places
        keys = places if sites is None else [key for key in dict.fromkeys(sites) if key in places]
        rows = _rows(self._experiment, list(keys), self._overlay, mip=self._mip)
        for (plate, well, site, cycle), group in groupby(rows, key=itemgetter(*range(4))):
            if cycles is None or cycle in cycles:
                planned = list(group)
                there = [row for row in planned if not row.missing]
                if there:
                    yield self._plan((plate, well, site), cycle, planned, there)

    def _plan(
        self, site: tuple[str, str, int], cycle: int, planned: list[_Row], there: list[_Row]
    ) -> ImagePlan:
        plate, well, number = site
        names = self._names[plate, cycle]
        pixel = (there[0].pixel_y_um, there[0].pixel_x_um)
        times, depth = max(row.t for row in planned) + 1, max(row.z for row in planned) + 1
        plan: ImagePlan = {
            "plate": plate,
            "well": well,
            "site": number,
            "cycle": cycle,
            "shape": [times, len(names), depth],
            "channels": [self._facts[name] for name in names],
            "pixel_size_um": [
                None if self._mip else _known(there[0].z_step_um),
                *(_known(size) for size in pixel),
            ],
            "time_step_s": _time_step(there),
            "translation_um": _first_pixel_um(self._places[site], pixel),
            "planes": _planned(there, names),
            "source": "",
        }
        used = [self._used[plate, cycle][name] for name in names]
        z_of = [within(own.z, depth) for own in used]
        t_of = [within(own.t, times) for own in used]
        if any(len(own) < depth for own in z_of):
            plan["z_of_channels"] = z_of
        if any(len(own) < times for own in t_of):
            plan["t_of_channels"] = t_of
        files = sorted({(str(row.acquisition_id), row.path) for row in there})
        named = {**plan, "plate": self._first_names.get(plate, plate)}
        plan["source"] = digest([named, [self._prints.get(file) for file in files]])
        return plan


def final_source_planes(experiment: Experiment) -> pd.DataFrame:
    """Source planes under the cycle, t and channel that they have in the plate.

    Raises
    ------
    NotFoundError
        There is no acquisition.
    """
    return final_planes(placed_planes(experiment), experiment.workflow_type, mip=False)


class _Place(NamedTuple):
    plate: str
    well: str
    site: int
    stage_y_um: float
    stage_x_um: float
    height: int
    width: int


class _Row(NamedTuple):
    plate: str
    well: str
    site: int
    cycle: int
    channel: str
    t: int
    z: int
    missing: bool
    acquisition_id: int
    path: str
    series: int
    page: int
    time_s: float
    pixel_y_um: float
    pixel_x_um: float
    z_step_um: float


def _rows(
    experiment: Experiment, sites: Sequence[tuple[str, str, int]], overlay: Overlay, *, mip: bool
) -> Iterator[_Row]:
    """Source planes by their place in the plate, sorted by site and cycle within some sites."""
    for start in range(0, len(sites), _SITES_AT_A_TIME):
        table = placed_planes(experiment, sites[start : start + _SITES_AT_A_TIME], overlay)
        planes = final_planes(table, experiment.workflow_type, mip=mip)
        rows = zip(*(planes[name].tolist() for name in _Row._fields), strict=True)
        yield from map(_Row._make, rows)


def _planned(rows: list[_Row], names: list[str]) -> list[PlannedPlane]:
    index = {name: c for c, name in enumerate(names)}
    planes: dict[tuple[int, int, int], PlannedPlane] = {}
    for row in rows:
        c = index[row.channel]
        plane = planes.setdefault(
            (row.t, c, row.z), {"t": row.t, "c": c, "z": row.z, "sources": []}
        )
        plane["sources"].append([str(row.acquisition_id), row.path, row.series, row.page])
    return list(planes.values())


def _known(value: float) -> float | None:
    return value if isfinite(value) else None


def _time_step(rows: list[_Row]) -> float | None:
    """Median time between time points, None where there is one or times are not known."""
    starts: dict[int, float] = {}
    for row in rows:
        starts[row.t] = min(row.time_s, starts.get(row.t, row.time_s))
    if len(starts) < 2:
        return None
    step = median(later - sooner for sooner, later in pairwise(starts[t] for t in sorted(starts)))
    return round(step, 6) if step > 0 else None


def _first_pixel_um(place: _Place, pixel: tuple[float, float]) -> list[float]:
    """Position (z, y, x) of the centre of the first pixel; 0 where the stage is unknown."""
    position = [0.0]
    for centre, side, size in (
        (place.stage_y_um, place.height, pixel[0]),
        (place.stage_x_um, place.width, pixel[1]),
    ):
        value = float(centre) - (float(side) - 1) / 2 * size
        position.append(value if isfinite(value) else 0.0)
    return position


def digest(value: Any) -> str:
    """Digest of a JSON value."""
    text = json.dumps(value, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
