"""Whether maps are older than what they show; found out in the background."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from pathlib import Path

from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_tmaps.gui.latest import Latest
from napari_tmaps.gui.parts import AfterPicture
from napari_tmaps.gui.workers import Outcome
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.maps import open_map

_SHOWN = 4  # layers that are named
_SOON_MS = 500  # after the picture


def age_in_words(plate: str, wells: Mapping[str, tuple[str, ...]]) -> str:
    """A sentence on a map, of the layers of each well that are older than the data; "" if none is.

    Layers are "channel:<name>" and "labels:<object type>".
    """
    numbers: dict[str, int] = {}
    for layers in wells.values():
        for layer in layers:
            name = layer.partition(":")[2]
            numbers[name] = numbers.get(name, 0) + 1
    if not numbers:
        return ""
    parts = [f"{name} in {n} well{'s' * (n > 1)}" for name, n in numbers.items()]
    if len(parts) > _SHOWN:
        parts = [*parts[:_SHOWN], f"{len(parts) - _SHOWN} more"]
    return f"The map of {plate} is older than the data: {', '.join(parts)}."


def look_at_maps(path: Path) -> Generator[Progress, None, dict[str, str]]:
    """What there is to say of each plate whose map is old."""
    found = {}
    with Experiment.open(path) as experiment:
        for plate in experiment.plate_names():
            yield Progress("", 0, 0)
            if not (experiment.path / "maps" / plate / "map.json").is_file():
                continue
            map_ = open_map(experiment, plate)
            text = age_in_words(plate, map_.stale_wells()) if map_.built else ""
            if text:
                found[plate] = text
    return found


class MapAge(QObject):
    """Looks when it is asked to, and tells what it found."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._found: dict[str, str] = {}
        self._path: Path | None = None
        self._soon = AfterPicture(self, _SOON_MS, self._begin)
        self._latest = Latest(self)
        self._latest.ended.connect(self._on_ended)

    @property
    def is_looking(self) -> bool:
        """True until it is known."""
        return self._soon.is_due or self._latest.is_running

    def value(self) -> Mapping[str, str]:
        """A sentence for each plate whose map is old, as it was seen last."""
        return self._found

    def look(self, experiment: Experiment | None) -> None:
        """Look at an experiment, or at none; one on a server is not looked at."""
        if (
            experiment is None
            or experiment.mirror is not None
            or not (experiment.path / "maps").is_dir()
        ):
            self._path = None
            self._soon.stop()
            self._latest.cancel()
            self._tell({})
            return
        if experiment.path != self._path:  # what is known is of another one
            self._latest.cancel()
            self._tell({})
        self._path = experiment.path
        self._soon.start()

    def _begin(self) -> None:
        path = self._path
        assert path is not None, "there is something to look at"
        self._latest.ask("", lambda: look_at_maps(path))

    def _on_ended(self, outcome: Outcome) -> None:
        # A map that is damaged is told where it is opened.
        self._tell(outcome.value or {})

    def _tell(self, found: dict[str, str]) -> None:
        if found != self._found:
            self._found = found
            self.changed.emit()
