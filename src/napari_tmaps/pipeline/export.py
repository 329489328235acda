"""A pipeline as a plain Python script, for notebooks, papers and people who want to see it all."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from napari_tmaps.model.kinds import Kind
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.pixelsize import UNKNOWN
from napari_tmaps.modules.spec import Module
from napari_tmaps.pipeline.check import check
from napari_tmaps.pipeline.checked import CheckedPipeline, Step

PIXEL_SIZE = "pixel_size_um"  # along z, y, x; asked for only where a module wants it

_HEAD = '''import numpy as np
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
'''

_ABOUT = (
    """Call `analyse` with the images of one site, arrays of shape ([Z,] Y, X), uint8 or uint16."""
)


@dataclass(frozen=True, slots=True)
class Code:
    """A pipeline as lines of Python, for a script or a notebook.

    Attributes
    ----------
    head
        Imports and functions.
    names
        Variable of every item.
    given
        Variables of the channels, then of the input objects, as the pipeline names these.
    sized
        Whether the variable `PIXEL_SIZE` is used too.
    start, end
        Lines before and after the steps; `end` makes the dictionaries `objects` and `tables`.
    steps
        A title and lines for each step.
    """

    head: str
    names: Mapping[str, str]
    given: Mapping[str, str]
    sized: bool
    start: str
    steps: tuple[tuple[str, tuple[str, ...]], ...]
    end: tuple[str, ...]


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
    code = to_code(description, modules=modules)
    arguments = [*code.given.values(), *([f"{PIXEL_SIZE}={UNKNOWN}"] if code.sized else [])]
    about = _text(f"{description.name}\n\n{description.description}")
    body = [code.start]
    for title, lines in code.steps:
        body += ["", f"# {title}", *lines]
    body += ["", *code.end, "return objects, tables"]
    return "\n".join(
        [
            f'"""{about}\n\n{_ABOUT}\n"""\n',
            code.head,
            "",
            f"def analyse({', '.join(arguments)}):",
            '    """Objects and features of one site: two dictionaries, by object type."""',
            *(f"    {line}" if line else "" for line in body),
            "",
        ]
    )


def to_code(
    description: PipelineDescription, *, modules: Mapping[str, Module] | None = None
) -> Code:
    """The parts of `to_script`.

    Raises
    ------
    PipelineError
        The pipeline cannot run; see `check`.
    """
    checked = check(description, modules=modules)
    functions = sorted({step.spec.name for step in checked.steps})
    names = _variables(checked.items, taken=functions)
    objects = ", ".join(f"{name!r}: {names[name]}" for name in checked.output_objects)
    return Code(
        head=_HEAD.format(modules="\n".join(f"    {function}," for function in functions)),
        names=names,
        given={item: names[item] for item in (*checked.channels, *checked.input_objects)},
        sized=any(step.spec.pixel_size for step in checked.steps),
        start=f"features = {{name: [] for name in {list(checked.output_objects)!r}}}",
        steps=tuple(
            (f"Step {step.number}: {step.name}", tuple(_call(step, names, checked)))
            for step in checked.steps
        ),
        end=(
            f"objects = {{{objects}}}",
            "tables = {name: table(objects[name], features[name]) for name in objects}",
        ),
    )


def _call(step: Step, names: Mapping[str, str], checked: CheckedPipeline) -> list[str]:
    arguments = [f"{name}={names[item]}" for name, item in step.inputs.items()]
    arguments += [f"{name}={value!r}" for name, value in step.settings.items()]
    if step.spec.pixel_size:
        arguments.append(f"{step.spec.pixel_size}={PIXEL_SIZE}")
    made = ", ".join(names[item] for item in step.outputs.values())
    lines = [
        f"{made} = {step.spec.name}(",
        *(f"    {argument}," for argument in arguments),
        ")",
    ]
    target = step.target
    if target is not None and target.objects in checked.output_objects:
        for output in step.spec.outputs:
            if output.kind is Kind.MEASUREMENT:
                table = names[step.outputs[output.name]]
                table += f".add_prefix({target.prefix!r})" if target.prefix else ""
                table += f".add_suffix({target.suffix!r})" if target.suffix else ""
                lines.append(f"features[{target.objects!r}].append({table})")
    return lines


def _variables(items: Iterable[str], taken: Iterable[str]) -> dict[str, str]:
    """A Python name for each item, close to its own and different from all others."""
    used = {*taken, *keyword.kwlist, *dir(builtins)}
    used |= {
        "np",
        "pd",
        "table",
        "analyse",
        "features",
        "objects",
        "name",
        "tables",
        "tifffile",
        PIXEL_SIZE,
    }
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
