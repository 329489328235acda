"""Reading the map of a plate: level 0 from its sites, the levels above from the map.

plate = open_map(experiment, "plate01")
level = plate.channel("DAPI")[3]            # eight times coarser than the sites
pixels = level.read(0, 0, slice(0, 500), slice(0, 800))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import unknown
from napari_tmaps.store.mapfiles import MapFiles, read_state
from napari_tmaps.store.mapplan import MapPlan, PlacedSite, plan_map
from napari_tmaps.store.mapsites import SiteReader
from napari_tmaps.store.mapsources import well_sources
from napari_tmaps.streams.planefiles import PlaneParts

if TYPE_CHECKING:
    from napari_tmaps.store.experiment import Experiment

Pixels = npt.NDArray[Any]


@dataclass(frozen=True)
class MapLevel:
    """One level of a channel or an object type.

    Attributes
    ----------
    factor
        How much coarser it is than the sites.
    shape
        (t, z, y, x).
    dtype
        Of its pixels.
    chunk
        Blocks (y, x) in which it is best read.
    read
        Pixels (y, x) of a time point and plane, cut to rows and columns (slices with step 1 and
        bounds); 0 where nothing is.
    """

    factor: int
    shape: tuple[int, int, int, int]
    dtype: np.dtype[Any]
    chunk: tuple[int, int]
    read: Callable[[int, int, slice, slice], Pixels]


class PlateMap:
    """The map of one plate, open for reading from any thread.

    Attributes
    ----------
    plan
        Size, channels, the places of the sites.
    built
        False if there is no map yet: then there is level 0 alone.
    object_types
        Object types that the map has.
    missing
        Well, site and layer ("channel:DAPI") that could not be read when it was built.
    """

    def __init__(self, experiment: Experiment, plate: str) -> None:
        self.plan: MapPlan = plan_map(experiment, plate)
        path = experiment.path / "maps" / plate
        self._files = MapFiles(path, self.plan)
        state = read_state(path)
        self._same = state.get("image") == self.plan.folder
        self._state = state if self._same else {}
        self._wells: Mapping[str, Any] = self._state.get("wells", {})
        self.built = bool(self._wells)
        layers = sorted({name for well in self._wells.values() for name in well["keys"]})
        self.object_types = tuple(
            name.partition(":")[2] for name in layers if name.startswith("labels:")
        )
        self.missing = tuple(
            (well, int(site), str(layer))
            for well, facts in self._wells.items()
            for site, layer in facts["lost"]
        )
        self._experiment = experiment
        self._settings = self._state.get("settings", {"align": False, "corrected": []})
        self._arrays: dict[tuple[int, str | None], PlaneParts] = {}
        self._lock = Lock()
        self._sites = SiteReader(experiment, self.plan, self._settings)

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""
        return tuple(facts["name"] for facts in self.plan.channels)

    @property
    def stale(self) -> bool:
        """True if there is a map, but of sites, channels or places that are not today's."""
        return not self._same and (self._files.path / "map.json").is_file()

    def stale_wells(self) -> dict[str, tuple[str, ...]]:
        """Layers of each well that are not what they would be if the map were built now.

        It looks at the metadata of every site, so it is nothing to ask for each frame.
        """
        found = {}
        for work in well_sources(self._experiment, self.plan, self._settings):
            old = self._wells.get(work["well"], {}).get("keys", {})
            changed = tuple(sorted(n for n, key in work["keys"].items() if old.get(n) != key))
            if changed:
                found[work["well"]] = changed
        return found

    def contrast(self, channel: str) -> tuple[float, float] | None:
        """Intensities to show as black and as full colour; None if the map is not built."""
        self._number(channel)
        found = self._state.get("contrast", {}).get(f"channel:{channel}")
        return (found[0], found[1]) if found else None

    def _number(self, channel: str) -> int:
        if channel not in self.channels:
            raise unknown("channel", channel, self.channels)
        return self.channels.index(channel)

    def channel(self, name: str) -> list[MapLevel]:
        """The levels of a channel, finest first.

        Raises
        ------
        NotFoundError
            There is no such channel.
        """
        c, plan = self._number(name), self.plan
        dtype = np.dtype(plan.dtype)

        def read(t: int, z: int, y: slice, x: slice) -> Pixels:
            def part(index: int, site: PlacedSite, rows: slice, columns: slice) -> Pixels | None:
                return self._sites.pixels(site, plan.channels[c], t, z, rows, columns)

            return self._fused(y, x, dtype, part)

        return [self._level_0(dtype, read), *self._coarse(None, c)]

    def labels(self, object_type: str) -> list[MapLevel]:
        """The levels of an object type, finest first; `plan.object_at` tells who a number is.

        Raises
        ------
        NotFoundError
            The map has no such object type.
        """
        if object_type not in self.object_types:
            raise unknown("object type", object_type, self.object_types)
        return [self.site_labels(object_type), *self._coarse(object_type, 0)]

    def site_labels(self, object_type: str) -> MapLevel:
        """The finest level of an object type, also of one that the map does not have (yet)."""
        stride = self.plan.stride

        def read(t: int, z: int, y: slice, x: slice) -> Pixels:
            def part(index: int, site: PlacedSite, rows: slice, columns: slice) -> Pixels | None:
                labels = self._sites.labels(site, object_type, t, z, rows, columns)
                if labels is None:
                    return None
                return np.where(labels > 0, labels + index * stride, 0).astype(np.int32)

            return self._fused(y, x, np.dtype(np.int32), part)

        return self._level_0(np.dtype(np.int32), read)

    def _level_0(
        self, dtype: np.dtype[Any], read: Callable[[int, int, slice, slice], Pixels]
    ) -> MapLevel:
        plan = self.plan
        return MapLevel(1, (plan.times, plan.depth, *plan.size), dtype, (512, 512), read)

    def _coarse(self, labels: str | None, c: int) -> list[MapLevel]:
        levels = []
        for number in range(1, self.plan.levels + 1) if self.built else ():
            array = self._array(number, labels)

            def read(t: int, z: int, y: slice, x: slice, array: PlaneParts = array) -> Pixels:
                return array.part(t, c, z, y, x)

            t, _, z, height, width = array.shape
            dtype = np.dtype(np.int32 if labels is not None else self.plan.dtype)
            levels.append(MapLevel(2**number, (t, z, height, width), dtype, array.chunk, read))
        return levels

    def _array(self, number: int, labels: str | None) -> PlaneParts:
        """One level; channels share it."""
        with self._lock:
            if (number, labels) not in self._arrays:
                self._arrays[number, labels] = self._files.parts(number, labels)
            return self._arrays[number, labels]

    # -- level 0 --------------------------------------------------------------------------------

    @cached_property
    def _corners(self) -> npt.NDArray[np.int64]:
        places = [(s.top, s.left, s.top + s.height, s.left + s.width) for s in self.plan.sites]
        return np.array(places, np.int64)

    def _fused(
        self,
        y: slice,
        x: slice,
        dtype: np.dtype[Any],
        part: Callable[[int, PlacedSite, slice, slice], Pixels | None],
    ) -> Pixels:
        canvas = np.zeros((y.stop - y.start, x.stop - x.start), dtype)
        top, left, bottom, right = self._corners.T
        seen = (top < y.stop) & (bottom > y.start) & (left < x.stop) & (right > x.start)
        for index in np.flatnonzero(seen):
            site = self.plan.sites[index]
            rows = slice(max(y.start - site.top, 0), min(y.stop - site.top, site.height))
            columns = slice(max(x.start - site.left, 0), min(x.stop - site.left, site.width))
            pixels = part(int(index), site, rows, columns)
            if pixels is not None:
                start = rows.start + site.top - y.start, columns.start + site.left - x.start
                height, width = pixels.shape
                canvas[start[0] : start[0] + height, start[1] : start[1] + width] = pixels
        return canvas


def open_map(experiment: Experiment, plate: str) -> PlateMap:
    """The map of a plate; also of one whose map is not built, which then has level 0 alone.

    Raises
    ------
    NotFoundError
        There is no such plate, or it has no layout yet.
    FormatError
        The map is damaged.
    """
    return PlateMap(experiment, plate)
