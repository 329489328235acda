"""A pipeline that has been checked: values that say exactly what will run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from napari_tmaps.model.kinds import Kind
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.pixelsize import PixelSize
from napari_tmaps.modules.spec import ModuleSpec


@dataclass(frozen=True, slots=True)
class Target:
    """Whose table a measurement goes to, and how its columns are called there."""

    objects: str
    prefix: str
    suffix: str

    def column(self, name: str) -> str:
        """Final name of a column, `[<Extract>_]Class_statistic[_<item>]`."""
        return f"{self.prefix}{name}{self.suffix}"


@dataclass(frozen=True, slots=True)
class Step:
    """One step that will run, with everything decided.

    Attributes
    ----------
    number
        1-based place in the pipeline, inactive steps counted.
    inputs
        Item that each input of the module gets; optional inputs without a wire are left out.
    settings
        Value of every setting of the module; after `CheckedPipeline.sized` also the pixel size.
    outputs
        Item that each output of the module becomes.
    target
        For a measuring module: where its features go.
    """

    number: int
    name: str
    spec: ModuleSpec
    inputs: Mapping[str, str]
    settings: Mapping[str, Any]
    outputs: Mapping[str, str]
    target: Target | None

    def __str__(self) -> str:
        return f"Step {self.number} ('{self.name}', module {self.spec.name})"


@dataclass(frozen=True, slots=True)
class CheckedPipeline:
    """A pipeline that can run.

    Attributes
    ----------
    steps
        The active steps, in order.
    items
        Kind of every item: channels, object types and the outputs of active steps.
    hints
        Things that are allowed but probably not meant, as sentences.
    """

    description: PipelineDescription
    steps: tuple[Step, ...]
    items: Mapping[str, Kind]
    hints: tuple[str, ...]

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels that the pipeline reads."""
        return tuple(channel.name for channel in self.description.input.channels)

    @property
    def input_objects(self) -> tuple[str, ...]:
        """Object types of an earlier analysis that the pipeline reads."""
        return tuple(objects.name for objects in self.description.input.objects)

    @property
    def output_objects(self) -> tuple[str, ...]:
        """Object types that the pipeline keeps."""
        return tuple(objects.name for objects in self.description.output.objects)

    def sized(self, pixel_size_um: PixelSize) -> CheckedPipeline:
        """The pipeline for a site of this pixel size, which modules that ask for it are given.

        Without this they take the pixel size as not known.
        """
        steps = (
            replace(step, settings={**step.settings, step.spec.pixel_size: tuple(pixel_size_um)})
            if step.spec.pixel_size
            else step
            for step in self.steps
        )
        return replace(self, steps=tuple(steps))
