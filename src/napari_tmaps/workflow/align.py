"""align: shifts between the cycles of each site."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from napari_tmaps.workflow.planned import PlannedStep
from napari_tmaps.workflow.step import BatchArguments


class AlignArguments(BatchArguments):
    """Arguments of align."""

    ref_cycle: Annotated[int, Field(ge=0, description="cycle that the others are aligned to")] = 0
    ref_wavelength: Annotated[
        str, Field(description="channel of the microscope to align by; every cycle must have it")
    ] = ""
    batch_size: Annotated[int, Field(ge=1, description="sites per job")] = 100
    illumcorr: Annotated[bool, Field(description="correct illumination before aligning")] = False
    robust_align: Annotated[
        bool, Field(description="clip intensities first, so that bright dirt does not dominate")
    ] = False
    rescale_percentile: Annotated[
        float, Field(ge=0, le=100, description="percentile of that clipping")
    ] = 99.9


class ImageRegistrator(PlannedStep):
    """Finds by how much the images of each cycle are shifted."""

    name = "align"
    stage = "image_preprocessing"
    requires = ("imextract",)
    workflow_types = ("multiplexing",)
    Arguments = AlignArguments
    has_collect_phase = False
    instead = "Images of all cycles are taken as they lie."
