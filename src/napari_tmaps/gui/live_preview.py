"""From what is on the screen to what a step makes of it, shown on the screen again."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.latest import Latest
from napari_tmaps.gui.live_layers import LiveLayers, outlines_of, with_measured
from napari_tmaps.gui.live_source import LiveSource, Scene, is_preview
from napari_tmaps.gui.parts import timer
from napari_tmaps.gui.preferences import preference
from napari_tmaps.gui.tuning import Shown, StableLabels, Tuning, summarise, upto
from napari_tmaps.gui.workers import Outcome
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.progress import Progress
from napari_tmaps.pipeline.live import LivePipeline, Preview, Request
from napari_tmaps.pipeline.region import View
from napari_tmaps.streams.mounts import ComingError

if TYPE_CHECKING:
    import napari.viewer

_SETTLED_MS = 200  # without a change, until the whole site is computed
_MOVED_MS = 400  # without a move, until pictures elsewhere follow
_WIDEST = 4  # outlines, in pixels of the image
_LOOK_MS = 50  # several layers change at once when another site is shown
_AGAIN_MS = 300  # pixels that were on their way may be there
_MEMORY_MB = 1024  # for results, unless napari's preferences say otherwise


class LivePreview(QObject):
    """Shows what a step of a pipeline makes of the layers of a viewer.

    Signals
    -------
    sceneChanged
        The `Scene` is another one.
    arrived
        A `Shown`: what the step made is on the screen, or the whole pipeline is through.
    failed
        Name of a step, and why it could not run.
    settled
        Nothing has changed for a moment; the whole site is being computed.
    moved
        The window shows another part of the site.
    """

    sceneChanged = Signal(object)
    arrived = Signal(object)
    failed = Signal(str, str)
    settled = Signal()
    moved = Signal()
    _computed = Signal(object)

    def __init__(self, viewer: napari.viewer.Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._source = LiveSource(viewer)
        self._layers = LiveLayers(viewer)
        room = preference("pipeline", "memory_mb", _MEMORY_MB) * 2**20
        self._live = LivePipeline(self._on_computed, max_bytes=room)
        self._stable = StableLabels()
        self._tuning = Tuning(PipelineDescription())
        self._number = 0
        self._width = 1  # of outlines
        self._made: Preview | None = None  # of the whole site
        self.scene = Scene()
        self.problem = ""
        self._settle = timer(self, _SETTLED_MS, self._on_settled)
        self._look = timer(self, _LOOK_MS, self._look_at_once)
        self._again = timer(self, _AGAIN_MS, self._look_at_once)
        self._reading = Latest(self)
        self._reading.ended.connect(self._on_read)
        self._due: Iterator[None] = iter(())  # layers of objects that are to be shown
        self._next = timer(self, 0, self._show_next)
        self._computed.connect(self._on_arrived)
        self._pan = timer(self, _MOVED_MS, self._on_stopped)
        self._watched: tuple[tuple[Any, Any], ...] = (
            (viewer.layers.events.inserted, self._on_inserted),
            (viewer.layers.events.removed, self._on_changed),
            (viewer.layers.selection.events.active, self._on_changed),
            (viewer.dims.events.point, self._on_changed),
            (viewer.scene.camera.events.center, self._on_moved),
            (viewer.scene.camera.events.zoom, self._on_moved),
        )
        for event, action in self._watched:
            event.connect(action)
        for layer in viewer.layers:
            self._watch(layer)

    @property
    def cache(self) -> Any:
        """Results of steps that are kept."""
        return self._live.cache

    @property
    def is_busy(self) -> bool:
        """True while something is to be computed."""
        timers = (self._settle, self._look, self._again, self._next)
        waits = any(timer.isActive() for timer in timers) or self._reading.is_running
        return waits or not self._live.wait(0.0)

    def show(self, tuning: Tuning) -> bool:
        """Show what the chosen step makes: what is seen now, the whole site once nothing changes.

        Returns
        -------
        bool
            False if nothing can be shown.
        """
        self._tuning = tuning
        can_show = self._request(whole=False)
        if can_show:
            self._settle.start()
        return can_show

    def clear(self) -> None:
        """Show nothing."""
        self._settle.stop()
        self._next.stop()
        self._live.cancel()
        self._layers.clear()
        self._made = None

    def view(self) -> View | None:
        """Rows and columns of the site that the window shows; None if it shows all of it."""
        return self._source.view(self.scene) if self.scene.images else None

    def images(self, pipeline: PipelineDescription) -> dict[str, Any]:
        """The images of what is shown, as a pipeline reads them.

        Raises
        ------
        MissingError
            See `LiveSource.corrected`.
        """
        return self._source.corrected(self.scene, pipeline)

    def show_before(self, on: bool) -> None:
        """Show what the step worked on in place of what it made, or the other way round."""
        self._layers.show_before(self._made if on else None, self.scene, self._width)

    def close(self) -> None:
        """End the computing, and forget what was computed; once more does no harm."""
        watched, self._watched = self._watched, ()
        if not watched:
            return
        for event, action in watched:
            event.disconnect(action)
        for layer in self._viewer.layers:
            self._watch(layer, on=False)
        for each in (self._settle, self._look, self._again, self._next, self._pan):
            each.stop()
        self._reading.cancel()
        self._live.close()
        self._layers.close()

    # -- what is on the screen ------------------------------------------------------------------

    def look(self, *, at_once: bool = False) -> None:
        """See what is on the screen now.

        Parameters
        ----------
        at_once
            Have pixels read in the background, and see then.
        """
        try:
            self._see(self._source.scene(at_once=at_once))
        except ComingError as error:
            if self._source.lacks:
                self._reading.ask("", self._read)
                return
            self._see(Scene(), str(error))
            self._again.start()
        except TmapsError as error:
            self._see(Scene(), str(error))

    def _look_at_once(self) -> None:
        self.look(at_once=True)

    def _read(self) -> Generator[Progress, None, None]:
        """In a thread."""
        yield Progress("pixels", 0, 1)
        self._source.fetch()

    def _on_read(self, outcome: Outcome) -> None:
        if outcome.error:
            self._see(Scene(), outcome.error)
        else:
            self._look_at_once()

    def _see(self, scene: Scene, problem: str = "") -> None:
        self.problem = problem
        before, self.scene = self.scene, scene
        same = scene.images.keys() == before.images.keys() and all(
            scene.images[name] is before.images[name] for name in scene.images
        )
        if same and scene.experiment == before.experiment:
            return
        self._made = None
        if not scene.images:
            self.clear()
        self.sceneChanged.emit(scene)

    def _watch(self, layer: Any, *, on: bool = True) -> None:
        if not is_preview(layer):
            for name in ("data", "scale", "translate", "name"):
                event = getattr(layer.events, name)
                (event.connect if on else event.disconnect)(self._on_changed)

    def _on_inserted(self, event: Any) -> None:
        self._watch(event.value)
        self._on_changed()

    def _on_moved(self, _event: Any = None) -> None:
        self._pan.start()

    def _on_stopped(self) -> None:
        if self._wanted_width() != self._width and self._made is not None:
            self._request(whole=True)
        self.moved.emit()

    def _wanted_width(self) -> int:
        """Of outlines, so that they are seen from any distance."""
        if not self.scene.images:
            return 1
        return min(max(1, round(self._source.pixel_size(self.scene))), _WIDEST)

    def _on_changed(self, _event: Any = None) -> None:
        self._look.start()

    # -- computing ------------------------------------------------------------------------------

    def _on_settled(self) -> None:
        self._request(whole=True)
        self.settled.emit()

    def _request(self, *, whole: bool) -> bool:
        self._live.cancel()
        self._next.stop()  # objects of before: the whole pipeline comes again at the end
        tuning = self._tuning
        if tuning.chosen is None or tuning.checked is None or not self.scene.images:
            self._layers.clear()
            self._made = None
            return False
        checked, finish = tuning.checked, whole and not tuning.problems
        if finish:
            last = next(c.name for c in reversed(tuning.pipeline.pipeline) if c.active)
            checked = upto(tuning.pipeline, self.scene, last) or checked
        elif whole:
            self._layers.drop_objects()
        view = None if whole else self._source.view(self.scene)
        self._width = self._wanted_width()
        request = Request(
            checked.sized(self.scene.pixel_size_um),
            partial(self._source.corrected, self.scene, tuning.pipeline),
            tuning.chosen.name,
            self.scene.objects,
            view=view,
            whole=view is None,
            finish=finish,
        )
        self._number = self._live.show(request)
        return True

    def _on_computed(self, preview: Preview) -> None:
        """In the computing thread."""
        wired = [preview.step.inputs.get(name, "") for name in ("image", "intensity_image")]
        image = next((preview.inputs[item] for item in wired if item in preview.inputs), None)
        shown = summarise(preview, image if isinstance(image, np.ndarray) else None)
        numbered = self._stable.number(with_measured(preview))
        drawn = outlines_of(numbered, self._width) if preview.result is None else numbered
        self._computed.emit(replace(shown, preview=numbered, drawn=drawn))

    def _on_arrived(self, shown: Shown) -> None:
        preview = shown.preview
        if preview.number != self._number:
            return
        if preview.error:
            if self._made is None:  # what is still shown is of another site
                self._layers.clear()
            self.failed.emit(preview.step.name, preview.error)
            return
        if preview.result is not None:
            self._due = self._layers.show_objects(preview, self.scene)
            self._next.start()
        else:
            self._layers.show(shown.drawn or preview, self.scene)
            self._made = preview if preview.view is None else None
        self.arrived.emit(shown)

    def _show_next(self) -> None:
        """One layer in a turn of Qt's loop, so that the window answers in between."""
        if next(self._due, self) is None:
            self._next.start()
