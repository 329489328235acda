"""A BigTIFF that only grows: pages are linked once they are whole, and the description follows.

Any moment the file is a valid TIFF with all pages linked so far, even if the process is killed. The
description (OME-XML) has two places that are written in turns; the pointer to it is turned last.
Source: TIFF 6.0, and BigTIFF as https://www.awaresystems.be/imaging/tiff/bigtiff.html has it.
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.streams.shards import _READ_WRITE, Part, write_at
from napari_tmaps.streams.writeback import begin_writeback

COMPRESSION_TAGS = {"none": 1, "lzw": 5, "zlib": 8, "zstd": 50000}
_STRIP_BYTES = 2**18
_ASCII, _SHORT, _RATIONAL, _LONG8, _IFD8 = 2, 3, 5, 16, 18
_DESCRIPTION = 270
Tag = tuple[int, int, int, bytes]
"""Number, type, count, value."""


def encode_plane(plane: npt.NDArray[Any], compression: str) -> tuple[int, list[Part]]:
    """Rows a strip, and the encoded strips of a plane (y, x)."""
    height, width = plane.shape
    plane = np.ascontiguousarray(plane, dtype=plane.dtype.newbyteorder("<"))
    if compression == "none":
        return height, [plane.reshape(-1).view("u1").data]
    import imagecodecs

    rows = max(1, min(height, _STRIP_BYTES // (width * plane.itemsize)))
    encode: Any = {
        "lzw": imagecodecs.lzw_encode,
        "zlib": partial(imagecodecs.zlib_encode, level=6),
        "zstd": partial(imagecodecs.zstd_encode, level=3),
    }[compression]
    # Differences of neighbours pack better; of floats only few programs can read them.
    if plane.dtype.kind != "f":
        plane = imagecodecs.delta_encode(plane, axis=1)
    return rows, [encode(plane[top : top + rows].tobytes()) for top in range(0, height, rows)]


class TiffPages:
    """Appends pages to a file; safe in several threads.

    Parameters
    ----------
    pixel_size_um
        (y, x), for the tags of resolution; None where unknown.
    keep_pages
        Of a file that is there: how many of its pages are kept. None: the file is new.
    """

    def __init__(
        self,
        path: Path,
        dtype: np.dtype[Any],
        compression: str,
        pixel_size_um: tuple[float | None, float | None],
        keep_pages: Sequence[int] | None = None,
    ) -> None:
        self.path = path
        self._dtype = dtype
        self._compression = compression
        self._pixel_size = pixel_size_um
        self._lock = threading.Lock()
        self._slots: list[tuple[int, int]] = [(0, 0), (0, 0)]
        self._turn = 0
        self._entry = 0
        self.offsets: list[int] = []
        if keep_pages is None:
            self._fd = os.open(path, _READ_WRITE | os.O_CREAT | os.O_EXCL, 0o666)
            self._next = 8
            self._end = 16
            write_at(self._fd, 0, [struct.pack("<2sHHHQ", b"II", 43, 8, 0, 0)])
        else:
            self._fd = os.open(path, _READ_WRITE)
            self._take_up(list(keep_pages))

    def append(
        self, levels: Sequence[tuple[tuple[int, int], int, Sequence[Part]]], description: bytes
    ) -> int:
        """Write a page, with smaller copies in its SubIFDs; returns its number.

        Parameters
        ----------
        levels
            Of each level, finest first: (height, width), rows a strip, strips.
        description
            For the first page.
        """
        with self._lock:
            first = not self.offsets
            parts: list[Part] = []
            smaller = []
            place = self._end
            # The first directory stands at the beginning of the file, where a pointer in it is
            # changed within one page of memory, which the system does whole or not at all.
            head_room = 4096 - place if first else 0
            if first:
                parts.append(b"\0" * head_room)
                place += head_room
            for size, rows, strips in levels[1:]:
                place = _padded(parts, place)
                block, _ = self._directory(place, size, rows, strips, (), reduced=True)
                smaller.append(place)
                parts += [block, *strips]
                place += len(block) + _total(strips)
            place = _padded(parts, place)
            size, rows, strips = levels[0]
            if first:
                # Long lists of strips do not fit there, so they come before the pixels.
                block, extra = self._directory(
                    16, size, rows, strips, smaller, far=place, described=True
                )
                parts[0] = block + b"\0" * (head_room - len(block))
                parts += [extra, *strips]
                at = 16
            else:
                block, _ = self._directory(place, size, rows, strips, smaller)
                parts += [block, *strips]
                at = place
            write_at(self._fd, self._end, parts)
            written = _total(parts)
            begin_writeback(self._fd, self._end, written)
            self._end += written
            if first:
                (count,) = struct.unpack_from("<Q", block)
                tags = [struct.unpack_from("<H", block, 8 + 20 * n)[0] for n in range(count)]
                self._entry = 16 + 8 + 20 * tags.index(_DESCRIPTION)
                self._describe(description)
            self._link(at, block)
            return len(self.offsets) - 1

    def describe(self, text: bytes) -> None:
        """Put another description on the first page."""
        with self._lock:
            if self.offsets:
                self._describe(text)

    def read(self, page: int) -> npt.NDArray[Any]:
        """The pixels of a page."""
        import tifffile

        with tifffile.TiffFile(self.path) as file:
            return file.pages[page].asarray()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def _link(self, at: int, block: bytes) -> None:
        write_at(self._fd, self._next, [struct.pack("<Q", at)])
        (count,) = struct.unpack_from("<Q", block)
        self._next = at + 8 + 20 * count
        self.offsets.append(at)

    def _describe(self, text: bytes) -> None:
        text += b"\0"
        self._turn = 1 - self._turn
        offset, room = self._slots[self._turn]
        if len(text) > room:
            offset, room = -(-self._end // 16) * 16, 2 * len(text)
            self._slots[self._turn] = offset, room
            self._end = offset + room
            write_at(self._fd, self._end - 1, [b"\0"])
        write_at(self._fd, offset, [text])
        write_at(self._fd, self._entry + 4, [struct.pack("<QQ", len(text), offset)])

    def _directory(
        self,
        at: int,
        size: tuple[int, int],
        rows: int,
        strips: Sequence[Part],
        smaller: Sequence[int],
        *,
        far: int | None = None,
        described: bool = False,
        reduced: bool = False,
    ) -> tuple[bytes, bytes]:
        """The directory that stands at `at`, and the lists of it that stand elsewhere (`far`)."""
        lengths = np.array([memoryview(strip).nbytes for strip in strips], "<u8")
        kinds = {"u": 1, "i": 2, "f": 3}
        tags = [
            _long(254, 1 if reduced else 0),
            _long(256, size[1]),
            _long(257, size[0]),
            _short(258, self._dtype.itemsize * 8),
            _short(259, COMPRESSION_TAGS[self._compression]),
            _short(262, 1),
            (273, _LONG8, len(lengths), lengths.tobytes()),
            _short(277, 1),
            _long(278, rows),
            (279, _LONG8, len(lengths), lengths.tobytes()),
            (305, _ASCII, 13, b"napari-tmaps\0"),
            _short(339, kinds[self._dtype.kind]),
        ]
        if described:
            tags.append((_DESCRIPTION, _ASCII, 1, b"\0" * 8))
        if self._compression != "none" and self._dtype.kind != "f":
            tags.append(_short(317, 2))
        if smaller:
            tags.append((330, _IFD8, len(smaller), struct.pack(f"<{len(smaller)}Q", *smaller)))
        y, x = self._pixel_size
        if y and x:
            tags += [_resolution(282, x), _resolution(283, y), _short(296, 3)]
        return _layout(tags, at, lengths, far)

    def _take_up(self, keep: list[int]) -> None:
        """Go on with a file, of which only some pages are kept, in that order."""
        import tifffile

        with tifffile.TiffFile(self.path) as file:
            found = [page.offset for page in file.pages]
        self.offsets = [found[number] for number in keep]
        self._end = -(-self.path.stat().st_size // 16) * 16
        for here, after in zip(self.offsets, [*self.offsets[1:], 0], strict=True):
            count, tags = self._tags(here)
            self._next = here + 8 + 20 * count
            write_at(self._fd, self._next, [struct.pack("<Q", after)])
            if here == self.offsets[0]:
                self._entry = here + 8 + 20 * tags.index(_DESCRIPTION)

    def _tags(self, at: int) -> tuple[int, list[int]]:
        with self.path.open("rb") as file:
            file.seek(at)
            (count,) = struct.unpack("<Q", file.read(8))
            data = file.read(20 * count)
        return count, [struct.unpack_from("<H", data, 20 * n)[0] for n in range(count)]


def _short(number: int, value: int) -> Tag:
    return number, _SHORT, 1, struct.pack("<H", value)


def _long(number: int, value: int) -> Tag:
    return number, _LONG8, 1, struct.pack("<Q", value)


def _resolution(number: int, pixel_um: float) -> Tag:
    """Pixels a centimetre."""
    from fractions import Fraction

    ratio = Fraction(1e4 / pixel_um).limit_denominator(100_000)
    if ratio.numerator >= 2**32:
        ratio = Fraction(2**32 - 1)
    return number, _RATIONAL, 1, struct.pack("<II", ratio.numerator, ratio.denominator)


def _layout(
    tags: list[Tag], at: int, lengths: npt.NDArray[np.uint64], far: int | None
) -> tuple[bytes, bytes]:
    tags.sort(key=lambda tag: tag[0])
    entries_end = at + 8 + 20 * len(tags) + 8
    extra_at = entries_end if far is None else far
    extra_at += -extra_at % 8
    sizes = {tag[0]: len(tag[3]) + -len(tag[3]) % 8 for tag in tags if len(tag[3]) > 8}
    # Pixels follow the directory and its lists.
    pixels = extra_at + sum(sizes.values())
    starts = (np.cumsum(lengths) - lengths + np.uint64(pixels)).astype("<u8").tobytes()
    out, extra = [struct.pack("<Q", len(tags))], bytearray()
    for number, kind, count, value in tags:
        value = starts if number == 273 else value
        if len(value) > 8:
            field = struct.pack("<Q", extra_at + len(extra))
            extra += value + b"\0" * (-len(value) % 8)
        else:
            field = value.ljust(8, b"\0")
        out.append(struct.pack("<HHQ", number, kind, count) + field)
    out.append(struct.pack("<Q", 0))
    block = b"".join(out)
    if far is not None:
        return block, b"\0" * (-far % 8) + bytes(extra)
    return block + b"\0" * (-entries_end % 8) + bytes(extra), b""


def _padded(parts: list[Part], place: int) -> int:
    """Directories begin at multiples of 16."""
    missing = -place % 16
    parts.append(b"\0" * missing)
    return place + missing


def _total(parts: Sequence[Part]) -> int:
    return sum(memoryview(part).nbytes for part in parts)
