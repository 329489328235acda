"""Files of a server of which only what is read is fetched, block by block, and kept.

.mirror/ranges/<file>-<size>-<modified>           the file, with holes
.mirror/ranges/<file>-<size>-<modified>.blocks    a byte a block: 1 where it is here
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import IO
from urllib.parse import quote

from napari_tmaps.store.parts import PartFile

BLOCK = 1 << 16
MARKS = ".blocks"
_NAME_LONGEST = 120

Fetch = Callable[[int, int, Callable[[bytes], None]], None]
"""Have the server's bytes from one place up to another, and give them to be kept; they are kept
even if they come too late for who waits."""


class RangedFile(io.RawIOBase):
    """A file to be read at any place; what is not here is fetched then.

    Parameters
    ----------
    folder
        Where ranges of files are kept.
    file
        Which file, and in which state; what is kept of another state is removed.
    fetch
        Called for blocks that are not here yet.
    """

    def __init__(self, folder: Path, file: PartFile, fetch: Fetch) -> None:
        super().__init__()
        stem = quote(file.path, safe="")[-_NAME_LONGEST:]
        path = folder / f"{stem}-{file.size}-{file.modified}"
        self._path, self._size, self._fetch, self._at = path, file.size, fetch, 0
        if not path.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            for old in folder.glob("*"):
                if old.name.startswith(f"{stem}-"):
                    remove_ranges(old)
        self._lock, self._keeping = Lock(), Lock()
        self._data = _opened(path, file.size)
        self._marks = _opened(_marks_of(path), -(-file.size // BLOCK))
        with suppress(OSError):  # whoever makes room begins with what was used long ago
            os.utime(path)

    def readable(self) -> bool:
        """See RawIOBase."""
        return True

    def seekable(self) -> bool:
        """See RawIOBase."""
        return True

    def size(self) -> int:
        """In bytes."""
        return self._size

    def tell(self) -> int:
        """See RawIOBase."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """See RawIOBase."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(start + offset, 0)
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """See RawIOBase; gives all that is asked for, but at the end of the file."""
        end = self._size if size is None or size < 0 else min(self._at + size, self._size)
        if end <= self._at:
            return b""
        with self._lock:
            for first, last in self._lacking(self._at // BLOCK, -(-end // BLOCK)):
                self._bring(first, last)
            self._data.seek(self._at)
            content = self._data.read(end - self._at)
            self._at = end
        return content

    def close(self) -> None:
        """Give the files back."""
        with self._keeping:
            if not self.closed:
                self._data.close()
                self._marks.close()
            super().close()

    def _lacking(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Runs of blocks that are not here: the first, and one past the last."""
        self._marks.seek(first)
        marks = self._marks.read(last - first) + b"\1"
        begin = -1
        for n, mark in enumerate(marks, start=first):
            if not mark and begin < 0:
                begin = n
            elif mark and begin >= 0:
                yield begin, n
                begin = -1

    def _bring(self, first: int, last: int) -> None:
        start, end = first * BLOCK, min(last * BLOCK, self._size)
        self._fetch(start, end, lambda content: self._keep(start, content))

    def _keep(self, start: int, content: bytes) -> None:
        marks = b"\1" * -(-len(content) // BLOCK)
        with self._keeping:
            if not self.closed:  # its files are these, even if room was made meanwhile
                _write(self._data, start, content)
                _write(self._marks, start // BLOCK, marks)  # once the bytes are there
                return
        with (
            suppress(FileNotFoundError),  # too late for who asked, not for who asks again
            self._path.open("r+b", buffering=0) as data,
            _marks_of(self._path).open("r+b", buffering=0) as marked,
        ):
            _write(data, start, content)
            _write(marked, start // BLOCK, marks)


def _write(file: IO[bytes], at: int, content: bytes) -> None:
    file.seek(at)
    file.write(content)


def _marks_of(path: Path) -> Path:
    return path.with_name(path.name + MARKS)


def remove_ranges(path: Path) -> None:
    """Forget what is kept of a file; never its bytes without what says which are there."""
    if not path.name.endswith(MARKS):
        _marks_of(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _opened(path: Path, size: int) -> IO[bytes]:
    if not path.is_file() or path.stat().st_size != size:
        with path.open("wb") as file:
            file.truncate(size)
    return path.open("r+b", buffering=0)
