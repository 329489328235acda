"""Parts of planes of zarr arrays, read straight from their files.

zarr itself takes some milliseconds for each array that is opened and each part that is read, which
is most of the time where hundreds of small parts are wanted. Arrays as this package writes them
(version 3, little-endian, Blosc or Zstandard, perhaps in shards) are read here; all others by zarr.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from os import SEEK_END
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError, StorageError
from napari_tmaps.streams.mounts import bring

Pixels = npt.NDArray[Any]
_EMPTY = 2**64 - 1  # offset of a chunk that a shard does not hold
_TYPES = ("uint8", "uint16", "uint32", "int32", "float32")


class PlaneParts(Protocol):
    """An array t c z y x, of which parts of planes are read.

    Attributes
    ----------
    shape
        (t, c, z, y, x).
    chunk
        Blocks (y, x) in which it is best read.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def chunk(self) -> tuple[int, int]: ...

    def part(self, t: int, c: int, z: int, y: slice, x: slice) -> Pixels:
        """Rows y and columns x of a plane; slices of step 1.

        Raises
        ------
        FormatError
            A file is damaged.
        StorageError
            A file cannot be read.
        """


def open_parts(path: Path, otherwise: Callable[[], Any]) -> PlaneParts:
    """The array in a folder.

    Parameters
    ----------
    otherwise
        Opens the array by zarr, where it is not as we write them.
    """
    try:
        described = json.loads(bring(path / "zarr.json").read_text("utf-8"))
    except StorageError:
        raise
    except (OSError, ValueError):
        described = {}
    try:
        return _understood(path, described) or _ByZarr(path, otherwise())
    except (KeyError, TypeError, ValueError):  # not as the specification has it: zarr will tell
        return _ByZarr(path, otherwise())


def _understood(path: Path, described: Mapping[str, Any]) -> _Files | None:
    if (
        described.get("node_type") != "array"
        or described["data_type"] not in _TYPES
        or described["fill_value"] != 0
        or described["chunk_grid"]["name"] != "regular"
        or described["chunk_key_encoding"]
        != {
            "name": "default",
            "configuration": {"separator": "/"},
        }
    ):
        return None
    shape = tuple(described["shape"])
    outer = tuple(described["chunk_grid"]["configuration"]["chunk_shape"])
    codecs, inner = described["codecs"], outer
    is_shard = codecs[0]["name"] == "sharding_indexed"
    if is_shard:
        configuration = codecs[0]["configuration"]
        names = [codec["name"] for codec in configuration["index_codecs"]]
        if len(codecs) > 1 or names != ["bytes", "crc32c"]:
            return None
        if configuration.get("index_location", "end") != "end":
            return None
        inner, codecs = tuple(configuration["chunk_shape"]), configuration["codecs"]
    if len(shape) != 5 or outer[:3] != (1, 1, 1) or inner[:3] != (1, 1, 1):
        return None
    packing = [codec["name"] for codec in codecs]
    if packing not in (["bytes", "blosc"], ["bytes", "zstd"]):
        return None
    if codecs[0].get("configuration", {}).get("endian", "little") != "little":
        return None
    return _Files(
        path, shape, np.dtype(described["data_type"]), outer[3:], inner[3:], packing[1], is_shard
    )


@dataclass(frozen=True)
class _ByZarr:
    path: Path
    array: Any

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape)

    @property
    def chunk(self) -> tuple[int, int]:
        return int(self.array.chunks[3]), int(self.array.chunks[4])

    def part(self, t: int, c: int, z: int, y: slice, x: slice) -> Pixels:
        try:
            return np.asarray(self.array[t, c, z, y, x])
        except (RuntimeError, ValueError) as error:  # what codecs say
            raise _damaged(self.path, error) from error


@dataclass(frozen=True)
class _Files:
    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    outer: tuple[int, int]
    inner: tuple[int, int]
    packing: str
    is_shard: bool

    @property
    def chunk(self) -> tuple[int, int]:
        return self.inner

    def part(self, t: int, c: int, z: int, y: slice, x: slice) -> Pixels:
        rows = range(*y.indices(self.shape[3]))
        columns = range(*x.indices(self.shape[4]))
        canvas = np.zeros((len(rows), len(columns)), self.dtype)
        if not canvas.size:
            return canvas
        height, width = self.outer
        for row in range(rows.start // height, (rows.stop - 1) // height + 1):
            for column in range(columns.start // width, (columns.stop - 1) // width + 1):
                file = self.path.joinpath("c", *map(str, (t, c, z, row, column)))
                self._fill(canvas, file, rows, columns, (row * height, column * width))
        return canvas

    def _fill(
        self, canvas: Pixels, file: Path, rows: range, columns: range, corner: tuple[int, int]
    ) -> None:
        """Copy what a file holds of a part; a file that is not there holds zeros."""
        height, width = self.inner
        try:
            with bring(file).open("rb") as opened:
                index = self._index(file, opened) if self.is_shard else None
                for top in range(corner[0], corner[0] + self.outer[0], height):
                    for left in range(corner[1], corner[1] + self.outer[1], width):
                        y = range(max(rows.start, top), min(rows.stop, top + height))
                        x = range(max(columns.start, left), min(columns.stop, left + width))
                        if not len(y) or not len(x):
                            continue
                        place = (top - corner[0]) // height, (left - corner[1]) // width
                        chunk = self._chunk(file, opened, index, place)
                        if chunk is not None:
                            canvas[
                                y.start - rows.start : y.stop - rows.start,
                                x.start - columns.start : x.stop - columns.start,
                            ] = chunk[y.start - top : y.stop - top, x.start - left : x.stop - left]
        except FileNotFoundError:
            return
        except StorageError:
            raise
        except OSError as error:
            raise StorageError(f"'{file}' cannot be read: {error.strerror}.") from error

    def _index(self, file: Path, opened: BinaryIO) -> npt.NDArray[np.uint64]:
        """Offset and length of each chunk of a shard, which stand at its end."""
        across = self.outer[1] // self.inner[1]
        count = self.outer[0] // self.inner[0] * across
        try:
            start = opened.seek(0, SEEK_END) - 16 * count - 4
            opened.seek(max(start, 0))
            return np.frombuffer(opened.read(16 * count), "<u8").reshape(-1, across, 2)
        except ValueError as error:
            raise _damaged(file, error) from error

    def _chunk(
        self,
        file: Path,
        opened: BinaryIO,
        index: npt.NDArray[np.uint64] | None,
        place: tuple[int, int],
    ) -> Pixels | None:
        try:
            if index is None:
                data = opened.read()
            else:
                offset, length = (int(value) for value in index[place])
                if offset == _EMPTY:
                    return None
                if offset + length > opened.seek(0, SEEK_END):
                    raise ValueError("it is not as long as it says")
                opened.seek(offset)
                data = opened.read(length)
            self._check(data)
            decoded = self._codec.decode(data)
            return np.frombuffer(decoded, self.dtype.newbyteorder("<")).reshape(self.inner)
        except (IndexError, ValueError, RuntimeError) as error:
            raise _damaged(file, error) from error

    def _check(self, data: bytes) -> None:
        """Blosc believes what stands at the beginning: how long it is, and how long its pixels."""
        if self.packing != "blosc":
            return
        pixels, length = (int.from_bytes(data[at : at + 4], "little") for at in (4, 12))
        wanted = self.inner[0] * self.inner[1] * self.dtype.itemsize
        if length != len(data) or pixels != wanted:
            raise ValueError("it is not as long as it says")

    @cached_property
    def _codec(self) -> Any:
        import numcodecs  # type: ignore[import-untyped]

        return numcodecs.Zstd() if self.packing == "zstd" else numcodecs.Blosc()


def _damaged(path: Path, error: Exception) -> FormatError:
    return FormatError(f"'{path}' is damaged ({error}). Convert or copy the image again.")
