"""From frames in any order to whole blocks of an image, which go to the disk at all levels."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from napari_tmaps.streams.order import Place, Seen
from napari_tmaps.streams.workers import Buffers, Workers


class Sink(Protocol):
    """The array of one level on disk."""

    @property
    def block(self) -> tuple[int, ...]:
        """Planes along each dimension that are written together."""

    @property
    def tiles(self) -> tuple[int, int, int, int] | None:
        """Chunks of a plane and their sizes, (rows, columns, y, x), if it takes them in tiles."""

    def write(self, block: tuple[int, ...], planes: npt.NDArray[Any]) -> None:
        """Write the planes (*block, y, x) of a block; it, or a part of it, may be there already."""

    def publish(self, extent: Sequence[int]) -> None:
        """What is written becomes readable, up to that extent."""

    def close(self) -> None:
        """Close all files."""


class Pixels:
    """The planes of one block in memory: as they are, or in the order of the chunks on disk.

    The latter saves copying them once more; only the finest level alone is written so.
    """

    def __init__(self, array: npt.NDArray[Any], tiles: tuple[int, int, int, int] | None) -> None:
        self.array = array
        self.tiles = tiles

    def put(self, inside: Place, plane: Any) -> None:
        """Set a plane, or all its pixels to one value."""
        if self.tiles is None:
            self.array[inside] = plane
        elif np.ndim(plane) == 0:
            self.array[self._key(inside)] = plane
        else:
            rows, columns, y, x = self.tiles
            parts = plane.reshape(rows, y, columns, x).swapaxes(1, 2)
            self.array[self._key(inside)] = parts

    def take(self, inside: Place) -> npt.NDArray[Any]:
        """A plane (y, x); of tiles it is a copy."""
        if self.tiles is None:
            plane: npt.NDArray[Any] = self.array[inside]
            return plane
        rows, columns, y, x = self.tiles
        parts = self.array[self._key(inside)]
        whole: npt.NDArray[Any] = parts.swapaxes(1, 2).reshape(rows * y, columns * x)
        return whole

    @staticmethod
    def _key(inside: Place) -> Any:
        return (slice(None), slice(None), *inside)


def block_shape(
    block: tuple[int, ...], plane: tuple[int, int], tiles: tuple[int, int, int, int] | None
) -> tuple[int, ...]:
    """Shape of the memory of a block."""
    return (*block, *plane) if tiles is None else (*tiles[:2], *block, *tiles[2:])


@dataclass
class _Block:
    """Planes of one block that have come so far."""

    pixels: Pixels
    expected: int
    places: dict[Place, Place] = field(default_factory=dict)
    skipped: int = 0
    on_disk: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    done: bool = False


class BlockWriter:
    """Gathers the frames of one image into blocks, and has workers write them at all levels.

    Parameters
    ----------
    sinks
        One a level, finest first, with the same blocks.
    counts
        Sizes of the dimensions before the plane; None where unknown.
    on_written
        Told of each plane that is written, in any thread; gets its pixels by a call.
    load
        Reads a plane that is on disk already, of an interrupted stream.
    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        counts: tuple[int | None, ...],
        buffers: Buffers,
        workers: Workers,
        on_written: Callable[[Place, Callable[[], npt.NDArray[Any]]], None],
        load: Callable[[Place], npt.NDArray[Any] | None],
    ) -> None:
        self.sinks = sinks
        self._tiles = sinks[0].tiles if len(sinks) == 1 else None
        self._counts = counts
        self._buffers = buffers
        self._workers = workers
        self._on_written = on_written
        self._load = load
        self._open: dict[Place, _Block] = {}
        self._lock = threading.Lock()
        self.seen = Seen(counts)

    def write(self, place: Place, frame: npt.NDArray[Any]) -> None:
        """Copy a frame; the block that it completes goes to the workers."""
        key, block, inside = self._find(place)
        block.pixels.put(inside, frame)
        with self._lock:
            block.places[inside] = place
        self._if_complete(key, block)

    def skip(self, place: Place) -> None:
        """There will be no frame at that place."""
        key, block, inside = self._find(place)
        block.pixels.put(inside, 0)
        with self._lock:
            block.skipped += 1
            self.seen.reach(place)
        self._if_complete(key, block)

    def pending(self, place: Place) -> npt.NDArray[Any] | None:
        """A copy of a frame whose block is not complete; None if it is not among them."""
        sizes = self.sinks[0].block
        key = tuple(i // size for i, size in zip(place, sizes, strict=True))
        inside = tuple(i % size for i, size in zip(place, sizes, strict=True))
        with self._lock:
            block = self._open.get(key)
            if block is None or inside not in block.places:
                return None
            return block.pixels.take(inside).copy()

    def flush(self) -> None:
        """Write what has come of incomplete blocks, and keep these for the rest."""
        with self._lock:
            blocks = list(self._open.items())
        for key, block in blocks:
            with block.lock:
                with self._lock:
                    places = dict(block.places)
                if block.done or len(places) == block.on_disk:
                    continue
                pixels = Pixels(np.zeros_like(block.pixels.array), self._tiles)
                for inside in places:
                    pixels.put(inside, block.pixels.take(inside))
                self._store(key, pixels, places)
                block.on_disk = len(places)

    def publish(self) -> None:
        """Readers see what is written."""
        with self._lock:
            extent = self.seen.shape
        for sink in self.sinks:
            sink.publish(extent)

    def close(self) -> None:
        """Write all that is left. The workers must be idle."""
        self.flush()
        for sink in self.sinks:
            sink.publish(self.seen.shape)
            sink.close()

    def _find(self, place: Place) -> tuple[Place, _Block, Place]:
        sizes = self.sinks[0].block
        key = tuple(i // size for i, size in zip(place, sizes, strict=True))
        inside = tuple(i % size for i, size in zip(place, sizes, strict=True))
        block = self._open.get(key)
        if block is None:
            block = self._begin(key, sizes)
        return key, block, inside

    def _begin(self, key: Place, sizes: tuple[int, ...]) -> _Block:
        spans = [
            range(k * size, (k + 1) * size if count is None else min(count, (k + 1) * size))
            for k, size, count in zip(key, sizes, self._counts, strict=True)
        ]
        expected = int(np.prod([len(span) for span in spans], dtype=int))
        block = _Block(Pixels(self._buffers.take(), self._tiles), expected)
        if expected < np.prod(sizes, dtype=int):
            block.pixels.array[...] = 0
        if len(self.seen.extent) and all(
            span.start < reached for span, reached in zip(spans, self.seen.extent, strict=True)
        ):
            self._continue(block, key, sizes)
        with self._lock:
            self._open[key] = block
        return block

    def _continue(self, block: _Block, key: Place, sizes: tuple[int, ...]) -> None:
        """Take up planes that an interrupted stream has written."""
        for inside in np.ndindex(*sizes):
            place = tuple(k * size + i for k, size, i in zip(key, sizes, inside, strict=True))
            pixels = self._load(place) if place in self.seen else None
            if pixels is not None:
                block.pixels.put(inside, pixels)
                block.places[inside] = place
        block.on_disk = len(block.places)

    def _if_complete(self, key: Place, block: _Block) -> None:
        if len(block.places) + block.skipped < block.expected:
            return
        with self._lock:
            self._open.pop(key, None)
        if block.places:
            self._workers.submit(lambda: self._finish(key, block), block.pixels.array.nbytes)

    def _finish(self, key: Place, block: _Block) -> None:
        with block.lock:
            block.done = True
            self._store(key, block.pixels, block.places)
        self._buffers.give(block.pixels.array)

    def _store(self, key: Place, pixels: Pixels, places: dict[Place, Place]) -> None:
        from napari_tmaps.streams.pyramid import halved

        level = pixels.array
        for number, sink in enumerate(self.sinks):
            level = halved(level) if number else level
            sink.write(key, level)
        for inside, place in places.items():
            self._on_written(place, partial(pixels.take, inside))
        with self._lock:
            for place in places.values():
                self.seen.add(place)
