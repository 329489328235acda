"""What is kept open between requests: answering is short, opening an experiment is not."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from napari_tmaps.errors import unknown
from napari_tmaps.store.maps import PlateMap, open_map
from napari_tmaps.store.parts import state_of_tables
from napari_tmaps.store.plates import PlateFolder
from napari_tmaps.workflow.door import Experiment

_KEPT = 8
Value = TypeVar("Value")


@dataclass
class _Open(Generic[Value]):
    experiment: Experiment
    value: Value
    state: tuple[int, ...]
    users: int = 0
    is_old: bool = False


class KeptOpen(Generic[Value]):
    """What was asked for last; each is opened anew when its files have changed.

    Parameters
    ----------
    make
        Opens something of an experiment, by a name.
    state
        What changes when that does.
    """

    def __init__(
        self,
        make: Callable[[Experiment, str], Value],
        state: Callable[[Path, str], tuple[int, ...]],
    ) -> None:
        self._make, self._state = make, state
        self._lock = threading.Lock()
        self._open: OrderedDict[tuple[Path, str], _Open[Value]] = OrderedDict()

    @contextmanager
    def use(self, path: Path, name: str = "") -> Iterator[Value]:
        """What has that name in an experiment; several threads may use it at once.

        Raises
        ------
        NotFoundError
            There is no such thing.
        """
        found = self._take(path, name)
        try:
            yield found.value
        finally:
            with self._lock:
                found.users -= 1
                self._close_unused(found)

    def fresh(self, path: Path, name: str = "") -> Value | None:
        """What is open and as its files are, to look up what was made of it; None if it is not."""
        state = self._state(path, name)
        with self._lock:
            found = self._open.get((path, name))
            return found.value if found is not None and found.state == state else None

    def close(self, path: Path | None = None) -> None:
        """Give the files of an experiment back once nobody uses them; None: of all."""
        with self._lock:
            for key in [key for key in self._open if path in (None, key[0])]:
                self._retire(key)

    def _take(self, path: Path, name: str) -> _Open[Value]:
        key, state = (path, name), self._state(path, name)
        with self._lock:
            found = self._open.get(key)
            if found is None or found.state != state:
                if found is not None:
                    self._retire(key)
                experiment = Experiment.open(path)
                try:
                    found = _Open(experiment, self._make(experiment, name), state)
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
    def _close_unused(found: _Open[Value]) -> None:
        if found.is_old and not found.users:
            found.experiment.close()


def kept_maps() -> KeptOpen[PlateMap]:
    """The maps of plates, by their names."""
    return KeptOpen(open_map, _state_of_map)


def _state_of_map(path: Path, plate: str) -> tuple[int, ...]:
    """What changes when the experiment, the map or the objects do."""
    state = [*state_of_tables(path)]
    for name in (f"maps/{plate}/map.json", "corrections/journal.jsonl"):
        try:
            facts = (path / name).stat()
            state += [facts.st_mtime_ns, facts.st_size]
        except OSError:
            state += [0, 0]
    return tuple(state)


class Layout:
    """Where the sites of an experiment lie, and its channels, read once.

    Attributes
    ----------
    experiment
        Which one.
    folders
        The plates by their names.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        sites = experiment.catalogue.sites()
        keys = zip(sites["plate"], sites["well"], sites["y"], sites["x"], strict=True)
        self._sites = dict(zip(keys, map(int, sites["site"]), strict=True))
        channels = experiment.catalogue.channels()
        self._cycles: dict[str, int] = dict(
            zip(channels["name"], map(int, channels["cycle"]), strict=True)
        )
        self.folders: dict[str, PlateFolder] = {
            name: experiment.plate(name) for name in experiment.plate_names()
        }

    def cycle(self, channel: str) -> int:
        """Cycle of a channel.

        Raises
        ------
        NotFoundError
            There is no such channel.
        """
        if channel not in self._cycles:
            raise unknown("channel", channel, self._cycles)
        return self._cycles[channel]

    def site(self, plate: str, well: str, y: int, x: int) -> tuple[str, str, int]:
        """(plate, well, site) of what lies in a place of a well.

        Raises
        ------
        NotFoundError
            There is no such plate, well or site.
        """
        number = self._sites.get((plate, well, y, x))
        if number is None:
            places = self.experiment.sites(plate, well)[["y", "x"]]  # refuses plates and wells
            listed = list(places.itertuples(index=False, name=None))
            raise unknown(f"site of well {well}", (y, x), listed)
        return plate, well, number


def kept_experiments() -> KeptOpen[Experiment]:
    """The experiments themselves, to be read."""
    return KeptOpen(lambda experiment, _: experiment, lambda path, _: state_of_tables(path))


def kept_layouts() -> KeptOpen[Layout]:
    """The layouts of experiments."""
    return KeptOpen(lambda experiment, _: Layout(experiment), lambda path, _: state_of_tables(path))
