"""Names that become folders on disk."""

from __future__ import annotations

import os
import re

from napari_tmaps.errors import InputError

UPLOADS = "uploads"
"""Folder within an experiment for microscope files that were sent to it: ours to delete."""
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._+-]*[A-Za-z0-9_+-])?")


def safe_name(text: str) -> str:
    """The text as a name that every file system takes: "a/b: c" → "a_b_ c"."""
    name = re.sub(r"[^A-Za-z0-9 ._+-]", "_", text).strip(" ._+-")
    return name or "unnamed"


def check_name(kind: str, name: str) -> None:
    """Refuse what cannot be the name of a plate or an acquisition.

    Raises
    ------
    InputError
        Not every file system has such folders.
    """
    if not _NAME.fullmatch(name) or len(os.fsencode(name)) > 100:
        raise InputError(
            f"'{name}' cannot be the name of {'an' if kind[0] in 'aeiou' else 'a'} {kind}, because "
            "it becomes a folder on disk. Use up to 100 letters, digits, spaces and . _ - +, "
            f"e.g. '{safe_name(name)[:100]}'."
        )
