"""Files that are written on this computer: a file gets its name when it is whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from napari_tmaps.errors import StorageError


def save(path: Path, pieces: Iterable[bytes]) -> Path:
    """Write a file, in the place of another of that name; its folder is made if needed.

    Raises
    ------
    StorageError
        It cannot be written; what was there before is there still.
    """
    hidden = path.with_name(f".{uuid4().hex}")
    try:
        with local_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = hidden.open("xb")
        with file:
            for piece in pieces:
                with local_errors(path):
                    file.write(piece)
            with local_errors(path):
                file.flush()
        with local_errors(path):
            hidden.replace(path)
    except BaseException:
        with suppress(OSError):
            hidden.unlink()
        raise
    return path


@contextmanager
def local_errors(path: Path) -> Iterator[None]:
    """Say in words what this computer says while `path` is written: it is not the server's fault.

    Raises
    ------
    StorageError
        For any error of the operating system.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"'{path}' could not be written: {error.strerror or error}. Choose another folder, or "
            "make room on the disk."
        ) from error
