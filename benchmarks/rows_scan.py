"""Reading the layout of a microscope's folder, against bioio file by file."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from timing import Contest

from napari_tmaps.model.wells import WellName
from napari_tmaps.sample.index import CHANNELS, PLATE, Picture, index_files
from napari_tmaps.vendors import scan

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
