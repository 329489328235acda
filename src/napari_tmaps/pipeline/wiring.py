"""What can be wired to what: the items that a step of a pipeline finds, and those that fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from napari_tmaps.errors import unknown
from napari_tmaps.model.kinds import ACCEPTS, Kind
from napari_tmaps.model.pipeline import ModuleCall, PipelineDescription
from napari_tmaps.modules.describe import describe
from napari_tmaps.modules.spec import Module, ModuleSpec

Modules = Mapping[str, Module]


@dataclass(frozen=True, slots=True)
class Wire:
    """An item that one step makes and a later one uses; the steps by their index."""

    source: int
    target: int
    item: str


def wires_of(pipeline: PipelineDescription, modules: Modules | None = None) -> list[Wire]:
    """Which step feeds which, in the order of those that are fed; switched off steps feed none."""
    modules = all_modules(modules)
    makers: dict[str, int] = {}
    wires = []
    for n, call in enumerate(pipeline.pipeline):
        used = dict.fromkeys(call.inputs.values())
        wires += [Wire(makers[item], n, item) for item in used if item in makers]
        if call.active:
            makers.update(dict.fromkeys(made_by(call, modules), n))
    return wires


def items_before(
    pipeline: PipelineDescription, at: int, modules: Modules | None = None
) -> dict[str, Kind]:
    """Items that the step at an index may use: inputs of the pipeline and outputs of active steps.

    In the order in which they are made.
    """
    modules = all_modules(modules)
    found = {channel.name: Kind.INTENSITY_IMAGE for channel in pipeline.input.channels}
    found |= {objects.name: Kind.SEGMENTED_OBJECTS for objects in pipeline.input.objects}
    for call in pipeline.pipeline[:at]:
        spec = spec_of(call.module, modules)
        if call.active and spec is not None:
            found |= {item_of(call, output.name): output.kind for output in spec.outputs}
    return found


def index_of(pipeline: PipelineDescription, name: str) -> int:
    """Index of a step, from 0.

    Raises
    ------
    NotFoundError
        There is no such step.
    """
    names = [call.name for call in pipeline.pipeline]
    if name not in names:
        raise unknown("step", name, names)
    return names.index(name)


def item_of(call: ModuleCall, output: str) -> str:
    """What an output of a step is called in the pipeline."""
    return call.outputs.get(output, f"{call.name}.{output}")


def all_modules(modules: Modules | None) -> Modules:
    """The modules that exist: the given ones, else those of napari-tmaps."""
    if modules is not None:
        return modules
    from napari_tmaps.modules import known_modules

    return known_modules()


def spec_of(module: str, modules: Modules | None) -> ModuleSpec | None:
    """What a module says of itself; None if there is no such module."""
    known = all_modules(modules)
    return describe(known[module]) if module in known else None


def latest_first(items: Mapping[str, Kind], kind: Kind) -> list[str]:
    """Items that fit an input of a kind; those made last come first."""
    return [name for name in reversed(list(items)) if items[name] in ACCEPTS[kind]]


def first_wires(
    pipeline: PipelineDescription, spec: ModuleSpec, at: int, modules: Modules | None
) -> dict[str, str]:
    """The wires that a new step gets at an index: what fits and was made last.

    A second input of a kind gets the next item; where nothing was made, the first channel that no
    step reads yet. What is measured are objects for themselves, on the first channel.
    """
    items = items_before(pipeline, at, modules)
    given = [each.name for each in pipeline.input.channels]
    used = {item for call in pipeline.pipeline[:at] for item in call.inputs.values()}

    def rank(item: str) -> tuple[bool, bool, int]:
        if item not in given:
            return False, False, 0
        return True, item in used, given.index(item)

    wires: dict[str, str] = {}
    for wanted in spec.inputs:
        fitting = sorted(latest_first(items, wanted.kind), key=rank)
        unused = [name for name in fitting if name not in wires.values()]
        if spec.measures and wanted.kind is Kind.SEGMENTED_OBJECTS:
            unused = fitting  # objects are measured for themselves, mostly
        if spec.measures and wanted.kind is Kind.INTENSITY_IMAGE:
            # what is measured is the image of the microscope, not one that was smoothed
            read = pipeline.input.channels
            unused = [each.name for each in read if each.name in unused] or unused
        if unused and not wanted.optional:
            wires[wanted.name] = unused[0]
    return wires


def made_by(call: ModuleCall, modules: Modules | None) -> list[str]:
    """Items that a step makes."""
    spec = spec_of(call.module, modules)
    if spec is None:
        return list(call.outputs.values())
    return [item_of(call, output.name) for output in spec.outputs]


def all_items(pipeline: PipelineDescription, modules: Modules | None) -> list[str]:
    """Every item of a pipeline, those of switched off steps too."""
    given = [each.name for each in pipeline.input.channels]
    given += [each.name for each in pipeline.input.objects]
    return given + [item for call in pipeline.pipeline for item in made_by(call, modules)]
