"""The workflow: steps from the microscope's files to objects and features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from napari_tmaps.model.progress import Progress

if TYPE_CHECKING:
    from napari_tmaps.model.pipeline import PipelineDescription
    from napari_tmaps.store.experiment import Experiment


def convert(
    experiment: Experiment,
    *,
    in_place: bool = False,
    workers: int | None = None,
    **layout: Any,
) -> Iterator[Progress]:
    """Make the OME-Zarr plates from the microscope's files: metaextract, metaconfig, imextract.

    What is there already is left alone, so an interrupted conversion goes on where it stopped.

    Parameters
    ----------
    in_place
        Copy nothing: work out the layout only. Pixels are read from the microscope's files when
        they are needed; a later conversion without this copies them.
    workers
        Jobs at a time, in threads; by default one a processor. Each has two images under way, one
        of which waits for the disk.
    layout
        Arguments of metaconfig that differ from last time's: stitch_layout, n_vertical,
        n_horizontal, mip.

    Raises
    ------
    TmapsError
        The conversion cannot go on. Sites that fail are events with `failed` instead.
    """
    from napari_tmaps.workflow.imextract import ImageExtractor
    from napari_tmaps.workflow.local import run_step
    from napari_tmaps.workflow.metaconfig import MetadataConfigurator
    from napari_tmaps.workflow.metaextract import MetadataExtractor
    from napari_tmaps.workflow.step import make_arguments

    arguments = {**experiment.catalogue.get("metaconfig", {}), **layout}
    metaconfig = make_arguments(MetadataConfigurator.Arguments, arguments)
    extractor = MetadataExtractor(experiment)
    yield from run_step(extractor, extractor.Arguments(), workers=workers)
    yield from run_step(MetadataConfigurator(experiment), metaconfig, workers=workers)
    experiment.catalogue.set("metaconfig", metaconfig.model_dump())
    if not in_place:
        images = ImageExtractor(experiment)
        yield from run_step(images, images.Arguments(), workers=workers)


def analyse(
    experiment: Experiment,
    pipeline: PipelineDescription,
    *,
    sites: Sequence[tuple[str, str, int]] | None = None,
    workers: int | None = None,
) -> Iterator[Progress]:
    """Run a pipeline over the sites of an experiment; labels and features are stored.

    Sites that were analysed in the same way before are left alone.

    Parameters
    ----------
    sites
        (plate, well, site) of the sites to analyse; None means all.

    Raises
    ------
    PipelineError
        The pipeline cannot run on this experiment; no image was read.
    TmapsError
        The analysis cannot go on. Sites that fail are events with `failed` instead.
    """
    from napari_tmaps.workflow.jterator import PipelineRunner
    from napari_tmaps.workflow.local import run_step

    runner = PipelineRunner(experiment, pipeline, sites=sites)
    yield from run_step(runner, runner.Arguments(), workers=workers)
