"""The names of all files below a folder, listed once and shared by everything that looks at it."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from posixpath import basename

from napari_tmaps.errors import NotFoundError, StorageError
from napari_tmaps.model.planes import Oddity
from napari_tmaps.model.words import counted
from napari_tmaps.vendors.kinds import KIND_SUFFIXES, kind_of

TIFF_SUFFIXES = frozenset({".tif", ".tiff", ".stk", ".flex", ".btf", ".tf8", ".tf2"})

IMAGE_SUFFIXES = TIFF_SUFFIXES | {
    *(".png", ".jpg", ".jpeg", ".jp2", ".jpx", ".jxr", ".bmp", ".gif", ".webp", ".pgm", ".ppm"),
    *(".dib", ".c01", ".czi", ".lsm", ".zvi", ".nd2", ".lif", ".lof", ".xlef", ".oib", ".oif"),
    *(".oir", ".vsi", ".dv", ".r3d", ".ims", ".ics", ".ids", ".sld", ".sldy", ".mrc", ".dcm"),
    *(".svs", ".ndpi", ".scn", ".h5", ".hdf5", ".zarr"),
}
"""Suffixes of files that look like images, in lower case."""

OIF_PARTS = ".files"
"""What the folder with the planes of `name.oif` has behind that name."""

# What operating systems and file servers leave in folders of images.
_LITTER = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir"})


@dataclass(frozen=True)
class Listing:
    """All files below a folder.

    Attributes
    ----------
    root
        The folder, absolute.
    names
        Files relative to it, "/" between folders, sorted as people count (2 before 10). Hidden
        files and the thumbnails of operating systems are left out. A folder `*.zarr` is an image
        and stands here as one name; its chunks are not listed. The parts of `name.oif`, in the
        folder `name.oif.files` beside it, are not listed either.
    oddities
        Folders that could not be read, links that lead nowhere or in a circle.
    """

    root: Path
    names: tuple[str, ...]
    oddities: tuple[Oddity, ...] = ()

    @cached_property
    def by_suffix(self) -> dict[str, list[str]]:
        """Names by their last suffix; each format looks only at those that could be its own."""
        found: dict[str, list[str]] = {}
        for name in self.names:
            found.setdefault(suffix(name), []).append(name)
        return found

    @cached_property
    def kinds(self) -> Counter[str]:
        """Number of container files of each kind."""
        counts: Counter[str] = Counter()
        for ending in KIND_SUFFIXES & self.by_suffix.keys():
            counts.update(filter(None, map(kind_of, self.by_suffix[ending])))
        return counts

    def ending(self, *endings: str) -> list[str]:
        """Names that end with one of the texts, each with a suffix, in any case."""
        groups = {suffix(f"_{end}") for end in endings} & self.by_suffix.keys()
        names = self.by_suffix[min(groups)] if len(groups) == 1 else self.names if groups else ()
        return [name for name in names if name.lower().endswith(endings)]

    def images(self) -> list[str]:
        """Names that look like images, by their suffix."""
        kinds = IMAGE_SUFFIXES & self.by_suffix.keys()
        if len(kinds) < 2:
            return [name for kind in kinds for name in self.by_suffix[kind]]
        return [name for name in self.names if suffix(name) in kinds]

    def tiffs(self) -> set[str]:
        """Names of TIFF files."""
        kinds = TIFF_SUFFIXES & self.by_suffix.keys()
        return {name for kind in kinds for name in self.by_suffix[kind]}

    def describe(self) -> str:
        """What lies there by suffix, e.g. "120 .tif, 2 .txt"; "no files at all" if empty."""
        if not self.names:
            return "no files at all"
        counts = Counter(
            {kind or "without suffix": len(names) for kind, names in self.by_suffix.items()}
        )
        shown = [f"{number:,} {kind}" for kind, number in counts.most_common(8)]
        return ", ".join(shown) + (" and others" if len(counts) > 8 else "")


def list_files(root: Path) -> Listing:
    """List a folder and everything below it; of a file, itself alone in its folder.

    A folder `name.oif.files` stands for the `name.oif` beside it. Linked folders are
    followed, each real folder once.

    Raises
    ------
    NotFoundError
        There is no such file or folder.
    StorageError
        The folder itself cannot be read.
    """
    root = Path(os.path.abspath(root.expanduser()))
    if _is_oif_folder(root.name) and root.with_name(root.stem).is_file():
        root = root.with_name(root.stem)
    if root.is_file() or is_image_folder(root.name):
        return Listing(root.parent, (root.name,))
    if not root.is_dir():
        raise NotFoundError(f"There is no file or folder '{root}'. Check the path.")
    try:
        os.scandir(root).close()
    except OSError as error:
        raise StorageError(f"Folder '{root}' cannot be read: {error.strerror}.") from error
    names, oddities = _walk(root)
    return Listing(root, tuple(natural_sort(names)), tuple(oddities))


def _walk(root: Path) -> tuple[list[str], list[Oddity]]:
    names: list[str] = []
    oddities: list[Oddity] = []
    seen: set[tuple[int, int]] = set()
    folders: list[str] = [""]
    links: list[str] = []
    while folders or links:
        # Links come last, so that a folder is listed under its own name when it has one here.
        folder = folders.pop() if folders else links.pop()
        try:
            status = os.stat(root / folder)
            if (status.st_dev, status.st_ino) in seen:
                oddities.append(
                    Oddity(
                        "ignored",
                        f"Folder '{folder}' is a link to a folder that is listed already; it is "
                        "not followed again.",
                    )
                )
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(root / folder) as entries:
                found = [entry for entry in entries if not _is_litter(entry.name)]
        except OSError as error:
            oddities.append(
                Oddity("unreadable", f"Folder '{folder}' cannot be read: {error.strerror}.")
            )
            continue
        together = {entry.name for entry in found}
        for entry in found:
            name = f"{folder}/{entry.name}" if folder else entry.name
            if not _is_text(entry.name):
                shown = os.fsencode(entry.name).decode(errors="backslashreplace")
                oddities.append(
                    Oddity(
                        "unreadable",
                        f"The name '{shown}' is damaged text (not UTF-8); the file is left out. "
                        "Rename it.",
                    )
                )
            elif entry.is_file() or is_image_folder(entry.name):
                names.append(name)
            elif _is_oif_folder(entry.name) and os.path.splitext(entry.name)[0] in together:
                continue
            elif entry.is_dir():
                (links if entry.is_symlink() else folders).append(name)
            elif entry.is_symlink():
                oddities.append(Oddity("unreadable", f"'{name}' is a link that leads nowhere."))
    return names, oddities


def _is_litter(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LITTER


def _is_oif_folder(name: str) -> bool:
    return name.lower().endswith(f".oif{OIF_PARTS}")


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_image_folder(name: str) -> bool:
    """True for folders that are one image, such as `plate.ome.zarr`."""
    return name.lower().endswith(".zarr")


def leaves_folder(name: str) -> bool:
    """True if a path that an index states leads out of its folder; such files are never read."""
    parts = name.split("/")
    return ".." in parts or name.startswith("/") or ":" in parts[0]


def suffix(name: str) -> str:
    """Last suffix of a name in lower case, with its dot; "" if there is none."""
    # os.path.splitext takes three times as long, which counts for 10⁵ names.
    dot = name.rfind(".")
    return name[dot:].lower() if dot > name.rfind("/") + 1 else ""


def natural_sort(names: Iterable[str]) -> list[str]:
    """Sorted as people count: "f2" before "f10".

    >>> natural_sort(["f10.tif", "F9.tif", "f2.tif"])
    ['f2.tif', 'F9.tif', 'f10.tif']
    """
    split = re.compile(r"(\d+)").split

    def key(name: str) -> tuple[str, str]:
        # One text, which sorts faster than a list: before each number stands how long it is.
        parts = split(name.lower())
        numbers = [digits.lstrip("0") for digits in parts[1::2]]
        parts[1::2] = [f"\0{chr(len(number))}{number}" for number in numbers]
        return "".join(parts), name

    return sorted(names, key=key)


def unused_images(
    listing: Listing, used: Iterable[str], reasons: Mapping[str, Iterable[str]], rest: str
) -> list[Oddity]:
    """Images that no plane comes from, one oddity a reason.

    Parameters
    ----------
    used
        Names that planes come from, or of which something else was said already.
    reasons
        Why some are not used → their names.
    rest
        The reason for all others.
    """
    groups = {reason: list(names) for reason, names in reasons.items()}
    known = set(used).union(*groups.values())
    groups[rest] = [*groups.get(rest, []), *(n for n in listing.images() if n not in known)]
    return [
        Oddity("ignored", f"{examples([*map(basename, names)], 'image')} left out: {reason}.")
        for reason, names in groups.items()
        if names
    ]


def examples(names: Sequence[str], noun: str = "file", most: int = 3) -> str:
    """A short text for many names: "5 images ('a.tif', 'b.tif', 'c.tif' …)"."""
    shown = ", ".join(f"'{name}'" for name in names[:most])
    more = " …" if len(names) > most else ""
    return f"{counted(len(names), noun)} ({shown}{more})"
