"""Experiments of servers in the window: opened and followed in the background."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

from qtpy.QtCore import QObject, QTimer, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QWidget

from napari_tmaps.client.address import is_address
from napari_tmaps.client.session import LoggedOutError
from napari_tmaps.errors import NotFoundError, TmapsError
from napari_tmaps.gui.server_dialog import ServerDialog
from napari_tmaps.gui.zarr_source import experiment_source
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.mirror import Mirror
from napari_tmaps.store.servers import followed_address
from napari_tmaps.streams.mounts import source_of

_PATIENCE_S = 0.1
"""How long the window waits for a file; then it goes on, and is told when the file has come."""
_EVERY_MS, _LATER_MS = 2000, 10_000
_SHARE = 10
"""Following a server shall take at most one part in so many of the time."""
_GATHER_MS = 100


def needs_server(path: str) -> bool:
    """Whether opening an experiment would have to wait for a server."""
    if is_address(path):
        return True
    folder = Path(path)
    return source_of(folder) is None and bool(followed_address(folder))


def address_of(path: str) -> str:
    """The address of an experiment of a server, by it or by the folder that follows it."""
    return path if is_address(path) else followed_address(Path(path))


def open_there(path: str) -> Generator[Progress, None, Experiment | LoggedOutError]:
    """Open an experiment of a server, and fetch what the window shows first."""
    yield Progress("asking the server", 0, 0)
    try:
        experiment = Experiment.open(path)
    except LoggedOutError as error:
        return error
    try:
        for name in experiment.features.object_types():
            yield Progress(f"fetching the table of {name}", 0, 0)
            experiment.features.columns(name)
        for plate in experiment.plate_names()[:1]:
            yield Progress(f"fetching {plate}", 0, 0)
            try:
                experiment_source(experiment, plate)
            except NotFoundError:  # not converted yet
                break
    except BaseException:
        experiment.close()
        raise
    return experiment


class Following(QObject):
    """Follows the open experiment, if it is one of a server.

    Signals
    -------
    changed
        Something has changed on the server, and is here now.
    arrived
        Files that the window did not wait for are here.
    said
        What is wrong with the connection; "" when all is well again.
    """

    changed = Signal()
    arrived = Signal()
    said = Signal(str)
    _came = Signal()
    _refused = Signal(object)
    _looked = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._experiment: Experiment | None = None
        self._pool = ThreadPoolExecutor(1, "following")
        self._looking: Future[None] | None = None
        held: list[Mirror] = []
        self._held = held
        self.destroyed.connect(lambda: _release(held))
        self._is_wrong = False
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self.look)
        self._gathering = QTimer(self)
        self._gathering.setSingleShot(True)
        self._gathering.setInterval(_GATHER_MS)
        self._gathering.timeout.connect(self.arrived)
        self._came.connect(self._gathering.start)
        self._refused.connect(self._on_refused)
        self._looked.connect(self._on_looked)

    @property
    def is_busy(self) -> bool:
        """True while the server is asked."""
        return self._looking is not None and not self._looking.done()

    def setExperiment(self, experiment: Experiment | None) -> None:
        """Follow another experiment, or none."""
        _release(self._held)
        self._experiment, self._is_wrong = None, False
        self._timer.stop()
        self._gathering.stop()
        if experiment is not None and experiment.mirror is not None:
            self._experiment = experiment
            self._held.append(experiment.mirror)
            experiment.mirror.patience_s = _PATIENCE_S
            experiment.mirror.on_arrival = self._came.emit
            experiment.mirror.on_problem = lambda text: self._refused.emit((experiment, text))
            self._timer.start()

    def look(self) -> None:
        """Take up what has changed on the server, in the background."""
        if self._experiment is not None and not self.is_busy:
            self._looking = self._pool.submit(self._look, self._experiment)

    def _look(self, experiment: Experiment) -> None:
        """In the thread."""
        start, changed, error = perf_counter(), False, ""
        try:
            changed = experiment.refresh(thoroughly=False)
        except TmapsError as found:
            error = str(found)
        self._looked.emit((experiment, changed, error, perf_counter() - start))

    def _on_refused(self, told: tuple[Experiment, str]) -> None:
        experiment, sentence = told
        if experiment is self._experiment:
            self.changed.emit()
            self.said.emit(sentence)

    def _on_looked(self, seen: tuple[Experiment, bool, str, float]) -> None:
        experiment, changed, error, seconds = seen
        if experiment is not self._experiment:
            return
        if error:
            self._is_wrong = True
            self._timer.setInterval(_LATER_MS)
            self.said.emit(error)
            return
        if self._is_wrong:
            self._is_wrong = False
            self.said.emit("")
        self._timer.setInterval(max(_EVERY_MS, int(1000 * _SHARE * seconds)))
        if changed:
            self.changed.emit()


def _release(held: list[Mirror]) -> None:
    """Have mirrors tell nobody, for there is no window any more."""
    while held:
        mirror = held.pop()
        mirror.patience_s, mirror.on_arrival = None, lambda: None
        mirror.on_problem = lambda sentence: None


def ask_where(
    parent: QWidget | None, open_it: Callable[[str], None], address: str = "", reason: str = ""
) -> ServerDialog:
    """Show the dialog; `open_it` gets the address that is chosen."""
    dialog = ServerDialog(address, reason, parent)
    dialog.chosen.connect(open_it)
    dialog.finished.connect(lambda _: dialog.deleteLater())
    dialog.open()
    return dialog
