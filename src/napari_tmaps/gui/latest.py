"""Work of which only the newest counts: each new piece stops the one before."""

from __future__ import annotations

from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_tmaps.gui.workers import Make, Outcome, Work


class Latest(QObject):
    """Runs what was asked for last; what was asked for before is cancelled and not told.

    Signals
    -------
    progressed
        A `Progress` of the newest work.
    ended
        The `Outcome` of the newest work.
    """

    progressed = Signal(object)
    ended = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._work = Work(self)
        self._next: tuple[str, Make] | None = None
        self._is_wanted = False
        self._work.progressed.connect(self._on_progressed)
        self._work.ended.connect(self._on_ended)

    @property
    def is_running(self) -> bool:
        """True while anything goes on, wanted or not."""
        return self._work.is_running

    def ask(self, title: str, make: Make) -> None:
        """Do this, instead of all that was asked for before."""
        self._next = (title, make)
        if self._work.is_running:
            self._work.cancel()
        else:
            self._begin()

    def cancel(self) -> None:
        """Do nothing any more; nothing is told."""
        self._next, self._is_wanted = None, False
        self._work.cancel()

    def _begin(self) -> None:
        assert self._next is not None, "something was asked for"
        (title, make), self._next = self._next, None
        self._is_wanted = True
        self._work.start(title, make)

    def _on_progressed(self, event: object) -> None:
        if self._is_wanted and self._next is None:
            self.progressed.emit(event)

    def _on_ended(self, outcome: Outcome) -> None:
        if self._next is not None:
            self._begin()
        elif self._is_wanted:
            self._is_wanted = False
            self.ended.emit(outcome)
