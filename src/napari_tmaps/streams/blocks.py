"""From frames in any order to whole blocks of an image, which go to the disk at all levels."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from napari_tmaps.streams.diskfile import page_memory
from napari_tmaps.streams.order import Place, Seen
from napari_tmaps.streams.tiles import Pixels, Tiles, block_shape
from napari_tmaps.streams.workers import Buffers, Workers


class Sink(Protocol):
    """The array of one level on disk."""

    @property
    def block(self) -> tuple[int, ...]:
        """Planes along each dimension that are written together."""

    @property
    def tiles(self) -> Tiles | None:
        """How it takes planes in tiles; None if it does not."""

    def write(self, block: tuple[int, ...], planes: npt.NDArray[Any]) -> None:
        """Write the planes (*block, y, x) of a block; it, or a part of it, may be there already."""

    def publish(self, extent: Sequence[int]) -> None:
        """What is written becomes readable, up to that extent."""

    def close(self) -> None:
        """Close all files."""


def common_tiles(sinks: Sequence[Sink]) -> Tiles | None:
    """Tiles of the finest level, if all levels take tiles and each is made of halves of those
    above it."""
    for fine, coarse in pairwise(sinks):
        if fine.tiles is None or coarse.tiles is None:
            return None
        for half, size, whole in zip(fine.tiles[2:], coarse.tiles[2:], _plane(fine), strict=True):
            if half % 2 or size % (half // 2) or whole % 2:
                return None
    return sinks[0].tiles


def _plane(sink: Sink) -> tuple[int, int]:
    rows, columns, y, x = sink.tiles or (0, 0, 0, 0)
    return rows * y, columns * x


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
        Told of each plane that is written, in any thread; gets its block and place in that.
    load
        Reads a plane that is on disk already, of an interrupted stream.
    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        counts: tuple[int | None, ...],
        buffers: Buffers,
        workers: Workers,
        on_written: Callable[[Place, Pixels, Place], None],
        load: Callable[[Place], npt.NDArray[Any] | None],
    ) -> None:
        self.sinks = sinks
        self._tiles = common_tiles(sinks)
        self._memory = threading.local()
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
        for sink, level in zip(self.sinks, self._levels(pixels.array), strict=True):
            sink.write(key, level)
        for inside, place in places.items():
            self._on_written(place, pixels, inside)
        with self._lock:
            for place in places.values():
                self.seen.add(place)

    def _levels(self, level: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
        """A block at all levels; each is gone when the next block of the same thread comes."""
        from napari_tmaps.streams.pyramid import halve_tiles, halved

        yield level
        if self._tiles is not None and not hasattr(self._memory, "levels"):
            self._memory.levels = [
                page_memory(
                    block_shape(sink.block, _plane(sink), sink.tiles), level.dtype
                )
                for sink in self.sinks[1:]
            ]  # fmt: skip
        for number in range(len(self.sinks) - 1):
            if self._tiles is None:
                level = halved(level)
            else:
                finer, level = level, self._memory.levels[number]
                halve_tiles(finer, level)
            yield level
