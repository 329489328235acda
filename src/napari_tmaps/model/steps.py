"""The list of the steps, in the order in which they run: a new step is one file and one line here.

It names them without importing them, so that the command line knows its commands at once.
"""

from __future__ import annotations

from typing import NamedTuple


class StepEntry(NamedTuple):
    """Where the class of a step is (module:class), and what it does in a sentence."""

    where: str
    help: str


_ROOM = "napari_tmaps.workflow"
STEPS = {
    "metaextract": StepEntry(
        f"{_ROOM}.metaextract:MetadataExtractor",
        "Write what is known of each microscope file as OME-XML.",
    ),
    "metaconfig": StepEntry(
        f"{_ROOM}.metaconfig:MetadataConfigurator",
        "Work out wells, the grid of sites, channels and cycles.",
    ),
    "imextract": StepEntry(
        f"{_ROOM}.imextract:ImageExtractor",
        "Write the images of the sites into OME-Zarr plates.",
    ),
    "corilla": StepEntry(
        f"{_ROOM}.corilla:IlluminationCalculator",
        "Compute illumination statistics of each channel.",
    ),
    "align": StepEntry(
        f"{_ROOM}.align:ImageRegistrator",
        "Find by how much the images of each cycle are shifted.",
    ),
    "illuminati": StepEntry(
        f"{_ROOM}.illuminati:PyramidBuilder",
        "Build the coarse levels of the map of each plate.",
    ),
    "jterator": StepEntry(
        f"{_ROOM}.jterator:PipelineRunner",
        "Run an image analysis pipeline over the sites.",
    ),
}
