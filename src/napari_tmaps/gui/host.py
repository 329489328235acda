"""What the parts of the Experiment widget ask of it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Protocol

from napari_tmaps.model.progress import Progress
from napari_tmaps.store.experiment import Experiment


class Host(Protocol):
    """Has an experiment open, and works on it in the background."""

    @property
    def experiment(self) -> Experiment | None:
        """The open experiment."""

    def start_work(
        self,
        title: str,
        make: Callable[[], Generator[Progress, None, Any]],
        after: Callable[[Any], None],
    ) -> None:
        """Begin work in the background; `after` gets what it returns."""
