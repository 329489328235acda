"""How the array of one level is cut into chunks and shards, and the JSON that says so."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from napari_tmaps.streams.codecs import zarr_codec


@dataclass(frozen=True)
class ArrayPlan:
    """How an array is cut: dimensions before the last two number its planes.

    Attributes
    ----------
    chunk
        Sizes of chunks, in planes or pixels.
    shard
        Chunks a shard along each dimension; all 1: a file a chunk.
    index
        Where a shard says where its chunks are. At the start it can be changed while it grows.
    """

    folder: Path
    names: tuple[str, ...]
    dtype: np.dtype[Any]
    plane: tuple[int, int]
    chunk: tuple[int, ...]
    shard: tuple[int, ...]
    compression: str
    zarr_format: Literal[2, 3]
    index: Literal["start", "end"] = "start"

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
            self.zarr_format, self.index,
        )  # fmt: skip
        shape = json.dumps([*map(int, extent), *self.plane])
        return {name: text.replace(_SHAPE, shape, 1) for name, text in texts}


_SHAPE = '"@shape@"'


@lru_cache(maxsize=64)
def _describe(
    names: tuple[str, ...],
    dtype: np.dtype[Any],
    plane: tuple[int, int],
    chunk: tuple[int, ...],
    shard: tuple[int, ...],
    compression: str,
    zarr_format: Literal[2, 3],
    index: Literal["start", "end"],
) -> tuple[tuple[str, str], ...]:
    import zarr
    from zarr.storage import MemoryStore

    v3 = zarr_format == 3
    options: dict[str, Any] = {"dimension_names": list(names)}
    if not v3:
        options = {"chunk_key_encoding": {"name": "v2", "separator": "/"}}
    elif max(shard) > 1:
        sizes = [step * count for step, count in zip(chunk, shard, strict=True)]
        options["shards"] = {"shape": sizes, "index_location": index}
    files: dict[str, Any] = {}
    zarr.create_array(
        MemoryStore(files),
        shape=(*(1,) * (len(names) - 2), *plane),
        dtype=dtype,
        chunks=chunk,
        fill_value=0,
        zarr_format=zarr_format,
        compressors=zarr_codec(compression, dtype.itemsize, zarr_format),
        **options,
    )
    texts = []
    for name, value in files.items():
        document = json.loads(value.to_bytes())
        if "shape" in document:
            document["shape"] = json.loads(_SHAPE)
        texts.append((name, json.dumps(document, indent=2)))
    return tuple(texts)
