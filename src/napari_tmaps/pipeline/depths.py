"""Stacks and single planes that meet in one step: told before any image is read."""

from __future__ import annotations

from collections.abc import Mapping

from napari_tmaps.errors import PipelineError
from napari_tmaps.model.kinds import Kind
from napari_tmaps.modules import MODULES
from napari_tmaps.pipeline.checked import CheckedPipeline, Step

_FLATTEN = ("project", "generate_volume_image")
"""Modules that make a plane of a stack; what else they read may be a plane as well."""


def check_depths(checked: CheckedPipeline, depths: Mapping[str, int]) -> None:
    """Refuse a pipeline that brings together channels with different numbers of z planes.

    Parameters
    ----------
    depths
        Number of z planes of each channel that the pipeline reads.

    Raises
    ------
    PipelineError
        With the step, the items and what to do.
    """
    known = dict(depths)
    for step in checked.steps:
        if step.spec.name not in MODULES:
            continue  # what a module of the user makes of stacks, nobody knows
        found = {item: known[item] for item in step.inputs.values() if item in known}
        if step.spec.name in _FLATTEN:
            depth: int | None = 1
        elif len(set(found.values())) > 1:
            raise PipelineError(_sentence(step, found))
        else:
            depth = next(iter(found.values()), None)
        if depth is not None and len(found) == len(step.inputs):
            made = (output for output in step.spec.outputs if output.kind is not Kind.MEASUREMENT)
            known.update({step.outputs[output.name]: depth for output in made})


def _sentence(step: Step, found: Mapping[str, int]) -> str:
    listed = ", ".join(
        f"'{item}' has {'one' if depth == 1 else depth}" for item, depth in found.items()
    )
    stacks = " and ".join(f"'{item}'" for item, depth in found.items() if depth > 1)
    return (
        f"{step}: what it reads differs in z planes: {listed}. Make one plane of {stacks} first, "
        "with a step 'project', or project all channels: tmaps convert --mip."
    )
