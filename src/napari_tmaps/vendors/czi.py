"""ZEISS CZI: scenes, mosaics and wells; every tile is a site with its place on the stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Oddity, Scan
from napari_tmaps.model.wells import PlateFormat
from napari_tmaps.vendors.containers import (
    RGB_ODDITY,
    Container,
    SiteImage,
    rgb_channels,
    scan_files,
    unique_channels,
    well_in,
)
from napari_tmaps.vendors.czifile import CziFile, Subblock
from napari_tmaps.vendors.kinds import dominant, of_kind
from napari_tmaps.vendors.listing import Listing
from napari_tmaps.vendors.opening import DAMAGE, no_plane, number, open_file, parse_xml, seconds

NAME = "ZEISS CZI"

_KNOWN_AXES = frozenset("SMTCZ")


def recognise(listing: Listing) -> bool:
    """True if most container files of the folder are CZI."""
    return dominant(listing) == NAME


def scan(listing: Listing) -> Scan:
    """Table of the planes of all CZI files of a folder.

    Raises
    ------
    FormatError
        No file can be read.
    """
    return scan_files(
        NAME, "czi", listing, of_kind(listing, NAME), lambda name: _describe(listing.root, name)
    )


class CziPlanes:
    """An open CZI; series are its sites in the order of (scene, tile). See `pixels.PlaneFile`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._czi: CziFile = open_file(path, lambda: CziFile(path))
        self._sites = _sites(self._czi.subblocks)

    def read(self, series: int, page: int) -> npt.NDArray[Any]:
        """The plane (y, x); pages run over (t, c, z), colours as three channels."""
        try:
            site = self._sites[series]
            t, c, z = np.unravel_index(page, site.shape)
            block = site.blocks[int(t), int(c) // site.samples, int(z)]
            pixels = self._czi.pixels(block)
        except DAMAGE as error:
            raise no_plane(self._path, series, page, error) from error
        return pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., int(c) % 3])

    def close(self) -> None:
        """Give the file back."""
        self._czi.close()


class _Site:
    """The pictures of one tile of one scene, by dense (t, channel, z)."""

    def __init__(
        self, scene: int, tile: int, blocks: list[Subblock], axes: dict[str, list[int]]
    ) -> None:
        self.scene = scene
        self.tile = tile
        self.first = blocks[0]
        self.samples = self.first.samples
        index = {axis: {start: n for n, start in enumerate(axes[axis])} for axis in "TCZ"}
        self.blocks: dict[tuple[int, int, int], Subblock] = {}
        for block in blocks:
            place = tuple(index[axis][block.place.get(axis, 0)] for axis in "TCZ")
            # Phases, views and illuminations beyond the first would be planes of the same place.
            self.blocks.setdefault((place[0], place[1], place[2]), block)
        self.shape = (len(axes["T"]), len(axes["C"]) * self.samples, len(axes["Z"]))


def _sites(subblocks: list[Subblock]) -> list[_Site]:
    """All tiles of all scenes, in order; planes of a scene that are absent are just not in it."""
    groups: dict[tuple[int, int, int, int], list[Subblock]] = {}
    for block in sorted(subblocks, key=lambda b: [b.place.get(axis, 0) for axis in "SMHVIRB"]):
        # Without numbers of tiles, their places tell them apart.
        tile = (block.place["M"], 0, 0) if "M" in block.place else (0, block.y, block.x)
        groups.setdefault((block.place.get("S", 0), *tile), []).append(block)
    axes: dict[int, dict[str, set[int]]] = {}
    for (scene, *_), blocks in groups.items():
        used = axes.setdefault(scene, {axis: set() for axis in "TCZ"})
        for axis in "TCZ":
            used[axis].update(block.place.get(axis, 0) for block in blocks)
    # A channel keeps its number over all scenes, even where one scene lacks it.
    channels = sorted(set().union(*(used["C"] for used in axes.values()))) if axes else []
    return [
        _Site(
            scene,
            tile,
            blocks,
            {"T": sorted(axes[scene]["T"]), "C": channels, "Z": sorted(axes[scene]["Z"])},
        )
        for (scene, tile, *_), blocks in sorted(groups.items())
    ]


def _describe(root: Path, name: str) -> Container:
    czi = CziFile(root / name)
    try:
        return _container(czi, name)
    finally:
        czi.close()


def _container(czi: CziFile, name: str) -> Container:
    sites = _sites(czi.subblocks)
    if not sites:
        return Container(())
    oddities: list[Oddity] = []
    xml = parse_xml(czi.xml) if czi.xml else None
    information = None if xml is None else xml.find("Metadata/Information")
    image = None if information is None else information.find("Image")
    scale = _scaling(xml)
    pixel_size = (scale["Y"], scale["X"]) if "Y" in scale and "X" in scale else None
    scenes = {} if image is None else {
        int(element.get("Index", -1)): element
        for element in image.iterfind("Dimensions/S/Scenes/Scene")
    }  # fmt: skip
    codes = sorted({block.place.get("C", 0) for block in czi.subblocks})
    channels = _channels(xml, image, codes)
    if sites[0].samples > 1:
        oddities.append(RGB_ODDITY)
        named = len(channels) > 1 or _names_channels(image)
        channels = [part for each in channels for part in rgb_channels(each if named else None)]
    if any(site.samples != sites[0].samples for site in sites):
        raise FormatError("it mixes colour and grey pictures; save them as separate files")
    others = sorted(
        axis
        for axis in {axis for block in czi.subblocks for axis in block.place} - _KNOWN_AXES
        if len({block.place.get(axis, 0) for block in czi.subblocks}) > 1
    )
    if others:
        oddities.append(
            Oddity(
                "ignored",
                f"several pictures along {', '.join(others)} (phases, views or illuminations) of "
                "each plane; only the first is read.",
            )
        )
    start = seconds(_text(image, "AcquisitionDateAndTime"))
    notes = [{place: czi.tags(block) for place, block in site.blocks.items()} for site in sites]
    positions = _positions(sites, notes, scenes, pixel_size)
    images = []
    for number_, (site, tags) in enumerate(zip(sites, notes, strict=True)):
        scene = scenes.get(site.scene)
        pages = np.arange(int(np.prod(site.shape))).reshape(site.shape)
        heights = np.full(site.shape, np.nan)
        times = np.full(site.shape, np.nan)
        for t, c, z in np.ndindex(site.shape):
            found = tags.get((t, c // site.samples, z))
            if found is None:
                pages[t, c, z] = -1
                continue
            height, moment = (
                number(found.get("FocusPosition")),
                seconds(found.get("AcquisitionTime")),
            )
            if height is not None:
                heights[t, c, z] = height
            if moment is not None:
                start = moment if start is None else start
                times[t, c, z] = moment - start
        tiles = sum(other.scene == site.scene for other in sites)
        label = (scene.get("Name") if scene is not None else None) or f"scene {site.scene}"
        images.append(
            SiteImage(
                name=f"{label}, tile {site.tile}" if tiles > 1 else label,
                path=name,
                series=number_,
                channels=unique_channels(channels),
                size_t=site.shape[0],
                size_z=site.shape[2],
                height=site.first.height,
                width=site.first.width,
                dtype=site.first.dtype,
                pages=pages,
                well=_well(scene),
                pixel_size_um=pixel_size,
                z_step_um=scale.get("Z") if site.shape[2] > 1 else None,
                stage_yx_um=positions[number_],
                stage_z_um=heights,
                time_s=times,
            )
        )
    return Container(
        images=tuple(images),
        oddities=tuple(oddities),
        metadata=_facts(information, image),
        plate_format=_plate_format(xml),
        start_s=start,
    )


def _scaling(xml: Any) -> dict[str, float]:
    """Axis → distance of pixels or planes in µm; only those that the file knows."""
    items = [] if xml is None else xml.iterfind("Metadata/Scaling/Items/Distance")
    metres = {item.get("Id"): number(item.findtext("Value")) for item in items}
    # 15 digits: 1e-6 * 1e6 and the like should read as people wrote them.
    return {axis: float(f"{value * 1e6:.15g}") for axis, value in metres.items() if value}


def _channels(xml: Any, image: Any, codes: list[int]) -> list[Channel]:
    """One channel for each index on the axis C that pictures have."""
    described = [] if image is None else image.findall("Dimensions/Channels/Channel")
    shown = {} if xml is None else {
        element.get("Id"): element
        for element in xml.iterfind("Metadata/DisplaySetting/Channels/Channel")
    }  # fmt: skip
    channels: list[Channel] = []
    for code in codes:
        element = described[code] if 0 <= code < len(described) else None
        display = None if element is None else shown.get(element.get("Id"))
        names = [each.get("Name") for each in (element, display) if each is not None]
        colors = [_text(each, "Color") for each in (element, display)]
        exposure = number(_text(element, "ExposureTime"))
        bits = number(_text(element, "ComponentBitCount"))
        channels.append(
            Channel(
                name=next((n for n in names if n and n.strip()), f"C{code + 1:02d}"),
                color=next((f"#{c[-6:]}" for c in colors if c and len(c) in (7, 9)), None),
                excitation_nm=number(_text(element, "ExcitationWavelength")),
                emission_nm=number(_text(element, "EmissionWavelength")),
                exposure_ms=None if exposure is None else exposure / 1e6,
                bit_depth=None if bits is None else int(bits),
                fluorophore=_text(element, "Fluor") or _text(display, "DyeName") or None,
            )
        )
    return channels


def _names_channels(image: Any) -> bool:
    return image is not None and any(
        element.get("Name") for element in image.iterfind("Dimensions/Channels/Channel")
    )


def _positions(
    sites: list[_Site],
    notes: list[dict[tuple[int, int, int], dict[str, str]]],
    scenes: dict[int, Any],
    pixel_size: tuple[float, float] | None,
) -> list[tuple[float, float] | None]:
    """Centre (y, x) of each site on the stage, µm.

    First choice is what was noted with the pictures, then the centre of the scene with the place
    of the tile in it. The stage of ZEISS counts y downwards, like the picture.
    """
    result: list[tuple[float, float] | None] = []
    for site, tags in zip(sites, notes, strict=True):
        first = tags[min(tags)]
        noted = [number(first.get(f"Stage{axis}Position")) for axis in "YX"]
        offset = [number(first.get(f"RoiCenterOffset{axis}")) or 0.0 for axis in "YX"]
        if noted[0] is not None and noted[1] is not None:
            result.append((noted[0] + offset[0], noted[1] + offset[1]))
        else:
            result.append(_from_scene(site, sites, scenes.get(site.scene), pixel_size))
    return result


def _from_scene(
    site: _Site, sites: list[_Site], scene: Any, pixel_size: tuple[float, float] | None
) -> tuple[float, float] | None:
    if pixel_size is None:
        return None
    text = _text(scene, "CenterPosition") or ""
    center = [number(part) for part in text.split(",")]
    tiles = [each.first for each in sites if each.scene == site.scene]
    if len(center) != 2 or center[0] is None or center[1] is None:
        if len(sites) == 1:
            return None
        # Without any place on the stage, the common plane of the tiles is one up to a shift.
        middle, center = (0.0, 0.0), [0.0, 0.0]
    else:
        middle = (
            (min(b.y for b in tiles) + max(b.y + b.height for b in tiles)) / 2,
            (min(b.x for b in tiles) + max(b.x + b.width for b in tiles)) / 2,
        )
    block = site.first
    return (
        float(center[1] or 0.0) + (block.y + block.height / 2 - middle[0]) * pixel_size[0],
        float(center[0] or 0.0) + (block.x + block.width / 2 - middle[1]) * pixel_size[1],
    )


def _well(scene: Any) -> str | None:
    """The well of a scene: stated with the region, or as the array that it belongs to."""
    if scene is None:
        return None
    shape = scene.find("Shape")
    names = [None if shape is None else shape.get("Name"), _text(scene, "ArrayName")]
    return next((well for name in names if (well := well_in(name))), None)


def _plate_format(xml: Any) -> PlateFormat | None:
    """Rows and columns of the sample holder if it is a plate of wells."""
    template = None if xml is None else next(xml.iter("Template"), None)
    rows, columns = (number(_text(template, f"Shape{each}")) for each in ("Rows", "Columns"))
    if rows is None or columns is None or rows * columns < 6:
        return None
    return PlateFormat(int(rows), int(columns))


def _facts(information: Any, image: Any) -> dict[str, Any]:
    if information is None:
        return {}
    objective = information.find("Instrument/Objectives/Objective")
    microscope = information.find("Instrument/Microscopes/Microscope")
    software = [_text(information, f"Application/{part}") for part in ("Name", "Version")]
    facts = {
        "microscope": None if microscope is None else microscope.get("Name"),
        "objective": None if objective is None else objective.get("Name"),
        "magnification": number(_text(objective, "NominalMagnification")),
        "software": " ".join(part for part in software if part) or None,
        "operator": _text(information, "Document/UserName"),
        "started": _text(image, "AcquisitionDateAndTime"),
    }
    return {key: value for key, value in facts.items() if value}


def _text(element: Any, path: str) -> str | None:
    text: str | None = None if element is None else element.findtext(path)
    return text.strip() if text and text.strip() else None
