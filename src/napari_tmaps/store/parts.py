"""The folder of an experiment in parts, so that another machine can follow it file by file.

The first part, "", is what whoever opens the experiment needs: settings, tables, states; images are
named in it, no more. All else is a part of its own, and is asked for by who needs it:

    plates/<plate>.ome.zarr/<row>/<column>      the images and labels of a well
    maps/<plate>/<key>.ome.zarr                 a map
    workflow/<step>/batches, logs/<step>        batches and logs of the jobs of a step

What only the machine that works on the experiment needs belongs to no part.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from re import fullmatch

DATABASE = "experiment.db"
_HIDDEN = (".zarray", ".zattrs", ".zgroup", ".zmetadata")
"""Names with a dot that count; all others are of files being written."""
_STATES = ("jobs.jsonl", "collect.json")
_CHANGEABLE = (
    r"gates/[^/]+\.json",
    r"selections/[^/]+\.parquet",
    r"pipelines/[\w][\w .+-]{0,79}\.yaml",
    r"plate_map(_history)?\.csv",
)


@dataclass(frozen=True, slots=True)
class PartFile:
    """A file of a part.

    Attributes
    ----------
    path
        Within the experiment, with "/".
    size
        In bytes; -1 for the folder of an image.
    modified
        In microseconds since 1970.
    """

    path: str
    size: int
    modified: int


def part_of(path: str) -> str | None:
    """The part that a file belongs to; None if it belongs to none."""
    names = path.split("/")
    if set(path) & set("\\:\0"):
        return None
    if any(not name or (name[0] == "." and name not in _HIDDEN) for name in names):
        return None
    room, depth = names[0], len(names)
    if room == "plates" and depth > 4:
        return "/".join(names[:4])
    if room == "maps" and depth > 3:
        return "/".join(names[:3])
    if room == "logs":
        return "/".join(names[:2]) if depth > 2 else None
    if room == "workflow" and depth > 2:
        if names[2] == "batches" and names[-1] not in _STATES:
            return "/".join(names[:3])
        return "" if names[2] in ("batches", "collected.json") else None
    if room == "pipelines" and depth > 2:  # what was done to them, for whoever edits them there
        return None
    if room == "uploads" or path.startswith(DATABASE + "-"):
        return None
    return ""


def is_changeable(path: str) -> bool:
    """Whether a client may replace a file: gates, selections, pipelines, the plate map."""
    return part_of(path) == "" and any(fullmatch(pattern, path) for pattern in _CHANGEABLE)


def one_file(folder: Path, path: str) -> PartFile | None:
    """A file as `files_of` tells of it; None if it is not there."""
    size, modified = _facts(folder / path)
    return PartFile(path, size, modified) if modified else None


def files_of(folder: Path, part: str = "") -> list[PartFile]:
    """The files of a part of an experiment, by path."""
    found: list[PartFile] = []
    for entry, path in _walk(folder, part):
        if part_of(path) != part:
            continue
        try:
            facts = entry.stat()
        except OSError:  # removed just now
            continue
        size, modified = facts.st_size, facts.st_mtime_ns // 1000
        if path == DATABASE:
            size, modified = state_of_tables(folder)
        found.append(PartFile(path, size, modified))
    if not part:
        found += _images(folder)
    return sorted(found, key=lambda file: file.path)


def state_of_tables(folder: Path) -> tuple[int, int]:
    """Size and time of change of the catalogue, with what SQLite keeps beside it for a while."""
    size, modified = _facts(folder / DATABASE)
    journal = _facts(folder / f"{DATABASE}-wal")
    if journal[0]:  # an empty one is only a sign that somebody reads
        return size + journal[0], max(modified, journal[1])
    return size, modified


def _facts(path: Path) -> tuple[int, int]:
    try:
        facts = path.stat()
    except OSError:
        return 0, 0
    return facts.st_size, facts.st_mtime_ns // 1000


def _walk(folder: Path, part: str) -> Iterator[tuple[os.DirEntry[str], str]]:
    """All files below a part that may belong to it."""
    waiting = [part]
    while waiting:
        at = waiting.pop()
        try:
            entries = list(os.scandir(folder / at))
        except OSError:
            continue
        for entry in entries:
            path = f"{at}/{entry.name}" if at else entry.name
            if entry.is_dir(follow_symlinks=False):
                # A folder is worth a look if what lies in it could be of this part.
                if part_of(f"{path}/x") == part or part_of(f"{path}/batches/collect.json") == part:
                    waiting.append(path)
            elif entry.is_file():
                yield entry, path


def _images(folder: Path) -> Iterator[PartFile]:
    """The folders of the images of all plates."""
    for well in sorted((folder / "plates").glob("*.ome.zarr/*/*/")):
        for entry in os.scandir(well):
            if entry.is_dir() and entry.name[0] != ".":
                path = f"{well.relative_to(folder).as_posix()}/{entry.name}"
                yield PartFile(path, -1, 0)
