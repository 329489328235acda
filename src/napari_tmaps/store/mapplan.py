"""What the map of a plate is like: its size, levels, layers, and where its sites lie. No pixels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_tmaps.errors import NotFoundError
from napari_tmaps.model.arrange import HALVINGS, PLACES, Tiles, WellGrid, arrange_wells
from napari_tmaps.model.overlay import Overlay
from napari_tmaps.store.plan import digest

if TYPE_CHECKING:
    from napari_tmaps.store.experiment import Experiment

COARSEST = 1024
"""The map ends with the first level whose sides are both at most this long."""
_MOST_IDS = 2**31 - 1


class PlacedSite(NamedTuple):
    """A site in the picture of its plate; corner and size in pixels of level 0.

    Attributes
    ----------
    number
        Which site of the plate it is, from 0; its objects are numbered by it.
    """

    number: int
    well: str
    site: int
    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class MapPlan:
    """The map of one plate; JSON values all through.

    Attributes
    ----------
    size
        Height and width of level 0.
    times, depth
        Time points and z planes.
    dtype
        Name of the pixel type.
    channels
        Facts of each channel, with its cycle.
    sites
        In order; where sites overlap, the later one is seen.
    grid
        Where the wells begin, and the parts that they are cut into.
    pixel_size_um
        (z, y, x); None where unknown.
    stride
        Objects of the n-th site (from 0) have the numbers n · stride + label.
    folder
        Name of the image; another geometry has another name.
    """

    plate: str
    version: str
    size: tuple[int, int]
    times: int
    depth: int
    dtype: str
    channels: tuple[dict[str, Any], ...]
    sites: tuple[PlacedSite, ...]
    grid: WellGrid
    pixel_size_um: tuple[float | None, float | None, float | None]
    stride: int
    folder: str

    @cached_property
    def levels(self) -> int:
        """Number of levels that are stored; level 0, which is not, comes before them."""
        level = 1
        while max(self.level_size(level)) > COARSEST:
            level += 1
        return level

    @property
    def fine(self) -> int:
        """Number of levels that are made well by well; the others come from the last of them."""
        return min(self.levels, HALVINGS)

    def level_size(self, level: int) -> tuple[int, int]:
        """Height and width of a level."""
        return ceil(self.size[0] / 2**level), ceil(self.size[1] / 2**level)

    @cached_property
    def tiles(self) -> Tiles:
        """Where the sites lie, by their numbers."""
        rows = [(s.number, s.top, s.left, s.height, s.width) for s in self.sites]
        return Tiles(*np.array(rows, np.int64).T)

    @cached_property
    def sites_of_wells(self) -> dict[str, tuple[PlacedSite, ...]]:
        """The sites of each well."""
        found: dict[str, list[PlacedSite]] = {}
        for site in self.sites:
            found.setdefault(site.well, []).append(site)
        return {well: tuple(sites) for well, sites in found.items()}

    def of_wells(self, wells: Iterable[str]) -> MapPlan:
        """The same picture, as one needs it who draws some wells only."""
        cells = {well: self.grid.cells[well] for well in wells}
        return replace(
            self,
            sites=tuple(site for well in cells for site in self.sites_of_wells[well]),
            grid=replace(self.grid, cells=cells),
        )

    def object_at(self, value: int) -> tuple[str, int, int]:
        """Well, site and label of a number of the label map.

        Raises
        ------
        NotFoundError
            No object has that number.
        """
        index, label = divmod(int(value), self.stride)
        if label == 0 or not 0 <= index < len(self.sites):
            raise NotFoundError(f"No object of plate '{self.plate}' has the number {value}.")
        return self.sites[index].well, self.sites[index].site, label


def stride_of(sites: int) -> int:
    """Distance of the numbers of objects from one site to the next, for a number of sites."""
    most = max(_MOST_IDS // max(sites, 1), 1)
    return min(1 << (most.bit_length() - 1), 1 << 16)


def plan_map(experiment: Experiment, plate: str, overlay: Overlay | None = None) -> MapPlan:
    """The map that a plate has, or would have.

    Parameters
    ----------
    overlay
        Corrections to lay over what the files say; None: those that hold now.

    Raises
    ------
    NotFoundError
        There is no such plate, or no layout yet.
    """
    catalogue = experiment.catalogue
    version = experiment.plate(plate).version
    sites = catalogue.sites()
    sites = sites[sites["plate"] == plate].reset_index(drop=True)
    if sites.empty:
        raise NotFoundError(
            f"Plate '{plate}' has no layout yet. Convert it first: "
            f"tmaps convert {experiment.path.name}."
        )
    acquisitions = catalogue.acquisitions(overlay)
    acquisitions = acquisitions[acquisitions["plate"] == plate]
    facts = list(acquisitions["facts"])
    pixel = next((f["pixel_size_um"] for f in facts if f["pixel_size_um"]), (None, None))
    z_step = next((f["z_step_um"] for f in facts if f["z_step_um"]), None)
    tiles, grid = arrange_wells(sites[list(PLACES)], (pixel[0], pixel[1]))
    times, depth, names_of_types = catalogue.extent(plate)
    mip = bool(catalogue.get("mip", False))
    used = catalogue.recorded()
    cycle_of = catalogue.channels().set_index("name")["cycle"]
    channels = [
        {**channel.facts(), "cycle": int(cycle_of[channel.name])}
        for channel in experiment.channels(overlay)
        if any(channel.name in names for (of, _), names in used.items() if of == plate)
    ]
    types = {np.dtype(name) for name in names_of_types}
    columns: list[Any] = [
        sites["well"],
        sites["site"],
        tiles.top,
        tiles.left,
        tiles.height,
        tiles.width,
    ]
    rows = zip(range(len(sites)), *(column.tolist() for column in columns), strict=True)
    placed = tuple(map(PlacedSite._make, rows))
    facts_of_map: dict[str, Any] = {
        "plate": plate,
        "version": version,
        "size": tiles.size,
        "times": times,
        "depth": 1 if mip else depth,
        "dtype": np.result_type(*types).name if types else "uint16",
        "channels": tuple(channels),
        "pixel_size_um": (None if mip else z_step, pixel[0], pixel[1]),
    }
    geometry = {
        **facts_of_map,
        "plate": catalogue.first_names().get(plate, plate),
        "sites": [
            {
                "well": s.well,
                "site": s.site,
                "top": s.top,
                "left": s.left,
                "height": s.height,
                "width": s.width,
            }
            for s in placed
        ],
        "grid": {"cells": grid.cells, "part": grid.part, "parts": grid.parts},
    }
    return MapPlan(
        **facts_of_map,
        sites=placed,
        grid=grid,
        stride=stride_of(len(placed)),
        folder=f"{digest(geometry)[:12]}.ome.zarr",
    )
