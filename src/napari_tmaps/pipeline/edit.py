"""Edits of a pipeline: from a pipeline to another one, as a person makes them in a list of steps.

An edit may leave a pipeline that cannot run, e.g. with a wire that leads nowhere; `find_problems`
says so at the step. What follows from an edit is done with it: a renamed step keeps its wires,
a new step is wired to what fits best.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from napari_tmaps.errors import InputError, unknown
from napari_tmaps.model.kinds import Kind
from napari_tmaps.model.pipeline import (
    ChannelInput,
    ModuleCall,
    ObjectOutput,
    PipelineDescription,
    PipelineInput,
    PipelineOutput,
)
from napari_tmaps.pipeline.wiring import (
    Modules,
    all_items,
    all_modules,
    first_wires,
    index_of,
    item_of,
    made_by,
    spec_of,
)

Value = TypeVar("Value", PipelineDescription, ModuleCall)


# --- the list of steps ---


def add_step(
    pipeline: PipelineDescription,
    module: str,
    at: int | None = None,
    modules: Modules | None = None,
) -> tuple[PipelineDescription, str]:
    """Put a module into the list, wired to what fits best.

    An image is taken from the step before if that makes one, else from the latest that does; a
    further image of the same kind from the next latest. Objects that the module registers get a
    name and are kept.

    Parameters
    ----------
    at
        Index of the new step; None puts it at the end.

    Returns
    -------
    tuple
        The pipeline, and the name of the new step.

    Raises
    ------
    NotFoundError
        There is no such module.
    """
    spec = spec_of(module, modules)
    if spec is None:
        raise unknown("module", module, list(all_modules(modules)))
    at = len(pipeline.pipeline) if at is None else max(0, min(at, len(pipeline.pipeline)))
    name = _free(module, [call.name for call in pipeline.pipeline])
    call = ModuleCall(name=name, module=module, inputs=first_wires(pipeline, spec, at, modules))
    outputs = {
        output.name: _free("Objects", all_items(pipeline, modules))
        for output in spec.outputs
        if output.kind is Kind.SEGMENTED_OBJECTS
    }
    call = _with(call, outputs=outputs)
    steps = [*pipeline.pipeline[:at], call, *pipeline.pipeline[at:]]
    kept = [*pipeline.output.objects, *(ObjectOutput(name=item) for item in outputs.values())]
    return _with(pipeline, pipeline=tuple(steps), output=PipelineOutput(objects=tuple(kept))), name


def duplicate_step(
    pipeline: PipelineDescription, name: str, modules: Modules | None = None
) -> tuple[PipelineDescription, str]:
    """Put a copy of a step below it, under another name; see `add_step` for what is returned."""
    at = index_of(pipeline, name)
    call = pipeline.pipeline[at]
    taken = [each.name for each in pipeline.pipeline]
    items = set(all_items(pipeline, modules))
    outputs = {}
    for output, item in call.outputs.items():
        outputs[output] = _free(item, items)
        items.add(outputs[output])
    copy = _with(call, name=_free(name, taken), outputs=outputs)
    kept = [each.name for each in pipeline.output.objects]
    more = [outputs[output] for output, item in call.outputs.items() if item in kept]
    steps = [*pipeline.pipeline[: at + 1], copy, *pipeline.pipeline[at + 1 :]]
    return _keep(_with(pipeline, pipeline=tuple(steps)), [*kept, *more]), copy.name


def remove_step(
    pipeline: PipelineDescription, name: str, modules: Modules | None = None
) -> PipelineDescription:
    """Take a step out. Objects that only it registered are no longer kept."""
    at = index_of(pipeline, name)
    made = set(made_by(pipeline.pipeline[at], modules))
    steps = pipeline.pipeline[:at] + pipeline.pipeline[at + 1 :]
    left = {item for call in steps for item in made_by(call, modules)}
    kept = [o.name for o in pipeline.output.objects if o.name not in made - left]
    return _keep(_with(pipeline, pipeline=steps), kept)


def move_step(pipeline: PipelineDescription, name: str, to: int) -> PipelineDescription:
    """Move a step to another index; beyond the ends it stays at the end."""
    at = index_of(pipeline, name)
    steps = list(pipeline.pipeline)
    call = steps.pop(at)
    steps.insert(max(0, min(to, len(steps))), call)
    return _with(pipeline, pipeline=tuple(steps))


def rename_step(
    pipeline: PipelineDescription, name: str, new: str, modules: Modules | None = None
) -> PipelineDescription:
    """Give a step another name; wires to its outputs follow.

    Raises
    ------
    InputError
        Another step has that name, or it is no name.
    """
    at = index_of(pipeline, name)
    if new != name and new in [call.name for call in pipeline.pipeline]:
        raise InputError(f"Another step is called '{new}' already; choose another name.")
    call = pipeline.pipeline[at]
    renamed = _with(call, name=new)
    spec = spec_of(call.module, modules)
    outputs = () if spec is None else spec.outputs
    items = {item_of(call, each.name): item_of(renamed, each.name) for each in outputs}
    return _rewired(_with_step(pipeline, at, renamed), items, at)


# --- one step ---


def set_active(pipeline: PipelineDescription, name: str, active: bool) -> PipelineDescription:
    """Switch a step on or off."""
    at = index_of(pipeline, name)
    return _with_step(pipeline, at, _with(pipeline.pipeline[at], active=active))


def set_setting(
    pipeline: PipelineDescription,
    name: str,
    setting: str,
    value: Any,
    modules: Modules | None = None,
) -> PipelineDescription:
    """Change a setting; the default of the module is left out of the pipeline."""
    at = index_of(pipeline, name)
    call = pipeline.pipeline[at]
    spec = spec_of(call.module, modules)
    defaults = {} if spec is None else {each.name: each.default for each in spec.settings}
    settings = {key: old for key, old in call.settings.items() if key != setting}
    default = defaults.get(setting)
    if setting not in defaults or value != default or type(value) is not type(default):
        # a changed setting stays where it stands, so that files differ in one line
        settings = {**call.settings, setting: value}
    return _with_step(pipeline, at, _with(call, settings=settings))


def set_wire(
    pipeline: PipelineDescription, name: str, wire: str, item: str | None
) -> PipelineDescription:
    """Wire an input of a step to an item; None takes the wire away."""
    at = index_of(pipeline, name)
    call = pipeline.pipeline[at]
    if item is None:
        inputs = {key: old for key, old in call.inputs.items() if key != wire}
    else:
        inputs = {**call.inputs, wire: item}
    return _with_step(pipeline, at, _with(call, inputs=inputs))


def rename_output(
    pipeline: PipelineDescription, name: str, output: str, item: str
) -> PipelineDescription:
    """Call an output of a step otherwise; wires and the list of kept objects follow.

    Parameters
    ----------
    item
        The new name; empty goes back to `<step>.<output>`.
    """
    at = index_of(pipeline, name)
    call = pipeline.pipeline[at]
    outputs = {key: old for key, old in call.outputs.items() if key != output}
    renamed = _with(call, outputs={**outputs, output: item} if item else outputs)
    items = {item_of(call, output): item_of(renamed, output)}
    return _rewired(_with_step(pipeline, at, renamed), items, at)


# --- what goes in and out ---


def set_channels(
    pipeline: PipelineDescription, channels: Iterable[tuple[str, bool]]
) -> PipelineDescription:
    """Choose the channels that the pipeline reads, each with whether it is corrected."""
    chosen = tuple(ChannelInput(name=name, correct=correct) for name, correct in channels)
    return _with(pipeline, input=PipelineInput(channels=chosen, objects=pipeline.input.objects))


def rename_channel(pipeline: PipelineDescription, name: str, new: str) -> PipelineDescription:
    """Read another channel instead; wires follow. For pipelines of other experiments."""
    names = [channel.name for channel in pipeline.input.channels]
    if name not in names:
        raise unknown("channel", name, names)
    channels = ((new if c.name == name else c.name, c.correct) for c in pipeline.input.channels)
    return _rewired(set_channels(pipeline, channels), {name: new}, -1)


def keep_objects(pipeline: PipelineDescription, objects: Iterable[str]) -> PipelineDescription:
    """Choose the object types that are stored."""
    return _keep(pipeline, objects)


# --- parts ---


def _free(name: str, taken: Iterable[str]) -> str:
    """The name, with a number if it is taken; capitals do not tell names apart."""
    used = {each.casefold() for each in taken}
    number = 1
    found = name
    while found.casefold() in used:
        number += 1
        found = f"{name}_{number}"
    return found


def _keep(pipeline: PipelineDescription, names: Iterable[str]) -> PipelineDescription:
    kept = tuple(ObjectOutput(name=name) for name in names)
    return _with(pipeline, output=PipelineOutput(objects=kept))


def _rewired(
    pipeline: PipelineDescription, items: Mapping[str, str], made_at: int
) -> PipelineDescription:
    """Wires and kept objects follow items that got other names, below the step that makes them."""
    steps = tuple(
        call
        if at <= made_at
        else _with(call, inputs={wire: items.get(old, old) for wire, old in call.inputs.items()})
        for at, call in enumerate(pipeline.pipeline)
    )
    kept = [items.get(objects.name, objects.name) for objects in pipeline.output.objects]
    return _keep(_with(pipeline, pipeline=steps), kept)


def _with_step(pipeline: PipelineDescription, at: int, call: ModuleCall) -> PipelineDescription:
    steps = pipeline.pipeline
    return _with(pipeline, pipeline=(*steps[:at], call, *steps[at + 1 :]))


def _with(value: Value, **changes: Any) -> Value:
    """A changed copy, checked like any other."""
    raw = {name: getattr(value, name) for name in type(value).model_fields}
    try:
        return type(value)(**{**raw, **changes})
    except ValidationError as error:
        wrong = error.errors()[0]["input"]
        raise InputError(
            f"'{wrong}' is no name. A name begins with a letter, and has letters, digits, '_' and "
            "'-' only, at most 60."
        ) from error
