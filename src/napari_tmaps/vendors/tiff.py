"""TIFF files: the facts of a header in a few microseconds, and single pages as pixels.

The header reader is our own, because a screen has 100,000 files and a general library needs ten
times as long for each. It follows the TIFF 6.0 and BigTIFF specifications, for the plain grey
pages that microscopes write; anything else is left to tifffile.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError, MissingError, StorageError

_HEAD = 4096
_MOST_PAGES = 10_000_000

_WIDTH, _HEIGHT, _BITS, _SAMPLES, _FORMAT = 256, 257, 258, 277, 339
_STRIP_OFFSETS, _STRIP_COUNTS, _TILE_OFFSETS, _TILE_COUNTS = 273, 279, 324, 325
_TAGS = frozenset(
    {
        *(_WIDTH, _HEIGHT, _BITS, _SAMPLES, _FORMAT),
        *(_STRIP_OFFSETS, _STRIP_COUNTS, _TILE_OFFSETS, _TILE_COUNTS),
    }
)
_DESCRIPTION, _RESOLUTION_Y, _RESOLUTION_X, _RESOLUTION_UNIT = 270, 283, 282, 296
_TYPES_OF_NOTES = {_DESCRIPTION: 2, _RESOLUTION_Y: 5, _RESOLUTION_X: 5, _RESOLUTION_UNIT: 3}
_LONGEST = {_DESCRIPTION: 2048}
"""Of the values of a tag so many are read, of others 16."""
_KINDS = {1: "u", 2: "i", 3: "f"}
_DTYPES = {
    code: np.dtype(code).name
    for code in ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8")
}
# What numbers a tag holds, by the code of its type: letter of struct, bytes.
_TYPES = {1: ("B", 1), 3: ("H", 2), 4: ("I", 4), 13: ("I", 4), 16: ("Q", 8), 18: ("Q", 8)}
_MORE_TYPES = {**_TYPES, 2: ("c", 1), 5: ("2I", 8)}  # text, fractions

# What tifffile and the codecs behind it raise on bytes that make no sense.
_DAMAGE = (
    ValueError,
    RuntimeError,
    LookupError,
    TypeError,
    ArithmeticError,
    AttributeError,
    MemoryError,
    EOFError,
    struct.error,
)


@dataclass(frozen=True, slots=True)
class TiffNotes:
    """What a TIFF says of its first page besides.

    Attributes
    ----------
    tags
        The numbers of all its tags.
    description
        Its beginning, "" if there is none.
    unit
        1: none, 2: inch, 3: cm.
    resolution
        Pixels (y, x) in a unit, as fractions (above, below); () if not stated.
    """

    tags: frozenset[int]
    description: str
    unit: int
    resolution: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class TiffHeader:
    """What a TIFF says of its first page.

    Attributes
    ----------
    height, width
        Pixels.
    dtype
        numpy name of the pixel type, e.g. "uint16".
    pages
        Number of pages (IFDs) of the file.
    samples
        Values a pixel: 1 for a plane of one channel, 3 or 4 for a colour picture.
    notes
        Only if they were asked for, and of files that the short reader knows.
    """

    height: int
    width: int
    dtype: str
    pages: int
    samples: int = 1
    notes: TiffNotes | None = field(default=None, compare=False)


class _OddTiffError(Exception):
    """Not damaged, but more than the short reader knows."""


class Alike:
    """Headers that were read, by the size and the first bytes of their files.

    The files of a plate mostly begin with the same bytes: what those say is worked out once.
    """

    _MOST = 64

    def __init__(self) -> None:
        self._known: dict[int, dict[tuple[int, bytes], TiffHeader]] = {}

    def find(self, data: _Bytes) -> TiffHeader | None:
        """The header of a file that has the size and the bytes of one that was read."""
        for reach, headers in self._known.items():
            header = headers.get((data.size, data.head[:reach]))
            if header is not None:
                return header
        return None

    def keep(self, data: _Bytes, header: TiffHeader) -> None:
        """Remember a header, if the file was not looked at beyond its first bytes."""
        if data.reach > len(data.head) or len(self._known) >= self._MOST:
            return
        headers = self._known.setdefault(data.reach, {})
        if len(headers) < self._MOST:
            headers[data.size, data.head[: data.reach]] = header


def read_header(path: Path | str, alike: Alike | None = None, *, notes: bool = False) -> TiffHeader:
    """Size, pixel type and number of pages of a TIFF, classic or BigTIFF, of either byte order.

    Reads no pixels, but checks that the file is long enough to hold those of every page.

    Parameters
    ----------
    alike
        What is known from other files, where there are many.
    notes
        Read the description and the resolution, too.

    Raises
    ------
    FormatError
        The file is empty, cut off, damaged or no TIFF.
    MissingError
        There is no such file.
    StorageError
        The file cannot be read, e.g. for lack of permission.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise _cannot_open(path, error) from error
    try:
        data = _Bytes(handle, path)
        known = alike and alike.find(data)
        if known:
            return known
        header = _parse(data, notes)
        if alike is not None:
            alike.keep(data, header)
        return header
    except _OddTiffError:
        pass
    except OSError as error:
        raise StorageError(f"'{path}' cannot be read: {error.strerror}.") from error
    finally:
        os.close(handle)
    return _read_with_tifffile(path)


class _Bytes:
    """Random access to a file whose first kilobytes are in memory.

    `reach` is how many bytes from the beginning were looked at.
    """

    def __init__(self, handle: int, path: Path | str) -> None:
        self.handle = handle
        self.path = path
        self.size = os.fstat(handle).st_size
        self.head = os.read(handle, _HEAD)
        self.reach = 16

    def at(self, offset: int, length: int) -> bytes:
        self.reach = max(self.reach, offset + length)
        if offset + length <= len(self.head):
            return self.head[offset : offset + length]
        if offset + length > self.size:
            raise self.damaged("it is cut off")
        os.lseek(self.handle, offset, os.SEEK_SET)
        data = os.read(self.handle, length)
        if len(data) < length:
            raise self.damaged("it is cut off")
        return data

    def damaged(self, reason: str) -> FormatError:
        return FormatError(
            f"'{self.path}' is no complete TIFF: {reason} (the file has {self.size:,} bytes). "
            "Copy it again from the microscope."
        )


def _parse(data: _Bytes, notes: bool = False) -> TiffHeader:
    if data.size == 0:
        raise data.damaged("it is empty")
    order = {b"II": "<", b"MM": ">"}.get(data.head[:2])
    if order is None or data.size < 8:
        raise data.damaged("it does not begin like a TIFF")
    (version,) = struct.unpack_from(order + "H", data.head, 2)
    if version == 42:
        count, entry, number = struct.Struct(order + "H"), struct.Struct(order + "HHI4s"), "I"
        offset = struct.unpack_from(order + "I", data.head, 4)[0]
    elif version == 43 and data.size >= 16:
        count, entry, number = struct.Struct(order + "Q"), struct.Struct(order + "HHQ8s"), "Q"
        offset = struct.unpack_from(order + "Q", data.head, 8)[0]
    else:
        raise _OddTiffError
    following = struct.Struct(order + number)
    first: dict[int, tuple[int, ...]] | None = None
    seen: set[int] = set()
    said = None
    while offset:
        if offset in seen or len(seen) >= _MOST_PAGES:
            raise data.damaged("its pages run in a circle")
        seen.add(offset)
        (entries,) = count.unpack(data.at(offset, count.size))
        if not 0 < entries <= 4096:
            raise data.damaged("the description of a page is broken")
        length = entries * entry.size
        table = data.at(offset + count.size, length + following.size)
        tags = _read_tags(data, order, entry, table[:length])
        _check_pixels_there(data, tags)
        if first is None:
            first = tags
            said = _notes(data, order, entry, table[:length]) if notes else None
        (offset,) = following.unpack_from(table, length)
    if first is None:
        raise data.damaged("it has no pages")
    header = _header(data, first, len(seen))
    return header if said is None else replace(header, notes=said)


def _notes(data: _Bytes, order: str, entry: struct.Struct, table: bytes) -> TiffNotes | None:
    """None if they make no sense: they are no reason to refuse pixels."""
    kinds = {(tag, kind) for tag, kind, *_ in entry.iter_unpack(table)}
    if any(_TYPES_OF_NOTES.get(tag, kind) != kind for tag, kind in kinds):
        return None
    try:
        found = _read_tags(data, order, entry, table, frozenset(_TYPES_OF_NOTES), _MORE_TYPES)
    except FormatError:
        return None
    text = b"".join(found.get(_DESCRIPTION, ()))
    sizes = [found.get(axis, ())[:2] for axis in (_RESOLUTION_Y, _RESOLUTION_X)]
    return TiffNotes(
        frozenset(tag for tag, _ in kinds),
        text.partition(b"\0")[0].decode("latin-1"),
        found.get(_RESOLUTION_UNIT, (1,))[0],
        tuple((size[0], size[1]) for size in sizes if len(size) == 2),
    )


def _read_tags(
    data: _Bytes,
    order: str,
    entry: struct.Struct,
    table: bytes,
    wanted_tags: frozenset[int] = _TAGS,
    types: Mapping[int, tuple[str, int]] = MappingProxyType(_TYPES),
) -> dict[int, tuple[Any, ...]]:
    """Values of the tags that matter; of offsets and byte counts only the last one."""
    tags: dict[int, tuple[Any, ...]] = {}
    for tag, kind, number, inline in entry.iter_unpack(table):
        if tag not in wanted_tags or tag in tags:
            continue
        if kind not in types or number == 0:
            raise data.damaged(f"tag {tag} has an impossible type")
        letter, size = types[kind]
        if number == 1 and size <= len(inline):
            tags[tag] = struct.unpack_from(order + letter, inline)
            continue
        last = tag in (_STRIP_OFFSETS, _STRIP_COUNTS, _TILE_OFFSETS, _TILE_COUNTS)
        skip, wanted = (number - 1, 1) if last else (0, min(number, _LONGEST.get(tag, 16)))
        if number * size > len(inline):
            (start,) = struct.unpack(order + ("I" if len(inline) == 4 else "Q"), inline)
            values = data.at(start + skip * size, wanted * size)
        else:
            values = inline[skip * size : (skip + wanted) * size]
        tags[tag] = struct.unpack(order + letter * wanted, values)
    return tags


def _check_pixels_there(data: _Bytes, tags: dict[int, tuple[int, ...]]) -> None:
    for offset, count in ((_STRIP_OFFSETS, _STRIP_COUNTS), (_TILE_OFFSETS, _TILE_COUNTS)):
        if offset in tags and tags[offset][0] + tags.get(count, (0,))[0] > data.size:
            raise data.damaged("pixels are cut off")


def _header(data: _Bytes, tags: dict[int, tuple[int, ...]], pages: int) -> TiffHeader:
    height, width = tags.get(_HEIGHT, (0,))[0], tags.get(_WIDTH, (0,))[0]
    if not (height and width) or not tags.keys() & {_STRIP_OFFSETS, _TILE_OFFSETS}:
        raise data.damaged("it does not state its size or where its pixels are")
    bits, formats = tags.get(_BITS, (1,)), tags.get(_FORMAT, (1,))
    code = f"{_KINDS.get(formats[0])}{bits[0] // 8}"
    alike = bits.count(bits[0]) == len(bits) and formats.count(formats[0]) == len(formats)
    if not alike or bits[0] % 8 or code not in _DTYPES:
        raise _OddTiffError
    samples = tags.get(_SAMPLES, (1,))[0]
    return TiffHeader(height, width, _DTYPES[code], pages, samples)


def _cannot_open(path: Path | str, error: OSError) -> MissingError | StorageError:
    if isinstance(error, FileNotFoundError):
        return MissingError(f"Image '{path}' is not there any more.")
    return StorageError(f"'{path}' cannot be read: {error.strerror}.")


def _read_with_tifffile(path: Path | str) -> TiffHeader:
    file = TiffPlanes(path)
    try:
        return file.header()
    finally:
        file.close()


class TiffPlanes:
    """An open TIFF; its planes are its pages. See `pixels.PlaneFile`."""

    def __init__(self, path: Path | str) -> None:
        """Open the file.

        Raises
        ------
        FormatError
            It is empty, damaged or no TIFF.
        MissingError
            There is no such file.
        StorageError
            The file cannot be read, e.g. for lack of permission.
        """
        import tifffile

        self._path = path
        try:
            self._handle = open(path, "rb")  # noqa: SIM115 - close() gives it back
        except OSError as error:
            raise _cannot_open(path, error) from error
        try:
            self._size = os.fstat(self._handle.fileno()).st_size
            self._file = tifffile.TiffFile(self._handle)
        except OSError as error:
            self._handle.close()
            raise _cannot_open(path, error) from error
        except _DAMAGE as error:
            self._handle.close()
            raise self._damaged(error) from error

    def header(self) -> TiffHeader:
        """What the file says of its first page."""
        try:
            page = self._file.pages.first
            if page.dtype is None:
                raise ValueError(f"pixels of {page.bitspersample} bits are not supported")
            return TiffHeader(
                int(page.imagelength),
                int(page.imagewidth),
                np.dtype(page.dtype).name,
                len(self._file.pages),
                int(page.samplesperpixel),
            )
        except _DAMAGE as error:
            raise self._damaged(error) from error

    def read(self, series: int, page: int) -> npt.NDArray[Any]:
        """The plane (y, x) of one page, in its original pixel type.

        Raises
        ------
        FormatError
            There is no such page, its pixels are cut off or damaged, or it is a colour picture.
        StorageError
            The disk refused.
        """
        try:
            pages = len(self._file.pages)
            if series != 0 or not 0 <= page < pages:
                raise FormatError(
                    f"'{self._path}' has {pages} pages in 1 series; there is no page {page} of "
                    f"series {series} (both count from 0). Scan the folder again."
                )
            frame = self._file.pages[page]
            if len(frame.shape) != 2:
                raise FormatError(
                    f"Page {page} of '{self._path}' has the shape {frame.shape}: a colour picture "
                    "or a stack, not a plane of one channel. Save each channel as its own page."
                )
            check_complete(frame, page, self._path, self._size)
            pixels = np.asarray(frame.asarray())
            if pixels.shape != frame.shape or not pixels.size:
                raise ValueError(f"page {page} gives {pixels.size} pixels for {frame.shape}")
            return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
        except FormatError:
            raise
        except OSError as error:
            raise StorageError(f"'{self._path}' cannot be read: {error.strerror}.") from error
        except _DAMAGE as error:
            raise self._damaged(error) from error

    def close(self) -> None:
        """Give the file back."""
        self._file.close()
        self._handle.close()

    def _damaged(self, error: BaseException) -> FormatError:
        reason = str(error).strip() or type(error).__name__
        return FormatError(
            f"'{self._path}' is no readable TIFF: {reason}. Copy it again from the microscope."
        )


def check_complete(frame: Any, page: int, path: Path | str, size: int) -> None:
    """Refuse a page of tifffile whose pixels are not all in a file of that size.

    tifffile fills what was never written with zeros, and makes room for all that is announced.

    Raises
    ------
    FormatError
        They are cut off.
    """
    segments = list(zip(frame.dataoffsets, frame.databytecounts, strict=True))
    if frame.is_contiguous:
        segments = [(segments[0][0], frame.nbytes)] if segments else []
        wanted = 1
    else:
        wanted = math.prod(frame.chunked)
    if len(segments) < wanted or any(
        length == 0 or start + length > size for start, length in segments
    ):
        raise FormatError(
            f"Pixels of page {page} of '{path}' are cut off (the file has {size:,} bytes). Copy it "
            "again from the microscope."
        )
