"""What lies at the path of a stream already: whether it may be replaced, or gone on with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_tmaps.errors import ExistsError, FormatError, NotFoundError
from napari_tmaps.streams.acquisition import AcquisitionSettings
from napari_tmaps.streams.atomic import disk_errors, hidden_beside
from napari_tmaps.streams.ngff_groups import read_attributes
from napari_tmaps.streams.ngff_metadata import OURS
from napari_tmaps.streams.tiff_metadata import STATE

_OURS_OR_ZARR = re.compile(
    r"zarr\.json|\.zarray|\.zgroup|\.zattrs|\.zmetadata|METADATA\.ome\.xml|c|\d+(\.\d+)*|\..*\.part"
)


def check_same(root: Path, state: Any, settings: AcquisitionSettings) -> None:
    """Refuse to go on with a stream of other settings.

    Raises
    ------
    FormatError
        There is none of ours, or settings differ.
    """
    if not isinstance(state, dict) or "handed" not in state:
        raise FormatError(
            f"'{root}' holds no stream of napari-tmaps that could be resumed. Choose another path, "
            "or start a new stream."
        )
    mine = settings.model_dump(mode="json", exclude={"overwrite", "root_path"})
    differ = [key for key, value in mine.items() if state["settings"].get(key) != value]
    if differ:
        raise FormatError(
            f"The stream at '{root}' has other settings ({', '.join(differ)}), so it cannot go on "
            "with these. Use the same, or another path."
        )


def move_zarr_aside(root: Path, *, overwrite: bool) -> Path | None:
    """Move an older OME-Zarr aside, and return where it is now; None if there was nothing.

    Raises
    ------
    ExistsError
        Something is there that must not be replaced.
    """
    if not root.exists():
        return None
    if not overwrite:
        raise ExistsError(
            f"'{root}' exists already. Choose another root_path, or overwrite=True to replace it."
        )
    foreign = _foreign(root)
    if foreign is not None:
        raise ExistsError(
            f"Refusing to overwrite '{root}': '{foreign}' was not written by a stream. Choose "
            "another root_path, or remove it yourself."
        )
    aside = hidden_beside(root)
    with disk_errors(root):
        root.rename(aside)
    return aside


def _foreign(root: Path) -> Path | None:
    """What does not belong to an OME-Zarr; the folder itself if it is none."""
    try:
        if OURS not in read_attributes(root):
            return root
    except (NotFoundError, FormatError, NotADirectoryError):
        return root
    for path in root.rglob("*"):
        known = _OURS_OR_ZARR.fullmatch(path.name) and "labels" not in path.parts
        if path.is_file() and not known:
            return path
    return None


def tiffs_in_the_way(root: Path, files: Sequence[Path], companion: Path) -> list[Path]:
    """Files that are there already, in the order of their names.

    Raises
    ------
    ExistsError
        A folder is where a file should be, or the other way round.
    """
    if files[0] == root:
        if root.is_dir():
            raise ExistsError(f"'{root}' is a folder. Choose another root_path.")
        return [root] if root.exists() else []
    if root.is_file():
        raise ExistsError(f"'{root}' is a file. Choose another root_path.")
    pattern = files[0].name.replace("_p000", "_p[0-9]*")
    return sorted([*root.glob(pattern), *([companion] if companion.exists() else [])])


def check_tiff_ours(path: Path) -> None:
    """Refuse to remove what no stream has written.

    Raises
    ------
    ExistsError
        It is not ours.
    """
    import tifffile

    text: str | None = ""
    if path.name.endswith(".ome"):
        text = path.read_text(encoding="utf-8", errors="replace")
    elif path.stat().st_size > 16:
        try:
            with tifffile.TiffFile(path) as file:
                page = file.pages.first
                text = f"{page.description} {page.software}"
        except (ValueError, RuntimeError, IndexError, OSError):
            text = ""
    else:
        text = STATE if path.read_bytes()[:4] in (b"II+\0", b"") else ""
    if "napari-tmaps" not in (text or "") and STATE not in (text or ""):
        raise ExistsError(
            f"Refusing to overwrite '{path}': no stream has written it. Choose another root_path, "
            "or remove it yourself."
        )
