"""Maps that are kept open between requests: reading a tile is short, opening its map is not."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.maps import PlateMap, open_map

_KEPT = 8


@dataclass
class _Open:
    experiment: Experiment
    map: PlateMap
    state: tuple[int, ...]
    users: int = 0
    is_old: bool = False


class OpenMaps:
    """The maps that were asked for last; each is opened anew when its files have changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: OrderedDict[tuple[Path, str], _Open] = OrderedDict()

    @contextmanager
    def use(self, path: Path, plate: str) -> Iterator[PlateMap]:
        """The map of a plate of an experiment; several threads may use it at once.

        Raises
        ------
        NotFoundError
            There is no such plate, or no layout of it yet.
        """
        found = self._take(path, plate)
        try:
            yield found.map
        finally:
            with self._lock:
                found.users -= 1
                self._close_unused(found)

    def close(self) -> None:
        """Give all files back."""
        with self._lock:
            for found in self._open.values():
                found.is_old = True
                self._close_unused(found)
            self._open.clear()

    def _take(self, path: Path, plate: str) -> _Open:
        key, state = (path, plate), _state(path, plate)
        with self._lock:
            found = self._open.get(key)
            if found is None or found.state != state:
                if found is not None:
                    self._retire(key)
                experiment = Experiment.open(path)
                try:
                    found = _Open(experiment, open_map(experiment, plate), state)
                except BaseException:
                    experiment.close()
                    raise
                self._open[key] = found
                while len(self._open) > _KEPT:
                    self._retire(next(iter(self._open)))
            self._open.move_to_end(key)
            found.users += 1
            return found

    def _retire(self, key: tuple[Path, str]) -> None:
        found = self._open.pop(key)
        found.is_old = True
        self._close_unused(found)

    @staticmethod
    def _close_unused(found: _Open) -> None:
        if found.is_old and not found.users:
            found.experiment.close()


def _state(path: Path, plate: str) -> tuple[int, ...]:
    """What changes when the experiment or the map does."""
    state = []
    for name in (
        "experiment.db",
        "experiment.db-wal",
        f"maps/{plate}/map.json",
        "corrections/journal.jsonl",
    ):
        try:
            facts = (path / name).stat()
            state += [facts.st_mtime_ns, facts.st_size]
        except OSError:
            state += [0, 0]
    return tuple(state)
