"""One well in the map: its sites read, put in their places, and written at the finer levels."""

from __future__ import annotations

from collections.abc import Iterator
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
    sites = {item["site"]: item for item in work["sites"]}
    placed = [site for site in plan.sites_of_wells[work["well"]] if site.site in sites]
    channels = [facts["name"] for facts in plan.channels]
    c = 0 if labels is not None else channels.index(name.partition(":")[2])
    level = 0
    if labels is None and all(
        _is_halved(root, plan, site, sites[site.site], plan.channels[c], settings)
        for site in placed
    ):
        level = 1
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
                        item = sites[site.site]
                        stacks[site] = (
                            _read_labels(root, plan, site, labels, t)
                            if labels is not None
                            else _read(
                                root,
                                plan,
                                site,
                                item,
                                plan.channels[c],
                                t,
                                settings,
                                readers,
                                level,
                            )
                        )
                    except (MissingError, NotFoundError, FormatError) as error:
                        stacks[site] = []
                        yield {
                            **failure(plan.plate, site.well, site.site, error),
                            "layer": name,
                        }
                dtype = np.int32 if labels is not None else plan.dtype
                for z in range(plan.depth):
                    canvas = np.zeros([size >> level for size in plan.grid.part], dtype)
                    for site in here:
                        plane = stacks[site][z] if z < len(stacks[site]) else None
                        if plane is not None:
                            y, x = (site.top - top) >> level, (site.left - left) >> level
                            _paste(canvas, plane, y, x)
                    files.write_part((t, c, z), (top, left), canvas, labels, level)
            bottom = plan.grid.corner(work["well"])[0] + (row + 1) * plan.grid.part[0]
            stacks = {
                site: stack for site, stack in stacks.items() if site.top + site.height > bottom
            }


def _is_halved(
    root: Path,
    plan: MapPlan,
    site: PlacedSite,
    item: dict[str, Any],
    channel: dict[str, Any],
    settings: dict[str, Any],
) -> bool:
    """Whether the map's finest level has the pixels that the image of a site has at half its size:
    they are as they were recorded, and pairs of them are pairs of the map."""
    where = (site.top, site.left, site.height, site.width)
    located = item["images"].get(str(channel["cycle"]), {"plan": None})
    if settings["align"] or channel["name"] in settings["corrected"] or "plan" in located:
        return False
    folder = PlateFolder(root / "plates" / f"{plan.plate}.ome.zarr", plan.version)
    try:
        info = folder.info(site.well, site.site, channel["cycle"])
    except (NotFoundError, FormatError):  # reading it will tell
        return False
    halves = [shape[-2:] for shape in info.level_shapes[1:2]]
    return not any(number % 2 for number in where) and halves == [
        (site.height // 2, site.width // 2)
    ]


def _read(
    root: Path,
    plan: MapPlan,
    site: PlacedSite,
    item: dict[str, Any],
    channel: dict[str, Any],
    t: int,
    settings: dict[str, Any],
    readers: dict[str, PlaneReader],
    level: int,
) -> _Planes:
    """Planes (y, x) of a site in its frame at a level; none when the channel was not recorded."""
    name, cycle = channel["name"], channel["cycle"]
    if str(cycle) not in item["images"]:
        raise MissingError(f"There is no image of channel '{name}'.")
    place: Site = (plan.plate, site.well, site.site)
    image: SiteImage = open_located(
        root, place, cycle, item["images"][str(cycle)], plan.version, readers
    )
    if t not in image.t_of(name):
        return []
    shifts = {int(cycle): (y, x) for cycle, (y, x) in item["shifts"].items()}
    window = Window(shifts) if settings["align"] else None
    correct = root / "illumination" if name in settings["corrected"] else None
    if level and isinstance(image, StoredImage):
        pixels = image.read_channel(name, t, level)
    else:
        pixels = read_prepared(
            image, name, t, site=place, cycle=cycle, correct=correct, window=window
        )
    if not np.can_cast(pixels.dtype, plan.dtype, "safe"):
        raise FormatError(f"Its pixels are {pixels.dtype}, those of the plate {plan.dtype}.")
    own, planes = image.z_of(name), pixels if window is None else window.paste(pixels)
    shown = [shown_plane(own, z) for z in range(plan.depth)]
    return [None if number is None else planes[number] for number in shown]


def _read_labels(root: Path, plan: MapPlan, site: PlacedSite, object_type: str, t: int) -> _Planes:
    """Labels (y, x) of a site, numbered for the whole plate; none where it has none."""
    folder = PlateFolder(root / "plates" / f"{plan.plate}.ome.zarr", plan.version)
    if object_type not in folder.label_names(site.well, site.site):
        return []
    labels = folder.read_labels(site.well, site.site, object_type)
    if t >= len(labels):
        return []
    if labels[t].max(initial=0) >= plan.stride:
        raise FormatError(
            f"It has {labels[t].max()} objects of type '{object_type}'; the map of this plate "
            f"has room for {plan.stride - 1} a site."
        )
    first = site.number * plan.stride
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
