"""Writes pipeline files a moment after the last change, in a thread of its own."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from qtpy.QtCore import QObject, QTimer, Signal  # type: ignore[attr-defined]

from napari_tmaps.errors import TmapsError
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.pipeline.shelf import Shelf

_SAVED_MS = 500
_Wanted = tuple[Shelf, str, PipelineDescription]


class PipelineSaver(QObject):
    """Every edit is in the journal at once; the file follows when nothing changes any more.

    Signals
    -------
    saved
        Path of a file that was written.
    failed
        Why a file could not be written; it is tried again with whatever is to be written next.
    """

    saved = Signal(str)
    failed = Signal(str)
    _done = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(1, "pipeline saver")
        self._wanted: _Wanted | None = None
        self._last: tuple[Future[None], _Wanted] | None = None
        """What is written now, or was and is not told yet."""
        self.fault: TmapsError | None = None
        """Why the last file could not be written; None if it was."""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SAVED_MS)
        self._timer.timeout.connect(self._start)
        self._done.connect(self._tell)

    def save(self, shelf: Shelf, name: str, pipeline: PipelineDescription) -> None:
        """Write the pipeline soon; what was to be written before of the same one is not."""
        before = self._wanted or (self._last and self._last[1])
        if before and before[:2] != (shelf, name):
            self.finish()
        self._wanted = shelf, name, pipeline
        self._timer.start()

    def finish(self) -> None:
        """Write what is not written yet, wait for it, and tell."""
        self._start()
        if self._last is not None:
            self._last[0].exception()  # waits
        self._tell()

    def close(self) -> None:
        """Finish, and end the thread; nobody is told any more."""
        self.blockSignals(True)
        self.finish()
        self._pool.shutdown()

    def _start(self) -> None:
        self._timer.stop()
        if self._wanted is not None:
            shelf, name, pipeline = self._wanted
            self._last = self._pool.submit(shelf.save, name, pipeline), self._wanted
            self._wanted = None
            self._last[0].add_done_callback(lambda _: self._done.emit())

    def _tell(self) -> None:
        """What came of the last file, once."""
        if self._last is None or not self._last[0].done():
            return
        (written, wanted), self._last = self._last, None
        try:
            written.result()
        except TmapsError as error:
            self.fault = error
            self._wanted = self._wanted or wanted
            self.failed.emit(str(error))
        else:
            self.fault = None
            self.saved.emit(str(wanted[0].path(wanted[1])))
