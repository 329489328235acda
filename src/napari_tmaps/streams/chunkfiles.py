"""The files of zarr arrays that hold one plane a shard, or one chunk a file.

Written here rather than by zarr: planes are encoded in the calling thread and written with plain
files, which takes half the time, and nothing is still being written when an error is raised.
Source: the zarr specifications 2 and 3, and their "sharding_indexed" codec.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_tmaps.streams.array_plan import ArrayPlan
from napari_tmaps.streams.codecs import encoder, most_bytes
from napari_tmaps.streams.diskfile import PAGE, Bytes, Part, page_memory, whole_pages, write_file
from napari_tmaps.streams.ngff_metadata import AXES
from napari_tmaps.streams.shards import index_bytes

LONGEST_CHUNK = 1024
Compression = Literal["blosc", "zstd", "none"]


@dataclass(frozen=True)
class ChunkFiles:
    """The files of one array of shape (t, c, z, y, x), of which each plane is written on its own.

    Attributes
    ----------
    folder
        Of the array.
    zarr_format
        3: one file a plane, a shard if the plane has several chunks. 2: one file a chunk.
    compression
        blosc for images, zstd for labels, or none. Measured on microscope images: LZ4 after
        shuffling keeps up with the disk; labels are long runs, which plain zstd packs better and
        faster.
    longest
        Of the sides of a chunk.
    sharded
        False: one file a chunk in zarr format 3, too.
    """

    folder: Path
    shape: tuple[int, int, int, int, int]
    dtype: np.dtype[Any]
    zarr_format: Literal[2, 3]
    compression: Compression
    longest: int = LONGEST_CHUNK
    sharded: bool = True

    @cached_property
    def _plan(self) -> ArrayPlan:
        """With equal chunks of at most the longest side."""
        y, x = (-(-size // -(-size // self.longest)) for size in self.shape[3:])
        plan = ArrayPlan(
            self.folder,
            tuple(AXES),
            self.dtype,
            self.shape[3:],
            (1, 1, 1, y, x),
            (1, 1, 1, 1, 1),
            self.compression,
            self.zarr_format,
            "end",
        )
        in_shards = self.sharded and self.zarr_format == 3
        return replace(plan, shard=(1, 1, 1, *plan.grid)) if in_shards else plan

    def create(self) -> None:
        """Write the description of the array; nobody else writes or reads it meanwhile."""
        for name, text in self._plan.describe(self.shape[:3]).items():
            write_parts(self._file(name), [text.encode()])

    def write(
        self,
        place: tuple[int, int, int],
        plane: npt.NDArray[Any],
        shard: tuple[int, int] = (0, 0),
    ) -> None:
        """Write the plane (y, x) at (t, c, z). Safe to call for different planes at a time.

        Parameters
        ----------
        shard
            Row and column of the shard, where `shape` is that of one of several side by side.
        """
        plan = self._plan
        begin = () if self.zarr_format == 2 else ("c",)
        memory, spans = self._encoded(plane)
        if plan.sharded:
            file = self._file(*begin, *place, *shard)
            write_parts(file, [_shard(memory, spans).data])
            return
        for (row, column), (start, stop) in zip(np.ndindex(*plan.grid), spans, strict=True):
            grid = row + shard[0] * plan.grid[0], column + shard[1] * plan.grid[1]
            write_parts(self._file(*begin, *place, *grid), [memory[start:stop].data])

    def _file(self, *names: str | int) -> str:
        """Path of a file; as text, since making a `Path` takes as long as opening it."""
        return os.path.join(self.folder, *map(str, names))

    def _encoded(self, plane: npt.NDArray[Any]) -> tuple[Bytes, list[tuple[int, int]]]:
        """All chunks of a plane, one after the other, good until the next plane of the same thread;
        and where each begins and ends."""
        height, width = self._plan.chunk[-2:]
        little_endian = self.dtype.newbyteorder("<")
        size = height * width * self.dtype.itemsize
        chunks = math.prod(self._plan.grid)
        encode = encoder(self.compression)
        whole = _memory("whole", size).view(little_endian).reshape(height, width)
        memory = _memory("encoded", chunks * (most_bytes(size) + 16) + 2 * PAGE)
        spans: list[tuple[int, int]] = []
        end = 0
        for row, column in np.ndindex(*self._plan.grid):
            chunk = plane[row * height : (row + 1) * height, column * width : (column + 1) * width]
            if chunk.shape == (height, width) and chunk.flags.c_contiguous:
                chunk = chunk.astype(little_endian, copy=False)
            else:
                if chunk.shape != (height, width):
                    whole[...] = 0
                whole[: chunk.shape[0], : chunk.shape[1]] = chunk
                chunk = whole
            begin, end = end, end + encode(chunk, memory[end:])
            spans.append((begin, end))
        return memory, spans


def _shard(memory: Bytes, spans: list[tuple[int, int]]) -> Bytes:
    """Chunks and their index behind them, as long as whole pages: the disk takes it as it is."""
    index = np.array([(start, stop - start) for start, stop in spans], np.uint64)
    data = np.frombuffer(index_bytes(index), np.uint8)
    end = spans[-1][1]
    whole = whole_pages(end + data.size)
    memory[end : whole - data.size] = 0
    memory[whole - data.size : whole] = data
    return memory[:whole]


_own = threading.local()


def _memory(name: str, size: int) -> Bytes:
    """So many bytes, which the thread uses again: fetching new ones takes as long as copying."""
    memory: Bytes | None = getattr(_own, name, None)
    if memory is None or memory.size < size:
        memory = page_memory((size,))
        setattr(_own, name, memory)
    return memory[:size]


def write_parts(path: str, parts: Sequence[Part]) -> None:
    """Write a file of parts that follow each other; folders are made where they are missing."""
    folder = os.path.dirname(path)
    if folder not in _made:
        _make(folder)
    write_file(Path(path), parts)


# Folders that are known to be there. Planes lie five folders deep, and asking the system about
# each of them for each plane was a quarter of the time of a conversion.
_made: set[str] = set()
_MOST_MADE = 100_000


def _make(folder: str) -> None:
    """Make a folder, and those above it that are missing."""
    try:
        os.mkdir(folder)
    except FileExistsError:
        pass
    except FileNotFoundError:
        above = os.path.dirname(folder)
        if above == folder:
            raise
        _make(above)
        with suppress(FileExistsError):
            os.mkdir(folder)
    if len(_made) > _MOST_MADE:
        _made.clear()
    _made.add(folder)
