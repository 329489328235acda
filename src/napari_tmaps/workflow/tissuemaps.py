"""Workflow files for TissueMAPS, which refuses arguments that it does not know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from napari_tmaps.model.workflow import StepDescription, WorkflowDescription
from napari_tmaps.workflow.steps import find_step

ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "metaextract": ("batch_size",),
    "metaconfig": ("regex", "stitch_layout", "n_vertical", "n_horizontal", "mip"),
    "imextract": ("batch_size", "delete"),
    "corilla": (),
    "align": (
        "ref_cycle", "ref_wavelength", "batch_size", "illumcorr", "robust_align",
        "rescale_percentile",
    ),
    "illuminati": (
        "batch_size", "align", "illumcorr", "clip", "clip_value", "clip_percent",
        "illumcorr_exceptions",
    ),
    "jterator": ("batch_size", "plot"),
}  # fmt: skip
"""The batch arguments of TissueMAPS; we have all of them but plot, which may stand if it is off."""
_OPTIONAL = (
    "regex", "n_vertical", "n_horizontal", "clip_value", "illumcorr_exceptions", "memory",
)  # fmt: skip
"""Arguments that are left out there where we have 0 or an empty text."""


def for_tissuemaps(description: WorkflowDescription) -> tuple[dict[str, Any], list[str]]:
    """A workflow in the form of the file, without what TissueMAPS does not know.

    Returns
    -------
    document, notes
        The notes are sentences on what could not be said to TissueMAPS.
    """
    document = description.document()
    for stage in document["stages"]:
        stage["steps"] = [row for row in stage["steps"] if row["name"] in ARGUMENTS]
        for row in stage["steps"]:
            known = ARGUMENTS[row["name"]]
            row["batch_args"] = [
                item for item in row["batch_args"] if item["name"] in known and _is_given(item)
            ]
            row["submission_args"] = [item for item in row["submission_args"] if _is_given(item)]
    steps = (step for stage in description.stages for step in stage.steps)
    return document, [note for step in steps for note in _notes(step)]


def _is_given(item: Mapping[str, Any]) -> bool:
    return item["name"] not in _OPTIONAL or bool(item["value"])


def _notes(step: StepDescription) -> Iterator[str]:
    if step.name not in ARGUMENTS:
        yield f"Left out: the step {step.name}, which TissueMAPS does not have."
        return
    defaults = find_step(step.name).Arguments().model_dump()
    for name, value in step.batch_args.items():
        if name not in ARGUMENTS[step.name] and value != defaults.get(name):
            yield f"Left out: {name} of {step.name} ({value!r}), which TissueMAPS does not have."
    if step.name == "align" and step.active and not step.batch_args.get("ref_wavelength"):
        yield "TissueMAPS asks for ref_wavelength of align: the channel to align by."
