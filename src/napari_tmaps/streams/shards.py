"""The files of a growing zarr array: chunks in files of their own, or many in a shard.

A shard is only ever appended to: chunks are written once, as they come, and its index, which stands
at the beginning, is put there whenever what has come shall be readable. One that comes whole is
written whole. So nothing is gathered in memory, nothing is written twice, and a killed process
leaves readable shards. Source: the zarr specifications 2 and 3, and their "sharding_indexed" codec.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.streams.array_plan import ArrayPlan
from napari_tmaps.streams.atomic import write_text
from napari_tmaps.streams.codecs import encoder, most_bytes
from napari_tmaps.streams.diskfile import (
    LEAST_DIRECT,
    PAGE,
    Bytes,
    DiskFile,
    Part,
    hidden_part,
    page_memory,
    whole_pages,
    write_file,
)

_NOT_THERE = 2**64 - 1
MOST_CHUNKS = (PAGE - 4) // 16
"""In a shard whose index can be written in one go."""
Grid = tuple[int, int]
Key = tuple[int, ...]
Spans = dict[Grid, tuple[int, int]]
"""Chunk of a plane → where it begins and ends in memory."""


class ArrayFiles:
    """Writes blocks of planes of an `ArrayPlan`; safe in several threads for different blocks."""

    def __init__(self, plan: ArrayPlan) -> None:
        self.plan = plan
        self._encode = encoder(plan.compression)
        self._shards: dict[Key, _Shard] = {}
        self._lock = threading.Lock()
        self._memory = threading.local()
        rows, columns = map(range, plan.grid)
        # Chunks of one shard follow each other.
        self._order = sorted(product(rows, columns), key=lambda grid: (self._shard_of(grid), grid))

    @property
    def block(self) -> tuple[int, ...]:
        """Planes along each dimension that must come together."""
        return self.plan.chunk[:-2]

    @property
    def tiles(self) -> tuple[int, int, int, int] | None:
        """Chunks of a plane and their sizes; None if the last ones reach beyond it."""
        y, x = self.plan.chunk[-2:]
        rows, columns = self.plan.grid
        return (rows, columns, y, x) if (rows * y, columns * x) == self.plan.plane else None

    def write(self, block: tuple[int, ...], planes: npt.NDArray[Any]) -> None:
        """Write the planes of a block: (*block, y, x), or `tiles` (rows, columns, *block, y, x).

        It, or a part of it, may be there already.
        """
        memory, spans = self._encoded(planes)
        if self.plan.sharded:
            self._into_shards(block, memory, spans)
            return
        for grid, (start, stop) in spans.items():
            # Whole or not at all: readers of a growing array, and of one whose writer was killed,
            # must not come upon a part.
            write_file(self._file((*block, *grid)), [memory[start:stop].data], replace=True)

    def publish(self, extent: Sequence[int]) -> None:
        """What is written becomes readable, up to that extent."""
        with self._lock:
            shards = list(self._shards.items())
        for key, shard in shards:
            if shard.publish():
                with self._lock:
                    self._shards.pop(key, None)
        for name, text in self.plan.describe(extent).items():
            write_text(self.plan.folder / name, text)

    def close(self) -> None:
        """Close all files."""
        with self._lock:
            for shard in self._shards.values():
                shard.close()
            self._shards.clear()

    def _encoded(self, planes: npt.NDArray[Any]) -> tuple[Bytes, Spans]:
        """All chunks in memory, and where each is."""
        planes = planes.astype(self.plan.dtype.newbyteorder("<"), copy=False)
        height, width = self.plan.chunk[-2:]
        tiled = planes.ndim > len(self.plan.chunk)
        if tiled and self.plan.compression == "none":
            size = planes[0, 0].nbytes
            pixels: Bytes = planes.reshape(-1).view(np.uint8)
            places = np.ndindex(*self.plan.grid)
            return pixels, {(y, x): (n * size, (n + 1) * size) for n, (y, x) in enumerate(places)}
        shape = (*self.plan.chunk[:-2], height, width)
        memory, tile = self._own_memory(shape, planes.dtype)
        spans: Spans = {}
        end, shard = 0, self._shard_of((0, 0))
        for y, x in self._order:
            if self._shard_of((y, x)) != shard or not self.plan.sharded:
                shard, end = self._shard_of((y, x)), _fill_page(memory, end)
            if tiled:
                chunk = planes[y, x]
            else:
                chunk = planes[..., y * height : (y + 1) * height, x * width : (x + 1) * width]
                if chunk.shape != shape:
                    tile[...] = 0
                if chunk.shape != shape or self.plan.compression != "none":
                    tile[..., : chunk.shape[-2], : chunk.shape[-1]] = chunk
                    chunk = tile
            spans[y, x] = end, end + self._encode(chunk, memory[end:])
            end = spans[y, x][1]
        _fill_page(memory, end)
        return memory, spans

    def _own_memory(
        self, shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> tuple[Bytes, npt.NDArray[Any]]:
        """Memory of this thread, for all chunks and for one: used again, since new one is slow."""
        if not hasattr(self._memory, "chunks"):
            size = int(np.prod(shape)) * dtype.itemsize
            room = len(self._order) * (most_bytes(size) + PAGE)
            self._memory.chunks = page_memory((whole_pages(room),))
            self._memory.tile = np.zeros(shape, dtype)
        return self._memory.chunks, self._memory.tile

    def _shard_of(self, grid: Grid) -> Grid:
        rows, columns = self.plan.shard[-2:]
        return grid[0] // rows, grid[1] // columns

    def _into_shards(self, block: tuple[int, ...], memory: Bytes, spans: Spans) -> None:
        sizes = self.plan.shard
        found: dict[Key, list[tuple[int, int, int]]] = {}
        for grid, span in spans.items():
            place = (*block, *grid)
            key = tuple(i // size for i, size in zip(place, sizes, strict=True))
            inside = [i % size for i, size in zip(place, sizes, strict=True)]
            slot = int(np.ravel_multi_index(inside, sizes))
            found.setdefault(key, []).append((slot, *span))
        for key, chunks in found.items():
            if self._shard(key).add(memory, chunks):
                with self._lock:
                    self._shards.pop(key, None)

    def _shard(self, key: Key) -> _Shard:
        with self._lock:
            if key not in self._shards:
                self._shards[key] = _Shard(self._file(key), int(np.prod(self.plan.shard)))
            return self._shards[key]

    def _file(self, key: Sequence[int]) -> Path:
        names = [str(index) for index in key]
        if self.plan.zarr_format == 3:
            names.insert(0, "c")
        return self.plan.folder.joinpath(*names)


class _Shard:
    """One file of chunks: the index and its checksum, then chunks in the order in which they came.

    Hidden until it is first published. One that is there already, of an interrupted stream, is
    continued.
    """

    def __init__(self, path: Path, slots: int) -> None:
        self._path = path
        self._free = threading.Condition()
        self._index = np.full((slots, 2), _NOT_THERE, "<u8")
        self._end = self._index.nbytes + 4
        self._busy = 0
        self._stale = False
        self._new = not path.exists()
        if self._new:
            self._file = DiskFile(hidden_part(path), new=True)
        else:
            with path.open("rb") as file:
                head = file.read(self._index.nbytes)
            self._index = np.frombuffer(head, "<u8").reshape(slots, 2).copy()
            self._end = max(self._end, path.stat().st_size)
            self._file = DiskFile(path, new=False)

    def add(self, memory: Bytes, chunks: Sequence[tuple[int, int, int]]) -> bool:
        """Append chunks to the file; True if it is full now, and closed.

        Parameters
        ----------
        memory
            What holds them.
        chunks
            Slot of each, and where it begins and ends in memory.
        """
        parts = _runs(memory, chunks)
        size = sum(len(part) for part in parts)
        with self._free:
            whole = self._new and len(chunks) == len(self._index) and not self._busy
            start = whole_pages(self._end) if size >= LEAST_DIRECT else self._end
            self._end = start + size
            self._busy += 1
        places = np.empty((len(chunks), 2), "<u8")
        places[:, 1] = [stop - begin for _, begin, stop in chunks]
        places[:, 0] = start + np.cumsum(places[:, 1]) - places[:, 1]
        slots = [slot for slot, *_ in chunks]
        try:
            if whole:
                index = self._index.copy()
                index[slots] = places
                self._file.write(0, [_head(index, start).data, *parts])
            else:
                self._file.write(start, parts)
            with self._free:
                self._index[slots] = places
                self._stale = not whole
        finally:
            with self._free:
                self._busy -= 1
                self._free.notify_all()
        with self._free:
            full = not self._busy and self._full
            if whole:
                self._file.close()
                os.replace(self._file.path, self._path)
        return full and self.publish()

    def publish(self) -> bool:
        """Make readable what has come; True if the shard is full, and closed."""
        with self._free:
            self._free.wait_for(lambda: not self._busy)
            if self._stale:
                self._put()
                self._stale = False
            if self._full:
                self.close()
            return self._full

    def close(self) -> None:
        """Close the file; what was not published stays hidden."""
        self._file.close()

    @property
    def _full(self) -> bool:
        return bool((self._index[:, 0] != _NOT_THERE).all())

    def _put(self) -> None:
        head = _head(self._index)
        visible = self._file.path == self._path
        if visible and head.nbytes > PAGE and os.name == "posix":
            # Too long to be written in one go: a copy with the new index takes the file's place.
            hidden = hidden_part(self._path)
            shutil.copyfile(self._path, hidden)
            self.close()
            self._file = DiskFile(hidden, new=False)
            visible = False
        self._file.write(0, [head.data])
        if not visible:
            hidden = self._file.path
            self.close()
            os.replace(hidden, self._path)
            self._file = DiskFile(self._path, new=False)


def index_bytes(index: npt.NDArray[np.uint64]) -> bytes:
    """Index of a shard as it stands in the file: (begin, length) of each chunk, and a checksum."""
    import google_crc32c

    data = index.astype("<u8").tobytes()
    return data + int(google_crc32c.value(data)).to_bytes(4, "little")


def _head(index: npt.NDArray[np.uint64], size: int = 0) -> Bytes:
    """Index and checksum, filled up with zeros to that size."""
    data = index_bytes(index)
    head: Bytes = page_memory((max(size, len(data)),))
    head[: len(data)] = np.frombuffer(data, np.uint8)
    return head


def _fill_page(memory: Bytes, end: int) -> int:
    """Zeros up to the end of the page; returns that."""
    page = whole_pages(end)
    memory[end:page] = 0
    return page


def _runs(memory: Bytes, chunks: Sequence[tuple[int, int, int]]) -> list[Part]:
    """The parts of memory that hold them, as few as possible; a large one with whole pages."""
    runs: list[list[int]] = []
    for _, begin, stop in chunks:
        if runs and runs[-1][1] == begin:
            runs[-1][1] = stop
        else:
            runs.append([begin, stop])
    if runs[-1][1] - runs[-1][0] >= LEAST_DIRECT:
        runs[-1][1] = min(whole_pages(runs[-1][1]), memory.nbytes)
    return [memory[begin:stop].data for begin, stop in runs]
