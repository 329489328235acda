"""The files of zarr arrays that hold one plane a shard, or one chunk a file.

Written here rather than by zarr: planes are encoded in the calling thread and written with plain
files, which takes half the time, and nothing is still being written when an error is raised.
Source: the zarr specifications 2 and 3, and their "sharding_indexed" codec.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_tmaps.streams.diskfile import write_file

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

    @property
    def _chunk(self) -> tuple[int, int]:
        """Equal chunks, (y, x), of at most the longest side."""
        y, x = (-(-size // -(-size // self.longest)) for size in self.shape[3:])
        return y, x

    @property
    def _grid(self) -> tuple[int, int]:
        y, x = (-(-size // chunk) for size, chunk in zip(self.shape[3:], self._chunk, strict=True))
        return y, x

    def create(self, axes: str) -> None:
        """Write the description of the array; nobody else writes or reads it meanwhile."""
        described = _describe(
            self.shape,
            self.dtype,
            self.zarr_format,
            self.compression,
            self._chunk,
            self._grid if self.sharded else (1, 1),
            axes,
        )
        for name, text in described.items():
            write_parts(self.folder / name, [text.encode()])

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
        encode = self._encoder()
        parts = {grid: encode(chunk) for grid, chunk in self._chunks(plane)}
        if self.zarr_format == 2 or not self.sharded:
            folder = self.folder if self.zarr_format == 2 else self.folder / "c"
            for (row, column), part in parts.items():
                grid = row + shard[0] * self._grid[0], column + shard[1] * self._grid[1]
                write_parts(folder.joinpath(*map(str, (*place, *grid))), [part])
            return
        file = self.folder.joinpath("c", *map(str, (*place, *shard)))
        write_parts(file, _shard(list(parts.values())) if len(parts) > 1 else parts.values())

    def _chunks(self, plane: npt.NDArray[Any]) -> Iterator[tuple[tuple[int, int], Any]]:
        """Chunks by their row and column; each is good until the next is asked for."""
        height, width = self._chunk
        little_endian = self.dtype.newbyteorder("<")
        for row, column in np.ndindex(*self._grid):
            chunk = plane[row * height : (row + 1) * height, column * width : (column + 1) * width]
            if chunk.shape == (height, width) and chunk.flags.c_contiguous:
                yield (row, column), chunk.astype(little_endian, copy=False)
                continue
            whole = _memory(height * width * self.dtype.itemsize)
            whole = whole.view(little_endian).reshape(height, width)
            if chunk.shape != (height, width):
                whole[...] = 0
            whole[: chunk.shape[0], : chunk.shape[1]] = chunk
            yield (row, column), whole

    def _encoder(self) -> Callable[[Any], bytes]:
        import numcodecs  # type: ignore[import-untyped]

        if self.compression == "none":
            return lambda chunk: chunk.tobytes()
        if self.compression == "zstd":
            codec = numcodecs.Zstd(level=1)
        else:
            codec = numcodecs.Blosc("lz4", clevel=5, shuffle=numcodecs.Blosc.SHUFFLE)
        return lambda chunk: bytes(codec.encode(chunk))


_own = threading.local()


def _memory(size: int) -> npt.NDArray[np.uint8]:
    """So many bytes, which the thread uses again: fetching new ones takes as long as copying."""
    if getattr(_own, "bytes", None) is None or _own.bytes.size < size:
        _own.bytes = np.empty(size, np.uint8)
    memory: npt.NDArray[np.uint8] = _own.bytes[:size]
    return memory


@lru_cache(maxsize=64)
def _describe(
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    zarr_format: Literal[2, 3],
    compression: Compression,
    chunk: tuple[int, int],
    grid: tuple[int, int],
    axes: str,
) -> Mapping[str, str]:
    """File → JSON text, as zarr itself describes such an array; the sites of a plate are alike."""
    import numcodecs
    import zarr
    from zarr.codecs import BloscCodec, ZstdCodec
    from zarr.storage import MemoryStore

    height, width = chunk
    options: dict[str, Any]
    if zarr_format == 2:
        options = {
            "chunk_key_encoding": {"name": "v2", "separator": "/"},
            "compressors": {
                "zstd": numcodecs.Zstd(level=1),
                "blosc": numcodecs.Blosc("lz4", clevel=5, shuffle=numcodecs.Blosc.SHUFFLE),
                "none": None,
            }[compression],
        }
    else:
        options = {
            "dimension_names": list(axes),
            "compressors": {
                "zstd": ZstdCodec(level=1),
                "blosc": BloscCodec(cname="lz4", clevel=5, shuffle="shuffle"),
                "none": None,
            }[compression],
        }
        if grid != (1, 1):
            options["shards"] = (1, 1, 1, grid[0] * height, grid[1] * width)
    files: dict[str, Any] = {}
    zarr.create_array(
        MemoryStore(files),
        shape=shape,
        dtype=dtype,
        chunks=(1, 1, 1, height, width),
        fill_value=0,
        zarr_format=zarr_format,
        **options,
    )
    return {name: value.to_bytes().decode() for name, value in files.items()}


def write_parts(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file of parts that follow each other; folders are made where they are missing."""
    folder = str(path.parent)
    if folder not in _made:
        _make(folder)
    write_file(path, list(parts))


# Folders that are known to be there. Planes lie five folders deep, and asking the system about
# each of them for each plane was a quarter of the time of a conversion.
_made: set[str] = set()
_MOST_MADE = 100_000


def _make(folder: str) -> None:
    """Make a folder and those above it, from the first one that is not known to be there."""
    missing = [folder]
    while missing[-1] not in _made and (above := os.path.dirname(missing[-1])) != missing[-1]:
        if os.path.isdir(above or os.curdir):
            break
        missing.append(above)
    for each in reversed(missing):
        with suppress(FileExistsError):
            os.mkdir(each)
    if len(_made) > _MOST_MADE:
        _made.clear()
    _made.update(missing)


def _shard(parts: list[bytes]) -> list[bytes]:
    """Chunks one after the other, then where each begins and how long it is, then a checksum."""
    import google_crc32c

    lengths = np.array([len(part) for part in parts], "<u8")
    index = np.stack([np.cumsum(lengths) - lengths, lengths], axis=1).astype("<u8").tobytes()
    checksum = int(google_crc32c.value(index)).to_bytes(4, "little")
    return [*parts, index, checksum]
