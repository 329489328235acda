"""The files of a stream of OME-TIFFs: what has come of each, and what lies there already."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from napari_tmaps.errors import ExistsError
from napari_tmaps.streams.order import Place, PlaneNumbers, Seen
from napari_tmaps.streams.tiff_metadata import STATE
from napari_tmaps.streams.tiff_pages import StoredPage, TiffPages


@dataclass
class TiffImage:
    """What has come of one position; facts of its frames as OME-XML."""

    file: TiffFileOfStream
    seen: Seen
    checksums: PlaneNumbers
    planes: dict[Place, str] = field(default_factory=dict)
    annotations: dict[Place, str] = field(default_factory=dict)


@dataclass
class TiffFileOfStream:
    """One file, and the frames in it that are no pages yet, by their number."""

    path: Path
    positions: list[int]
    uuid: str = field(default_factory=lambda: f"urn:uuid:{uuid4()}")
    pages: TiffPages | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    handed: int = 0
    linked: int = 0
    stored: dict[int, tuple[int, Place, StoredPage]] = field(default_factory=dict)
    changed: bool = False


def in_the_way(root: Path, files: Sequence[Path], companion: Path) -> list[Path]:
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


def check_ours(path: Path) -> None:
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
