"""The run of a pipeline on a part of a site, for the picture that somebody is looking at.

What is known of the whole site is taken from the cache. Of the rest, steps run on the part with a
margin as wide as they look (`reach`), and on the whole site where they, or one that comes after
them, have to see everything.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.pipeline.cache import Cache, Value, step_key
from napari_tmaps.pipeline.checked import CheckedPipeline, Step
from napari_tmaps.pipeline.reach import REACHES, Reach, margin
from napari_tmaps.pipeline.run import call_step, check_items

Array = npt.NDArray[Any]
View = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class RegionResult:
    """What a step made of a part of a site.

    Attributes
    ----------
    view
        Rows and columns of the site.
    values
        Outputs of the step by the name of the item, cut to the view.
    """

    view: View
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class _Plan:
    known: Mapping[str, tuple[Value, ...]]  # outputs that the cache has, by step
    whole: Mapping[str, str]  # steps to run on the whole site, and their keys in the cache
    parts: tuple[Step, ...]  # steps to run on the part, in order


def iter_region(
    checked: CheckedPipeline,
    images: Mapping[str, Array],
    objects: Mapping[str, Array] | None,
    view: View,
    *,
    upto: str,
    cache: Cache,
) -> Generator[str, None, RegionResult | None]:
    """Run a pipeline up to a step on a part of a site; yields the name of each step that is done.

    Parameters
    ----------
    images, objects, cache
        As for `run_site`.
    view
        Rows and columns of the site that are looked at.
    upto
        Name of an active step that measures nothing.

    Returns
    -------
    RegionResult | None
        None if nothing would be gained: the step is known, or has to run on the whole site.

    Raises
    ------
    MissingError, PipelineError
        As `run_site`.
    """
    items = check_items(checked, images, objects or {})
    keys = {name: cache.image_key(value) for name, value in items.items()}
    plan = _plan(checked, keys, upto, cache)
    if not plan.parts:
        return None
    shape = next(iter(items.values())).shape[-2:]
    rim = margin((step.spec.name, step.settings) for step in plan.parts)
    window = (_widen(view[0], rim, shape[0]), _widen(view[1], rim, shape[1]))
    values: dict[str, Value] = dict(items)
    for step in checked.steps:
        outputs = plan.known.get(step.name)
        if step.name in plan.whole:
            outputs = call_step(step, _inputs(step, values), shape)
            cache.put(plan.whole[step.name], outputs)
            yield step.name
        if outputs is not None:
            values.update(zip(step.outputs.values(), outputs, strict=True))
    parts: dict[str, Array] = {}
    for step in plan.parts:
        for item in step.inputs.values():
            if item not in parts:
                parts[item] = np.ascontiguousarray(_array(values[item])[..., *window])
        made = call_step(_pinned(step, values), _inputs(step, parts), _size(window))
        for item, value in zip(step.outputs.values(), made, strict=True):
            parts[item] = _array(value)
        yield step.name
    top, left = view[0].start - window[0].start, view[1].start - window[1].start
    height, width = _size(view)
    found = {
        item: parts[item][..., top : top + height, left : left + width]
        for item in plan.parts[-1].outputs.values()
    }
    return RegionResult(view, found)


def _plan(checked: CheckedPipeline, item_keys: Mapping[str, str], upto: str, cache: Cache) -> _Plan:
    """What has to run, and on what; decided before anything runs, from the keys alone."""
    makers = {item: step for step in checked.steps for item in step.outputs.values()}
    keys: dict[str, str] = {}
    known: dict[str, str] = dict(item_keys)
    for step in checked.steps:
        key = step_key(step.spec, step.settings, {n: known[i] for n, i in step.inputs.items()})
        keys[step.name] = key
        known.update({item: f"{key}.{output}" for output, item in step.outputs.items()})

    found: dict[str, tuple[Value, ...]] = {}
    missing: set[str] = set()
    whole: set[str] = set()

    def need(step: Step, everything: bool) -> None:
        """Mark a step, and those that it waits for."""
        if step.name in found or step.name in whole or (step.name in missing and not everything):
            return
        outputs = cache.get(keys[step.name])
        if outputs is not None:
            found[step.name] = outputs
            return
        missing.add(step.name)
        reach = REACHES.get(step.spec.name)
        everything = everything or reach is None or reach.pixels(step.settings) is None
        if everything:
            whole.add(step.name)
        for name, item in step.inputs.items():
            if item in makers:
                need(makers[item], everything or (reach is not None and reach.pinned_by == name))

    need(next(step for step in checked.steps if step.name == upto), everything=False)
    parts = tuple(s for s in checked.steps if s.name in missing and s.name not in whole)
    return _Plan(found, {name: keys[name] for name in whole}, parts)


def _reach(step: Step) -> Reach:
    return REACHES[step.spec.name]


def _pinned(step: Step, values: Mapping[str, Value]) -> Step:
    """The step with the numbers fixed that it would find on the whole image."""
    reach = _reach(step)
    if reach.pin is None:
        return step
    image = _array(values[step.inputs[reach.pinned_by]])
    return replace(step, settings={**step.settings, **reach.pin(step.settings, image)})


def _inputs(step: Step, values: Mapping[str, Value]) -> dict[str, Value]:
    return {name: values[item] for name, item in step.inputs.items()}


def _array(value: Value) -> Array:
    if isinstance(value, np.ndarray):
        return value
    raise TypeError("only images and labels have parts")  # tables are wired to nothing


def _widen(part: slice, margin: int, size: int) -> slice:
    return slice(max(0, part.start - margin), min(size, part.stop + margin))


def _size(window: View) -> tuple[int, int]:
    return (window[0].stop - window[0].start, window[1].stop - window[1].start)
