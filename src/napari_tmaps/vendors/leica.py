"""Leica LIF: images, tile scans and wells, through the library liffile."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Oddity, Scan
from napari_tmaps.vendors.containers import (
    RGB_ODDITY,
    Container,
    SiteImage,
    rgb_channels,
    scan_files,
    unique_channels,
    well_in,
)
from napari_tmaps.vendors.kinds import dominant, of_kind
from napari_tmaps.vendors.listing import Listing
from napari_tmaps.vendors.opening import DAMAGE, library, no_plane, number, open_file

NAME = "Leica LIF"

# Colour tables that Leica gives channels, as shown on the screen.
_COLORS = {
    "red": "#FF0000",
    "green": "#00FF00",
    "blue": "#0000FF",
    "cyan": "#00FFFF",
    "magenta": "#FF00FF",
    "yellow": "#FFFF00",
    "gray": "#FFFFFF",
    "grey": "#FFFFFF",
}


def recognise(listing: Listing) -> bool:
    """True if most container files of the folder are LIF."""
    return dominant(listing) == NAME


def scan(listing: Listing) -> Scan:
    """Table of the planes of all LIF files of a folder.

    Raises
    ------
    FormatError
        No file can be read, or the library is not installed.
    """
    names = of_kind(listing, NAME)
    _library(names[0])
    return scan_files(NAME, "lif", listing, names, lambda name: _describe(listing.root, name))


class LifPlanes:
    """An open LIF; series are the tiles of its images, one after the other.

    See `pixels.PlaneFile`.
    """

    def __init__(self, path: Path) -> None:
        liffile = _library(str(path))
        self._path = path
        self._file: Any = open_file(path, lambda: liffile.LifFile(path))
        self._tiles = [
            (image, tile)
            for image in _pictures(self._file)
            for tile in range(image.sizes.get("M", 1))
        ]

    def read(self, series: int, page: int) -> npt.NDArray[Any]:
        """The plane (y, x); pages run over (t, c, z), colours as three channels."""
        try:
            image, tile = self._tiles[series]
            sizes = image.sizes
            samples = sizes.get("S", 1)
            shape = (sizes.get("T", 1), sizes.get("C", 1) * samples, sizes.get("Z", 1))
            t, c, z = (int(index) for index in np.unravel_index(page, shape))
            wanted = {"M": tile, "T": t, "C": c // samples, "Z": z}
            pixels = image.frame(**{axis: n for axis, n in wanted.items() if axis in sizes})
            pixels = pixels.reshape(sizes["Y"], sizes["X"], samples)
            return np.ascontiguousarray(pixels[..., c % samples])
        except DAMAGE as error:
            raise no_plane(self._path, series, page, error) from error

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


def _library(name: str) -> Any:
    return library("liffile", "liffile", f"'{name}' (Leica LIF)")


def _pictures(file: Any) -> list[Any]:
    """Images that have planes (y, x) over t, c, z and tiles; no line scans, no lifetimes."""
    return [
        image
        for image in file.images
        if not image.is_flim and {"Y", "X"} <= set(image.sizes) <= set("TMCZYXS")
    ]


def _describe(root: Path, name: str) -> Container:
    with _library(name).LifFile(root / name) as file:
        pictures = _pictures(file)
        oddities = []
        other = [image.path for image in file.images if all(image is not p for p in pictures)]
        if other:
            oddities.append(
                Oddity(
                    "ignored",
                    f"{len(other)} images left out that are no planes over z, t and channels "
                    f"(lifetimes, line scans …), the first is '{other[0]}'.",
                )
            )
        images: list[SiteImage] = []
        for picture in pictures:
            tiles, odd = _tiles(picture, name, len(images), (root / name).stat().st_size)
            images += tiles
            oddities += odd
        dated = any(image.time_s is not None for image in images)
        facts = _facts(pictures[0]) if pictures else {}
        return Container(tuple(images), tuple(oddities), facts, start_s=0.0 if dated else None)


def _facts(picture: Any) -> dict[str, Any]:
    """Microscope, software and objective of an image, as LAS writes them."""
    hardware = picture.xml_element.find(".//Attachment[@Name='HardwareSetting']")
    if hardware is None:
        return {}
    optics = next(
        (item.attrib for item in hardware.iter() if item.get("ObjectiveName")), hardware.attrib
    )
    facts = {
        "microscope": hardware.get("SystemTypeName"),
        "software": hardware.get("Software"),
        "objective": " ".join(optics.get("ObjectiveName", "").split()),
        "magnification": number(optics.get("Magnification")),
    }
    return {key: value for key, value in facts.items() if value}


def _tiles(
    picture: Any, file: str, series: int, file_size: int
) -> tuple[list[SiteImage], list[Oddity]]:
    """The tiles of one image as sites."""
    sizes = dict(picture.sizes)
    oddities = []
    block = picture.memory_block
    if block.offset + block.size > file_size:
        raise ValueError(
            f"it is cut off: image '{picture.path}' ends at byte {block.offset + block.size:,} of "
            f"{file_size:,}"
        )
    samples = sizes.get("S", 1)
    channels: list[Channel] = _channels(picture, sizes.get("C", 1))
    if samples > 1:
        oddities.append(RGB_ODDITY)
        many = len(channels) > 1
        channels = [part for each in channels for part in rgb_channels(each if many else None)]
    shape = (sizes.get("T", 1), len(channels), sizes.get("Z", 1))
    step_y, step_x, step_z = (_step_um(picture, axis) for axis in "YXZ")
    times = _times(picture, sizes)
    places, odd = _places(picture)
    oddities += odd
    images = []
    for tile in range(sizes.get("M", 1)):
        of_tile = None if times is None else times[:, tile]
        images.append(
            SiteImage(
                name=f"{picture.path}, tile {tile}" if "M" in sizes else picture.path,
                path=file,
                series=series + tile,
                channels=unique_channels(channels),
                size_t=shape[0],
                size_z=shape[2],
                height=sizes["Y"],
                width=sizes["X"],
                dtype=np.dtype(picture.dtype).name,
                well=_well(picture.path),
                pixel_size_um=None if step_y is None or step_x is None else (step_y, step_x),
                z_step_um=step_z,
                stage_yx_um=places[tile] if tile < len(places) else None,
                time_s=None if of_tile is None else np.repeat(of_tile, samples, axis=1),
            )
        )
    return images, oddities


def _channels(picture: Any, count: int) -> list[Channel]:
    """Name of the dye where it was entered, else the colour of the channel, as in LAS X."""
    elements = list(picture.xml_element.iterfind(".//ImageDescription/Channels/ChannelDescription"))
    channels = []
    for index in range(count):
        element = elements[index] if index < len(elements) else None
        lut, dye = "" if element is None else element.get("LUTName", ""), _dye(element)
        channels.append(
            Channel(
                name=dye or lut or f"C{index + 1:02d}",
                color=_COLORS.get(lut.lower()),
                bit_depth=None if element is None else int(element.get("Resolution", 0)) or None,
                fluorophore=dye or None,
            )
        )
    return channels


def _dye(element: Any) -> str:
    if element is not None:
        for item in element.iterfind("ChannelProperty"):
            if item.findtext("Key") == "DyeName":
                return (item.findtext("Value") or "").strip()
    return ""


def _step_um(picture: Any, axis: str) -> float | None:
    """Distance of pixels or planes; liffile gives the places of all in metres."""
    places = picture.coords.get(axis)
    if places is None or len(places) < 2:
        return None
    step = abs(float(places[-1] - places[0])) / (len(places) - 1) * 1e6
    return float(f"{step:.9g}") if step > 0 else None


def _times(picture: Any, sizes: dict[str, int]) -> npt.NDArray[np.float64] | None:
    """Seconds since 1970 by (t, tile, channel, z); None where planes have no times of their own."""
    stamps = picture.timestamps
    axes = [axis for axis in sizes if axis in "TMCZ"]
    if stamps is None or stamps.size != np.prod([sizes[axis] for axis in axes], dtype=int):
        return None
    seconds = ((stamps - np.datetime64(0, "s")) / np.timedelta64(1, "s")).astype(float)
    table = seconds.reshape([sizes[axis] for axis in axes])
    table = table.transpose(sorted(range(len(axes)), key=lambda n: "TMCZ".index(axes[n])))
    result: npt.NDArray[np.float64] = table.reshape([sizes.get(axis, 1) for axis in "TMCZ"])
    return result


def _places(picture: Any) -> tuple[list[tuple[float, float]], list[Oddity]]:
    """Places (y, x) of the tiles on the stage, µm; y grows down the picture, as overlaps show."""
    scan_info = picture.tilescan
    if scan_info is None:
        return [], []
    y, x = scan_info.tiles["pos_y"] * 1e6, scan_info.tiles["pos_x"] * 1e6
    flags = (scan_info.swap_xy, scan_info.flip_x, scan_info.flip_y)
    if scan_info.swap_xy:
        y, x = x, y
    y, x = (-y if scan_info.flip_y else y), (-x if scan_info.flip_x else x)
    oddities = []
    if any(flags):
        oddities.append(
            Oddity(
                "doubtful",
                f"the tiles of '{picture.path}' are turned against the stage (swap, flip x,"
                f" flip y: {flags}); look whether they fit together on the map.",
            )
        )
    return [(float(a), float(b)) for a, b in zip(y, x, strict=True)], oddities


def _well(path: str) -> str | None:
    """The well of an image of a plate: row and column are folders, "TileScan 3/B/2"."""
    match = re.search(r"/([A-Z]{1,2})/(\d{1,2})(?:/[^/]*)?$", f"/{path}")
    return well_in(match[1] + match[2]) if match else None
