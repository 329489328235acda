"""One stream a path: a file beside it names the process that writes."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from napari_tmaps.errors import ExistsError
from napari_tmaps.streams.atomic import disk_errors


class PathLock:
    """Held from making it until `release`; that of a process that has died is taken over.

    Raises
    ------
    ExistsError
        Another stream writes there now.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.with_name(f".{path.name}.writing")
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            while not self._take():
                owner = _owner(self._file)
                if owner is not None:
                    raise ExistsError(
                        f"Another stream (process {owner}) is writing to '{path}'. Wait for its "
                        "end, or choose another root_path."
                    )
                self._file.unlink(missing_ok=True)

    def _take(self) -> bool:
        try:
            with self._file.open("x") as file:
                file.write(f"{os.getpid()} {psutil.Process().create_time()}")
        except FileExistsError:
            return False
        return True

    def release(self) -> None:
        """Others may write there."""
        # Without its folder there is no lock either.
        with suppress(OSError):
            self._file.unlink(missing_ok=True)


def _owner(file: Path) -> int | None:
    """The process that holds the lock; None if it is no more."""
    try:
        pid, born = file.read_text().split()
        process = psutil.Process(int(pid))
        alive = abs(process.create_time() - float(born)) < 1
    except (OSError, ValueError, psutil.Error):
        return None
    return int(pid) if alive and process.is_running() else None
