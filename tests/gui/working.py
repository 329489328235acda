"""The Experiment widget, while it works."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

from napari_tmaps.gui.experiment_widget import ExperimentWidget
from napari_tmaps.model.progress import Progress


@contextmanager
def busy(widget: ExperimentWidget, qtbot: Any) -> Iterator[None]:
    """While the widget works, on something else."""
    ends = Event()

    def make() -> Generator[Progress, None, None]:
        yield Progress("", 0, 0)
        ends.wait()

    widget.start_work("Working", make, lambda _: None)
    try:
        yield
    finally:
        ends.set()
        qtbot.waitUntil(lambda: not widget.is_busy)
