"""Python looks for garbage only among what is new, so that the window is not held for it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from napari.components import ViewerModel


class Garbage:
    """Keeps what has been there for long out of the search for garbage.

    A search goes through all objects that there are. With napari these are half a million: for a
    third of a second no thread goes on, and the window stands still. Python begins one in any
    thread once there is much that is new, and napari with each layer that is removed. What is set
    aside here is searched only when somebody else removes layers, which may be large, or when
    `collect` is called.

    Parameters
    ----------
    viewer
        Works without a window, too.
    """

    _is_ours: ClassVar[bool] = False  # there is one search for all
    _is_aside: ClassVar[bool] = False

    def __init__(self, viewer: ViewerModel) -> None:
        events = viewer.layers.events
        for event in (events.removing, events.begin_batch):  # napari searches right after
            event.connect(self._on_others)
        weakref.finalize(self, Garbage.end)
        self.set_aside()

    def set_aside(self) -> None:
        """Do not search all that there is now."""
        gc.freeze()
        Garbage._is_aside = True

    @contextmanager
    def ours(self) -> Iterator[None]:
        """Exchange layers of which somebody else knows when to search."""
        if not Garbage._is_aside:
            self.set_aside()
        Garbage._is_ours = True
        try:
            yield
        finally:
            Garbage._is_ours = False
            self.set_aside()

    def collect(self) -> None:
        """Search through all that there is."""
        self.end()
        gc.collect()

    @staticmethod
    def end() -> None:
        """Set nothing aside any longer."""
        gc.unfreeze()
        Garbage._is_aside = False

    def _on_others(self, _event: Any) -> None:
        if not self._is_ours:
            self.end()
