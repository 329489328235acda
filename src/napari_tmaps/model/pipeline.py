"""A pipeline as data: what goes in, which modules run in which order, what comes out.

It names channels, modules and objects, never paths; the same file serves any experiment. The
YAML file is nothing but this value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=60)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ChannelInput(_Value):
    """A channel that the pipeline reads; `correct` asks for illumination correction."""

    name: Name
    correct: bool = False


class ObjectInput(_Value):
    """An object type of an earlier analysis that the pipeline starts from."""

    name: Identifier


class ObjectOutput(_Value):
    """An object type that is kept: its labels are stored and its features become a table."""

    name: Identifier


class PipelineInput(_Value):
    """All that a pipeline reads."""

    channels: tuple[ChannelInput, ...] = ()
    objects: tuple[ObjectInput, ...] = ()


class PipelineOutput(_Value):
    """All that a pipeline keeps."""

    objects: tuple[ObjectOutput, ...] = ()


class ModuleCall(_Value):
    """One step of a pipeline: a module with its settings and wires.

    Attributes
    ----------
    name
        Unique in the pipeline; the outputs are called `<name>.<output>` unless renamed.
    module
        Name of a module, e.g. "smooth".
    active
        False to skip the step.
    inputs
        Wire of each input of the module: a channel, an object type or an output upstream.
    settings
        Values that differ from the module's defaults.
    outputs
        Other names for outputs. The output of register_objects must be named: it is the type of
        the objects.
    """

    name: Identifier
    module: Identifier
    active: bool = True
    inputs: dict[str, Name] = Field(default_factory=dict)
    settings: dict[str, Any] = Field(default_factory=dict)
    outputs: dict[str, Identifier] = Field(default_factory=dict)


class PipelineDescription(_Value):
    """A whole pipeline."""

    name: Name = "pipeline"
    description: str = ""
    input: PipelineInput = PipelineInput()
    pipeline: tuple[ModuleCall, ...] = ()
    output: PipelineOutput = PipelineOutput()

    def active(self) -> Iterator[tuple[int, ModuleCall]]:
        """The steps that run, with their 1-based numbers."""
        return ((n, call) for n, call in enumerate(self.pipeline, start=1) if call.active)
