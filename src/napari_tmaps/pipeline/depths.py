"""Stacks and single planes where a step cannot take them: told before any image is read."""

from __future__ import annotations

from collections.abc import Mapping

from napari_tmaps.errors import PipelineError
from napari_tmaps.model.kinds import Kind
from napari_tmaps.pipeline.checked import CheckedPipeline, Step


def check_depths(
    checked: CheckedPipeline, depths: Mapping[str, int], *, upto: str | None = None
) -> None:
    """Refuse a pipeline with steps that cannot take images of so many planes, or not together.

    Parameters
    ----------
    depths
        Number of z planes of each channel and object type that the pipeline reads.
    upto
        Name of the last step that will run; None for all.

    Raises
    ------
    PipelineError
        With a sentence for each such step: what it takes, what it would get, and what to do.
    """
    known = dict(depths)
    sentences = []
    for step in checked.steps:
        takes = step.spec.depth
        if takes is not None:  # what a module of the user makes of stacks, nobody knows
            found = {item: known[item] for item in step.inputs.values() if item in known}
            sentences.append(_why_not(step, found))
            if len(found) == len(step.inputs):
                made = (part for part in step.spec.outputs if part.kind is not Kind.MEASUREMENT)
                depth = 1 if takes.flat else max(found.values(), default=1)
                known.update({step.outputs[output.name]: depth for output in made})
        if step.name == upto:
            break
    sentences = [sentence for sentence in sentences if sentence]
    if len(sentences) == 1:
        raise PipelineError(sentences[0])
    if sentences:
        listed = "\n".join(f"- {sentence}" for sentence in sentences)
        raise PipelineError(
            f"{len(sentences)} steps of the pipeline '{checked.description.name}' do not fit the "
            f"images:\n{listed}"
        )


def _why_not(step: Step, found: Mapping[str, int]) -> str:
    """Why a step cannot take inputs of these depths; empty if it can."""
    takes = step.spec.depth
    deep = [item for item, depth in found.items() if depth > 1]
    if takes is None or not found:
        return ""
    if not takes.flat and len(set(found.values())) > 1:
        return _differing(step, found)
    if deep and not takes.stacks:
        other = f"Use {takes.instead} instead, or project" if takes.instead else "Project"
        return (
            f"{step} takes single planes, but '{deep[0]}' is a stack of {found[deep[0]]} planes. "
            f"{other} the channels first with the module project, or have them projected when they "
            "are converted (mip)."
        )
    if not deep and not takes.planes and len(found) == len(step.inputs):
        return (
            f"{step} takes stacks, but '{next(iter(found))}' is a single plane. Give it a channel "
            "of several planes that was not projected."
        )
    return ""


def _differing(step: Step, found: Mapping[str, int]) -> str:
    listed = ", ".join(
        f"'{item}' has {'one' if depth == 1 else depth}" for item, depth in found.items()
    )
    stacks = " and ".join(f"'{item}'" for item, depth in found.items() if depth > 1)
    return (
        f"{step}: what it reads differs in z planes: {listed}. Make one plane of {stacks} first, "
        "with a step 'project', or project all channels: tmaps convert --mip."
    )
