"""Pictures of single objects, cut out of their sites: for galleries and for machine learning.

for crop in crops(experiment, "Cells", table.index(rows), size_px=96):
    crop.pixels, crop.mask
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.errors import FormatError, InputError, NotFoundError, unknown
from napari_tmaps.store.features import INDEX
from napari_tmaps.store.mapplan import PlacedSite, plan_map
from napari_tmaps.store.mapsites import SiteReader
from napari_tmaps.streams import ngff
from napari_tmaps.streams.planefiles import PlaneParts

if TYPE_CHECKING:
    from napari_tmaps.store.experiment import Experiment

Labels = npt.NDArray[np.int32]
OUTSIDE = -1
"""In the labels of a crop: beyond the edge of the site."""
_LARGEST_PX = 2048
_COARSE_PX = 512
"""Objects are looked for in the first level of the labels that is at most this wide."""
_THREADS, _AHEAD = 2, 4
"""Sites that are read at a time, and that wait to be cut."""
_FEW = 4
"""So few objects are looked for one by one: that is quicker than to find all of a site."""


@dataclass(frozen=True, eq=False, slots=True)
class Crop:
    """An object in the middle of its surroundings.

    Attributes
    ----------
    number
        Which of the objects that were asked for, from 0.
    label
        Its label in the site.
    pixels
        (c, y, x) in the type of the plate; 0 where the site ends and where nothing was recorded.
        Of a stack the maximum over its planes.
    labels
        (y, x): labels of the site, 0 for background, `OUTSIDE` where the site ends.
    """

    number: int
    label: int
    pixels: npt.NDArray[Any]
    labels: Labels

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """The pixels of the object, (y, x)."""
        mask: npt.NDArray[np.bool_] = self.labels == self.label
        return mask


def crops(
    experiment: Experiment,
    object_type: str,
    objects: pd.DataFrame,
    *,
    size_px: int = 64,
    channels: Sequence[str] = (),
    align: bool = True,
    corrected: Sequence[str] = (),
) -> Generator[Crop]:
    """Cut objects out of their sites, each in the middle of a square.

    Parameters
    ----------
    objects
        Columns plate, well, site, t, label, as of `FeatureTable.index`; in any order.
    size_px
        Side of the square. The middle is that of the bounding box of the object.
    channels
        Names of the channels, in their order; all if none is named.
    align
        Move staining cycles onto each other, where they were aligned.
    corrected
        Channels that are corrected for uneven illumination.

    Yields
    ------
    A crop for each object, site by site, so not in the order of the objects: see its `number`.
    Objects that are not in the labels (any more) have none. Closing the generator stops it.

    Raises
    ------
    NotFoundError
        A plate or channel that does not exist.
    InputError
        The size is none, or a column of the objects is lacking.
    """
    yield from CropReader(experiment, align=align, corrected=corrected).crops(
        object_type, objects, size_px=size_px, channels=channels
    )


class CropReader:
    """Cuts out objects as `crops` does; what was opened last stays open."""

    def __init__(
        self, experiment: Experiment, *, align: bool = True, corrected: Sequence[str] = ()
    ) -> None:
        self._experiment = experiment
        self._settings = {"align": align, "corrected": list(corrected)}
        # Facts of a plate are read once: a gallery asks for crops again and again.
        self._plates: dict[str, _Plate] = {}

    def crops(
        self,
        object_type: str,
        objects: pd.DataFrame,
        *,
        size_px: int = 64,
        channels: Sequence[str] = (),
    ) -> Generator[Crop]:
        """See `crops`."""
        if not 1 <= size_px <= _LARGEST_PX:
            raise InputError(f"size_px is {size_px}; it may be 1 to {_LARGEST_PX}.")
        known = [channel.name for channel in self._experiment.channels()]
        for name in channels:
            if name not in known:
                raise unknown("channel", name, known)
        wanted = tuple(channels) or tuple(known)
        with ThreadPoolExecutor(_THREADS) as pool:
            waiting: deque[Future[_Seen | None]] = deque()
            try:
                for site, labels in self._sites(object_type, objects):
                    waiting.append(pool.submit(site.read, labels, size_px, wanted))
                    if len(waiting) > _AHEAD:
                        yield from _cut(waiting.popleft())
                while waiting:
                    yield from _cut(waiting.popleft())
            finally:  # whoever closes the generator waits for what is being read, not for the rest
                for each in waiting:
                    each.cancel()

    def middles(self, object_type: str, objects: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Middle (y, x) of the bounding box of each object, in pixels of its site; (objects, 2).

        NaN for objects that are not in the labels (any more).
        """
        middles = np.full((len(objects), 2), np.nan)
        for site, labels in self._sites(object_type, objects):
            found = site.middles(set(labels.values()))
            for number, label in labels.items():
                if label in found:
                    middles[number] = found[label]
        return middles

    def _sites(
        self, object_type: str, objects: pd.DataFrame
    ) -> Iterator[tuple[_Site, dict[int, int]]]:
        """The sites of objects, and in each the labels by number of the object."""
        for name in INDEX:
            if name not in objects.columns:
                raise InputError(f"Objects to be cut out need the column '{name}'.")
        groups: dict[tuple[str, str, int, int], dict[int, int]] = {}
        rows = zip(*(objects[name].tolist() for name in INDEX), strict=True)
        for number, (plate, well, site, t, label) in enumerate(rows):
            groups.setdefault((plate, well, site, t), {})[number] = label
        for (plate, well, site, t), labels in groups.items():
            place = self._plate(plate).site(well, site, t, object_type)
            if place is not None:
                yield place, labels

    def _plate(self, name: str) -> _Plate:
        if name not in self._plates:
            self._plates[name] = _Plate(self._experiment, name, self._settings)
        return self._plates[name]


class _Plate:
    """The sites of a plate, ready to be read."""

    def __init__(self, experiment: Experiment, name: str, settings: dict[str, Any]) -> None:
        self._folder = experiment.plate(name)
        self.plan = plan_map(experiment, name)
        self.reader = SiteReader(experiment, self.plan, settings)
        self.channels = {facts["name"]: facts for facts in self.plan.channels}
        self._sites = {(site.well, site.site): site for site in self.plan.sites}

    def site(self, well: str, site: int, t: int, object_type: str) -> _Site | None:
        """None where there is no such site, or no objects of that type in it."""
        placed = self._sites.get((well, site))
        if placed is None:
            return None
        try:
            levels = ngff.read_parts(self._folder.labels_path(well, site, object_type))
        except (NotFoundError, FormatError):
            return None
        return _Site(self, placed, t, levels) if t < levels[0].shape[0] else None


@dataclass(frozen=True, slots=True)
class _Site:
    plate: _Plate
    placed: PlacedSite
    t: int
    levels: Sequence[PlaneParts]

    def read(self, labels: dict[int, int], size: int, channels: Sequence[str]) -> _Seen | None:
        """What some labels, by number of the object, are cut out of; None if none is there.

        The part of the site that they span is read once: each reading costs more than its pixels.
        """
        middles = self.middles(set(labels.values()))
        corners = {
            label: (middle[0] - size // 2, middle[1] - size // 2)
            for label, middle in middles.items()
        }
        if not corners:
            return None
        y = _span([corner[0] for corner in corners.values()], size, self.placed.height)
        x = _span([corner[1] for corner in corners.values()], size, self.placed.width)
        return _Seen(
            {
                number: (label, corners[label][0] - y.start, corners[label][1] - x.start)
                for number, label in labels.items()
                if label in corners
            },
            size,
            self._plane(0, y, x),
            [self._channel(name, y, x) for name in channels],
            np.dtype(self.plate.plan.dtype),
        )

    def _plane(self, level: int, y: slice, x: slice) -> Labels:
        parts = self.levels[level]
        planes = [parts.part(self.t, 0, z, y, x) for z in range(parts.shape[2])]
        found: Labels = np.maximum.reduce(planes).astype(np.int32, copy=False)
        return found

    def middles(self, labels: set[int]) -> dict[int, tuple[int, int]]:
        """Middle of the bounding box of each label that is there.

        In a coarse level first, which is quickly read; then in its surroundings at full size.
        Objects that are too small for the coarse level are looked for in the whole site.
        """
        height, width = self.placed.height, self.placed.width
        coarse = next(
            (n for n, level in enumerate(self.levels) if level.shape[-1] <= _COARSE_PX),
            len(self.levels) - 1,
        )
        found: dict[int, tuple[int, int]] = {}
        rough = _boxes(self._plane(coarse, slice(None), slice(None)), labels)
        step = 1 << coarse
        for label, (top, bottom, left, right) in rough.items():
            y = slice(max((top - 1) * step, 0), min((bottom + 1) * step, height))
            x = slice(max((left - 1) * step, 0), min((right + 1) * step, width))
            exact = _boxes(self._plane(0, y, x), {label}) if coarse else {}
            if label in exact:
                top, bottom, left, right = exact[label]
                found[label] = y.start + (top + bottom) // 2, x.start + (left + right) // 2
            else:
                found[label] = (top + bottom) * step // 2, (left + right) * step // 2
        lost = labels - set(found)
        if lost and coarse:
            for label, box in _boxes(self._plane(0, slice(None), slice(None)), lost).items():
                found[label] = (box[0] + box[1]) // 2, (box[2] + box[3]) // 2
        return found

    def _channel(self, name: str, y: slice, x: slice) -> npt.NDArray[Any] | None:
        facts = self.plate.channels.get(name)
        if facts is None:
            return None
        planes = (
            self.plate.reader.pixels(self.placed, facts, self.t, z, y, x)
            for z in range(self.plate.plan.depth)
        )
        there = [plane for plane in planes if plane is not None]
        return np.maximum.reduce(there) if there else None


@dataclass(frozen=True, eq=False, slots=True)
class _Seen:
    """The part of a site that some objects are cut out of.

    Attributes
    ----------
    corners
        Label, top and left of each object, by its number.
    """

    corners: dict[int, tuple[int, int, int]]
    size: int
    labels: Labels
    channels: Sequence[npt.NDArray[Any] | None]
    dtype: np.dtype[Any]

    def crops(self) -> Iterator[Crop]:
        for number, (label, top, left) in self.corners.items():
            pixels = np.zeros((len(self.channels), self.size, self.size), self.dtype)
            for canvas, part in zip(pixels, self.channels, strict=True):
                if part is not None:
                    _paste(canvas, part, top, left)
            around = np.full((self.size, self.size), OUTSIDE, np.int32)
            _paste(around, self.labels, top, left)
            yield Crop(number, label, pixels, around)


def _cut(reading: Future[_Seen | None]) -> Iterator[Crop]:
    seen = reading.result()
    return iter(()) if seen is None else seen.crops()


def _span(starts: Sequence[int], size: int, length: int) -> slice:
    """The part of a side that pieces of a size span."""
    return slice(max(min(starts), 0), min(max(starts) + size, length))


def _paste(canvas: npt.NDArray[Any], part: npt.NDArray[Any], top: int, left: int) -> None:
    """Fill a canvas from the row and column of a part; what lies beyond the part stays."""
    height, width = canvas.shape
    y = slice(max(top, 0), min(top + height, part.shape[0]))
    x = slice(max(left, 0), min(left + width, part.shape[1]))
    canvas[y.start - top : y.stop - top, x.start - left : x.stop - left] = part[y, x]


def _boxes(labels: Labels, wanted: set[int]) -> dict[int, tuple[int, int, int, int]]:
    """Top, bottom, left, right of labels; those that are not there are left out."""
    if len(wanted) > _FEW:
        from scipy.ndimage import find_objects

        found = find_objects(labels, max_label=max(wanted))
        return {
            label: (*_ends(found[label - 1][0]), *_ends(found[label - 1][1]))
            for label in wanted
            if 0 < label <= len(found) and found[label - 1] is not None
        }
    boxes = {}
    for label in wanted:
        own = labels == label
        y, x = (np.flatnonzero(own.any(axis=axis)) for axis in (1, 0))
        if len(y) and label > 0:
            boxes[label] = int(y[0]), int(y[-1]) + 1, int(x[0]), int(x[-1]) + 1
    return boxes


def _ends(part: slice) -> tuple[int, int]:
    return part.start, part.stop
