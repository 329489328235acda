"""The picture of one plate, or of several side by side: its pixels, and what lies where."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_tmaps.gui.blocks import Blocks, Reading
from napari_tmaps.gui.layers import LayerTuple, scale_and_units
from napari_tmaps.gui.map_colours import NumberedLabels, numbered
from napari_tmaps.gui.map_marks import COLORS, EXCLUDED, MISSING, Marks
from napari_tmaps.gui.map_pixels import pixel_settings
from napari_tmaps.gui.map_planes import MapPlanes, SideBySide
from napari_tmaps.gui.mosaic import Mosaic, Planes, levels_of
from napari_tmaps.gui.state import Pixels
from napari_tmaps.gui.zarr_source import ZarrSource
from napari_tmaps.model.arrange import Tiles
from napari_tmaps.store.exclusions import excluded
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.mapplan import MapPlan
from napari_tmaps.store.maps import PlateMap, open_map

_BETWEEN = 0.03  # space between plates, as a part of their width


@dataclass(frozen=True)
class PlatePart:
    """One plate of the picture.

    Attributes
    ----------
    tiles
        Places of its sites, from the corner of the plate.
    left
        First column of the plate in the picture.
    plan
        Tells how objects are numbered.
    map
        None if it is not used: not built, stale, or made with other settings than are asked for.
    """

    plate: str
    source: ZarrSource
    tiles: Tiles
    left: int
    plan: MapPlan
    map: PlateMap | None


@dataclass(frozen=True)
class Place:
    """What lies at a point: a site of a well of a plate."""

    plate: str
    well: str
    site: int


class MapPicture:
    """Plates side by side.

    Parameters
    ----------
    sources
        One a plate.
    pixels
        What is done to pixels; the map is used where it was built like that.
    on_problem
        Gets a sentence for each image that cannot be read.
    reading
        See layers.mosaic_layers.
    """

    def __init__(
        self,
        experiment: Experiment,
        sources: Sequence[ZarrSource],
        pixels: Pixels,
        on_problem: Callable[[str], None],
        reading: Reading | None = None,
    ) -> None:
        self._experiment, self._on_problem = experiment, on_problem
        self._reading = reading
        self._known: dict[tuple[str, str], Planes | None] = {}
        self.notes: list[str] = []
        self.parts: list[PlatePart] = []
        left = 0
        for source in sources:
            plate = str(source.facts["plate"])
            plan, found = self._map(plate, pixels)
            tiles = plan.tiles
            self.parts.append(PlatePart(plate, source, tiles, left, plan, found))
            unit = 1 << 12
            left += -(-int(tiles.size[1] * (1 + _BETWEEN)) // unit) * unit
        tiles = self.parts[-1].tiles
        self.size = (
            max(part.tiles.size[0] for part in self.parts),
            self.parts[-1].left + tiles.size[1],
        )
        self.source = sources[0]

    def _map(self, plate: str, pixels: Pixels) -> tuple[MapPlan, PlateMap | None]:
        built = pixel_settings(self._experiment, plate, Pixels.MAP)
        wanted = pixel_settings(self._experiment, plate, pixels)
        found = open_map(self._experiment, plate)
        if found.stale:
            self.notes.append(
                f"The map of {plate} is of other images than today's: build it again."
            )
        usable = found.built and not found.stale
        if usable and built == wanted:
            return found.plan, found
        if pixels is Pixels.PREPARED:
            self.notes.append(
                f"{plate} is shown as recorded: build the map to see the whole plate corrected and "
                "aligned."
            )
        return found.plan, None

    def planes(self) -> dict[str, Planes]:
        """Pixels of channels and object types, by "channel:<name>" and "labels:<name>".

        Labels are numbered as in the map, whether it is built or not: n · stride + label.
        """
        keys = [f"channel:{channel.name}" for channel in self.source.channels]
        names = dict.fromkeys(name for part in self.parts for name in part.source.object_types)
        keys += [f"labels:{name}" for name in names]
        found: dict[str, Planes] = {}
        for key in keys:
            joined = self.join([self._planes(part, key) for part in self.parts])
            if joined is not None:
                found[key] = joined
        return found

    def join(self, each: Sequence[Planes | None]) -> Planes | None:
        """Pyramids of the plates as one; None if there is none."""
        if len(each) == 1 or not any(part is not None for part in each):
            return each[0]
        return SideBySide(each, [part.left for part in self.parts], self.size)

    def labels_of(self, object_type: str) -> list[NumberedLabels]:
        """Labels of each plate."""
        return [
            NumberedLabels(
                part.plate,
                self._planes(part, f"labels:{object_type}"),
                [(site.well, site.site) for site in part.plan.sites],
                part.plan.stride,
            )
            for part in self.parts
        ]

    def _planes(self, part: PlatePart, key: str) -> Planes | None:
        """Labels and their colours share one, and so its blocks."""
        if (part.plate, key) not in self._known:
            planes = self._open(part, key)
            kept = None if planes is None else Blocks(planes, self._reading)
            self._known[part.plate, key] = kept
            if kept is not None and key.startswith("channel:"):
                kept.begin()
        return self._known[part.plate, key]

    def _open(self, part: PlatePart, key: str) -> Planes | None:
        kind, _, name = key.partition(":")
        source = part.source
        if kind == "labels":
            if part.map is not None and name in part.map.object_types:
                return MapPlanes(part.map.labels(name), self._on_problem)
            if name not in source.object_types:
                return None
            stack = numbered(source.labels(name), part.plan.stride)
        else:
            if part.map is not None and name in part.map.channels:
                return MapPlanes(part.map.channel(name), self._on_problem)
            names = [channel.name for channel in source.channels]
            if name not in names:
                return None
            stack = source.image(names.index(name))
        return Mosaic(stack, part.tiles, source.size_t, source.size_z, self._on_problem)

    def contrast(self) -> dict[str, tuple[float, float]]:
        """Limits of the channels that have percentiles of the whole plate."""
        found: dict[str, tuple[float, float]] = {}
        for part in self.parts:
            for name in part.map.channels if part.map is not None else ():
                limits = part.map.contrast(name) if part.map is not None else None
                if limits is not None:
                    low, high = found.get(name, limits)
                    found[name] = min(low, limits[0]), max(high, limits[1])
        return found

    # -- what lies where ------------------------------------------------------------------------

    @property
    def lacks_map(self) -> bool:
        """Whether some plate is drawn from its sites alone, because its map is not of today."""
        return any(part.map is None for part in self.parts)

    @property
    def pixel_um(self) -> tuple[float, float]:
        """Height and width of a pixel in the world."""
        y, x = (size or 1.0 for size in self.source.pixel_size_um[1:])
        return y, x

    def place_at(self, y_world: float, x_world: float) -> Place | None:
        """The site at a point of the world, None between sites."""
        y, x = y_world / self.pixel_um[0], x_world / self.pixel_um[1]
        for part in self.parts:
            tiles, column = part.tiles, x - part.left
            hit = (tiles.top <= y) & (y < tiles.top + tiles.height)
            hit &= (tiles.left <= column) & (column < tiles.left + tiles.width)
            rows = np.flatnonzero(hit)
            if len(rows):  # where sites overlap, the later one is seen
                site = part.source.places.iloc[int(rows[-1])]
                return Place(part.plate, str(site["well"]), int(site["site"]))
        return None

    def position_of(self, place: Place, pixel: tuple[float, float]) -> tuple[float, float] | None:
        """Where a pixel (y, x) of a site lies in the world; None if it is not in the picture."""
        for part in self.parts:
            places = part.source.places
            own = (places["well"] == place.well) & (places["site"] == place.site)
            rows = np.flatnonzero(own)
            if part.plate == place.plate and len(rows):
                y = float(part.tiles.top[rows[0]] + pixel[0])
                x = float(part.tiles.left[rows[0]] + part.left + pixel[1])
                return y * self.pixel_um[0], x * self.pixel_um[1]
        return None

    def center_of(self, plate: str, well: str, site: int) -> tuple[float, float] | None:
        """Middle of a well in the world (y, x), of a slide that of the site; None if not seen."""
        for part in self.parts:
            places = part.source.places
            own = (places["well"] == well).to_numpy()
            if own.all():
                own = (places["site"] == site).to_numpy()
            if part.plate == plate and own.any():
                tiles = part.tiles
                y = float((tiles.top + tiles.height / 2)[own].mean())
                x = float((tiles.left + tiles.width / 2)[own].mean()) + part.left
                return y * self.pixel_um[0], x * self.pixel_um[1]
        return None

    # -- frames, names and hatching -------------------------------------------------------------

    def mark_layers(self) -> list[LayerTuple]:
        """Frames of wells and sites with what is missing or excluded, and names of wells."""
        out = excluded(self._experiment.catalogue)
        wells: list[str] = []
        names: list[str] = []
        signs: dict[int, int] = {}
        tops, lefts, heights, widths, corners = [], [], [], [], []
        gaps = self._experiment.catalogue.gaps()
        lost = set(zip(gaps["plate"], gaps["well"], gaps["site"], strict=True))
        several = len(self.parts) > 1
        for part in self.parts:
            tiles, places = part.tiles, part.source.places
            for n, (well, site) in enumerate(zip(places["well"], places["site"], strict=True)):
                key = (part.plate, str(well), int(site))
                if key in out:
                    signs[len(wells)] = EXCLUDED
                elif key in lost:
                    signs[len(wells)] = MISSING
                wells.append(f"{part.plate}/{well}")
                top, left = int(tiles.top[n]), int(tiles.left[n]) + part.left
                if len(wells) == 1 or wells[-1] != wells[-2]:
                    corners.append((top, left))
                    names.append(f"{part.plate} {well}" if several and n == 0 else str(well))
                else:
                    corners[-1] = min(corners[-1][0], top), min(corners[-1][1], left)
            tops.append(tiles.top)
            lefts.append(tiles.left + part.left)
            heights.append(tiles.height)
            widths.append(tiles.width)
        joined = Tiles(np.arange(len(wells)), *map(np.concatenate, (tops, lefts, heights, widths)))
        levels = [level[0, 0] for level in levels_of(Marks(joined, np.array(wells), signs))]
        scale, units = scale_and_units(self.source)
        common = {"scale": scale[2:], "units": units[2:], "axis_labels": ("y", "x")}
        facts = {"experiment": str(self._experiment.path), "plate": self.parts[0].plate}
        columns = np.unique([left for _, left in corners])
        room = float(np.diff(columns).min() * scale[3]) if len(columns) > 1 else np.inf
        return [
            (
                levels,
                {
                    **common,
                    "name": "Wells and sites",
                    "colormap": _mark_colormap(),
                    "contrast_limits": (-0.5, len(COLORS) - 0.5),
                    "interpolation2d": "nearest",
                    "blending": "translucent_no_depth",
                    "multiscale": True,
                    "translate": (0.0, 0.0),
                    "opacity": 1.0,
                    "metadata": {"tmaps": {**facts, "marks": "frames"}},
                },
                "image",
            ),
            (
                np.array(corners, float).reshape(-1, 2),
                {
                    **common,
                    "name": "Names of wells",
                    "size": 1,
                    "face_color": "transparent",
                    "border_color": "transparent",
                    "text": {
                        "string": names,
                        "size": 8,
                        "anchor": "lower_left",
                        "color": "#dddddd",
                    },
                    "metadata": {"tmaps": {**facts, "marks": "names", "room": room}},
                },
                "points",
            ),
        ]


def _mark_colormap() -> Any:
    """An image with steps of colour: napari's labels would be compiled anew in each session."""
    from napari.utils.colormaps import Colormap

    controls = np.linspace(0, 1, len(COLORS) + 1)
    return Colormap(COLORS, controls=controls, interpolation="zero", name="wells and sites")
