"""The run of a pipeline on one site: the same for the live preview and for a whole plate."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.errors import MissingError, PipelineError, TmapsError, unknown
from napari_tmaps.model.kinds import Kind
from napari_tmaps.model.progress import finish
from napari_tmaps.pipeline.cache import Cache, Value, step_key
from napari_tmaps.pipeline.checked import CheckedPipeline, Step
from napari_tmaps.pipeline.depths import check_depths
from napari_tmaps.pipeline.tables import make_table
from napari_tmaps.pipeline.values import check_input, check_output, read_only

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step has just made.

    Attributes
    ----------
    values
        Its outputs by the name of the item. Do not change them; arrays are read-only.
    seconds
        How long it took.
    cached
        Whether the outputs were taken from the cache.
    """

    step: Step
    values: Mapping[str, Value]
    seconds: float
    cached: bool


@dataclass(slots=True)
class SiteResult:
    """What a pipeline made of one site. Its arrays are read-only: copy them to edit them.

    Attributes
    ----------
    objects
        Labels of each output object type, int32 of shape ([Z,] Y, X).
    tables
        Features of each output object type: one row an object, index `label` (int32), first
        column `is_border` (bool: it touches the edge of the site), the others float64.
    items
        Everything that the steps made, by item; filled only on request.
    seconds
        How long each step took, by its name.
    """

    objects: dict[str, npt.NDArray[np.int32]] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    items: dict[str, Value] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


def run_site(
    checked: CheckedPipeline,
    images: Mapping[str, Array],
    objects: Mapping[str, Array] | None = None,
    *,
    cache: Cache | None = None,
    upto: str | None = None,
    keep: bool = False,
) -> SiteResult:
    """Run a pipeline on one site.

    Parameters
    ----------
    images
        Image of each channel, uint8 or uint16 of shape ([Z,] Y, X), all of one size in y and x;
        some may be stacks and others single planes. They are never changed.
    objects
        Labels of each input object type, of the same size.
    cache
        Where results of steps are looked up and kept. Give the images as read-only arrays to have
        them hashed only once.
    upto
        Name of the last step to run; None runs all. Object types that are not made by then are
        left out of the result.
    keep
        Whether the result holds the intermediate items too.

    Raises
    ------
    MissingError
        There is no image of a channel, or there are no labels of an object type.
    PipelineError
        An image does not fit, a step cannot take stacks (before anything runs), or a step failed;
        the message begins with the step.
    NotFoundError
        There is no active step called `upto`.
    """
    return finish(iter_site(checked, images, objects, cache=cache, upto=upto, keep=keep))


def iter_site(
    checked: CheckedPipeline,
    images: Mapping[str, Array],
    objects: Mapping[str, Array] | None = None,
    *,
    cache: Cache | None = None,
    upto: str | None = None,
    keep: bool = False,
) -> Generator[StepResult, None, SiteResult]:
    """`run_site` step by step: yields after each one; closing the generator cancels the rest.

    The generator returns the `SiteResult` (the value of `yield from`).
    """
    names = [step.name for step in checked.steps]
    if upto is not None and upto not in names:
        raise unknown("active step", upto, names)
    items = check_items(checked, images, objects or {})
    field_yx = next((value.shape[-2:] for value in items.values()), None)
    depths = {name: len(value) if value.ndim == 3 else 1 for name, value in items.items()}
    check_depths(checked, depths, upto=upto)
    keys = {} if cache is None else {name: cache.image_key(value) for name, value in items.items()}
    # Modules see the caller's arrays read-only; for the caller they stay as they are.
    values: dict[str, Value] = {name: read_only(value.view()) for name, value in items.items()}
    last_use = {item: n for n, step in enumerate(checked.steps) for item in step.inputs.values()}
    features: dict[str, list[tuple[Step, pd.DataFrame]]] = {}
    result = SiteResult()
    for n, step in enumerate(checked.steps):
        start = time.perf_counter()
        outputs, cached = _outputs(step, values, field_yx, cache, keys)
        made = dict(zip(step.outputs.values(), outputs, strict=True))
        values.update(made)
        if step.target:
            measured = features.setdefault(step.target.objects, [])
            for table in outputs:
                if isinstance(table, pd.DataFrame):
                    measured.append((step, table.rename(columns=step.target.column)))
        result.seconds[step.name] = time.perf_counter() - start
        if keep:
            result.items.update(made)
        yield StepResult(step, made, result.seconds[step.name], cached)
        if step.name == upto:
            break
        for item in list(values):  # a large site has large intermediates
            if last_use.get(item, -1) <= n and item not in checked.output_objects:
                del values[item]
    for name in checked.output_objects:
        labels = values.get(name)
        if isinstance(labels, np.ndarray):
            result.objects[name] = labels
            result.tables[name] = make_table(name, labels, features.get(name, []))
    return result


def check_items(
    checked: CheckedPipeline, images: Mapping[str, Array], objects: Mapping[str, Array]
) -> dict[str, Array]:
    """The images and labels that a pipeline reads, by item, as `run_site` is given them.

    Raises
    ------
    MissingError, PipelineError
        As `run_site`.
    """
    found: dict[str, Array] = {}
    for what, names, given, kind in (
        ("image of channel", checked.channels, images, Kind.INTENSITY_IMAGE),
        ("labels of", checked.input_objects, objects, Kind.SEGMENTED_OBJECTS),
    ):
        for name in names:
            if name not in given:
                shown = ", ".join(f"'{other}'" for other in given) or "none"
                raise MissingError(f"The site has no {what} '{name}'; it has: {shown}.")
            found[name] = check_input(name, kind, given[name])
    shapes = {name: value.shape for name, value in found.items()}
    if len({shape[-2:] for shape in shapes.values()}) > 1:
        listed = ", ".join(f"'{name}' {shape}" for name, shape in shapes.items())
        raise PipelineError(
            f"The images of a site must have one size in y and x, but here they are: {listed}."
        )
    return found


def _outputs(
    step: Step,
    values: Mapping[str, Value],
    field_yx: tuple[int, ...] | None,
    cache: Cache | None,
    keys: dict[str, str],
) -> tuple[tuple[Value, ...], bool]:
    """Outputs of a step, in the order of its signature, and whether the cache had them."""
    inputs = {name: values[item] for name, item in step.inputs.items()}
    if cache is None:
        return call_step(step, inputs, field_yx), False
    wires = {name: keys[item] for name, item in step.inputs.items()}
    key = step_key(step.spec, step.settings, wires)
    keys.update({item: f"{key}.{output}" for output, item in step.outputs.items()})
    known = cache.get(key)
    if known is not None:
        return known, True
    outputs = call_step(step, inputs, field_yx)
    cache.put(key, outputs)
    return outputs, False


def call_step(
    step: Step, inputs: Mapping[str, Value], field_yx: tuple[int, ...] | None
) -> tuple[Value, ...]:
    """Outputs of one step, in the order of its signature; arrays become read-only.

    Parameters
    ----------
    inputs
        Value of each wired input of the module.
    field_yx
        Shape that images must have in y and x.

    Raises
    ------
    PipelineError
        The module failed, or what it returned is not what its signature says.
    """
    try:
        returned = step.spec.function(**inputs, **step.settings)
    except TmapsError as error:
        raise PipelineError(f"{step}: {error}") from error
    except Exception as error:  # whatever a module raises, the user must learn which step it was
        raise PipelineError(f"{step} failed with {type(error).__name__}: {error}") from error
    outputs = returned if isinstance(returned, tuple) else (returned,)
    if len(outputs) != len(step.spec.outputs):
        raise PipelineError(
            f"{step} returned {len(outputs)} values instead of {len(step.spec.outputs)}. This is a "
            "mistake in the module, not in your pipeline."
        )
    for output, value in zip(step.spec.outputs, outputs, strict=True):
        check_output(step, output, value, field_yx)
    return tuple(read_only(v) if isinstance(v, np.ndarray) else v for v in outputs)
