"""Room for what is kept of experiments of servers: so much, and what was used longest ago goes."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import time
from typing import NamedTuple

from napari_tmaps.errors import InputError
from napari_tmaps.store.mirror_files import OWN, RANGES
from napari_tmaps.store.mirror_ranges import MARKS, remove_ranges

SETTING = "TMAPS_CACHE_GB"
_MOST_GB = 20.0
_IN_USE_S = 60.0
"""What was used so shortly ago may just be read."""


class _Kept(NamedTuple):
    used: float
    size: int
    path: Path


def most_bytes() -> int:
    """How much may be kept: what TMAPS_CACHE_GB says, or 20 GB.

    Raises
    ------
    InputError
        It is no number, or none above 0.
    """
    text = os.environ.get(SETTING, "") or str(_MOST_GB)
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 < found < math.inf:
        raise InputError(f"{SETTING} is '{text}'; it should be a number of gigabytes, e.g. 20.")
    return int(found * 1e9)


def mark_used(place: Path) -> None:
    """Remember that a file was used now; its time of change stays."""
    with suppress(OSError):
        facts, now = place.stat(), time()
        if facts.st_atime < now - _IN_USE_S / 2:
            os.utime(place, ns=(int(now * 1e9), facts.st_mtime_ns))


def make_room(folder: Path, most: int) -> int:
    """Remove what was used longest ago, until what is kept takes at most so many bytes.

    Only what comes again by itself when it is read: pixels, and tables.

    Parameters
    ----------
    folder
        Of all mirrors; see `store.servers`.

    Returns
    -------
    int
        How many bytes it takes now.
    """
    kept = sorted(_kept(folder))
    size, newest = sum(each.size for each in kept), time() - _IN_USE_S
    for each in kept:
        if size <= most or each.used > newest:
            break
        with suppress(OSError):
            if each.path.parent.name == RANGES:
                remove_ranges(each.path)
            elif each.path.suffix == ".parquet":  # that there is a table must still be seen
                with each.path.open("wb"):
                    pass
                os.utime(each.path, ns=(0, 0))
            else:
                each.path.unlink()
            size -= each.size
    return size


def _kept(folder: Path) -> Iterator[_Kept]:
    for root in folder.glob("*/*/*"):
        for room in ("plates", "maps", "features", f"{OWN}/{RANGES}"):
            for at, _, names in os.walk(root / room):
                for name in names:
                    path = Path(at, name)
                    if name.startswith((".z", "zarr.json")) or name.endswith(MARKS):
                        continue
                    with suppress(OSError):  # removed just now
                        facts = path.stat()
                        size = getattr(facts, "st_blocks", 0) * 512 or facts.st_size
                        if size:
                            yield _Kept(facts.st_atime, size, path)
