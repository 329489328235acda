"""Folders that take long to make: made once by a process, and copied for tests that write there."""

from __future__ import annotations

import atexit
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any


@cache
def made_once(make: Callable[..., object], *args: Any) -> Path:
    """A folder, only to be read, that `make` filled; it gets the folder and the arguments."""
    folder = Path(tempfile.mkdtemp(prefix="made-once-")).resolve()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    make(folder, *args)
    return folder


def copy_of(make: Callable[..., object], folder: Path, *args: Any) -> Path:
    """Fill a folder as `make` would, by a copy; returns the folder."""
    first = made_once(make, *args)
    shutil.copytree(first, folder, dirs_exist_ok=True)
    for catalogue in folder.rglob("experiment.db"):  # its files are those of the copy
        with closing(sqlite3.connect(catalogue)) as connection, connection:
            connection.execute(
                "UPDATE acquisitions SET root = replace(root, ?, ?)", (str(first), str(folder))
            )
    return folder
