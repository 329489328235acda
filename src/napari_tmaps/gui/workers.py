"""Long work off the GUI thread: a generator of progress, run by napari's threads.

Errors come back as sentences, never as tracebacks on the screen; this is the one place where all
exceptions are caught.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cache
from threading import Event
from typing import Any

from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.leaving import leave_in_order
from napari_tmaps.model.progress import Progress
from napari_tmaps.model.words import counted

Make = Callable[[], Generator[Progress, None, Any]]

_TOLD = 3  # failures
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How work ended: with a value, with an error, or cancelled.

    Attributes
    ----------
    value
        What the generator returned.
    error
        A sentence for the user; "" if all went well.
    failures
        Sentences about parts that failed while the rest went on.
    """

    value: Any = None
    error: str = ""
    cancelled: bool = False
    failures: tuple[str, ...] = ()

    def problems(self) -> str:
        """The first of the failures; "" if there are none."""
        if not self.failures:
            return ""
        number = len(self.failures)
        more = f"\n… and {number - _TOLD} more." if number > _TOLD else ""
        return f"{counted(number, 'problem')}:\n" + "\n".join(self.failures[:_TOLD]) + more


class Work(QObject):
    """One piece of work at a time.

    Signals
    -------
    progressed
        A `Progress`, in the GUI thread.
    ended
        An `Outcome`, in the GUI thread, once for each start.
    """

    progressed = Signal(object)
    ended = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._cancel = Event()
        self._worker: Any = None

    @property
    def is_running(self) -> bool:
        """True from start until `ended`."""
        return self._worker is not None

    def start(self, title: str, make: Make) -> None:
        """Begin; `make` is called in the thread and gives the generator.

        Does nothing while other work goes on: callers disable their buttons meanwhile. The title
        stands in napari's own list of tasks; "" for what is over too soon to be listed.
        """
        from napari.qt.threading import create_worker

        if self.is_running:
            return
        leave_in_order()
        self._cancel = Event()
        self._worker = create_worker(
            guarded,
            make,
            self._cancel,
            _start_thread=False,
            _progress={"desc": title} if title else False,
            _worker_class=_worker_class(),
        )
        self._worker.yielded.connect(self.progressed)  # not `emit`: Qt would not know whose it is
        self._worker.returned.connect(self._on_returned)
        self._worker.start()

    def cancel(self) -> None:
        """Ask the work to stop at its next step."""
        self._cancel.set()

    def _on_returned(self, outcome: Outcome) -> None:
        self._worker = None
        self.ended.emit(outcome)


@cache
def _worker_class() -> Any:
    """Workers that napari's own means to cancel end as ours do.

    napari keeps those means while its window is open: they must not hold the worker, and with it
    all that it was made of.
    """
    from napari.qt.threading import GeneratorWorker

    class Worker(GeneratorWorker):  # type: ignore[misc]
        def __init__(self, run: Any, make: Make, cancel: Event) -> None:
            super().__init__(run, make, cancel)
            self.quit = cancel.set

    return Worker


def guarded(make: Make, cancel: Event) -> Generator[Progress, None, Outcome]:
    """The events of some work; its end, good or bad, is the returned value."""
    failures: list[str] = []
    try:
        events = make()
        try:
            while not cancel.is_set():
                event = next(events)
                if event.failed:
                    failures.append(event.message)
                yield event
            return Outcome(cancelled=True, failures=tuple(failures))
        finally:
            events.close()
    except StopIteration as stop:
        return Outcome(value=stop.value, failures=tuple(failures))
    except TmapsError as error:
        return Outcome(error=str(error), failures=tuple(failures))
    except Exception as error:  # noqa: BLE001  whatever it is, the user must hear of it in words
        _log.exception("unexpected error")
        return Outcome(
            error=f"Something went wrong that should not ({type(error).__name__}: {error}). "
            "Please report it; the details are in the terminal.",
            failures=tuple(failures),
        )
