"""Runs a whole pipeline on chosen sites in the background, and shows it in a dock."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_tmaps.gui.arrangement import dock_below
from napari_tmaps.gui.latest import Latest
from napari_tmaps.gui.probes import Probes
from napari_tmaps.gui.rehearsal_panel import RehearsalPanel
from napari_tmaps.gui.trying import probe_trials
from napari_tmaps.gui.workers import Outcome
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.progress import Progress
from napari_tmaps.pipeline.rehearsal import Rehearsed, rehearse_site
from napari_tmaps.store.experiment import Experiment

if TYPE_CHECKING:
    import napari.viewer


@dataclass(frozen=True, slots=True)
class RehearsedProgress(Progress):
    """A site that is through."""

    found: Rehearsed | None = None


def rehearse(what: Probes, pipeline: PipelineDescription) -> Generator[Progress, None, int]:
    """Run a whole pipeline on sites, one after the other; returns how many failed.

    Raises
    ------
    PipelineError
        The pipeline does not fit the experiment.
    """
    failed = 0
    with Experiment.open(Path(what.experiment)) as experiment:
        trials = probe_trials(what, pipeline, pipeline.pipeline[-1].name, experiment)
        total = len(trials)
        yield Progress("reading", 0, total)
        for n, trial in enumerate(trials):
            steps = rehearse_site(trial.checked, trial.title, trial.read, group=trial.group)
            while True:
                try:
                    step = next(steps)
                except StopIteration as end:
                    found: Rehearsed = end.value
                    break
                yield Progress(f"{trial.title}, {step}", n, total)
            failed += bool(found.error)
            yield RehearsedProgress(trial.title, n + 1, total, found=found)
    return failed


class RehearsalControl(QObject):
    """The test run of a pipeline.

    Signals
    -------
    siteChosen
        Plate, well and number of the site that was double-clicked.
    runRequested
        The whole experiment shall be run: where it lies.
    """

    siteChosen = Signal(str, str, int)
    runRequested = Signal(str)

    def __init__(self, viewer: napari.viewer.Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._dock: Any = None
        self._what: Probes | None = None
        self._work = Latest(self)
        self.panel = RehearsalPanel()
        self.panel.cancelled.connect(self._on_cancelled)
        self.panel.siteChosen.connect(self._on_site_chosen)
        self.panel.runRequested.connect(self._on_run_requested)
        self._work.progressed.connect(self._on_progress)
        self._work.ended.connect(self._on_ended)

    @property
    def is_busy(self) -> bool:
        """True while sites are tried."""
        return self._work.is_running

    def run(self, what: Probes, pipeline: PipelineDescription) -> None:
        """Try a pipeline; a test run under way gives way."""
        self._what = what
        if self.panel.parent() is None:  # also once its dock was closed
            self._dock = dock_below(self._viewer, self.panel, "Test run")
        self._dock.setVisible(True)
        self._dock.raise_()
        self.panel.begin(tuple(objects.name for objects in pipeline.output.objects))
        self._work.ask("Test run", lambda: rehearse(what, pipeline))

    def cancel(self) -> None:
        """Stop."""
        self._work.cancel()

    def forget(self) -> None:
        """Show no test run any more."""
        self.cancel()
        self._what = None
        self.panel.clear()

    def close(self) -> None:
        """Stop, and show nothing."""
        self.forget()
        if self.panel.parent() is not None:
            self._viewer.window.remove_dock_widget(self.panel)

    def _on_progress(self, event: Progress) -> None:
        self.panel.progress.show_progress(event)
        if isinstance(event, RehearsedProgress) and event.found is not None:
            self.panel.add(event.found)

    def _on_ended(self, outcome: Outcome) -> None:
        self.panel.end(outcome.error)

    def _on_cancelled(self) -> None:
        self.cancel()
        self.panel.end("")

    def _on_run_requested(self) -> None:
        if self._what is not None:
            self.runRequested.emit(self._what.experiment)

    def _on_site_chosen(self, row: int) -> None:
        if self._what is not None:
            self.siteChosen.emit(*self._what.sites[row])
