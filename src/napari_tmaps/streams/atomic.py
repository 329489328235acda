"""Nothing half-written: a file or folder gets its name only when it is whole."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from napari_tmaps.errors import StorageError
from napari_tmaps.streams.mounts import check_writable, source_of

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says while `path` is written into a `StorageError`.

    Wrap only the writing itself in it, so that trouble in reading a source is not blamed on the
    target.
    """
    check_writable(path)
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        # NumPy tells of a disk that took only a part in words, without a number.
        short = error.errno is None and "requested and" in str(error)
        if error.errno in _FULL or short:
            text = (
                f"The disk is full: '{path}' could not be written. Make room on the disk or "
                "choose another folder, then try again."
            )
        elif error.errno in _FORBIDDEN:
            text = (
                f"No permission to write '{path}'. Choose a folder that you may write to, or ask "
                "its owner."
            )
        else:
            text = (
                f"'{path}' could not be written: {error.strerror or error}. Check the folder and "
                "its disk, then try again."
            )
        raise StorageError(text) from error


def hidden_beside(path: Path) -> Path:
    """A new hidden name in the same folder, which is made if needed: hence on the same disk."""
    with disk_errors(path):
        source = source_of(path)
        if source is not None:
            return source.desk()
        path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")


def put_in_place(temporary: Path, path: Path, keep: str | None = None) -> None:
    """Give the finished file or folder its name; what was there before goes only then.

    Parameters
    ----------
    keep
        Name of a folder within the old folder that lives on in the new one.

    Raises
    ------
    StorageError
        The disk refuses; `path` is then as it was.
    """
    source = source_of(path)
    if source is not None:
        source.send(temporary, path)
        return
    with disk_errors(path):
        if not (temporary.is_dir() and path.is_dir()):
            os.replace(temporary, path)
            return
        # A folder cannot be replaced in one go, so the old one steps aside first.
        old = hidden_beside(path)
        path.rename(old)
        try:
            temporary.rename(path)
        except OSError:
            old.rename(path)
            raise
        if keep is not None and (old / keep).is_dir() and not (path / keep).exists():
            (old / keep).rename(path / keep)
        remove(old)


def remove(path: Path) -> None:
    """Remove a file or folder as far as the disk allows; it need not exist."""
    source = source_of(path)
    if source is not None:  # what is taken can be replaced, not removed
        raise StorageError(source.refusal)
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with disk_errors(path):
            path.unlink(missing_ok=True)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to, which takes the place of `path` at the end, or vanishes on any error."""
    temporary = hidden_beside(path)
    try:
        yield temporary
        put_in_place(temporary, path)
    except BaseException:
        remove(temporary)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file (UTF-8) whole or not at all."""
    with replacing(path) as temporary, disk_errors(path):
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON file whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
