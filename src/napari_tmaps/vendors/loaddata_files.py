"""Images that a table names by paths of another computer, found below its own folder."""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from napari_tmaps.model.planes import Oddity
from napari_tmaps.vendors.listing import examples


def locate(root: Path, folder: str, stated: Any) -> tuple[dict[str, str], list[Oddity]]:
    """Paths as stated → files below the folder of the table, "" for those that are not to be had.

    They are relative to the root, as paths of planes are.
    """
    found = {text: _below(root / folder, text) for text in stated}
    sources: dict[str, set[str]] = {}
    for text, name in found.items():
        if name:
            sources.setdefault(name, set()).add(_plain(text).casefold())
    shared = [text for text, name in found.items() if name and len(sources[name]) > 1]
    lost = [text for text, name in found.items() if not name]
    moved = [
        text for text, name in found.items() if name and text not in shared and _plain(text) != name
    ]
    oddities = []
    if lost:
        text = f"{examples(lost, 'image')} of the table not found below its folder."
        oddities.append(Oddity("missing", text))
    if shared:
        text = (
            f"{examples(shared, 'path')} of the table could all be the same file by their ends; "
            "none of them is used. Write paths relative to the table."
        )
        oddities.append(Oddity("missing", text))
    if moved:
        text = (
            f"{examples(moved, 'image')} of the table lie elsewhere by their paths; they are read "
            f"from the folder of the table, e.g. '{found[moved[0]]}'."
        )
        oddities.append(Oddity("doubtful", text))
    refused = set(lost) | set(shared)
    return {
        text: "" if text in refused else posixpath.join(folder, name)
        for text, name in found.items()
    }, oddities


def _below(folder: Path, stated: str) -> str:
    """The file below the folder with the longest end of a path; "" if there is none."""
    text = _plain(stated)
    if re.match(r"[a-z][a-z0-9+.-]+://", text, re.IGNORECASE):
        return ""
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts:
        parts = parts[len(parts) - parts[::-1].index("..") :]
    for start in range(len(parts)):
        name = "/".join(parts[start:])
        if "\0" not in name and os.path.isfile(folder / name):
            return name
    return ""


def _plain(stated: str) -> str:
    """The path with "/" between its parts, out of a file URL if it is one."""
    text = unquote(stated) if stated.lower().startswith("file:") else stated
    text = re.sub(r"^file:/*", "/", text, flags=re.IGNORECASE).replace("\\", "/")
    return text.removeprefix("./")
