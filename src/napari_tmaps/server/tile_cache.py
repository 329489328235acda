"""Tiles that were made last, kept for the next who looks at the same place."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from weakref import WeakKeyDictionary

from napari_tmaps.store.maps import PlateMap


class TileCache:
    """Contents of tiles of maps that are open; those of a map go with it.

    Parameters
    ----------
    most
        Bytes that are kept of each map.
    """

    def __init__(self, most: int = 32 * 2**20) -> None:
        self._most = most
        self._lock = Lock()
        self._of: WeakKeyDictionary[PlateMap, OrderedDict[Hashable, bytes]] = WeakKeyDictionary()

    def get(self, plate: PlateMap, key: Hashable) -> bytes | None:
        """The content of a tile; None if it is not kept."""
        with self._lock:
            tiles = self._of.get(plate)
            if tiles is None or key not in tiles:
                return None
            tiles.move_to_end(key)
            return tiles[key]

    def keep(self, plate: PlateMap, key: Hashable, content: bytes) -> None:
        """Keep a tile; what was asked for longest ago makes room."""
        with self._lock:
            tiles = self._of.setdefault(plate, OrderedDict())
            tiles[key] = content
            size = sum(map(len, tiles.values()))
            while size > self._most:
                _, old = tiles.popitem(last=False)
                size -= len(old)
