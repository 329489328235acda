"""One well in the map: its sites read, put in their places, and written at the finer levels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError, MissingError, NotFoundError
from napari_tmaps.model.recorded import shown_plane
from napari_tmaps.store.images import SiteImage, StoredImage
from napari_tmaps.store.mapfiles import MapFiles
from napari_tmaps.store.mapplan import MapPlan, PlacedSite
from napari_tmaps.store.plates import PlateFolder
from napari_tmaps.store.prepared import read_prepared
from napari_tmaps.store.shifts import Window
from napari_tmaps.store.sites import Site, open_located
from napari_tmaps.vendors.pixels import PlaneReader
from napari_tmaps.workflow.step import failure

_Planes = list[npt.NDArray[Any] | None]
"""One a z; None where there is none, and shorter where the site has no more."""


def type_of(layer: str) -> str | None:
    """The object type of a layer "labels:Nuclei"; None of "channel:DAPI"."""
    kind, _, name = layer.partition(":")
    return name if kind == "labels" else None


def paint_layer(
    root: Path,
    files: MapFiles,
    work: dict[str, Any],
    name: str,
    settings: dict[str, Any],
    readers: dict[str, PlaneReader],
) -> Iterator[dict[str, Any]]:
    """Write one channel or object type of a well; yields what could not be read."""
    plan, labels = files.plan, type_of(name)
    items = {item["site"]: item for item in work["sites"]}
    placed = [site for site in plan.sites_of_wells[work["well"]] if site.site in items]
    source: _Labels | _Channel
    if labels is not None:
        source = _Labels(root, plan, labels)
    else:
        c = [facts["name"] for facts in plan.channels].index(name.partition(":")[2])
        source = _Channel(root, plan, c, items, settings, readers)
    level = 1 if all(map(source.is_halved, placed)) else 0
    for t in range(plan.times):
        stacks: dict[PlacedSite, _Planes] = {}
        for row in range(plan.grid.parts[0]):
            for column in range(plan.grid.parts[1]):
                corner = plan.grid.corner(work["well"])
                top = corner[0] + row * plan.grid.part[0]
                left = corner[1] + column * plan.grid.part[1]
                here = [site for site in placed if _meets(site, top, left, plan)]
                if not here:
                    continue
                for site in here:
                    if site in stacks:
                        continue
                    try:
                        stacks[site] = source.read(site, t, level)
                    except (MissingError, NotFoundError, FormatError) as error:
                        stacks[site] = []
                        yield {
                            **failure(plan.plate, site.well, site.site, error),
                            "layer": name,
                        }
                for z in range(plan.depth):
                    canvas = np.zeros([size >> level for size in plan.grid.part], source.dtype)
                    for site in here:
                        plane = stacks[site][z] if z < len(stacks[site]) else None
                        if plane is not None:
                            y, x = (site.top - top) >> level, (site.left - left) >> level
                            _paste(canvas, plane, y, x)
                    files.write_part((t, source.c, z), (top, left), canvas, labels, level)
            bottom = plan.grid.corner(work["well"])[0] + (row + 1) * plan.grid.part[0]
            stacks = {
                site: stack for site, stack in stacks.items() if site.top + site.height > bottom
            }


class _Channel:
    """A channel at the sites of a well.

    Parameters
    ----------
    c
        Its number in the map.
    items
        What there is of each site; see `store.mapsources`.
    """

    def __init__(
        self,
        root: Path,
        plan: MapPlan,
        c: int,
        items: Mapping[int, dict[str, Any]],
        settings: Mapping[str, Any],
        readers: Mapping[str, PlaneReader],
    ) -> None:
        self._root, self._plan, self._items, self._readers = root, plan, items, readers
        self._name, self._cycle = plan.channels[c]["name"], plan.channels[c]["cycle"]
        self._is_aligned = bool(settings["align"])
        self._is_corrected = self._name in settings["corrected"]
        self.c, self.dtype = c, np.dtype(plan.dtype)

    def is_halved(self, site: PlacedSite) -> bool:
        """Whether the map's finest level has the pixels that the image has at half its size: they
        are as they were recorded, and pairs of them are pairs of the map."""
        if self._is_aligned or self._is_corrected:
            return False
        if any(number % 2 for number in (site.top, site.left, site.height, site.width)):
            return False
        try:
            image = self._image(site)
        except (MissingError, NotFoundError, FormatError):  # reading it will tell
            return False
        halves = image.info.level_shapes[1:2] if isinstance(image, StoredImage) else ()
        return [half[-2:] for half in halves] == [(site.height // 2, site.width // 2)]

    def read(self, site: PlacedSite, t: int, level: int) -> _Planes:
        """Planes (y, x) of a site in its frame; none at times when the channel was not recorded."""
        image = self._image(site)
        if t not in image.t_of(self._name):
            return []
        window = None
        if level:
            assert isinstance(image, StoredImage), "others are not halved"
            pixels = image.read_channel(self._name, t, level)
        else:
            shifts = self._items[site.site]["shifts"]
            if self._is_aligned:
                window = Window({int(cycle): (y, x) for cycle, (y, x) in shifts.items()})
            pixels = read_prepared(
                image,
                self._name,
                t,
                site=(self._plan.plate, site.well, site.site),
                cycle=self._cycle,
                correct=self._root / "illumination" if self._is_corrected else None,
                window=window,
            )
        if not np.can_cast(pixels.dtype, self.dtype, "safe"):
            raise FormatError(f"Its pixels are {pixels.dtype}, those of the plate {self.dtype}.")
        own, planes = image.z_of(self._name), pixels if window is None else window.paste(pixels)
        shown = [shown_plane(own, z) for z in range(self._plan.depth)]
        return [None if number is None else planes[number] for number in shown]

    def _image(self, site: PlacedSite) -> SiteImage:
        images = self._items[site.site]["images"]
        if str(self._cycle) not in images:
            raise MissingError(f"There is no image of channel '{self._name}'.")
        place: Site = (self._plan.plate, site.well, site.site)
        located = images[str(self._cycle)]
        return open_located(
            self._root, place, self._cycle, located, self._plan.version, self._readers
        )


class _Labels:
    """The objects of a type at the sites of a well, numbered for the whole plate."""

    def __init__(self, root: Path, plan: MapPlan, object_type: str) -> None:
        self._folder = PlateFolder(root / "plates" / f"{plan.plate}.ome.zarr", plan.version)
        self._plan, self._type = plan, object_type
        self.c, self.dtype = 0, np.dtype(np.int32)

    def is_halved(self, site: PlacedSite) -> bool:
        """See _Channel."""
        return False

    def read(self, site: PlacedSite, t: int, level: int) -> _Planes:
        """Labels (y, x) of a site; none where it has none."""
        if self._type not in self._folder.label_names(site.well, site.site):
            return []
        labels = self._folder.read_labels(site.well, site.site, self._type)
        if t >= len(labels):
            return []
        stride = self._plan.stride
        if labels[t].max(initial=0) >= stride:
            raise FormatError(
                f"It has {labels[t].max()} objects of type '{self._type}'; the map of this plate "
                f"has room for {stride - 1} a site."
            )
        first = site.number * stride
        return list(np.where(labels[t] > 0, labels[t] + first, 0).astype(np.int32))


def _meets(site: PlacedSite, top: int, left: int, plan: MapPlan) -> bool:
    height, width = plan.grid.part
    return (
        site.top < top + height
        and site.top + site.height > top
        and site.left < left + width
        and site.left + site.width > left
    )


def _paste(canvas: npt.NDArray[Any], pixels: npt.NDArray[Any], top: int, left: int) -> None:
    """Put pixels (y, x) on a canvas at a corner that may lie outside of it."""
    height, width = canvas.shape
    part = pixels[max(-top, 0) : max(height - top, 0), max(-left, 0) : max(width - left, 0)]
    y, x = max(top, 0), max(left, 0)
    canvas[y : y + part.shape[0], x : x + part.shape[1]] = part
