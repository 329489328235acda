"""Who wants to know how far a stream has come, is told in order and without holding it up."""

from __future__ import annotations

import queue
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from napari_tmaps.errors import unknown

EVENTS = ("coords_changed", "coords_expanded")


@dataclass(frozen=True, slots=True)
class CoordUpdate:
    """How far a stream has come.

    Attributes
    ----------
    max_coords
        For each dimension the coordinates that were reached: names where it has them, else numbers.
    current_indices
        Of the frame, for each dimension but the plane.
    frame_number
        From 0.
    is_high_water_mark
        True if a dimension reached further than ever.
    """

    max_coords: Mapping[str, Sequence[Any]]
    current_indices: Mapping[str, int]
    frame_number: int
    is_high_water_mark: bool


Callback = Callable[[CoordUpdate], object]


class Events:
    """Calls in a thread of its own, one after the other."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Callback]] = {name: [] for name in EVENTS}
        self._updates: queue.SimpleQueue[CoordUpdate | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def on(self, event: str, callback: Callback) -> Callable[[], None]:
        """Call back at each event; returns what ends that.

        Raises
        ------
        NotFoundError
            There is no such event.
        """
        if event not in self._listeners:
            raise unknown("event", event, EVENTS)
        self._listeners[event].append(callback)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="tmaps-events", daemon=True)
            self._thread.start()
        return lambda: self._listeners[event].remove(callback)

    @property
    def wanted(self) -> bool:
        """Whether anybody listens."""
        return any(self._listeners.values())

    def emit(self, update: CoordUpdate) -> None:
        """Tell all who listen."""
        self._updates.put(update)

    def close(self) -> None:
        """Wait until all are told."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._updates.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while (update := self._updates.get()) is not None:
            for event in EVENTS if update.is_high_water_mark else EVENTS[:1]:
                for callback in tuple(self._listeners[event]):
                    _call(callback, update)


def _call(callback: Callback, update: CoordUpdate) -> None:
    # As in threads of one's own: an error is shown, and neither stops frames nor other callbacks.
    def run() -> None:
        callback(update)

    worker = threading.Thread(target=run, name="tmaps-event", daemon=True)
    worker.start()
    worker.join()


def warn_unclosed(where: str) -> None:
    """The stream was dropped without close."""
    warnings.warn(
        f"The stream to '{where}' was not closed. Its frames are written, but use it in a with "
        "block, or call close().",
        UserWarning,
        stacklevel=2,
    )
