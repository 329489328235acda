"""Files that are written at offsets; large parts go straight to the disk, past the system's memory.

Frames of a camera are not read again soon. To copy them into the system's memory takes the
processor as long as many a codec, pushes out what others need there, and lets the disk begin late.
It is left out where memory and place in the file begin at whole pages; where the file system
refuses that, and for small parts, files are written as usual and the disk is told to begin.
Source: O_DIRECT in the manual page open(2) of Linux.
"""

from __future__ import annotations

import errno
import math
import mmap
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from napari_tmaps.streams.writeback import begin_writeback

Bytes = npt.NDArray[np.uint8]
Part = bytes | bytearray | memoryview
PAGE = 4096
"""Bytes that the system writes whole or not at all when the process is killed."""
LEAST_DIRECT = 2**18
_MOST_PARTS = 512
_BINARY = getattr(os, "O_BINARY", 0)
_DIRECT = getattr(os, "O_DIRECT", 0)


def whole_pages(size: int) -> int:
    """The size, rounded up to pages."""
    return -(-size // PAGE) * PAGE


def page_memory(shape: Sequence[int], dtype: npt.DTypeLike = np.uint8) -> npt.NDArray[Any]:
    """An array of zeros that begins at a page, and is really there: its first use takes no time."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if os.name != "posix" or not size:
        return np.zeros(shape, dtype)
    memory = mmap.mmap(-1, whole_pages(size), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    array = np.frombuffer(memory, np.uint8)
    array[::PAGE] = 0
    return array[:size].view(dtype).reshape(shape)


class DiskFile:
    """An open file; safe in several threads for different places in it.

    Parameters
    ----------
    new
        It is made, in place of one that is there; so are folders that are missing.
    """

    def __init__(self, path: Path, *, new: bool) -> None:
        self.path = path
        self._new = os.O_CREAT | os.O_TRUNC if new else 0
        self._fds = [-1, -1]
        self._lock = threading.Lock()
        self._straight = bool(_DIRECT)

    def write(self, offset: int, parts: Sequence[Part]) -> None:
        """Write parts that follow each other at an offset, all of them."""
        views = [memoryview(part).cast("B") for part in parts]
        size = sum(view.nbytes for view in views)
        done = 0
        if self._straight and offset % PAGE == 0 and size >= LEAST_DIRECT and _paged(views):
            done = self._write_straight(offset, views, size // PAGE * PAGE)
        if done < size:
            fd = self._fd(0)
            write_at(fd, offset + done, _after(views, done))
            begin_writeback(fd, offset + done, size - done)

    def close(self) -> None:
        """Close it; a new one to which nothing was written is not made."""
        with self._lock:
            for number, fd in enumerate(self._fds):
                if fd >= 0:
                    os.close(fd)
                self._fds[number] = -1

    def _write_straight(self, offset: int, views: list[memoryview], size: int) -> int:
        """How much of it was written; the file system may take nothing that way."""
        try:
            write_at(self._fd(1), offset, _before(views, size))
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                raise
            self._straight = False
            return 0
        return size

    def _fd(self, straight: int) -> int:
        with self._lock:
            if self._fds[straight] < 0:
                flags = os.O_RDWR | _BINARY | self._new | (_DIRECT if straight else 0)
                try:
                    fd = os.open(self.path, flags, 0o666)
                except FileNotFoundError:
                    if not self._new:
                        raise
                    self.path.parent.mkdir(parents=True, exist_ok=True)
                    fd = os.open(self.path, flags, 0o666)
                except OSError:
                    # Some make the file all the same when they refuse to write it that way.
                    if straight and self._new and self.path.exists():
                        self._new = 0
                    raise
                self._fds[straight] = fd
                self._new = 0
            return self._fds[straight]


def write_file(path: Path, parts: Sequence[Part], *, replace: bool = False) -> None:
    """Write a file of parts that follow each other; `replace`: it appears whole or not at all."""
    target = hidden_part(path) if replace else path
    file = DiskFile(target, new=True)
    try:
        file.write(0, parts)
    finally:
        file.close()
    if replace:
        os.replace(target, path)


def hidden_part(path: Path) -> Path:
    """A name beside it for what is not yet whole."""
    return path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")


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


def _paged(views: list[memoryview]) -> bool:
    """Whether all parts begin at pages of the memory, and all but the last fill them."""
    return all(view.nbytes % PAGE == 0 for view in views[:-1]) and all(
        np.frombuffer(view, np.uint8).__array_interface__["data"][0] % PAGE == 0
        for view in views
        if view.nbytes
    )


def _before(views: list[memoryview], size: int) -> list[memoryview]:
    """The first `size` bytes of them."""
    kept = []
    for view in views:
        kept.append(view[:size])
        size -= kept[-1].nbytes
    return [view for view in kept if view.nbytes]


def _after(views: list[memoryview], size: int) -> list[memoryview]:
    """All but the first `size` bytes of them."""
    kept = []
    for view in views:
        kept.append(view[size:])
        size -= view.nbytes - kept[-1].nbytes
    return [view for view in kept if view.nbytes]


def _pwritev_elsewhere(fd: int, views: Sequence[memoryview], offset: int) -> int:
    """For systems without pwritev; one thread at a time."""
    with _SEEKING:
        os.lseek(fd, offset, os.SEEK_SET)
        return os.write(fd, views[0])


_SEEKING = threading.Lock()
pwritev: Callable[[int, Sequence[memoryview], int], int] = getattr(
    os, "pwritev", _pwritev_elsewhere
)
