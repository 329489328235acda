"""The objects of a pipeline on the shown site beside those of another, or beside corrections."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_tmaps.errors import MissingError
from napari_tmaps.gui.kept_layers import KeptLayers
from napari_tmaps.gui.live_layers import difference_layers
from napari_tmaps.gui.live_source import Scene
from napari_tmaps.gui.tuning import upto
from napari_tmaps.gui.workers import Outcome, Work
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.progress import Progress
from napari_tmaps.pipeline import run_site
from napari_tmaps.pipeline.cache import Cache
from napari_tmaps.pipeline.compare import Comparison, Labels, compare_objects
from napari_tmaps.store.corrections import Corrections, SiteObjects
from napari_tmaps.store.experiment import Experiment

if TYPE_CHECKING:
    import napari.viewer

Images = Callable[[PipelineDescription], Mapping[str, Any]]


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
        raise MissingError(f"The pipeline '{pipeline.name}' cannot run on what is shown.")
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
    """Compares in the background, and shows where objects differ.

    Signals
    -------
    told
        What came of it, in sentences.
    """

    told = Signal(str)

    def __init__(
        self, viewer: napari.viewer.Viewer, cache: Cache, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._layers = KeptLayers(viewer)
        self._cache = cache
        self._work = Work(self)
        self._scene = Scene()
        self._there = ""
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
        """Compare with another pipeline; None for corrections."""
        if self._work.is_running:
            return
        self._scene = scene
        self._there = f"'{other.name}'" if other else "your corrections"

        def work() -> Generator[Progress, None, tuple[Comparison, ...]]:
            yield Progress("here", 0, 2)
            here = objects_of(pipeline, scene, images(pipeline), self._cache)
            yield Progress("there", 1, 2)
            if other is None:
                return compare_objects(here, corrected_objects(scene))
            return compare_objects(here, objects_of(other, scene, images(other), self._cache))

        self._work.start("Compare", work)

    def clear(self) -> None:
        """Show no differences any more."""
        self._layers.clear()

    def cancel(self) -> None:
        """Stop."""
        self._work.cancel()

    def _on_ended(self, outcome: Outcome) -> None:
        if outcome.value is None:
            self.told.emit(f"⚠ {outcome.error}" if outcome.error else "")
            return
        if not outcome.value:
            self.told.emit(f"⚠ No type of objects is both here and in {self._there}.")
            return
        self._layers.try_out(difference_layers(outcome.value, self._scene))
        lines = [each.sentence(self._there) for each in outcome.value]
        self.told.emit("\n".join([*lines, f"Orange is only here, blue only in {self._there}."]))
