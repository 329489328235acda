"""illuminati: the coarse levels of the map of each plate."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from napari_tmaps.workflow.planned import PlannedStep
from napari_tmaps.workflow.step import BatchArguments


class IlluminatiArguments(BatchArguments):
    """Arguments of illuminati."""

    batch_size: Annotated[int, Field(ge=1, description="images per job")] = 100
    align: Annotated[bool, Field(description="shift the images of each cycle into place")] = False
    illumcorr: Annotated[bool, Field(description="correct illumination")] = False
    clip: Annotated[bool, Field(description="clip intensities")] = False
    clip_value: Annotated[
        int, Field(ge=0, description="intensity to clip at; 0: take the percentile")
    ] = 0
    clip_percent: Annotated[
        float, Field(ge=0, le=100, description="percentile to clip at, where no value is given")
    ] = 99.9
    illumcorr_exceptions: Annotated[
        str, Field(description="channels that are not corrected, separated by commas")
    ] = ""


class PyramidBuilder(PlannedStep):
    """Builds the coarse levels of the map of each plate."""

    name = "illuminati"
    stage = "pyramid_creation"
    requires = ("imextract",)
    Arguments = IlluminatiArguments
    instead = "The map is shown from the images of the sites."
