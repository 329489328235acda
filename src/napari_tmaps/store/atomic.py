"""Files that appear whole or not at all: written under a temporary name, then renamed."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from napari_tmaps.errors import StorageError, TmapsError

_ADVICE = {
    errno.ENOSPC: "The disk is full. Free some space and run it again; what is finished is kept.",
    errno.EDQUOT: "Your quota is used up. Free some space and run it again.",
    errno.EACCES: "You may not write there. Choose another folder or ask for permission.",
    errno.EPERM: "You may not write there. Choose another folder or ask for permission.",
    errno.EROFS: "That disk is read-only. Choose another folder.",
    errno.EFBIG: "The file would be larger than the disk or your limits allow.",
    errno.ENOENT: "The folder has vanished. Was a disk unplugged or a folder renamed?",
}


def storage_error(error: OSError, doing: str) -> StorageError:
    """The error of the operating system in the user's words, e.g. doing = "write 'a.csv'"."""
    cause = (error.strerror or str(error)).rstrip(".")
    advice = _ADVICE.get(error.errno or 0, f"The system says: {cause}.")
    return StorageError(f"Could not {doing}. {advice}")


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends without error.

    Raises
    ------
    StorageError
        The disk refused; nothing is left behind and an existing file is untouched.
    """
    temporary = path.with_name(f".{path.name}.{uuid4().hex[:8]}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except TmapsError:
        raise
    except OSError as error:
        raise storage_error(error, f"write '{path}'") from error
    finally:
        temporary.unlink(missing_ok=True)


def remove_folder(path: Path) -> None:
    """Remove a folder with all that is in it, if it is there.

    Raises
    ------
    StorageError
        The disk refused.
    """
    try:
        if path.exists():
            shutil.rmtree(path)
    except OSError as error:
        raise storage_error(error, f"remove '{path}'") from error
