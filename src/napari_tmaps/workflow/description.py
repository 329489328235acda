"""Workflow descriptions: defaults from the steps, their check, their file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from napari_tmaps.errors import FormatError, InputError, NotFoundError, unknown
from napari_tmaps.model.layout import WorkflowType
from napari_tmaps.model.workflow import (
    STAGES,
    StageDescription,
    StepDescription,
    SubmissionArguments,
    WorkflowDescription,
)
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.streams.atomic import write_text
from napari_tmaps.workflow.step import BatchArguments
from napari_tmaps.workflow.steps import STEPS, find_step, steps_of

FILE = "workflow.yaml"

_ELSEWHERE = {
    ("jterator", "plot"): "Look at single sites in napari.",
}
"""Batch arguments of TissueMAPS that have no counterpart here, and what to do instead."""


def default_description(workflow_type: WorkflowType = "canonical") -> WorkflowDescription:
    """All steps of a type with all arguments; what few experiments need is inactive."""
    steps = steps_of(workflow_type)
    return WorkflowDescription(
        type=workflow_type,
        stages=tuple(
            StageDescription(
                name=stage,
                steps=tuple(
                    StepDescription(
                        name=step.name,
                        active=step.by_default,
                        batch_args=step.Arguments().model_dump(),
                    )
                    for step in steps
                    if step.stage == stage
                ),
            )
            for stage in STAGES
        ),
    )


def check_description(
    description: WorkflowDescription, *, done: Collection[str] = ()
) -> dict[str, BatchArguments]:
    """The arguments of each active step, if all is right.

    Parameters
    ----------
    done
        Steps that have run before, so that they need not be active.

    Raises
    ------
    InputError
        A step or stage in the wrong place, an argument that does not fit, or a step whose
        requirement neither is active nor has run; all of these at once.
    NotFoundError
        There is no step of that name.
    """
    order = [step.name for step in STEPS]
    problems = []
    previous = -1
    for stage in description.stages:
        for step in stage.steps:
            kind = find_step(step.name)
            if description.type not in kind.workflow_types:
                problems.append(
                    f"Step '{step.name}' is no part of a workflow of type '{description.type}'."
                )
            if stage.name != kind.stage:
                problems.append(
                    f"Step '{step.name}' stands in stage '{stage.name}'; it belongs to "
                    f"'{kind.stage}'."
                )
            elif order.index(step.name) <= previous:
                problems.append(
                    f"Step '{step.name}' stands too late or twice. The order is {', '.join(order)}."
                )
            previous = max(previous, order.index(step.name))
    arguments = {}
    there = set(done)
    for step in description.active():
        kind = find_step(step.name)
        problems += [
            f"Step '{step.name}' needs '{name}' before it, which is inactive and has not run yet. "
            "Make it active."
            for name in kind.requires
            if name not in there
        ]
        there.add(step.name)
        try:
            arguments[step.name] = kind.Arguments.model_validate(_current(step))
        except ValidationError as error:
            problems += _sentences(step.name, kind.Arguments, error)
    if problems:
        raise InputError("\n".join(problems))
    return arguments


def _current(step: StepDescription) -> dict[str, Any]:
    """Batch arguments without those of TissueMAPS that are unused and mean nothing here."""
    return {
        name: value
        for name, value in step.batch_args.items()
        if (step.name, name) not in _ELSEWHERE or value not in (False, "")
    }


def _sentences(step: str, model: type[BaseModel], error: ValidationError) -> list[str]:
    sentences = []
    for detail in error.errors():
        name = str(detail["loc"][0])
        if detail["type"] == "extra_forbidden":
            hint = _ELSEWHERE.get((step, name))
            known = ", ".join(model.model_fields) or "none"
            sentences.append(
                f"Step '{step}' has no argument '{name}' here. {hint}"
                if hint
                else f"Step '{step}' has no argument '{name}'. Its arguments are: {known}."
            )
        else:
            text = detail["msg"][:1].lower() + detail["msg"][1:]
            sentences.append(f"Step '{step}': {name} is {detail['input']!r}, but {text}.")
    return sentences


def load_workflow(path: Path) -> WorkflowDescription:
    """Read a workflow file, ours or of TissueMAPS.

    Raises
    ------
    NotFoundError
        There is no such file.
    FormatError
        It is not a workflow.
    """
    if not path.is_file():
        raise NotFoundError(f"There is no workflow file '{path}'.")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FormatError(f"'{path}' is no YAML file: {error}") from error
    try:
        return WorkflowDescription.model_validate(content)
    except ValidationError as error:
        lines = [
            f"{'.'.join(str(part) for part in detail['loc']) or 'file'}: {detail['msg']}"
            for detail in error.errors()
        ]
        raise FormatError(f"'{path}' is no workflow description. " + "; ".join(lines)) from error


def save_workflow(description: WorkflowDescription, path: Path) -> None:
    """Write a workflow file, in the form of TissueMAPS."""
    write_document(description.document(), path)


def write_document(document: Mapping[str, Any], path: Path) -> None:
    """Write a workflow in the form of the file; see `WorkflowDescription.document`."""
    write_text(path, yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True))


def workflow_of(experiment: Experiment) -> WorkflowDescription:
    """The workflow of an experiment: its file, or the default of its type."""
    path = experiment.path / FILE
    if path.exists():
        return load_workflow(path)
    return default_description(experiment.workflow_type)


def part_of(
    description: WorkflowDescription, *, start: str | None = None, until: str | None = None
) -> WorkflowDescription:
    """The workflow from a stage or step up to a stage or step; all else becomes inactive.

    Raises
    ------
    NotFoundError
        The workflow has no stage or step of that name.
    """
    places = [(stage.name, step.name) for stage in description.stages for step in stage.steps]
    names = list(dict.fromkeys(name for place in places for name in place))

    def index(name: str, *, last: bool) -> int:
        found = [number for number, place in enumerate(places) if name in place]
        if not found:
            raise unknown("stage or step", name, names)
        return found[-1 if last else 0]

    first = 0 if start is None else index(start, last=False)
    end = len(places) - 1 if until is None else index(until, last=True)
    kept = {step for _, step in places[first : end + 1]}
    return description.model_copy(
        update={
            "stages": tuple(
                stage.model_copy(
                    update={
                        "steps": tuple(
                            step.model_copy(update={"active": step.active and step.name in kept})
                            for step in stage.steps
                        )
                    }
                )
                for stage in description.stages
            )
        }
    )


def with_argument(
    description: WorkflowDescription, step: str, name: str, value: Any
) -> WorkflowDescription:
    """The workflow with one batch argument of one step changed."""
    content = description.model_dump()
    for stage in content["stages"]:
        for item in stage["steps"]:
            if item["name"] == step:
                item["batch_args"][name] = value
    return WorkflowDescription.model_validate(content)


def argument_rows(model: type[BatchArguments | SubmissionArguments]) -> list[dict[str, Any]]:
    """Arguments for a form, a client or a command line, as JSON values.

    Each has name, type ("bool", "int", "float" or "str"), default, help and choices (a list, or
    None); the keys are those of TissueMAPS.
    """
    rows = []
    for name, field in model.model_fields.items():
        choices = list(get_args(field.annotation)) if _is_choice(field.annotation) else None
        kind = "str" if choices else getattr(field.annotation, "__name__", "str")
        rows.append(
            {
                "name": name,
                "type": kind,
                "default": field.default,
                "help": field.description or "",
                "choices": choices,
            }
        )
    return rows


def _is_choice(annotation: Any) -> bool:
    return get_origin(annotation) is Literal
