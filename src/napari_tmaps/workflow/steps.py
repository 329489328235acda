"""The steps, in the order in which they run. A new step is one file and one line here."""

from __future__ import annotations

from napari_tmaps.errors import unknown
from napari_tmaps.model.layout import WorkflowType
from napari_tmaps.workflow.align import ImageRegistrator
from napari_tmaps.workflow.corilla import IlluminationCalculator
from napari_tmaps.workflow.illuminati import PyramidBuilder
from napari_tmaps.workflow.imextract import ImageExtractor
from napari_tmaps.workflow.jterator import PipelineRunner
from napari_tmaps.workflow.metaconfig import MetadataConfigurator
from napari_tmaps.workflow.metaextract import MetadataExtractor
from napari_tmaps.workflow.step import Step

STEPS: tuple[type[Step], ...] = (
    MetadataExtractor,
    MetadataConfigurator,
    ImageExtractor,
    IlluminationCalculator,
    ImageRegistrator,
    PyramidBuilder,
    PipelineRunner,
)


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
