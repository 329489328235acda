"""One image of a stream as OME-Zarr: pixels at all levels, and the attributes that tell of it."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import InputError
from napari_tmaps.streams.acquisition import AcquisitionSettings
from napari_tmaps.streams.array_plan import ArrayPlan
from napari_tmaps.streams.atomic import write_text
from napari_tmaps.streams.blocks import BlockWriter, Sink
from napari_tmaps.streams.checksums import frame_checksum
from napari_tmaps.streams.describe import image_channels, plane_facts
from napari_tmaps.streams.formats import OmeZarrFormat
from napari_tmaps.streams.ngff_groups import group_file
from napari_tmaps.streams.ngff_metadata import (
    OURS,
    channel_facts,
    multiscales_of,
    ngff_axis,
    omero,
)
from napari_tmaps.streams.omexml import PlaneFacts
from napari_tmaps.streams.order import FrameOrder, Place, PlaneNumbers
from napari_tmaps.streams.othersinks import LIBRARIES, LibrarySink
from napari_tmaps.streams.pixeltypes import IN_ZARR, stored_type
from napari_tmaps.streams.pyramid import level_shapes
from napari_tmaps.streams.shards import MOST_CHUNKS, ArrayFiles
from napari_tmaps.streams.tiles import Pixels
from napari_tmaps.streams.units import LENGTHS
from napari_tmaps.streams.workers import Buffers, Workers

_FACTS, _CHECKSUMS = "@frame metadata@", "@checksums@"
"""Stand for lists with a line for each frame: with indents they would take a second to write."""
_SAMPLES = 4
"""Planes of a channel that are looked at to find its contrast."""


def array_plans(settings: AcquisitionSettings, folder: Path) -> list[ArrayPlan]:
    """How the arrays of an image are cut, finest level first.

    Raises
    ------
    InputError
        Pixels that a zarr cannot hold, or shards in version 0.4.
    """
    assert isinstance(settings.format, OmeZarrFormat)
    dims = settings.array_storage_dimensions
    height, width = (dim.count or 1 for dim in dims[-2:])
    shard = tuple(dim.shard_size_chunks or 1 for dim in dims)
    old = settings.format.version == "0.4"
    if old and max(shard) > 1:
        raise InputError("Shards need version 0.5 of OME-NGFF; leave out shard_size_chunks.")
    plans = []
    for number, plane in enumerate(level_shapes(height, width, settings.levels)):
        chunk = [dim.chunk_size or 1 for dim in dims[:-2]]
        for dim, size in zip(dims[-2:], plane, strict=True):
            chunk.append(min(dim.chunk_size or dim.count or 1, size))
        grid = [-(-size // step) for size, step in zip(plane, chunk[-2:], strict=True)]
        plans.append(
            ArrayPlan(
                folder / str(number),
                tuple(dim.name for dim in dims),
                stored_type(settings.dtype, IN_ZARR, "OME-Zarr"),
                plane,
                tuple(chunk),
                _level_shard(number, shard, grid, [dim.count for dim in dims[:-2]], chunk)
                if max(shard) > 1 and settings.format.backend not in LIBRARIES
                else (*shard[:-2], min(shard[-2], grid[0]), min(shard[-1], grid[1])),
                settings.compression or "none",
                2 if old else 3,
            )
        )
    return plans


def _level_shard(
    level: int,
    shard: Sequence[int],
    grid: Sequence[int],
    counts: Sequence[int | None],
    chunk: Sequence[int],
) -> tuple[int, ...]:
    """Shards of a coarser level hold more planes, so that their files are about as large.

    Those of our own writer need not be whole to be written. Their index must fit into a page.
    """
    sizes = [*shard[:-2], min(shard[-2], grid[0]), min(shard[-1], grid[1])]
    room = min(4**level, MOST_CHUNKS // math.prod(sizes)) if level else 1
    for axis in reversed(range(len(sizes) - 2)):
        most = room * sizes[axis]
        if (count := counts[axis]) is not None:
            most = min(most, -(-count // chunk[axis]))
        more = max(1, most // sizes[axis])
        sizes[axis] *= more
        room //= more
    return tuple(sizes)


def make_sinks(settings: AcquisitionSettings, folder: Path, counts: Any) -> list[Sink]:
    """Who writes the arrays of an image."""
    backend = settings.format.backend
    library = LIBRARIES.get(backend) if settings.format.version == "0.5" else None  # type: ignore[union-attr]
    plans = array_plans(settings, folder)
    if library is None:
        return [ArrayFiles(plan) for plan in plans]
    return [LibrarySink(plan, counts, library) for plan in plans]


class ZarrImage:
    """Writes one position."""

    def __init__(
        self,
        settings: AcquisitionSettings,
        order: FrameOrder,
        position: int,
        folder: Path,
        buffers: Buffers,
        workers: Workers,
    ) -> None:
        self.folder = folder
        self.settings = settings
        self.position = position
        self.planes: dict[Place, PlaneFacts] = {}
        self._checksums = PlaneNumbers(order.stored_counts)
        self.extra: dict[str, Any] = {}
        self.changed = self._unread = True
        self._others: dict[str, Any] = {}
        self._channel_axis = next(
            (n for n, d in enumerate(settings.storage_index_dimensions) if d.type == "channel"),
            None,
        )
        self._texts: dict[Place, str] = {}
        self._range: dict[int, tuple[int, float, float]] = {}
        self.lock = threading.Lock()
        self.blocks = BlockWriter(
            make_sinks(settings, folder, order.stored_counts),
            order.stored_counts,
            buffers,
            workers,
            self._written,
            self.read_stored,
        )

    def note(self, place: Place, facts: dict[str, Any]) -> None:
        """Keep facts of a frame."""
        text = json.dumps({**facts, "storage_index": list(place)}, ensure_ascii=False)
        with self.lock:
            self.planes[place] = plane_facts(self.settings, place, facts)
            self._texts[place] = text

    def read(self, place: Place) -> npt.NDArray[Any] | None:
        """A plane that has come; None if it has not."""
        pending = self.blocks.pending(place)
        if pending is not None:
            return pending
        if place not in self.blocks.seen:
            return None
        if self._unread:
            self._unread = False
            self.blocks.publish()
        return self.read_stored(place)

    def read_stored(self, place: Place) -> npt.NDArray[Any]:
        """A plane as it lies on the disk."""
        import zarr

        return np.asarray(zarr.open_array(self.folder / "0", mode="r")[place])

    def publish(self) -> None:
        """Readers see what has come."""
        self.changed = False
        self.blocks.flush()
        self.blocks.publish()
        self.write_attributes()

    def write_attributes(self, others: dict[str, Any] | None = None) -> None:
        """Write the attributes of the group."""
        self._others = self._others | (others or {})
        version = self.settings.format.version  # type: ignore[union-attr]
        path, document = group_file(self.folder, self.attributes(), version, self._others)
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
        with self.lock:
            lines = {_FACTS: list(self._texts.values()), _CHECKSUMS: self._checksum_lines()}
        for mark, each in lines.items():
            text = text.replace(f'"{mark}"', "[\n" + ",\n".join(each) + "\n]", 1)
        write_text(path, text + "\n")

    def attributes(self) -> dict[str, Any]:
        """What the group says of the image."""
        settings = self.settings
        dims = settings.array_storage_dimensions
        place = settings.positions[self.position]
        stage = {"z": place.z_coord, "y": place.y_coord, "x": place.x_coord}
        shifts = []
        for dim in dims:
            shift = dim.translation or 0.0
            at = stage.get(dim.name)
            if at is not None and dim.unit in LENGTHS and dim.scale:
                shift += at / (LENGTHS[dim.unit][1] / 1e-6)
            shifts.append(shift)
        name = place.name if len(settings.positions) > 1 else self.folder.name.split(".")[0]
        attributes: dict[str, Any] = {
            "multiscales": multiscales_of(
                [ngff_axis(dim.name, dim.type, dim.unit) for dim in dims],
                [1.0 if dim.scale is None else dim.scale for dim in dims],
                shifts,
                name=name,
                version=settings.format.version,  # type: ignore[union-attr]
                levels=settings.levels,
                kind="mean",
            )
        }
        channels = image_channels(settings)
        if self._channel_axis is not None:
            channels = channels[: self.blocks.seen.shape[self._channel_axis]]
        ours: dict[str, Any] = dict(self.extra)
        if channels:
            windows = [self._window(c) for c in range(len(channels))]
            attributes["omero"] = omero(channels, windows, np.dtype(settings.dtype))
            if any(channel_facts(channels)):
                ours["channels"] = channel_facts(channels)
        missing = self.blocks.seen.missing()
        if len(missing):
            ours["missing_planes"] = self._full_places(missing)
            ours["missing"] = missing.tolist()
        where = {key: value for key, value in place.model_dump().items() if value is not None}
        if len(where) > 1:
            ours["position"] = where
        if settings.checksums:
            ours["checksums"] = {"algorithm": "crc32c", "frames": _CHECKSUMS}
        if self._texts:
            ours["frame_metadata"] = _FACTS
        return attributes | {OURS: ours}

    def restore(self, recorded: dict[str, Any], shape: Place) -> None:
        """Take up what an interrupted stream has written."""
        missing = {tuple(place) for place in recorded.get("missing", ())}
        for place in np.ndindex(*shape):
            if place not in missing:
                self.blocks.seen.add(place)
        self.blocks.seen.reach(tuple(size - 1 for size in shape))
        for entry in recorded.get("frame_metadata", ()):
            facts = dict(entry)
            self.note(tuple(facts.pop("storage_index")), facts)
        for *place, crc in recorded.get("checksums", {}).get("frames", ()):
            self._checksums[tuple(place)] = crc

    def _checksum_lines(self) -> list[str]:
        return list(map(str, self._checksums.rows())) if self.settings.checksums else []

    def _full_places(self, missing: npt.NDArray[Any]) -> list[list[int]]:
        """Places as (t, c, z), which is how images without those dimensions are read too."""
        names = [dim.name for dim in self.settings.storage_index_dimensions]
        full = np.zeros((len(missing), 3), int)
        for axis, name in enumerate(names):
            if name in "tcz":
                full[:, "tcz".index(name)] = missing[:, axis]
        places: list[list[int]] = full.tolist()
        return places

    def _written(self, place: Place, pixels: Pixels, inside: Place) -> None:
        self.changed = self._unread = True
        if self.settings.checksums:
            crc = frame_checksum(pixels.take(inside))
            with self.lock:
                self._checksums[place] = crc
        c = 0 if self._channel_axis is None else place[self._channel_axis]
        count, low, high = self._range.get(c, (0, np.inf, -np.inf))
        if count < _SAMPLES:
            sample = pixels.sample(inside, 16)
            if sample.dtype.kind == "f":
                sample = sample[np.isfinite(sample)]
            if sample.size:
                lows, highs = np.percentile(sample, (0.1, 99.9))
                low, high = min(low, float(lows)), max(high, float(highs))
            self._range[c] = count + 1, low, high

    def _window(self, c: int) -> tuple[float, float]:
        _, low, high = self._range.get(c, (0, np.inf, -np.inf))
        if low > high:
            return 0.0, 1.0
        return low, high if high > low else low + 1
