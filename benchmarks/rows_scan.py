"""Reading the layout of a microscope's folder, against bioio file by file."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_tmaps.model.wells import WellName
from napari_tmaps.sample.index import CHANNELS, PLATE, Picture, index_files
from napari_tmaps.vendors import scan
from timing import Contest

_SIZE = 32
_SUBSET = 40


def cellvoyager(folder: Path, full: bool) -> Contest:
    """A CellVoyager plate of 576 (full: 2,112) files of one small plane each."""
    from bioio import BioImage

    pictures = _write_plate(folder, sites=11 if full else 3)
    paths = [folder / picture.name for picture in pictures]
    subset = paths[:: len(paths) // _SUBSET]

    def peer() -> dict[str, tuple[Any, ...]]:
        found = {}
        for path in subset:
            image = BioImage(path)
            sizes = image.physical_pixel_sizes
            found[path.name] = (image.dims.Y, image.dims.X, str(image.dtype), sizes.Y, sizes.X)
        return found

    def ours() -> dict[str, tuple[Any, ...]]:
        planes = scan(folder).planes
        columns = (planes[name] for name in ("path", "height", "width", "dtype"))
        return {name: facts for name, *facts in zip(*columns, strict=True)}

    def floor() -> None:
        for path in paths:
            with path.open("rb", buffering=0) as file:
                file.read(4096)
        (folder / "MeasurementData.mlf").read_bytes()

    return Contest(
        "bioio.BioImage(path), file by file",
        ours,
        peer,
        # of all facts that both know; sizes of pixels are in the index, which bioio does not read
        accuracy=lambda ours, peer: float(
            np.mean([tuple(ours[name]) == facts[:3] for name, facts in peer.items()])
            if len(ours) == len(paths)
            else 0
        ),
        accuracy_is="share of planes with the same size and pixel type",
        peer_share=len(subset) / len(paths),
        floor=floor,
    )


def pattern(folder: Path, full: bool) -> Contest:
    """The same plate by the names of its files, against bioio file by file."""
    from bioio import BioImage

    pictures = _write_plate(folder, sites=11 if full else 3)
    for index in ("MeasurementData.mlf", "MeasurementDetail.mrf"):
        (folder / index).unlink()
    names = r"_(?P<well>[A-P]\d\d)_T(?P<t>\d+)F(?P<site>\d+)L\d+A\d+Z(?P<z>\d+)C(?P<channel>\d+)"
    paths = [folder / picture.name for picture in pictures]
    subset = paths[:: len(paths) // _SUBSET]
    return Contest(
        "bioio.BioImage(path), file by file",
        lambda: len(scan(folder, pattern=names).planes),
        lambda: [BioImage(path).dims.Y for path in subset],
        accuracy=lambda ours, peer: ours / len(paths),
        accuracy_is="share of files that the layout has",
        peer_share=len(subset) / len(paths),
        floor=lambda: [path.stat() for path in paths],
    )


def tiff_headers(folder: Path, full: bool) -> Contest:
    """Size and pixel type of TIFF files, against bioio file by file."""
    from bioio import BioImage

    from napari_tmaps.vendors.tiff import read_header

    paths = [folder / picture.name for picture in _write_plate(folder, sites=52 if full else 5)]
    subset = paths[:: len(paths) // _SUBSET]
    return Contest(
        "bioio.BioImage(path), file by file",
        lambda: {path: read_header(path) for path in paths},
        lambda: {path: BioImage(path) for path in subset},
        accuracy=lambda ours, peer: float(
            np.mean(
                [
                    (ours[path].height, ours[path].width) == (image.dims.Y, image.dims.X)
                    for path, image in peer.items()
                ]
            )
        ),
        accuracy_is="share of files with the same size",
        peer_share=len(subset) / len(paths),
        floor=lambda: [path.read_bytes() for path in paths],
    )


def _write_plate(folder: Path, sites: int) -> list[Picture]:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((_SIZE, _SIZE), np.uint16), metadata=None)
    pictures = [
        Picture(WellName.at(row, column), site, channel, (0.0, site * 10.4))
        for row in range(PLATE.rows)
        for column in range(PLATE.columns)
        for site in range(1, sites + 1)
        for channel in CHANNELS
    ]
    for picture in pictures:
        (folder / picture.name).write_bytes(buffer.getvalue())
    for name, content in index_files(pictures, _SIZE).items():
        (folder / name).write_bytes(content)
    return pictures
