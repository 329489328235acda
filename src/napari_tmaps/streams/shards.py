"""The files of a growing zarr array: chunks in files of their own, or many in a shard.

A shard is only ever appended to: chunks are written once, as they come, and its index, which stands
at the beginning, is put there whenever what has come shall be readable. So nothing is gathered in
memory, nothing is written twice, and a killed process leaves readable shards.
Source: the zarr specifications 2 and 3, and their "sharding_indexed" codec.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from napari_tmaps.streams.atomic import write_text
from napari_tmaps.streams.writeback import begin_writeback

Part = bytes | bytearray | memoryview
_NOT_THERE = 2**64 - 1
_PAGE = 4096
"""Bytes that the system writes whole or not at all when the process is killed."""
_MOST_PARTS = 512
_BINARY = getattr(os, "O_BINARY", 0)
_READ_WRITE = os.O_RDWR | _BINARY


@dataclass(frozen=True)
class ArrayPlan:
    """How an array is cut: dimensions before the last two number its planes.

    Attributes
    ----------
    chunk
        Sizes of chunks, in planes or pixels.
    shard
        Chunks a shard along each dimension; all 1: a file a chunk.
    """

    folder: Path
    names: tuple[str, ...]
    dtype: np.dtype[Any]
    plane: tuple[int, int]
    chunk: tuple[int, ...]
    shard: tuple[int, ...]
    compression: str
    zarr_format: Literal[2, 3]

    @property
    def sharded(self) -> bool:
        """Whether several chunks share a file."""
        return max(self.shard) > 1

    @property
    def grid(self) -> tuple[int, int]:
        """Chunks of a plane (y, x)."""
        y, x = (-(-size // step) for size, step in zip(self.plane, self.chunk[-2:], strict=True))
        return y, x

    def describe(self, extent: Sequence[int]) -> dict[str, str]:
        """File → JSON text that describes the array with so many planes along each dimension."""
        texts = _describe(
            self.names, self.dtype, self.plane, self.chunk, self.shard, self.compression,
            self.zarr_format,
        )  # fmt: skip
        shape = json.dumps([*map(int, extent), *self.plane])
        return {name: text.replace(_SHAPE, shape, 1) for name, text in texts}


_SHAPE = '"@shape@"'


def encoder(compression: str) -> Callable[[Any], Part]:
    """From a contiguous array to its bytes in the file; works in any thread."""
    import numcodecs  # type: ignore[import-untyped]

    if compression == "none":
        return lambda chunk: chunk.reshape(-1).view("u1").data
    if compression == "zstd":
        codec: Any = numcodecs.Zstd(level=1)
    else:
        name, level = BLOSC[compression]
        codec = numcodecs.Blosc(name, clevel=level, shuffle=numcodecs.Blosc.SHUFFLE)
    encode: Callable[[Any], Part] = codec.encode
    return encode


BLOSC = {"blosc-zstd": ("zstd", 1), "blosc-lz4": ("lz4", 1)}
"""Name and level: the fastest; higher ones pack the noise of a camera no better."""


@lru_cache(maxsize=64)
def _describe(
    names: tuple[str, ...],
    dtype: np.dtype[Any],
    plane: tuple[int, int],
    chunk: tuple[int, ...],
    shard: tuple[int, ...],
    compression: str,
    zarr_format: Literal[2, 3],
) -> tuple[tuple[str, str], ...]:
    import numcodecs
    import zarr
    from zarr.codecs import BloscCodec, ZstdCodec
    from zarr.storage import MemoryStore

    v3 = zarr_format == 3
    codec: Any = None
    if compression == "zstd":
        codec = ZstdCodec(level=1) if v3 else numcodecs.Zstd(level=1)
    elif compression != "none":
        name, level = BLOSC[compression]
        codec = (
            BloscCodec(
                cname=name,  # type: ignore[arg-type]
                clevel=level,
                shuffle="shuffle",
                typesize=dtype.itemsize,
            )
            if v3
            else numcodecs.Blosc(name, clevel=level, shuffle=numcodecs.Blosc.SHUFFLE)
        )
    options: dict[str, Any] = {"dimension_names": list(names)}
    if not v3:
        options = {"chunk_key_encoding": {"name": "v2", "separator": "/"}}
    elif max(shard) > 1:
        sizes = [step * count for step, count in zip(chunk, shard, strict=True)]
        options["shards"] = {"shape": sizes, "index_location": "start"}
    files: dict[str, Any] = {}
    zarr.create_array(
        MemoryStore(files),
        shape=(*(1,) * (len(names) - 2), *plane),
        dtype=dtype,
        chunks=chunk,
        fill_value=0,
        zarr_format=zarr_format,
        compressors=codec,
        **options,
    )
    texts = []
    for name, value in files.items():
        document = json.loads(value.to_bytes())
        if "shape" in document:
            document["shape"] = json.loads(_SHAPE)
        texts.append((name, json.dumps(document, indent=2)))
    return tuple(texts)


class ArrayFiles:
    """Writes blocks of planes of an `ArrayPlan`; safe in several threads for different blocks."""

    def __init__(self, plan: ArrayPlan) -> None:
        self.plan = plan
        self._encode = encoder(plan.compression)
        self._shards: dict[tuple[int, ...], _Shard] = {}
        self._lock = threading.Lock()
        self._memory = threading.local()

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
        if planes.ndim == len(self.plan.chunk):
            self._put(block, self._chunks(planes))
            return
        tiles = planes.astype(self.plan.dtype.newbyteorder("<"), copy=False)
        rows, columns = map(range, self.plan.grid)
        self._put(block, (((y, x), self._encode(tiles[y, x])) for y in rows for x in columns))

    def _put(self, block: tuple[int, ...], chunks: Iterable[tuple[tuple[int, int], Part]]) -> None:
        if self.plan.sharded:
            self._into_shards(block, chunks)
            return
        for grid, part in chunks:
            # Whole or not at all: readers of a growing array, and of one whose writer was killed,
            # must not come upon a part.
            write_file(self._file((*block, *grid)), [part], replace=True)

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

    def _chunks(self, planes: npt.NDArray[Any]) -> Iterable[tuple[tuple[int, int], Part]]:
        height, width = self.plan.chunk[-2:]
        little_endian = self.plan.dtype.newbyteorder("<")
        # Memory that each thread uses again and again: fetching new one takes as long as copying.
        raw = self.plan.compression == "none"
        grid_y, grid_x = self.plan.grid
        shape = (grid_y * grid_x if raw else 1, *planes.shape[:-2], height, width)
        tiles = getattr(self._memory, "tiles", None)
        if tiles is None or tiles.shape != shape:
            tiles = self._memory.tiles = np.zeros(shape, little_endian)
        for number, (y, x) in enumerate(product(range(grid_y), range(grid_x))):
            chunk = planes[..., y * height : (y + 1) * height, x * width : (x + 1) * width]
            tile = tiles[number if raw else 0]
            if chunk.shape[-2:] != (height, width):
                tile[...] = 0
            tile[..., : chunk.shape[-2], : chunk.shape[-1]] = chunk
            yield (y, x), self._encode(tile)

    def _into_shards(
        self, block: tuple[int, ...], chunks: Iterable[tuple[tuple[int, int], Part]]
    ) -> None:
        sizes = self.plan.shard
        found: dict[tuple[int, ...], list[tuple[int, Part]]] = {}
        for grid, part in chunks:
            place = (*block, *grid)
            key = tuple(i // size for i, size in zip(place, sizes, strict=True))
            inside = [i % size for i, size in zip(place, sizes, strict=True)]
            slot = int(np.ravel_multi_index(inside, sizes))
            found.setdefault(key, []).append((slot, part))
        for key, parts in found.items():
            if self._shard(key).add(parts):
                with self._lock:
                    self._shards.pop(key, None)

    def _shard(self, key: tuple[int, ...]) -> _Shard:
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
        self._file = path
        if path.exists():
            with path.open("rb") as file:
                head = file.read(self._index.nbytes)
            self._index = np.frombuffer(head, "<u8").reshape(slots, 2).copy()
            self._end = max(self._end, path.stat().st_size)
        else:
            self._file = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
            write_file(self._file, [])
        self._fd = os.open(self._file, _READ_WRITE)

    def add(self, parts: Sequence[tuple[int, Part]]) -> bool:
        """Append chunks to the file; True if it is full now, and closed."""
        sizes = [memoryview(part).nbytes for _, part in parts]
        with self._free:
            start = self._end
            self._end += sum(sizes)
            self._busy += 1
        try:
            write_at(self._fd, start, [part for _, part in parts])
            begin_writeback(self._fd, start, sum(sizes))
            with self._free:
                for (slot, _), size in zip(parts, sizes, strict=True):
                    self._index[slot] = start, size
                    start += size
                self._stale = True
        finally:
            with self._free:
                self._busy -= 1
                self._free.notify_all()
        with self._free:
            full = not self._busy and bool((self._index[:, 0] != _NOT_THERE).all())
        return full and self.publish()

    def publish(self) -> bool:
        """Make readable what has come; True if the shard is full, and closed."""
        with self._free:
            self._free.wait_for(lambda: not self._busy)
            if self._stale and self._fd >= 0:
                self._put(self._index.tobytes())
                self._stale = False
            full = bool((self._index[:, 0] != _NOT_THERE).all())
            if full:
                self.close()
            return full

    def close(self) -> None:
        """Close the file; what was not published stays hidden."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _put(self, index: bytes) -> None:
        import google_crc32c

        head = index + int(google_crc32c.value(index)).to_bytes(4, "little")
        visible = self._file == self._path
        if visible and len(head) > _PAGE and os.name == "posix":
            # Too long to be written in one go: a copy with the new index takes the file's place.
            self._file = self._path.with_name(f".{self._path.name}.{uuid4().hex[:8]}.part")
            shutil.copyfile(self._path, self._file)
            self.close()
            self._fd = os.open(self._file, _READ_WRITE)
            visible = False
        write_at(self._fd, 0, [head])
        if not visible:
            if os.name != "posix":
                self.close()
            os.replace(self._file, self._path)
            self._file = self._path
            if self._fd < 0:
                self._fd = os.open(self._path, _READ_WRITE)


def write_file(path: Path, parts: Sequence[Part], *, replace: bool = False) -> None:
    """Write a file of parts that follow each other; `replace`: whole or not at all."""
    target = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part") if replace else path
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _BINARY
    try:
        fd = os.open(target, flags, 0o666)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(target, flags, 0o666)
    try:
        write_at(fd, 0, parts)
        if parts:
            begin_writeback(fd, 0, 0)
    finally:
        os.close(fd)
    if replace:
        os.replace(target, path)


def write_at(fd: int, offset: int, parts: Sequence[Part]) -> None:
    """Write parts that follow each other at an offset, all of them."""
    for first in range(0, len(parts), _MOST_PARTS):
        views = [memoryview(part).cast("B") for part in parts[first : first + _MOST_PARTS]]
        while views:
            done = pwritev(fd, views, offset)
            offset += done
            while views and done >= views[0].nbytes:
                done -= views.pop(0).nbytes
            if views and done:
                views[0] = views[0][done:]


def _pwritev_elsewhere(fd: int, views: Sequence[memoryview], offset: int) -> int:
    """For systems without pwritev; one thread at a time."""
    with _SEEKING:
        os.lseek(fd, offset, os.SEEK_SET)
        return os.write(fd, views[0])


_SEEKING = threading.Lock()
pwritev: Callable[[int, Sequence[memoryview], int], int] = getattr(
    os, "pwritev", _pwritev_elsewhere
)
