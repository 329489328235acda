"""A pipeline on one site, for looking at: nothing is stored. No Qt."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from napari_tmaps.gui.layers import AXES, LayerTuple, attach, scale_and_units
from napari_tmaps.gui.sources import Source
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.inputs import site_inputs


@dataclass(frozen=True)
class SiteObjects:
    """What a pipeline found on a site.

    Attributes
    ----------
    labels
        Labels of each object type, (z, y, x).
    tables
        Features of each object type, index `label`.
    """

    plate: str
    well: str
    site: int
    t: int
    pipeline: str
    labels: dict[str, np.ndarray]
    tables: dict[str, pd.DataFrame]

    def sentence(self) -> str:
        """E.g. "132 Nuclei, 132 Cells"."""
        counts = [f"{len(table)} {name}" for name, table in self.tables.items()]
        return ", ".join(counts) or "The pipeline keeps no objects."


def run_on_site(
    experiment: Experiment,
    plate: str,
    well: str,
    site: int,
    t: int,
    pipeline: PipelineDescription,
) -> Generator[Progress, None, SiteObjects]:
    """Run a pipeline on one time point of a site, step by step.

    Raises
    ------
    PipelineError
        The pipeline does not fit the experiment, or a step failed.
    MissingError
        An image that it needs was never recorded.
    """
    from napari_tmaps.pipeline import check, iter_site

    checked = check(
        pipeline,
        channels=experiment.catalogue.channel_names(),
        objects=tuple(experiment.catalogue.object_types()["name"]),
    )
    total = len(checked.steps) + 1
    yield Progress("reading the images", 0, total)
    inputs = site_inputs(experiment, pipeline.input, plate, well, site, t)
    checked = checked.sized(inputs.pixel_size_um)
    steps = iter_site(checked, inputs.images, inputs.objects)
    done = 1
    try:
        while True:
            name = checked.steps[done - 1].name if done <= len(checked.steps) else "tables"
            yield Progress(name, done, total)
            try:
                next(steps)
            except StopIteration as end:
                result = end.value
                break
            done += 1
    finally:
        steps.close()
    return SiteObjects(
        plate,
        well,
        site,
        t,
        pipeline.name,
        {
            name: labels if labels.ndim == 3 else labels[np.newaxis]
            for name, labels in result.objects.items()
        },
        result.tables,
    )


def object_layers(source: Source, found: SiteObjects) -> list[LayerTuple]:
    """Labels layers of what a pipeline found, at the time point where it looked."""
    scale, units = scale_and_units(source)
    return [
        (
            labels[np.newaxis],
            {
                "name": name,
                "scale": scale,
                "units": units,
                "axis_labels": AXES,
                "translate": (found.t * scale[0], 0.0, 0.0, 0.0),
                "features": attach(found.tables[name]),
                "multiscale": False,
                "metadata": {
                    "tmaps": {
                        **source.facts,
                        "well": found.well,
                        "site": found.site,
                        "objects": name,
                        "pipeline": found.pipeline,
                        "stored": False,
                    }
                },
            },
            "labels",
        )
        for name, labels in found.labels.items()
    ]
