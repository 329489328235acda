"""The codecs of zarr chunks: how they are described, and how they are done at our speed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, Literal

import numpy.typing as npt

from napari_tmaps.streams.diskfile import Bytes

Encode = Callable[[npt.NDArray[Any], Bytes], int]
"""Puts a contiguous array into memory, encoded; returns how long that is. In any thread."""

# Name, level, size of blocks, and what is shuffled. Slower levels pack the noise of a camera no
# better, LZ4 is the same at all of them; with bits shuffled it needs a tenth less room.
BLOSC: dict[str, tuple[str, int, int, Literal["shuffle", "bitshuffle"]]] = {
    "blosc-zstd": ("zstd", 1, 2**16, "shuffle"),
    "blosc-lz4": ("lz4", 1, 2**16, "bitshuffle"),
    # Of images that are read again and again: as fast to write, and faster to read.
    "blosc": ("lz4", 5, 0, "shuffle"),
}
ZSTD_LEVEL = 1


def most_bytes(size: int) -> int:
    """How long so many bytes are at most, encoded."""
    return size + size // 64 + 1024


@cache
def encoder(compression: str) -> Encode:
    """How chunks are encoded."""
    import imagecodecs

    if compression == "none":
        return _copied
    if compression == "zstd":
        return partial(_zstd, partial(imagecodecs.zstd_encode, level=ZSTD_LEVEL))
    name, level, block, shuffle = BLOSC[compression]
    encode = partial(
        imagecodecs.blosc_encode,
        compressor=name,
        level=level,
        blocksize=block,
        shuffle=imagecodecs.BLOSC.SHUFFLE[shuffle.upper()],
        numthreads=1,
    )
    return partial(_blosc, encode)


def _copied(chunk: npt.NDArray[Any], out: Bytes) -> int:
    out[: chunk.nbytes].view(chunk.dtype).reshape(chunk.shape)[...] = chunk
    return chunk.nbytes


def _zstd(encode: Any, chunk: npt.NDArray[Any], out: Bytes) -> int:
    return len(encode(chunk, out=out))


def _blosc(encode: Any, chunk: npt.NDArray[Any], out: Bytes) -> int:
    return len(encode(chunk, typesize=chunk.itemsize, out=out))


def zarr_codec(compression: str, itemsize: int, zarr_format: Literal[2, 3]) -> Any:
    """The same as zarr describes it; None: as they are."""
    import numcodecs  # type: ignore[import-untyped]
    from zarr.codecs import BloscCodec, ZstdCodec

    v3 = zarr_format == 3
    if compression == "none":
        return None
    if compression == "zstd":
        return ZstdCodec(level=ZSTD_LEVEL) if v3 else numcodecs.Zstd(level=ZSTD_LEVEL)
    name, level, block, shuffle = BLOSC[compression]
    if not v3:
        number = getattr(numcodecs.Blosc, shuffle.upper())
        return numcodecs.Blosc(name, clevel=level, shuffle=number, blocksize=block)
    return BloscCodec(
        cname=name,  # type: ignore[arg-type]
        clevel=level,
        shuffle=shuffle,
        typesize=itemsize,
        blocksize=block,
    )
