"""The CZI container of ZEISS: its directory of pictures ("subblocks"), its XML and its pixels.

Read here directly, as one needs single tiles with their stage positions: libraries give the
stitched mosaic, in which overlapping tiles hide each other. After the published layout of ZISRAW
files (segments of 32 + n bytes; a directory of subblocks with their place on each axis).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError

_SEGMENT = struct.Struct("<16sqq")  # name, allocated, used
_HEADER = struct.Struct("<ii8x16x16xiqqiq")  # version, part, directory, metadata, pending, attached
_ENTRY = struct.Struct("<2siqii6xi")  # schema, pixel type, position, part, compression, dimensions
_DIMENSION = struct.Struct("<4siifi")  # axis, start, size, coordinate, stored size
_SUBBLOCK = struct.Struct("<iiq")  # bytes of metadata, attachment, pixels

# Pixel type → numpy type, values a pixel. Colours are stored blue first.
_PIXELS = {
    0: ("<u1", 1),
    1: ("<u2", 1),
    2: ("<f4", 1),
    3: ("<u1", 3),
    4: ("<u2", 3),
    8: ("<f4", 3),
    9: ("<u1", 4),
    12: ("<u4", 1),
}
_COMPRESSIONS = {0: "none", 1: "JPEG", 4: "JPEG XR", 5: "Zstandard", 6: "Zstandard (hi-lo)"}


@dataclass(frozen=True, slots=True)
class Subblock:
    """One picture of the file.

    Attributes
    ----------
    place
        Index on each axis but X and Y: S scene, M tile, T, C, Z, H phase, V view …
    y, x, height, width
        In pixels; y and x on the common plane of all tiles, y growing down.
    """

    place: dict[str, int]
    y: int
    x: int
    height: int
    width: int
    pixel_type: int
    compression: int
    position: int

    @property
    def dtype(self) -> str:
        """numpy name of the pixel type."""
        return np.dtype(_PIXELS[self.pixel_type][0]).name

    @property
    def samples(self) -> int:
        """1, or 3 for colours (their transparency is not read)."""
        return min(_PIXELS[self.pixel_type][1], 3)


class CziFile:
    """An open CZI file.

    Attributes
    ----------
    subblocks
        All pictures at full resolution; the pyramid is left out.
    xml
        The description of the whole file.

    Raises
    ------
    FormatError
        No CZI file, a part of a split one, cut off, or with pixels of a kind that is not read.
    OSError, struct.error
        The disk refused; the file is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._file = open(path, "rb")  # noqa: SIM115  held until close()
        try:
            self._size = path.stat().st_size
            self._open()
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def _open(self) -> None:
        self._segment(0, b"ZISRAWFILE")
        fields = _HEADER.unpack(self._read(_HEADER.size))
        part, directory, metadata = fields[2], fields[3], fields[4]
        if part != 0:
            raise FormatError("it is a later part of a split CZI file")
        self._segment(directory, b"ZISRAWDIRECTORY")
        count = struct.unpack("<i124x", self._read(128))[0]
        entries = (self._entry() for _ in range(count))
        self.subblocks = [entry for entry in entries if entry is not None]
        self.xml = b""
        if metadata:
            self._segment(metadata, b"ZISRAWMETADATA")
            (length,) = struct.unpack("<i252x", self._read(256))
            # The metadata segment is padded with zeros by some writers.
            self.xml = self._read(length).rstrip(b"\0")

    def _segment(self, position: int, name: bytes) -> None:
        if not 0 <= position < self._size:
            raise FormatError(f"it is cut off or damaged: no {name.decode()} in its bytes")
        self._file.seek(position)
        found = _SEGMENT.unpack(self._read(_SEGMENT.size))[0].rstrip(b"\0")
        if found != name:
            raise FormatError(f"it is damaged or no CZI: no {name.decode()} at byte {position:,}")

    def _read(self, length: int) -> bytes:
        data = self._file.read(length) if length >= 0 else b""
        if len(data) != length:
            raise FormatError(f"it is cut off (the file has {self._size:,} bytes)")
        return data

    def _entry(self) -> Subblock | None:
        schema, pixels, position, part, compression, count = _ENTRY.unpack(self._read(_ENTRY.size))
        if schema != b"DV" or not 0 < count <= 40:
            raise FormatError("its directory is damaged")
        axes: dict[str, tuple[int, int, int]] = {}
        for axis, start, size, _, stored in _DIMENSION.iter_unpack(
            self._read(count * _DIMENSION.size)
        ):
            axes[axis.rstrip(b"\0").decode()] = (start, size, stored)
        (y, height, rows), (x, width, columns) = axes.pop("Y"), axes.pop("X")
        if (rows, columns) != (height, width):
            return None  # a coarse level of the pyramid
        if part != 0:
            raise FormatError("its pixels are in further files (a split CZI); save it as one file")
        if pixels not in _PIXELS:
            raise FormatError(f"its pixel type (number {pixels}) is not supported")
        if compression not in _COMPRESSIONS:
            raise FormatError(
                f"its compression (number {compression}) is not supported; save it with one of: "
                + ", ".join(_COMPRESSIONS.values())
            )
        place = {axis: start for axis, (start, _, _) in axes.items()}
        return Subblock(place, y, x, height, width, pixels, compression, position)

    def _locate(self, block: Subblock) -> tuple[int, int, int]:
        """Bytes of the metadata of a picture, where its pixels begin, and their bytes."""
        self._segment(block.position, b"ZISRAWSUBBLOCK")
        metadata, _, length = _SUBBLOCK.unpack(self._read(_SUBBLOCK.size))
        dimensions = _ENTRY.unpack(self._read(_ENTRY.size))[-1]
        fixed = _SUBBLOCK.size + _ENTRY.size + dimensions * _DIMENSION.size
        start = block.position + _SEGMENT.size + max(256, fixed)
        if start + metadata + length > self._size:
            raise FormatError(f"it is cut off (the file has {self._size:,} bytes)")
        self._file.seek(start)
        return metadata, start + metadata, length

    def tags(self, block: Subblock) -> dict[str, str]:
        """What the microscope noted with a picture: StageXPosition, AcquisitionTime …"""
        text = self._read(self._locate(block)[0]).decode(errors="replace")
        return dict(re.findall(r"<(\w+)>([^<>]+)</\1>", text))

    def pixels(self, block: Subblock) -> npt.NDArray[Any]:
        """Pixels (y, x), or (y, x, 3) red first for colours."""
        _, start, length = self._locate(block)
        self._file.seek(start)
        code, samples = _PIXELS[block.pixel_type]
        shape = (block.height, block.width) + ((samples,) if samples > 1 else ())
        values = _decode(self._read(length), block.compression, np.dtype(code), shape)
        return values if samples == 1 else values[..., 2::-1]


def _decode(
    data: bytes, compression: int, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> npt.NDArray[Any]:
    import imagecodecs

    if compression in (1, 4):
        decode = imagecodecs.jpeg_decode if compression == 1 else imagecodecs.jpegxr_decode
        values: npt.NDArray[Any] = decode(data)
        if values.ndim == 3:
            values = values[..., 2::-1]  # the codecs give red first; blue first is stored
        return values.astype(dtype, copy=False).reshape(shape)
    if compression == 6:
        # One byte: length of this header; of three bytes the last tells of split high bytes.
        header = data[0]
        split = header >= 3 and bool(data[2] & 1)
        data = bytes(imagecodecs.zstd_decode(data[header:]))
        if split:
            low, high = np.frombuffer(data, np.uint8).reshape(2, -1)
            data = np.stack([low, high], axis=-1).tobytes()
    elif compression == 5:
        data = bytes(imagecodecs.zstd_decode(data))
    count = int(np.prod(shape))
    return np.frombuffer(data, dtype, count).reshape(shape)
