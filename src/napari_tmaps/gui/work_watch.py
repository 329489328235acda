"""Who works on the open experiment, in this window or anywhere else, and how far each well is."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field

from qtpy.QtCore import QObject, QTimer, Signal  # type: ignore[attr-defined]

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.workers import Outcome, Work
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.experiment import Experiment

_EVERY_MS = 1000


@dataclass(frozen=True)
class Watched:
    """What goes on.

    Attributes
    ----------
    who
        The process that works, in words; "" if nobody does.
    elsewhere
        True if it is not this window.
    progress
        The step and the sites that are through.
    wells
        (plate, well) → waiting, running, done or failed, of the wells that there is work on.
    """

    who: str = ""
    elsewhere: bool = False
    progress: Progress = field(default=Progress("", 0, 0))
    wells: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def imports(self) -> bool:
        """True if images of the microscope are being imported."""
        return self.progress.stage in ("metaextract", "metaconfig", "imextract")


def look(experiment: Experiment) -> Watched:
    """Who works on an experiment now, and how far it is."""
    from napari_tmaps.workflow.lock import coordinator
    from napari_tmaps.workflow.wells import work_at_hand

    at_work = coordinator(experiment.path)
    if at_work is None:
        return Watched()
    step, wells = work_at_hand(experiment)
    here = at_work["host"] == socket.gethostname()
    return Watched(
        who=f"{at_work['what']}, process {at_work['pid']}"
        + ("" if here else f" on {at_work['host']}"),
        elsewhere=not (here and at_work["pid"] == os.getpid()),
        progress=Progress(
            step or "starting",
            sum(one.done + one.failed for one in wells.values()),
            sum(one.sites for one in wells.values()),
        ),
        wells={key: one.state for key, one in wells.items()},
    )


class WorkWatch(QObject):
    """Looks once a second, and tells when something has changed."""

    changed = Signal(object)
    """A `Watched`."""
    failed = Signal(str)
    """Why somebody could not be asked to stop."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._experiment: Experiment | None = None
        self._last = Watched()
        self._stopping = Work(self)
        self._stopping.ended.connect(self._on_stopped)
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self.look)

    def value(self) -> Watched:
        """What was seen last."""
        return self._last

    def setExperiment(self, experiment: Experiment | None) -> None:
        """Watch another experiment, or none."""
        self._experiment = experiment
        self._tell(Watched())
        if experiment is None:
            self._timer.stop()
        else:
            self._timer.start()
            self.look()

    def look(self) -> None:
        """Look now."""
        if self._experiment is None:
            return
        try:
            seen = look(self._experiment)
        except TmapsError:  # e.g. the catalogue is being written for long: look again later
            return
        self._tell(seen)

    def stop_work(self) -> None:
        """Ask whoever works elsewhere to stop."""
        from napari_tmaps.workflow.lock import ask_to_stop

        experiment = self._experiment
        if experiment is None or not self._last.elsewhere:
            return
        if experiment.mirror is None:
            try:
                ask_to_stop(experiment.path)
            except TmapsError as error:
                self.failed.emit(str(error))
            return

        def make() -> Generator[Progress, None, None]:
            from napari_tmaps.workflow.door import Experiment as Door

            yield Progress("", 0, 0)
            with Door.open(experiment.path) as opened:
                opened.workflow.ask_to_stop()

        self._stopping.start("", make)

    def _on_stopped(self, outcome: Outcome) -> None:
        if outcome.error:
            self.failed.emit(outcome.error)

    def _tell(self, seen: Watched) -> None:
        if seen != self._last:
            self._last = seen
            self.changed.emit(seen)
