"""The files of a stream of OME-TIFFs: what has come of each."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from napari_tmaps.streams.order import Place, PlaneNumbers, Seen
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
