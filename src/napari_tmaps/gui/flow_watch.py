"""Where the workflow of the open experiment stands, looked at again and again while it runs."""

from __future__ import annotations

import time
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal  # type: ignore[attr-defined]

from napari_tmaps.errors import StorageError, TmapsError
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.workflow.lock import coordinator
from napari_tmaps.workflow.status import status

_LEAST_MS, _MOST_MS = 1000, 10_000
_SHARE = 20
"""Looking shall take at most one part in so many of the time."""
IDLE: dict[str, Any] = {"submission": None, "coordinator": None, "steps": []}


class FlowWatch(QObject):
    """Tells the status when it has changed.

    While nobody works it looks at one small file only. A status that takes long to read, of
    thousands of jobs, is read less often.
    """

    changed = Signal(dict)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._experiment: Experiment | None = None
        self._status = IDLE
        self._was_at_work: Any = None
        self._timer = QTimer(self)
        self._timer.setInterval(_LEAST_MS)
        self._timer.timeout.connect(self._on_tick)

    def value(self) -> dict[str, Any]:
        """The status that was seen last."""
        return self._status

    def setExperiment(self, experiment: Experiment | None) -> None:
        """Watch another experiment, or none."""
        self._experiment = experiment
        self._timer.stop()
        before, self._status, self._was_at_work = self._status, IDLE, None
        if experiment is not None:
            self._timer.start()
            self.look()
        elif before != IDLE:
            self.changed.emit(IDLE)

    def look(self) -> None:
        """Read the status now."""
        if self._experiment is None:
            return
        start = time.perf_counter()
        try:
            self._status = status(self._experiment)
        except TmapsError:  # e.g. the catalogue is being written for long: look again later
            return
        self._was_at_work = self._status["coordinator"]
        took_ms = round(1000 * (time.perf_counter() - start))
        self._timer.setInterval(min(_MOST_MS, max(_LEAST_MS, _SHARE * took_ms)))
        self.changed.emit(self._status)

    def _on_tick(self) -> None:
        if self._experiment is None:
            return
        try:
            now = coordinator(self._experiment.path)
        except StorageError:  # look again later
            return
        if now is not None or self._was_at_work is not None:
            self.look()
