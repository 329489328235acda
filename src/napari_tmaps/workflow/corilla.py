"""corilla: illumination statistics of each channel."""

from __future__ import annotations

from napari_tmaps.workflow.planned import PlannedStep
from napari_tmaps.workflow.step import BatchArguments


class CorillaArguments(BatchArguments):
    """corilla has no arguments: there is one job a channel."""


class IlluminationCalculator(PlannedStep):
    """Computes illumination statistics of each channel, for correction."""

    name = "corilla"
    stage = "image_preprocessing"
    requires = ("imextract",)
    Arguments = CorillaArguments
    has_collect_phase = False
    instead = "Leave 'correct' off in pipelines."
