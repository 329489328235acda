"""Writes pipeline files a moment after the last change, in a thread of its own."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from qtpy.QtCore import QObject, QTimer, Signal  # type: ignore[attr-defined]

from napari_tmaps.errors import TmapsError
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.pipeline.shelf import Shelf

_SAVED_MS = 500


class PipelineSaver(QObject):
    """Every edit is in the journal at once; the file follows when nothing changes any more.

    Signals
    -------
    saved
        Path of a file that was written.
    failed
        Why a file could not be written.
    """

    saved = Signal(str)
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(1, "pipeline saver")
        self._last: Future[None] | None = None
        self._wanted: tuple[Shelf, str, PipelineDescription] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SAVED_MS)
        self._timer.timeout.connect(self._start)

    def save(self, shelf: Shelf, name: str, pipeline: PipelineDescription) -> None:
        """Write the pipeline soon; what was to be written before of the same one is not."""
        if self._wanted is not None and self._wanted[:2] != (shelf, name):
            self.finish()
        self._wanted = shelf, name, pipeline
        self._timer.start()

    def finish(self) -> None:
        """Write what is to be written, and wait for it."""
        self._start()
        if self._last is not None:
            self._last.result()

    def close(self) -> None:
        """Finish, and end the thread."""
        self.finish()
        self._pool.shutdown()

    def _start(self) -> None:
        self._timer.stop()
        if self._wanted is not None:
            self._last = self._pool.submit(self._write, *self._wanted)
            self._wanted = None

    def _write(self, shelf: Shelf, name: str, pipeline: PipelineDescription) -> None:
        """In the thread."""
        try:
            shelf.save(name, pipeline)
        except TmapsError as error:
            self.failed.emit(str(error))
        else:
            self.saved.emit(str(shelf.path(name)))
