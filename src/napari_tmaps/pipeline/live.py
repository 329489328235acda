"""A pipeline that is being tuned: each change is shown as soon as it can be.

One thread computes. The newest request wins: what an older one still computes is dropped at its
next step. The part of the site that somebody looks at comes first, then the whole site, then the
rest of the pipeline; what has not changed comes from the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Condition, Thread
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import TmapsError
from napari_tmaps.pipeline.cache import Cache, Value
from napari_tmaps.pipeline.checked import CheckedPipeline, Step
from napari_tmaps.pipeline.reach import used_threshold
from napari_tmaps.pipeline.region import View, iter_region
from napari_tmaps.pipeline.run import SiteResult, iter_site

Array = npt.NDArray[Any]
Images = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Request:
    """What shall be shown.

    Attributes
    ----------
    images, objects
        As for `run_site`; read-only arrays are hashed only once. A function that gives the images
        is called in the computing thread.
    upto
        Name of the active step whose outputs are wanted.
    view
        Rows and columns of the site that are looked at; None if all of it.
    whole
        Whether to go on to the whole site once the view is shown; without a view it is done
        anyway.
    finish
        Whether to go on to the end of the pipeline once the step is shown on the whole site.
    """

    checked: CheckedPipeline
    images: Images | Callable[[], Images]
    upto: str
    objects: Images = field(default_factory=dict)
    view: View | None = None
    whole: bool = True
    finish: bool = True


@dataclass(frozen=True, slots=True)
class Preview:
    """Something to show.

    Attributes
    ----------
    number
        Of the request, as `LivePipeline.show` returned it.
    step
        Whose outputs these are.
    values
        Outputs by the name of the item, read-only; cut to the view if there is one.
    view
        Part of the site that was computed; None if all of it was.
    seconds
        Since the request was taken up.
    inputs
        What the step worked on, where the whole site was computed.
    threshold
        Intensity at which the step parted its image, where it is such a step and the whole site
        was computed.
    result
        The whole site, where the pipeline was run to its end.
    error
        Why there is nothing to show, a sentence; `step` is then the one that failed.
    """

    number: int
    step: Step
    values: Mapping[str, Value] = field(default_factory=dict)
    view: View | None = None
    seconds: float = 0.0
    inputs: Mapping[str, Value] = field(default_factory=dict)
    threshold: float | None = None
    result: SiteResult | None = None
    error: str = ""


class LivePipeline:
    """Computes previews in a thread of its own.

    Parameters
    ----------
    on_preview
        Gets each `Preview`, in the computing thread.
    max_bytes
        Room for results that are kept.
    """

    def __init__(self, on_preview: Callable[[Preview], None], *, max_bytes: int = 2**30) -> None:
        self.cache = Cache(max_bytes)
        self._on_preview = on_preview
        self._changed = Condition()
        self._newest: Request | None = None
        self._number = 0
        self._busy = False
        self._closed = False
        self._thread = Thread(target=self._work, name="live pipeline", daemon=True)
        self._thread.start()

    def show(self, request: Request) -> int:
        """Ask for something else to be shown; returns the number of the request."""
        with self._changed:
            self._number += 1
            self._newest = request
            self._changed.notify_all()
            return self._number

    def cancel(self) -> None:
        """Show nothing more of what was asked for."""
        with self._changed:
            self._number += 1
            self._newest = None

    def wait(self, timeout_s: float = 60.0) -> bool:
        """Wait until everything is shown; False if that took too long."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self._newest is None and not self._busy, timeout_s
            )

    def close(self) -> None:
        """End the thread, and forget all results."""
        with self._changed:
            self._closed = True
            self._number += 1
            self._newest = None
            self._changed.notify_all()
        self._thread.join()
        self.cache.clear()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._newest is not None or self._closed)
                if self._newest is None:
                    return
                request, number = self._newest, self._number
                self._newest, self._busy = None, True
            self._compute(request, number)

    def _compute(self, request: Request, number: int) -> None:
        start = perf_counter()

        def is_old() -> bool:
            return number != self._number

        def show(step: Step, **facts: Any) -> None:
            if not is_old():
                self._on_preview(Preview(number, step, seconds=perf_counter() - start, **facts))

        steps = request.checked.steps
        at = next(n for n, step in enumerate(steps) if step.name == request.upto)
        try:
            given = request.images
            images = given if isinstance(given, Mapping) else given()
        except TmapsError as error:
            show(steps[at], error=str(error))
            return
        if request.view is not None and not steps[at].target:
            shown = self._show_part(request, images, steps[at], is_old, show)
            if shown and not request.whole:
                return
        run = iter_site(
            request.checked,
            images,
            request.objects,
            cache=self.cache,
            upto=None if request.finish else request.upto,
            keep=True,
        )
        done = 0
        items: dict[str, Value] = {**images, **request.objects}
        try:
            while not is_old():
                made = next(run)
                items.update(made.values)
                if done == at:
                    show(
                        made.step,
                        values=made.values,
                        inputs={item: items[item] for item in made.step.inputs.values()},
                        threshold=_threshold(made.step, items),
                    )
                done += 1
        except StopIteration as end:
            if request.finish:
                show(steps[at], result=end.value)
        except TmapsError as error:
            show(steps[min(done, len(steps) - 1)], error=str(error))
        finally:
            run.close()

    def _show_part(
        self,
        request: Request,
        images: Images,
        step: Step,
        is_old: Callable[[], bool],
        show: Callable[..., None],
    ) -> bool:
        """Show the view; False if that is not possible, or brings nothing."""
        assert request.view is not None
        part = iter_region(
            request.checked,
            images,
            request.objects,
            request.view,
            upto=step.name,
            cache=self.cache,
        )
        try:
            while not is_old():
                next(part)
        except StopIteration as end:
            if end.value is not None:
                show(step, values=end.value.values, view=end.value.view)
            return end.value is not None
        except TmapsError:
            pass  # the run of the whole site finds the same, and knows the step
        finally:
            part.close()
        return False


def _threshold(step: Step, items: Mapping[str, Value]) -> float | None:
    wired = [step.inputs[name] for name in ("image", "intensity_image") if name in step.inputs]
    image = items.get(wired[0]) if wired else None
    if not isinstance(image, np.ndarray):
        return None
    return used_threshold(step.spec.name, step.settings, image)
