"""What the pipeline widget shows, worked out from a pipeline and a scene: pure values, no Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

# What a step needs is checked in the thread of the window: not with what it would first import.
import napari_tmaps.modules.pixel_model  # noqa: F401
from napari_tmaps.errors import PipelineError
from napari_tmaps.gui.live_layers import Numbers, numbers_of
from napari_tmaps.gui.live_source import Scene
from napari_tmaps.measure.stable import carry_over
from napari_tmaps.model.kinds import Kind
from napari_tmaps.model.pipeline import (
    ChannelInput,
    ModuleCall,
    ObjectInput,
    PipelineDescription,
    PipelineInput,
)
from napari_tmaps.model.recorded import numbers_text
from napari_tmaps.modules.spec import ModuleSpec
from napari_tmaps.pipeline import CheckedPipeline, Problem, check, find_problems
from napari_tmaps.pipeline.edit import keep_objects
from napari_tmaps.pipeline.live import Preview
from napari_tmaps.pipeline.wiring import index_of, items_before, latest_first, spec_of


@dataclass(frozen=True)
class Tuning:
    """Everything that the widget shows of a pipeline.

    Attributes
    ----------
    chosen
        The step that is looked at; None if there is none.
    fitting
        Items that each input of that step may be wired to, channels that are only on the screen
        included.
    problems
        Of the whole pipeline.
    marks
        Why steps cannot run, by name.
    """

    pipeline: PipelineDescription
    scene: Scene = field(default_factory=Scene)
    chosen: ModuleCall | None = None
    spec: ModuleSpec | None = None
    fitting: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    marks: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def checked(self) -> CheckedPipeline | None:
        """The pipeline as far as the chosen step; None if that cannot run."""
        return upto(self.pipeline, self.scene, self.chosen.name) if self.chosen else None

    @property
    def own_problems(self) -> tuple[Problem, ...]:
        """Problems of the chosen step."""
        if self.chosen is None:
            return tuple(problem for problem in self.problems if problem.step is None)
        number = index_of(self.pipeline, self.chosen.name) + 1
        return tuple(problem for problem in self.problems if problem.step == number)


def tune(pipeline: PipelineDescription, scene: Scene, chosen: str) -> Tuning:
    """What to show of a pipeline.

    Parameters
    ----------
    chosen
        Name of the step that the user looks at; what does not exist counts as none.
    """
    channels = list(scene.images) or None
    problems = find_problems(pipeline, channels, list(scene.objects) or None)
    marks: dict[str, str] = {}
    for problem in problems:
        if problem.step is not None:
            name = pipeline.pipeline[problem.step - 1].name
            marks[name] = f"{marks[name]}\n{problem}" if name in marks else str(problem)
    call = next((each for each in pipeline.pipeline if each.name == chosen), None)
    if call is None:
        return Tuning(pipeline, scene, problems=problems, marks=marks)
    spec = spec_of(call.module, None)
    items = items_before(pipeline, index_of(pipeline, chosen))
    items = {
        **dict.fromkeys(scene.images, Kind.INTENSITY_IMAGE),
        **dict.fromkeys(scene.objects, Kind.SEGMENTED_OBJECTS),
        **items,
    }
    fitting = {
        wanted.name: tuple(latest_first(items, wanted.kind))
        for wanted in (spec.inputs if spec else ())
    }
    return Tuning(pipeline, scene, call, spec, fitting, problems, marks)


def message(tuning: Tuning, scene: Scene, why: str) -> str:
    """What is said of a pipeline below its form; "" if it is all right.

    Parameters
    ----------
    why
        What a step said when it failed; "" if none did.
    """
    if why:
        return f"⚠ {why}"
    if not tuning.pipeline.pipeline:
        return "The pipeline is empty. Choose a ready one above, or press Add module."
    absent = [item.name for item in tuning.pipeline.input.channels if item.name in scene.absent]
    if absent:
        return "\n".join(
            f"'{name}' was not recorded at t = {scene.t}. Move the slider of time to "
            f"{numbers_text(scene.absent[name])}."
            for name in absent
        )
    elsewhere = [str(problem) for problem in tuning.problems if problem.step is None]
    if elsewhere and scene.images:
        elsewhere.append("Choose what to read instead under 'In and out'.")
    return "\n".join(elsewhere)


def reads(pipeline: PipelineDescription, item: str, scene: Scene) -> PipelineDescription:
    """The pipeline, made to read a channel or object type that is on the screen, if it does not."""
    given = pipeline.input
    if item in scene.images and item not in {each.name for each in given.channels}:
        channels = (*given.channels, ChannelInput(name=item))
        return _with_input(pipeline, PipelineInput(channels=channels, objects=given.objects))
    known = {*(each.name for each in given.objects), *_made(pipeline)}
    if item in scene.objects and item not in known:
        objects = (*given.objects, ObjectInput(name=item))
        return _with_input(pipeline, PipelineInput(channels=given.channels, objects=objects))
    return pipeline


def upto(pipeline: PipelineDescription, scene: Scene, name: str) -> CheckedPipeline | None:
    """The pipeline as far as a step, checked; None if that part of it cannot run.

    What comes later may be wrong, or half made: nobody has to wait for it.
    """
    at = index_of(pipeline, name)
    if not pipeline.pipeline[at].active:
        return None
    steps = pipeline.pipeline[: at + 1]
    part = pipeline.model_copy(update={"pipeline": steps})
    made = _made(part)
    part = keep_objects(part, [o.name for o in pipeline.output.objects if o.name in made])
    needed = {item for call in steps for item in call.inputs.values()}
    part = _with_input(
        part,
        PipelineInput(
            channels=tuple(c for c in part.input.channels if c.name in needed),
            objects=tuple(o for o in part.input.objects if o.name in needed),
        ),
    )
    try:
        return check(part, list(scene.images), list(scene.objects))
    except PipelineError:
        return None


@dataclass(frozen=True)
class Shown:
    """A preview with what is told of it; made off the GUI thread.

    Attributes
    ----------
    drawn
        The preview as it is drawn: masks and objects as outlines.
    counts, edges
        Histogram of intensities where the preview has a threshold, else of the areas of objects;
        empty if there is neither.
    """

    preview: Preview
    numbers: Numbers
    counts: npt.NDArray[Any]
    edges: npt.NDArray[Any]
    drawn: Preview | None = None


class StableLabels:
    """Gives the objects of a step the numbers, and so the colours, that they had before."""

    def __init__(self) -> None:
        self._before: dict[str, npt.NDArray[np.int32]] = {}

    def number(self, preview: Preview) -> Preview:
        """The preview with objects numbered as in those before it."""
        values = dict(preview.values)
        for item, labels in preview.values.items():
            if not isinstance(labels, np.ndarray) or labels.dtype != np.int32 or labels.ndim != 2:
                continue
            before = self._before.get(item)
            if before is not None and preview.view is not None:
                before = np.ascontiguousarray(before[preview.view])
            same = labels if before is None else carry_over(labels, before)
            values[item] = same
            if preview.view is None:
                self._before[item] = same
        return replace(preview, values=values)


def summarise(preview: Preview, image: npt.NDArray[Any] | None) -> Shown:
    """Numbers and histogram of a preview.

    Parameters
    ----------
    image
        What the step parted at its threshold, None where it is not known.
    """
    numbers = numbers_of(preview)
    none = np.empty(0)
    if preview.threshold is not None and image is not None:
        sample = image[..., ::2, ::2]
        low, high = np.percentile(sample, (0, 99.9))
        high = max(float(high), 1.5 * preview.threshold, float(low) + 1)
        counts, edges = np.histogram(sample, bins=128, range=(float(low), high))
        return Shown(preview, numbers, counts, edges)
    if len(numbers.areas) > 1:
        areas = np.asarray(numbers.areas)
        counts, edges = np.histogram(areas, bins=min(40, max(5, len(areas) // 4)))
        return Shown(preview, numbers, counts, edges)
    return Shown(preview, numbers, none, none)


def threshold_setting(call: ModuleCall, value: float, used: float) -> tuple[str, float] | None:
    """The setting that moves the threshold of a step to a value; None if there is none.

    Parameters
    ----------
    used
        Where the threshold is now.
    """
    if call.module == "threshold_manual":
        return "threshold", float(np.clip(round(value), 0, 65535))
    if call.module == "threshold_otsu" and used > 0:
        factor = float(call.settings.get("correction_factor", 1.0)) * value / used
        return "correction_factor", float(np.clip(round(factor, 3), 0.01, 100))
    return None


def next_name(names: Sequence[str], name: str, step: int) -> str:
    """The step above (-1) or below (1) another one in the list."""
    if name not in names:
        return names[0] if names else ""
    return names[max(0, min(names.index(name) + step, len(names) - 1))]


def _made(pipeline: PipelineDescription) -> set[str]:
    return {item for call in pipeline.pipeline for item in call.outputs.values()}


def _with_input(pipeline: PipelineDescription, given: PipelineInput) -> PipelineDescription:
    return pipeline.model_copy(update={"input": given})
