"""A pipeline as a plain Python script, for notebooks, papers and people who want to see it all."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable, Mapping

from napari_tmaps.model.kinds import Kind
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.pixelsize import UNKNOWN
from napari_tmaps.modules.describe import Module
from napari_tmaps.pipeline.check import check
from napari_tmaps.pipeline.checked import CheckedPipeline, Step

_PIXEL_SIZE = "pixel_size_um"  # along z, y, x; asked for only where a module wants it

_HEAD = '''"""{title}

Call `analyse` with the images of one site, arrays of shape ([Z,] Y, X), uint8 or uint16.
"""

import numpy as np
import pandas as pd

from napari_tmaps.modules import (
{modules}
)


def table(labels, features):
    """One row an object: whether it touches the edge of the site, then its features."""
    index = pd.Index(np.unique(labels[labels > 0]), name="label")
    edges = [labels[..., 0, :], labels[..., -1, :], labels[..., :, 0], labels[..., :, -1]]
    border = index.isin(np.concatenate([edge.ravel() for edge in edges]))
    rows = [feature.reindex(index).astype(float) for feature in features]
    return pd.concat([pd.DataFrame({{"is_border": border}}, index=index), *rows], axis=1)


def analyse({arguments}):
    """Objects and features of one site: two dictionaries, by object type."""
'''


def to_script(
    description: PipelineDescription, *, modules: Mapping[str, Module] | None = None
) -> str:
    """Write a pipeline as a Python script that gives the same objects and features.

    The script needs nothing but `napari_tmaps.modules`, numpy and pandas. Inactive steps are
    left out. `analyse(…)` takes the channels, then the input objects, in the order of the pipeline.

    Raises
    ------
    PipelineError
        The pipeline cannot run; see `check`.
    """
    checked = check(description, modules=modules)
    functions = sorted({step.spec.name for step in checked.steps})
    names = _variables(checked.items, taken=functions)
    given = [names[item] for item in (*checked.channels, *checked.input_objects)]
    if any(step.spec.pixel_size for step in checked.steps):
        given.append(f"{_PIXEL_SIZE}={UNKNOWN}")
    lines = [
        _HEAD.format(
            title=_text(f"{description.name}\n\n{description.description}"),
            modules="\n".join(f"    {function}," for function in functions),
            arguments=", ".join(given),
        ).rstrip("\n"),
        f"    features = {{name: [] for name in {list(checked.output_objects)!r}}}",
    ]
    for step in checked.steps:
        lines += ["", f"    # Step {step.number}: {step.name}", *_call(step, names, checked)]
    objects = ", ".join(f"{name!r}: {names[name]}" for name in checked.output_objects)
    lines += [
        "",
        f"    objects = {{{objects}}}",
        "    return objects, {name: table(objects[name], features[name]) for name in objects}",
        "",
    ]
    return "\n".join(lines)


def _call(step: Step, names: Mapping[str, str], checked: CheckedPipeline) -> list[str]:
    arguments = [f"{name}={names[item]}" for name, item in step.inputs.items()]
    arguments += [f"{name}={value!r}" for name, value in step.settings.items()]
    if step.spec.pixel_size:
        arguments.append(f"{step.spec.pixel_size}={_PIXEL_SIZE}")
    made = ", ".join(names[item] for item in step.outputs.values())
    lines = [
        f"    {made} = {step.spec.name}(",
        *(f"        {argument}," for argument in arguments),
        "    )",
    ]
    target = step.target
    if target is not None and target.objects in checked.output_objects:
        for output in step.spec.outputs:
            if output.kind is Kind.MEASUREMENT:
                table = names[step.outputs[output.name]]
                table += f".add_prefix({target.prefix!r})" if target.prefix else ""
                table += f".add_suffix({target.suffix!r})" if target.suffix else ""
                lines.append(f"    features[{target.objects!r}].append({table})")
    return lines


def _variables(items: Iterable[str], taken: Iterable[str]) -> dict[str, str]:
    """A Python name for each item, close to its own and different from all others."""
    used = {*taken, *keyword.kwlist, *dir(builtins)}
    used |= {"np", "pd", "table", "analyse", "features", "objects", "name", _PIXEL_SIZE}
    names: dict[str, str] = {}
    for item in items:
        plain = re.sub(r"\W+", "_", item)
        plain = plain if plain[:1].isalpha() else f"item_{plain.strip('_')}"
        name, number = plain, 2
        while name in used:
            name, number = f"{plain}_{number}", number + 1
        used.add(name)
        names[item] = name
    return names


def _text(text: str) -> str:
    """Text that may stand in a docstring."""
    return text.strip().replace("\\", "\\\\").replace('"""', "'''")
