"""A pipeline on one time point of one site: what comes back, and where it lies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.gui.plate import PIPELINE, plane_of

from napari_tmaps.errors import MissingError, PipelineError
from napari_tmaps.gui.running import SiteObjects, object_layers, run_on_site
from napari_tmaps.gui.zarr_source import ngff_source
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.progress import Progress
from napari_tmaps.pipeline import load_pipeline
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.streams.ngff import ImageWriter


def run(experiment: Experiment, pipeline: str, site: int = 1) -> tuple[list[Progress], SiteObjects]:
    work = run_on_site(experiment, "P1", "B02", site, 0, load_pipeline(pipeline))
    events = []
    while True:
        try:
            events.append(next(work))
        except StopIteration as end:
            return events, end.value


def test_progress_and_result(experiment: Experiment) -> None:
    events, found = run(experiment, PIPELINE)
    assert [event.stage for event in events] == [
        "reading the images",
        "bright",
        "label",
        "register",
        "measure",
        "tables",
    ]
    assert found.labels["Blocks"].shape == (1, 64, 64)
    assert found.sentence() == "1 Blocks"
    mean = found.tables["Blocks"]["Intensity_mean_DAPI"].tolist()
    assert mean == pytest.approx([plane_of("B02", 1, "DAPI").mean()])


def test_a_channel_that_is_not_there(experiment: Experiment) -> None:
    with pytest.raises(PipelineError, match="GFP"):
        run(experiment, PIPELINE.replace("DAPI", "GFP"))


def test_a_missing_image(own_experiment: Path) -> None:
    with (
        Experiment.open(own_experiment) as experiment,
        pytest.raises(MissingError, match="channel 'Actin' has no image"),
    ):
        run(experiment, PIPELINE.replace("DAPI", "Actin"), site=2)


def test_labels_lie_at_their_time_point(tmp_path: Path) -> None:
    with ImageWriter(
        tmp_path / "x.ome.zarr",
        shape=(3, 1, 1, 8, 8),
        dtype=np.uint8,
        pixel_size_um=(None, 0.5, 0.5),
        time_step_s=20.0,
        channels=[Channel("DAPI")],
    ) as writer:
        writer.write_plane(0, 0, 0, np.zeros((8, 8), np.uint8))
    labels = np.ones((1, 8, 8), np.int32)
    table = pd.DataFrame({"area": [64.0]}, index=pd.Index([1], name="label"))
    found = SiteObjects("P1", "B02", 4, 2, "p", {"Cells": labels}, {"Cells": table})
    ((data, properties, kind),) = object_layers(ngff_source(tmp_path / "x.ome.zarr"), found)
    assert (data.shape, kind) == ((1, 1, 8, 8), "labels")
    assert properties["translate"] == (40.0, 0.0, 0.0, 0.0)
    assert properties["scale"] == (20.0, 1.0, 0.5, 0.5)
    assert properties["metadata"]["tmaps"]["site"] == 4


def test_nothing_kept() -> None:
    assert "no objects" in SiteObjects("P1", "B02", 1, 0, "p", {}, {}).sentence()
