"""The steps themselves, of the list in `model.steps`."""

from __future__ import annotations

from importlib import import_module

from napari_tmaps.errors import unknown
from napari_tmaps.model.layout import WorkflowType
from napari_tmaps.model.steps import STEPS as ENTRIES
from napari_tmaps.workflow.step import Step


def _loaded(where: str) -> type[Step]:
    module, _, name = where.partition(":")
    step: type[Step] = getattr(import_module(module), name)
    return step


STEPS: tuple[type[Step], ...] = tuple(_loaded(entry.where) for entry in ENTRIES.values())


def find_step(name: str) -> type[Step]:
    """A step by its name.

    Raises
    ------
    NotFoundError
        There is no such step.
    """
    for step in STEPS:
        if step.name == name:
            return step
    raise unknown("step", name, [step.name for step in STEPS])


def steps_of(workflow_type: WorkflowType) -> tuple[type[Step], ...]:
    """The steps that a type of workflow has."""
    return tuple(step for step in STEPS if workflow_type in step.workflow_types)
