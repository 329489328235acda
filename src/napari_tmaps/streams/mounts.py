"""Folders whose files lie elsewhere: each comes to its place when somebody is about to read it.

Whoever opens a file that may be of such a folder says `bring(path)` before; nothing happens for all
other folders. Nobody writes into such a folder but its source: `atomic` refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from napari_tmaps.errors import StorageError

if TYPE_CHECKING:
    import zarr


class ComingError(StorageError):
    """A file is on its way: ask again when it has arrived."""


class Source(Protocol):
    """Where the files of a folder come from."""

    @property
    def refusal(self) -> str:
        """Why something cannot be written into the folder."""

    def takes(self, path: Path) -> bool:
        """Whether the source can be sent a file for that place."""

    def desk(self) -> Path:
        """A new path, on the same disk, for a file that is to be sent."""

    def send(self, file: Path, path: Path) -> None:
        """Have the source put a file at a place, and put it there here.

        Raises
        ------
        TmapsError
            The source cannot be reached, or refuses.
        """

    def bring(self, path: Path) -> None:
        """Have a file at its place as the source has it; one that the source lacks is not there.

        Raises
        ------
        StorageError
            The source cannot be reached, or the file is still on its way (`ComingError`).
        """

    def bring_all(self, paths: Sequence[Path]) -> None:
        """Begin to bring files that will be asked for."""

    def open_parts(self, path: Path) -> BinaryIO | None:
        """A file of which only what is read is brought; None if it is at its place, whole.

        Raises
        ------
        StorageError
            As `bring`, when it is opened or read.
        """


_sources: dict[Path, Source] = {}


def mount(folder: Path, source: Source) -> None:
    """From now on the files of a folder come from a source."""
    _sources[folder] = source


def unmount(folder: Path) -> None:
    """The folder is one like any other."""
    _sources.pop(folder, None)


def source_of(path: Path) -> Source | None:
    """Where the files of a folder come from; None if they lie there."""
    for folder, source in tuple(_sources.items()):
        if path.is_relative_to(folder):
            return source
    return None


def bring(path: Path) -> Path:
    """The path, with the file at its place if it lies elsewhere and is to be had."""
    source = source_of(path) if _sources else None
    if source is not None:
        source.bring(path)
    return path


def open_parts(path: Path) -> Path | BinaryIO:
    """The path; or, if it lies elsewhere and is large, a file that brings what is read of it."""
    source = source_of(path) if _sources else None
    return (None if source is None else source.open_parts(path)) or path


def bring_all(paths: Sequence[Path]) -> None:
    """Begin to bring files that will be read one after the other."""
    source = source_of(paths[0]) if _sources and paths else None
    if source is not None:
        source.bring_all(paths)


def check_writable(path: Path) -> None:
    """Refuse to write where the source of a folder takes nothing.

    Raises
    ------
    StorageError
        It is such a place.
    """
    source = source_of(path) if _sources else None
    if source is not None and not source.takes(path):
        raise StorageError(source.refusal)


def open_array(path: Path, mode: str = "r") -> zarr.Array[Any]:
    """A zarr array in a folder, whose chunks may lie elsewhere."""
    import zarr

    if not _sources or source_of(path) is None:
        return zarr.open_array(path, mode=mode)
    from napari_tmaps.streams.mounted_zarr import MountedStore

    check = check_writable if mode != "r" else bring
    check(path)
    return zarr.open_array(MountedStore(path, read_only=True), mode="r")
