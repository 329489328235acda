"""The objects of a pipeline on the shown site beside those of another, or beside corrections."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_tmaps.errors import MissingError
from napari_tmaps.gui.kept_layers import KeptLayers
from napari_tmaps.gui.live_layers import DIFFERS, difference_layers
from napari_tmaps.gui.live_source import Scene
from napari_tmaps.gui.tuning import upto
from napari_tmaps.gui.workers import Outcome, Work
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.progress import Progress
from napari_tmaps.pipeline import find_problems, run_site
from napari_tmaps.pipeline.cache import Cache
from napari_tmaps.pipeline.compare import Comparison, Labels, compare_objects
from napari_tmaps.store.corrections import Corrections, SiteObjects
from napari_tmaps.store.experiment import Experiment

if TYPE_CHECKING:
    import napari.viewer

Images = Callable[[PipelineDescription], Mapping[str, Any]]
_CORRECTIONS: PipelineDescription | None = None


def objects_of(
    pipeline: PipelineDescription, scene: Scene, images: Mapping[str, Any], cache: Cache
) -> dict[str, Labels]:
    """The objects that a pipeline finds in a scene.

    Raises
    ------
    MissingError
        It cannot run on what is shown.
    PipelineError
        A step failed.
    """
    active = [call.name for call in pipeline.pipeline if call.active]
    checked = upto(pipeline, scene, active[-1]) if active else None
    if checked is None:
        problems = find_problems(pipeline, list(scene.images), list(scene.objects) or None)
        why = f" {problems[0]}" if problems else " It has no step that is on."
        raise MissingError(f"The pipeline '{pipeline.name}' cannot run on what is shown.{why}")
    sized = checked.sized(scene.pixel_size_um)
    return run_site(sized, images, scene.objects, cache=cache).objects


def corrected_objects(scene: Scene) -> dict[str, Labels]:
    """The objects that a person corrected on the shown site, by type.

    Raises
    ------
    MissingError
        There are none.
    """
    found: dict[str, Labels] = {}
    if scene.experiment:
        with Experiment.open(Path(scene.experiment)) as experiment:
            corrections = Corrections(experiment)
            window = experiment.shifts.window(scene.plate, scene.well, scene.site)
            for place in corrections.corrected():
                if place == SiteObjects(
                    place.object_type, scene.plate, scene.well, scene.site, scene.t
                ):
                    truth = corrections.truth(place)
                    found[place.object_type] = truth if window is None else window.cut(truth, -1)
    if not found:
        raise MissingError("No objects of the shown site are corrected yet.")
    return found


class Comparer(QObject):
    """Compares in the background, and shows where objects differ, again at each change.

    Signals
    -------
    told
        What came of it, in sentences; "" once nothing is compared any more.
    """

    told = Signal(str)

    def __init__(
        self, viewer: napari.viewer.Viewer, cache: Cache, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layers = KeptLayers(viewer)
        self._cache = cache
        self._work = Work(self)
        self._scene = self._seen = Scene()  # of the comparison, and what is looked at
        self._is_on, self._other = False, _CORRECTIONS
        self._shown = 0  # layers of differences
        self._again: tuple[PipelineDescription, Scene, Images] | None = None
        self._work.ended.connect(self._on_ended)

    @property
    def is_busy(self) -> bool:
        """True while pipelines run."""
        return self._work.is_running

    def compare(
        self,
        pipeline: PipelineDescription,
        other: PipelineDescription | None,
        scene: Scene,
        images: Images,
    ) -> None:
        """Compare with another pipeline, None for corrections, from now on."""
        self._is_on, self._other, self._shown = True, other, 0
        self._start(pipeline, scene, images)

    def follow(self, pipeline: PipelineDescription, scene: Scene, images: Images) -> None:
        """Compare the changed pipeline, or another site, until its layers are removed."""
        self._end_if_removed()
        if self._is_on:
            self._start(pipeline, scene, images)

    def move(self, scene: Scene) -> None:
        """Something else is looked at: what is shown is not of it."""
        self._end_if_removed()
        self._seen = scene
        if self._shown:
            self._shown = 0
            self._layers.try_out([])
            self.told.emit("")

    def cancel(self) -> None:
        """Stop."""
        self._is_on, self._again = False, None
        self._work.cancel()

    def end(self) -> None:
        """Compare no more, and take away what was shown of it."""
        self.cancel()
        self._layers.clear()
        self.told.emit("")

    def _end_if_removed(self) -> None:
        is_seen = any(layer.name.startswith(DIFFERS) for layer in self._viewer.layers)
        if self._is_on and self._shown and not is_seen:
            self._is_on, self._shown = False, 0
            self.told.emit("")

    def _start(self, pipeline: PipelineDescription, scene: Scene, images: Images) -> None:
        if self._work.is_running:
            self._again = pipeline, scene, images
            return
        self._scene = self._seen = scene
        other = self._other

        def work() -> Generator[Progress, None, tuple[Comparison, ...]]:
            yield Progress("here", 0, 2)
            here = objects_of(pipeline, scene, images(pipeline), self._cache)
            yield Progress("there", 1, 2)
            if other is None:
                return compare_objects(here, corrected_objects(scene))
            return compare_objects(here, objects_of(other, scene, images(other), self._cache))

        self._work.start("Compare", work)

    def _on_ended(self, outcome: Outcome) -> None:
        if self._again is not None:
            again, self._again = self._again, None
            self._start(*again)
            return
        there = f"'{self._other.name}'" if self._other else "your corrections"
        if not self._is_on or self._scene is not self._seen:  # it has ended, or somebody moved on
            return
        layers = difference_layers(outcome.value or (), self._scene)
        self._layers.try_out(layers)
        self._shown = len(layers)
        if layers:
            lines = [each.sentence(there) for each in outcome.value]
            self.told.emit("\n".join([*lines, f"Orange is only here, blue only in {there}."]))
        elif outcome.value is None:
            self.told.emit(f"⚠ {outcome.error}" if outcome.error else "")
        else:
            self.told.emit(f"⚠ No type of objects is both here and in {there}.")
