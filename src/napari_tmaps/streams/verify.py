"""Read a stream as any program would, and compare its checksums."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError, NotFoundError
from napari_tmaps.streams.checksums import frame_checksum
from napari_tmaps.streams.ngff_groups import read_attributes
from napari_tmaps.streams.ngff_metadata import OURS
from napari_tmaps.streams.order import Place


@dataclass
class Verified:
    """What was found.

    Attributes
    ----------
    images, frames
        Read.
    compared
        Frames that had a checksum.
    missing
        Frames that never came.
    damaged
        Sentences, one a frame or file that is not as it was written.
    """

    images: int = 0
    frames: int = 0
    compared: int = 0
    missing: int = 0
    damaged: list[str] = field(default_factory=list)


def verify_path(path: Path) -> Verified:
    """Read all frames of an OME-Zarr, or of an OME-TIFF or a folder of them.

    Raises
    ------
    NotFoundError
        There is neither.
    """
    path = Path(path)
    found = Verified()
    if path.is_file():
        _verify_tiff(path, found)
    elif (path / "zarr.json").is_file() or (path / ".zgroup").is_file():
        for folder in _images(path):
            _verify_zarr(folder, found)
    else:
        files = sorted([*path.glob("*.tif"), *path.glob("*.tiff")]) if path.is_dir() else []
        if not files:
            raise NotFoundError(f"There is no OME-Zarr or OME-TIFF at '{path}'.")
        for file in files:
            _verify_tiff(file, found)
    return found


def _images(root: Path) -> Iterator[Path]:
    """Groups that are images, at whatever depth."""
    found: set[Path] = set()
    for file in sorted(
        {*root.rglob("zarr.json"), *root.rglob(".zattrs")}, key=lambda p: (len(p.parts), p)
    ):
        folder = file.parent
        if found & {folder, *folder.parents}:
            continue
        try:
            image = "multiscales" in read_attributes(folder)
        except FormatError:
            image = True
        if image:
            found.add(folder)
            yield folder


def _verify_zarr(folder: Path, found: Verified) -> None:
    import zarr

    found.images += 1
    try:
        attributes = read_attributes(folder)
        levels = [dataset["path"] for dataset in attributes["multiscales"][0]["datasets"]]
        arrays = [zarr.open_array(folder / name, mode="r") for name in levels]
    except (FormatError, OSError, KeyError, ValueError, TypeError) as error:
        found.damaged.append(f"{folder}: {error}")
        return
    ours = attributes.get(OURS, {})
    checksums = {tuple(place): crc for *place, crc in ours.get("checksums", {}).get("frames", ())}
    missing = {tuple(place) for place in ours.get("missing", ())}
    found.missing += len(missing)
    for number, array in enumerate(arrays):
        for place in np.ndindex(*array.shape[:-2]):
            if place in missing:
                continue
            try:
                plane = np.asarray(array[place])
            except (OSError, ValueError, RuntimeError) as error:
                found.damaged.append(f"{folder}, level {number}, plane {place}: {error}")
                continue
            if number == 0:
                _compare(f"{folder}", place, plane, checksums, found)


def _verify_tiff(path: Path, found: Verified) -> None:
    import tifffile

    from napari_tmaps.streams.tiff_metadata import CHECKSUMS

    try:
        with tifffile.TiffFile(path) as file:
            known = _tiff_checksums(file.ome_metadata or "", path.name, CHECKSUMS)
            found.images += 1
            pages = list(enumerate(file.pages))
            for number, page in pages:
                try:
                    plane = page.asarray()
                except (OSError, ValueError, RuntimeError, IndexError) as error:
                    found.damaged.append(f"{path}, page {number}: {error}")
                    continue
                _compare(f"{path}, page {number}", (number,), plane, known, found)
    except (OSError, ValueError, RuntimeError, IndexError, KeyError, struct.error) as error:
        found.damaged.append(f"{path}: {error}")


def _tiff_checksums(text: str, file: str, namespace: str) -> dict[Place, int]:
    """Page → checksum."""
    from ome_types import from_xml

    if not text:
        return {}
    ome = from_xml(text)
    notes: dict[str, dict[str, Any]] = {
        note.id: {m.k or "": m.value for m in note.value.ms}
        for note in (
            ome.structured_annotations.map_annotations if ome.structured_annotations else ()
        )
        if note.namespace == namespace and note.value is not None
    }
    found: dict[Place, int] = {}
    for image in ome.images:
        own = [notes[ref.id] for ref in image.annotation_refs if ref.id in notes]
        if not own:
            continue
        pixels = image.pixels
        sums = {tuple(place): crc for *place, crc in json.loads(own[0]["frames"])}
        order = [axis.lower() for axis in reversed(pixels.dimension_order.value[2:])]
        sizes = {"t": pixels.size_t, "c": pixels.size_c, "z": pixels.size_z}
        shape = [sizes[axis] for axis in order]
        used = len(next(iter(sums)))
        for run in pixels.tiff_data_blocks:
            if run.uuid is not None and run.uuid.file_name not in (None, file):
                continue
            first = {"t": run.first_t, "c": run.first_c, "z": run.first_z}
            begin = int(np.ravel_multi_index([first[axis] for axis in order], shape))
            for step in range(run.plane_count or 0):
                place = tuple(map(int, np.unravel_index(begin + step, shape)))
                # Dimensions that the stream did not have come first, and are 1 long.
                crc = sums.get(place[3 - used :])
                if crc is not None:
                    found[((run.ifd or 0) + step,)] = crc
    return found


def _compare(
    where: str, place: Place, plane: npt.NDArray[Any], known: dict[Place, int], found: Verified
) -> None:
    found.frames += 1
    crc = known.get(place)
    if crc is None:
        return
    found.compared += 1
    if crc != frame_checksum(plane):
        found.damaged.append(f"{where}, frame {place}: the pixels are not those that came.")
