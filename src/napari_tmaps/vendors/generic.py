"""Any other picture that bioio opens: PNG, JPEG, BMP, and whatever plugins are installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Oddity, Scan
from napari_tmaps.vendors.containers import (
    RGB_ODDITY,
    Container,
    SiteImage,
    rgb_channels,
    scan_files,
    unique_channels,
)
from napari_tmaps.vendors.kinds import dominant, of_kind
from napari_tmaps.vendors.listing import Listing
from napari_tmaps.vendors.opening import DAMAGE, library, no_plane, open_file

NAME = "plain pictures"

_PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif"})


def recognise(listing: Listing) -> bool:
    """True if most container files of the folder are of no kind that has a room of its own."""
    return dominant(listing) == "pictures"


def scan(listing: Listing) -> Scan:
    """Table of the planes of all pictures of a folder, each file (and scene in it) a site.

    Raises
    ------
    FormatError
        No file can be read.
    """
    names = of_kind(listing, "pictures")
    return scan_files(NAME, "bioio", listing, names, lambda name: _describe(listing.root, name))


class BioioPlanes:
    """A picture opened by bioio; series are its scenes. See `pixels.PlaneFile`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._image = open_file(path, lambda: _open(path))

    def read(self, series: int, page: int) -> npt.NDArray[Any]:
        """The plane (y, x); pages run over (t, c, z), colours as three channels."""
        try:
            self._image.set_scene(series)
            sizes = self._image.dims
            colours = _colours(sizes)
            t, c, z = (
                int(index)
                for index in np.unravel_index(page, (sizes.T, sizes.C * colours, sizes.Z))
            )
            wanted = {"T": t, "C": c // colours, "Z": z}
            if colours > 1:
                wanted["S"] = c % colours
            return np.asarray(self._image.get_image_data("YX", **wanted))
        except DAMAGE as error:
            raise no_plane(self._path, series, page, error) from error

    def close(self) -> None:
        """Give the file back; bioio holds none open."""


def _open(path: Path) -> Any:
    from bioio import BioImage
    from bioio_base.exceptions import UnsupportedFileFormatError

    try:
        if path.suffix.lower() in _PICTURES:
            # Named, because bioio looks at all of the name and takes "a.ome.jpeg" for another.
            plugin = library("bioio_imageio", "bioio-imageio", f"'{path.name}'")
            return BioImage(path, reader=plugin.Reader)
        return BioImage(path)
    except UnsupportedFileFormatError as error:
        raise FormatError(
            "it is damaged, or no reader for its format is installed; further readers of "
            'microscope files: pip install "napari-tmaps[vendors]"'
        ) from error


def _colours(sizes: Any) -> int:
    """Colours of each pixel: 1, or 3 (a fourth sample is transparency)."""
    return 3 if "S" in sizes.order and sizes.S >= 3 else 1


def _describe(root: Path, name: str) -> Container:
    picture = _open(root / name)
    images: list[SiteImage] = []
    oddities: list[Oddity] = []
    for series, scene in enumerate(picture.scenes):
        picture.set_scene(series)
        sizes, scale = picture.dims, picture.physical_pixel_sizes
        colours = _colours(sizes)
        named = [str(channel) for channel in picture.channel_names or ()]
        # bioio makes up names like "Channel:0:0" where a file has none.
        channels = [
            Channel(named[c] if c < len(named) and "Channel:" not in named[c] else f"C{c + 1:02d}")
            for c in range(sizes.C)
        ]
        if colours > 1:
            oddities.append(RGB_ODDITY)
            many = len(channels) > 1
            channels = [part for each in channels for part in rgb_channels(each if many else None)]
        images.append(
            SiteImage(
                name=str(scene),
                path=name,
                series=series,
                channels=unique_channels(channels),
                size_t=sizes.T,
                size_z=sizes.Z,
                height=sizes.Y,
                width=sizes.X,
                dtype=np.dtype(picture.dtype).name,
                pixel_size_um=(scale.Y, scale.X) if scale.Y and scale.X else None,
                z_step_um=scale.Z if sizes.Z > 1 and scale.Z else None,
            )
        )
    return Container(tuple(images), tuple(oddities))
