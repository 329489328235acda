"""Compound files (OIB): are the chains of their sectors whole?

A compound file is a file system in a file: a table (FAT) tells for each sector which one follows. A
damaged table may lead in a circle, along which a reader goes until the memory is full. After
[MS-CFB], the description of the format.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError

_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HEADER = 512
_END = 0xFFFFFFFE
_FIRST_TABLES = 109


def check_chains(path: Path) -> None:
    """Refuse a compound file whose tables lead in a circle; anything else is left to its reader.

    Raises
    ------
    FormatError
        A chain of sectors never ends, or there are more tables than the file has room for.
    OSError
        The file cannot be read.
    """
    with open(path, "rb") as file:
        header = file.read(_HEADER)
        if len(header) < _HEADER or not header.startswith(_MAGIC):
            return
        (shift,) = struct.unpack_from("<H", header, 30)
        if shift not in (9, 12):
            return
        size = 1 << shift
        room = file.seek(0, 2) // size
        count, small, small_count, more, more_count = struct.unpack_from("<I12x4I", header, 44)
        if max(count, more_count) > room:
            raise FormatError(f"it is damaged: it announces {max(count, more_count)} tables")
        tables = list(struct.unpack_from(f"<{_FIRST_TABLES}I", header, 76))
        for _ in range(more_count):
            numbers = _sector(file, size, more)
            tables += numbers[:-1].tolist()
            more = int(numbers[-1]) if numbers.size else _END
        fat = _joined([_sector(file, size, number) for number in tables[:count]])
        _refuse_circles(fat)
        parts: list[npt.NDArray[np.uint32]] = []
        while small < fat.size and len(parts) < small_count:
            parts.append(_sector(file, size, small))
            small = int(fat[small])
        _refuse_circles(_joined(parts))


def _sector(file: BinaryIO, size: int, number: int) -> npt.NDArray[np.uint32]:
    """The numbers in a sector; none beyond the end of the file."""
    file.seek((number + 1) * size)
    data = file.read(size)
    return np.frombuffer(data[: len(data) // 4 * 4], "<u4")


def _joined(parts: list[npt.NDArray[np.uint32]]) -> npt.NDArray[np.uint32]:
    return np.concatenate([np.zeros(0, np.uint32), *parts])


def _refuse_circles(table: npt.NDArray[np.uint32]) -> None:
    # Each round doubles the number of steps gone; those that end stay at the end.
    end = table.size
    place = np.append(np.where(table < end, table, end), end)
    for _ in range(end.bit_length()):
        place = place[place]
    if (place != end).any():
        raise FormatError("it is damaged: its table of sectors leads in a circle")
