"""A BigTIFF that only grows: first pixels, then the directories that make pages of them.

Pixels are written as they come, in any order. Directories follow, many at a time, and are linked to
the file when they are whole. So at any moment the file is a valid TIFF with all pages linked so
far, even if the process is killed. The description (OME-XML) has two places that are written in
turns; the pointer to it is turned last.
Source: TIFF 6.0, and BigTIFF as https://www.awaresystems.be/imaging/tiff/bigtiff.html has it.
"""

from __future__ import annotations

import struct
import threading
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.streams.diskfile import (
    LEAST_DIRECT,
    PAGE,
    Bytes,
    DiskFile,
    Part,
    page_memory,
    whole_pages,
)

COMPRESSION_TAGS = {"none": 1, "lzw": 5, "zlib": 8, "zstd": 50000}
_STRIP_BYTES = 2**18
_ASCII, _SHORT, _RATIONAL, _LONG8, _IFD8 = 2, 3, 5, 16, 18
_DESCRIPTION = 270
_FIRST = 16
"""Where the first directory stands: a pointer in it is changed within one page of memory, which the
system does whole or not at all."""
Tag = tuple[int, int, int, bytes]
"""Number, type, count, value."""


@dataclass(frozen=True)
class EncodedLevel:
    """A plane, ready for the file: its size (y, x), rows a strip, and the strips."""

    size: tuple[int, int]
    rows: int
    strips: Sequence[Part]


@dataclass(frozen=True, eq=False)
class StoredLevel:
    """A plane that lies in the file: where its strips begin, and how long they are."""

    size: tuple[int, int]
    rows: int
    starts: npt.NDArray[np.uint64]
    lengths: npt.NDArray[np.uint64]


StoredPage = Sequence[StoredLevel]
"""The levels of a page, finest first."""


def encode_plane(plane: npt.NDArray[Any], compression: str) -> EncodedLevel:
    """Encode a plane (y, x)."""
    height, width = plane.shape
    plane = np.ascontiguousarray(plane, dtype=plane.dtype.newbyteorder("<"))
    if compression == "none":
        return EncodedLevel((height, width), height, [plane.reshape(-1).view("u1").data])
    import imagecodecs

    rows = max(1, min(height, _STRIP_BYTES // (width * plane.itemsize)))
    encode: Any = {
        "lzw": imagecodecs.lzw_encode,
        "zlib": partial(imagecodecs.zlib_encode, level=6),
        "zstd": partial(imagecodecs.zstd_encode, level=3),
    }[compression]
    # Differences of neighbours pack better; of floats only few programs can read them. Made a strip
    # at a time, they stay in the processor's memory until they are packed.
    differences = np.empty((rows, width), plane.dtype) if plane.dtype.kind != "f" else None
    strips = []
    for top in range(0, height, rows):
        strip = plane[top : top + rows]
        if differences is not None:
            strip = imagecodecs.delta_encode(strip, axis=1, out=differences[: len(strip)])
        strips.append(encode(strip))
    return EncodedLevel((height, width), rows, strips)


class TiffPages:
    """Appends pages to a file; safe in several threads.

    Parameters
    ----------
    pixel_size_um
        (y, x), for the tags of resolution; None where unknown.
    keep_pages
        Of a file that is there: how many of its pages are kept. None: the file is new.
    apart
        Leave room between the pixels of pages. For images in several files: tifffile 2026 takes
        pixels that follow each other from the first file, whichever they are in.
    """

    def __init__(
        self,
        path: Path,
        dtype: np.dtype[Any],
        compression: str,
        pixel_size_um: tuple[float | None, float | None],
        keep_pages: int | None = None,
        *,
        apart: bool = False,
    ) -> None:
        self.path = path
        self._gap = int(apart)
        self._dtype = dtype
        self._compression = compression
        self._pixel_size = pixel_size_um
        self._lock = threading.Lock()
        self._memory = threading.local()
        self._slots: list[tuple[int, int]] = [(0, 0), (0, 0)]
        self._turn = 0
        self._entry = 0
        self.offsets = array("Q")
        self._file = DiskFile(path, new=keep_pages is None)
        if keep_pages is None:
            self._next = 8
            self._end = PAGE
            self._file.write(0, [struct.pack("<2sHHHQ", b"II", 43, 8, 0, 0)])
        else:
            self._take_up(keep_pages)

    def write(self, levels: Sequence[EncodedLevel]) -> StoredPage:
        """Write the pixels of a page, which `link` makes one of; levels finest first."""
        if self._compression == "none":
            return [*self._store(levels[:1]), *self._store(levels[1:])]
        return self._store(levels)

    def link(self, pages: Sequence[StoredPage], description: bytes) -> None:
        """Make pages of what was written, after those that are there.

        Parameters
        ----------
        description
            For the first page of the file.
        """
        with self._lock:
            if not pages:
                return
            at = _padded(self._end)
            block = bytearray()
            offsets: list[int] = []
            head = bytearray()
            for page in pages:
                first = not self.offsets and not offsets
                smaller = []
                for level in page[1:]:
                    smaller.append(at + len(block))
                    block += self._directory(at + len(block), level, reduced=True)[0]
                place = at + len(block)
                if first:
                    fixed, extra = self._directory(_FIRST, page[0], smaller, far=place)
                    head += fixed
                    block += extra
                    offsets.append(_FIRST)
                else:
                    block += self._directory(place, page[0], smaller)[0]
                    offsets.append(place)
            places = [(head, _FIRST) if offset == _FIRST else (block, at) for offset in offsets]
            for number, ((buffer, begin), here) in enumerate(zip(places, offsets, strict=True)):
                (count,) = struct.unpack_from("<Q", buffer, here - begin)
                after = here + 8 + 20 * count
                if number + 1 < len(offsets):
                    struct.pack_into("<Q", buffer, after - begin, offsets[number + 1])
            if block:
                self._file.write(at, [block])
            self._end = at + len(block)
            if head:
                self._file.write(_FIRST, [head])
                (count,) = struct.unpack_from("<Q", head)
                tags = [struct.unpack_from("<H", head, 8 + 20 * n)[0] for n in range(count)]
                self._entry = _FIRST + 8 + 20 * tags.index(_DESCRIPTION)
                self._describe(description)
            self._file.write(self._next, [struct.pack("<Q", offsets[0])])
            self._next = after
            self.offsets.extend(offsets)

    def describe(self, text: bytes) -> None:
        """Put another description on the first page."""
        with self._lock:
            if self.offsets:
                self._describe(text)

    def read(self, page: int) -> npt.NDArray[Any]:
        """The pixels of a page."""
        import tifffile

        with tifffile.TiffFile(self.path) as file:
            file.filehandle.seek(self.offsets[page])
            return tifffile.TiffPage(file, index=page).asarray()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _store(self, levels: Sequence[EncodedLevel]) -> list[StoredLevel]:
        """Write levels one after the other."""
        stored = []
        size = 0
        for level in levels:
            lengths = np.array([memoryview(strip).nbytes for strip in level.strips], "<u8")
            starts = size + np.cumsum(lengths) - lengths
            stored.append(StoredLevel(level.size, level.rows, starts.astype("<u8"), lengths))
            size = _padded(size + int(lengths.sum()))
        if not size:
            return stored
        parts = [strip for level in levels for strip in level.strips]
        if len(parts) > 1:
            memory = self._own_memory(whole_pages(size) + 16)
            for level, at in zip(levels, stored, strict=True):
                for strip, start, length in zip(level.strips, at.starts, at.lengths, strict=True):
                    end = int(start + length)
                    memory[int(start) : end] = np.frombuffer(strip, np.uint8)
                memory[end : end + 16] = 0
            if size >= LEAST_DIRECT:
                memory[end : whole_pages(size)] = 0
                size = whole_pages(size)
            parts = [memory[:size].data]
        with self._lock:
            end = self._end + self._gap
            begin = whole_pages(end) if size >= LEAST_DIRECT else _padded(end)
            self._end = begin + size
        self._file.write(begin, parts)
        for at in stored:
            at.starts[...] += np.uint64(begin)
        return stored

    def _own_memory(self, size: int) -> Bytes:
        """Memory of this thread, used again and again."""
        memory: Bytes | None = getattr(self._memory, "memory", None)
        if memory is None or memory.nbytes < size:
            memory = self._memory.memory = page_memory((size,))
        return memory

    def _describe(self, text: bytes) -> None:
        text += b"\0"
        self._turn = 1 - self._turn
        offset, room = self._slots[self._turn]
        if len(text) > room:
            offset, room = _padded(self._end), 2 * len(text)
            self._slots[self._turn] = offset, room
            self._end = offset + room
            self._file.write(self._end - 1, [b"\0"])
        self._file.write(offset, [text])
        self._file.write(self._entry + 4, [struct.pack("<QQ", len(text), offset)])

    def _directory(
        self,
        at: int,
        level: StoredLevel,
        smaller: Sequence[int] = (),
        *,
        far: int | None = None,
        reduced: bool = False,
    ) -> tuple[bytes, bytes]:
        """The directory that stands at `at`, and the lists of it that stand elsewhere (`far`).

        Parameters
        ----------
        smaller
            Where the directories of the smaller levels are.
        far
            For the first one only, which has the description.
        """
        kinds = {"u": 1, "i": 2, "f": 3}
        count = len(level.starts)
        tags = [
            _long(254, 1 if reduced else 0),
            _long(256, level.size[1]),
            _long(257, level.size[0]),
            _short(258, self._dtype.itemsize * 8),
            _short(259, COMPRESSION_TAGS[self._compression]),
            _short(262, 1),
            (273, _LONG8, count, level.starts.tobytes()),
            _short(277, 1),
            _long(278, level.rows),
            (279, _LONG8, count, level.lengths.tobytes()),
            (305, _ASCII, 13, b"napari-tmaps\0"),
            _short(339, kinds[self._dtype.kind]),
        ]
        if far is not None:
            tags.append((_DESCRIPTION, _ASCII, 1, b"\0" * 8))
        if self._compression != "none" and self._dtype.kind != "f":
            tags.append(_short(317, 2))
        if smaller:
            tags.append((330, _IFD8, len(smaller), struct.pack(f"<{len(smaller)}Q", *smaller)))
        y, x = self._pixel_size
        if y and x:
            tags += [_resolution(282, x), _resolution(283, y), _short(296, 3)]
        return _layout(tags, at, far)

    def _take_up(self, keep: int) -> None:
        """Go on with a file, of which only the first pages are kept."""
        import tifffile

        with tifffile.TiffFile(self.path) as file:
            self.offsets = array("Q", (page.offset for page in file.pages[:keep]))
        self._end = _padded(self.path.stat().st_size)
        for here in self.offsets:
            count, tags = self._tags(here)
            self._next = here + 8 + 20 * count
            if here == self.offsets[0]:
                self._entry = here + 8 + 20 * tags.index(_DESCRIPTION)
        # What follows the last one is cut off.
        self._file.write(self._next, [struct.pack("<Q", 0)])

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


def _layout(tags: list[Tag], at: int, far: int | None) -> tuple[bytes, bytes]:
    tags.sort(key=lambda tag: tag[0])
    entries_end = at + 8 + 20 * len(tags) + 8
    extra_at = _padded(entries_end if far is None else far)
    out, extra = [struct.pack("<Q", len(tags))], bytearray()
    for number, kind, count, value in tags:
        if len(value) > 8:
            field = struct.pack("<Q", extra_at + len(extra))
            extra += value + b"\0" * (-len(value) % 8)
        else:
            field = value.ljust(8, b"\0")
        out.append(struct.pack("<HHQ", number, kind, count) + field)
    out.append(struct.pack("<Q", 0))
    extra += b"\0" * (-len(extra) % 16)
    block = b"".join(out)
    if far is not None:
        return block, bytes(extra)
    return block + b"\0" * (extra_at - entries_end) + bytes(extra), b""


def _padded(place: int) -> int:
    """The next multiple of 16, where directories and pixels begin."""
    return -(-place // 16) * 16
