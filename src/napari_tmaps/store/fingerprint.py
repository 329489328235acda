"""Know a file again: its size, and a digest of its beginning and its end."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from napari_tmaps.model.planes import Oddity
from napari_tmaps.model.words import counted

_PART = 4096


def fingerprint(path: Path) -> tuple[int, str]:
    """Size in bytes and a digest of the first and last 4 KiB.

    Reading whole files would take as long as importing them; what microscopes write differs in
    these parts when it differs at all, for headers carry times.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        digest = hashlib.blake2b(file.read(_PART), digest_size=8)
        if size > _PART:
            file.seek(max(_PART, size - _PART))
            digest.update(file.read(_PART))
    return size, digest.hexdigest()


def fingerprints(root: Path, names: Iterable[str]) -> Iterator[tuple[str, int, str]]:
    """(name, size, digest) of the files below a folder; those that cannot be read are left out."""
    for name in names:
        try:
            yield (name, *fingerprint(root / name))
        except OSError:
            continue


def told_again(known: Mapping[str, int], count: int) -> tuple[Oddity, ...]:
    """What to say of files, so many in all, of which other acquisitions of the plate have some."""
    return tuple(
        Oddity(
            "duplicate",
            f"{same:,} of {counted(count, 'file')} are in acquisition '{name}' already: name, size "
            "and checksum are the same. They are taken again, as a later time or cycle; if the "
            f"folder has only grown, add it as '{name}' with --update instead.",
        )
        for name, same in known.items()
    )
