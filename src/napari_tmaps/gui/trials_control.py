"""Runs trials in the background and shows them in a dock: the newest request wins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_tmaps.gui.arrangement import dock_below
from napari_tmaps.gui.latest import Latest
from napari_tmaps.gui.live_source import Scene
from napari_tmaps.gui.parts import warning
from napari_tmaps.gui.probes import Probes
from napari_tmaps.gui.trials_panel import TrialsPanel
from napari_tmaps.gui.trying import Sweep, TriedProgress, try_out
from napari_tmaps.gui.workers import Outcome
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.progress import Progress
from napari_tmaps.pipeline.cache import Cache
from napari_tmaps.pipeline.region import View
from napari_tmaps.pipeline.trials import shown_value

if TYPE_CHECKING:
    import napari.viewer


class TrialsControl(QObject):
    """Shows trials of a pipeline beside each other.

    Signals
    -------
    valueChosen
        A `Sweep`, and the value of it that was clicked.
    siteChosen
        Plate, well and number of the site that was clicked.
    failed
        Why nothing could be tried.
    """

    valueChosen = Signal(object, object)
    siteChosen = Signal(str, str, int)
    failed = Signal(str)

    def __init__(
        self, viewer: napari.viewer.Viewer, cache: Cache, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._cache = cache
        self._dock: Any = None
        self._what: Sweep | Probes | None = None
        self._work = Latest(self)
        self.panel = TrialsPanel()
        self.panel.chosen.connect(self._on_chosen)
        self._work.progressed.connect(self._on_progress)
        self._work.ended.connect(self._on_ended)

    @property
    def is_busy(self) -> bool:
        """True while trials are run."""
        return self._work.is_running

    def run(
        self,
        what: Sweep | Probes,
        pipeline: PipelineDescription,
        step: str,
        scene: Scene,
        part: View | None = None,
    ) -> None:
        """Try a pipeline as far as a step; trials under way give way.

        Parameters
        ----------
        part
            Rows and columns of a site that the pictures show; None for all.
        """
        self._what = what
        if self.panel.parent() is None:  # also once its dock was closed
            self._dock = dock_below(self._viewer, self.panel, "Trials")
        self._dock.setVisible(True)
        self._dock.raise_()
        if isinstance(what, Sweep):
            title = f"{what.setting} of {what.step}: click the best"
            count = len(what.values)
        else:
            count = len(what.sites)
            title = f"{step} on {count} sites: click one to go there"
        self.panel.begin(title, count)
        self._work.ask("Trials", lambda: try_out(what, pipeline, step, scene, self._cache, part))

    def follow(
        self, pipeline: PipelineDescription, step: str, scene: Scene, part: View | None = None
    ) -> None:
        """Try a changed pipeline on the same sites, or show another part, if these are shown."""
        what = self._what
        is_here = isinstance(what, Probes) and what.experiment == scene.experiment
        if what is not None and is_here and step and self.panel.isVisible():
            self.run(what, pipeline, step, scene, part)

    def clear(self) -> None:
        """Show no trials until there is a step to try; the sites are the same then."""
        self.cancel()
        self.panel.begin("There is no step to try: add a module to the pipeline.", 0)

    def forget(self, kind: type[Sweep | Probes], why: str) -> None:
        """Show no trials of a kind any more, and say why."""
        if isinstance(self._what, kind):
            self.cancel()
            self._what = None
            self.panel.begin(why, 0)

    def cancel(self) -> None:
        """Stop."""
        self._work.cancel()

    def close(self) -> None:
        """Stop, and show nothing."""
        self.cancel()
        self._what = None
        if self.panel.parent() is not None:
            self._viewer.window.remove_dock_widget(self.panel)

    def _on_progress(self, event: Progress) -> None:
        if isinstance(event, TriedProgress) and event.tried is not None:
            self.panel.add(event.tried)

    def _on_ended(self, outcome: Outcome) -> None:
        if outcome.error:
            self.panel.begin(warning([outcome.error]), 0)
            self.failed.emit(outcome.error)

    def _on_chosen(self, number: int) -> None:
        what = self._what
        if isinstance(what, Sweep) and number < len(self.panel.results()):
            # values that do not fit were left out, so the title tells which it is
            title = self.panel.results()[number].trial.title
            value = next(value for value in what.values if shown_value(value) == title)
            self.valueChosen.emit(what, value)
        elif isinstance(what, Probes) and number < len(what.sites):
            self.siteChosen.emit(*what.sites[number])
