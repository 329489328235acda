"""The run of a pipeline on a part of a site, for the picture that somebody is looking at.

What is known of the whole site is taken from the cache. Of the rest, steps run on the part with a
margin as wide as they look (`reach`), and on the whole site where they, or one that comes after
them, have to see everything. A number that a step finds on the whole of a large image, e.g. Otsu's
threshold, is estimated from strips of it.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.pipeline.cache import Cache, Value, step_key
from napari_tmaps.pipeline.checked import CheckedPipeline, Step
from napari_tmaps.pipeline.reach import REACHES, margin
from napari_tmaps.pipeline.run import call_step, check_items
from napari_tmaps.pipeline.values import read_only

Array = npt.NDArray[Any]
View = tuple[slice, slice]

_STRIPS, _SHARE = 6, 1 / 12
_SAMPLED_ROWS = 1024
"""Images with fewer rows are not sampled: there is little to gain."""


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
    sampled: Mapping[str, tuple[Step, ...]]  # steps that a number of a step is estimated through
    keys: Mapping[str, str]  # of all items


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
    shape = next(iter(items.values())).shape[-2:]
    plan = _plan(checked, keys, upto, cache, may_sample=shape[0] >= _SAMPLED_ROWS)
    if not plan.parts:
        return None
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
    window = (slice(0, shape[0]), slice(0, shape[1]))
    for n, step in enumerate(plan.parts):
        rim = margin(plan.parts[n:])
        smaller = (_widen(view[0], rim, shape[0]), _widen(view[1], rim, shape[1]))
        # What a filter has looked at around the others is of no use to them. Where nothing looks
        # around any more, only the end is cut.
        if smaller != window and (rim or not n):
            wanted = {item for later in plan.parts[n:] for item in later.inputs.values()}
            parts = {
                item: _fixed(_cut(value, window, smaller))
                for item, value in parts.items()
                if item in wanted
            }
            window = smaller
        for item in step.inputs.values():
            if item not in parts:
                parts[item] = _fixed(_array(values[item])[..., *window])
        pinned = _pinned(step, values, plan, cache)
        made = call_step(pinned, _inputs(step, parts), _size(window))
        for item, value in zip(step.outputs.values(), made, strict=True):
            parts[item] = _array(value)
        yield step.name
    found = {item: _cut(parts[item], window, view) for item in plan.parts[-1].outputs.values()}
    return RegionResult(view, found)


def _plan(
    checked: CheckedPipeline,
    item_keys: Mapping[str, str],
    upto: str,
    cache: Cache,
    *,
    may_sample: bool,
) -> _Plan:
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
    sampled: dict[str, tuple[Step, ...]] = {}

    def strips_through(item: str) -> tuple[Step, ...] | None:
        """The steps from what is known to an item; None if one of them sees more than pixels."""
        step = makers.get(item)
        if step is None:
            return ()
        outputs = found.get(step.name) or cache.get(keys[step.name])
        if outputs is not None:
            found[step.name] = outputs
            return ()
        reach = REACHES.get(step.spec.name)
        if reach is None or reach.objects or reach.find or reach.pixels(step.settings) is None:
            return None
        before: dict[str, Step] = {}
        for each in step.inputs.values():
            chain = strips_through(each)
            if chain is None:
                return None
            before.update({one.name: one for one in chain})
        return (*before.values(), step)

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
            if item not in makers:
                continue
            is_pin = not everything and reach is not None and reach.pinned_by == name
            chain = strips_through(item) if is_pin and may_sample else None
            if chain is not None:
                sampled[step.name] = chain
            need(makers[item], everything or (is_pin and chain is None))

    need(next(step for step in checked.steps if step.name == upto), everything=False)
    parts = tuple(s for s in checked.steps if s.name in missing and s.name not in whole)
    return _Plan(found, {name: keys[name] for name in whole}, parts, sampled, known)


def _pinned(step: Step, values: Mapping[str, Value], plan: _Plan, cache: Cache) -> Step:
    """The step with the number fixed that it would find on the whole image."""
    reach = REACHES[step.spec.name]
    if reach.find is None or reach.pin is None:
        return step
    item = step.inputs[reach.pinned_by]
    how = "whole" if item in values else "strips"
    matters = [str(step.settings[name]) for name in reach.found_by]
    key = ".".join((plan.keys[item], how, step.spec.name, *matters))
    known = cache.get(key)
    if known is None:
        sampled = plan.sampled.get(step.name, ())
        image = _array(values[item]) if item in values else _strips(item, sampled, values)
        known = (np.array([reach.find(step.settings, image)]),)
        cache.put(key, known)
    found = float(_array(known[0])[0])
    return replace(step, settings={**step.settings, **reach.pin(step.settings, found)})


def _strips(item: str, steps: tuple[Step, ...], values: Mapping[str, Value]) -> Array:
    """Strips of what steps make of the whole site, evenly over its height, one below the other."""
    rim = margin(steps)
    made_here = {each for step in steps for each in step.outputs.values()}
    wanted = {each for step in steps for each in step.inputs.values()} - made_here
    rows, columns = _array(values[next(iter(wanted))]).shape[-2:]
    height = max(1, int(rows * _SHARE / _STRIPS))
    strips = []
    for number in range(_STRIPS):
        strip = slice(at := (2 * number + 1) * rows // (2 * _STRIPS) - height // 2, at + height)
        around = _widen(strip, rim, rows)
        parts: dict[str, Value] = {each: _array(values[each])[..., around, :] for each in wanted}
        for step in steps:
            size = (around.stop - around.start, columns)
            made = call_step(step, _inputs(step, parts), size)
            parts.update(zip(step.outputs.values(), made, strict=True))
        top = strip.start - around.start
        strips.append(_array(parts[item])[..., top : top + height, :])
    return np.concatenate(strips, axis=-2)


def _inputs(step: Step, values: Mapping[str, Value]) -> dict[str, Value]:
    return {name: values[item] for name, item in step.inputs.items()}


def _array(value: Value) -> Array:
    if isinstance(value, np.ndarray):
        return value
    raise TypeError("only images and labels have parts")  # tables are wired to nothing


def _fixed(part: Array) -> Array:
    """A part by itself, which nobody changes: what modules find of it is found once."""
    return read_only(np.ascontiguousarray(part))


def _widen(part: slice, margin: int, size: int) -> slice:
    return slice(max(0, part.start - margin), min(size, part.stop + margin))


def _cut(part: Array, window: View, smaller: View) -> Array:
    """The smaller part of a site out of a part of it."""
    rows, columns = (
        slice(less.start - more.start, less.stop - more.start)
        for less, more in zip(smaller, window, strict=True)
    )
    return part[..., rows, columns]


def _size(window: View) -> tuple[int, int]:
    return (window[0].stop - window[0].start, window[1].stop - window[1].start)
