"""The demonstration, as `make demo` runs it, held to the truth of the sample plate."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tifffile
from typer.testing import CliRunner

from napari_tmaps.cli.commands import app
from napari_tmaps.sample.agreement import sample_agreement
from napari_tmaps.store.experiment import Experiment


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "demo"
    result = CliRunner().invoke(app, ["demo", str(folder), "--no-window"])
    assert result.exit_code == 0, result.output
    return folder, result.output


@pytest.fixture(scope="module")
def experiment(demo):
    with Experiment.open(demo[0] / "sample.tmaps") as opened:
        yield opened


def test_it_prints_what_it_made(demo):
    folder, text = demo
    for words in ("SamplePlate", "6 (B02, B03", "DAPI, Actin", "Nuclei:", "features each",
                  "imextract", str(folder / "sample.tmaps")):  # fmt: skip
        assert words in text


def test_layout(experiment):
    info = experiment.info()
    assert len(info["wells"]) >= 6
    assert set(info["sites_per_well"].values()) == {4}
    assert info["image_size"] == [512, 512]
    assert info["pixel_size_um"] == [0.325, 0.325]
    assert info["missing"] == []
    places = experiment.sites("SamplePlate", "B02")[["y", "x"]].to_numpy().tolist()
    assert sorted(places) == [[0, 0], [0, 1], [1, 0], [1, 1]]


@pytest.mark.parametrize(("object_type", "bound"), [("Nuclei", 0.9), ("Cells", 0.75)])
def test_segmentation_agrees_with_the_truth(demo, experiment, object_type, bound):
    def read(well, site, name):
        return experiment.labels("SamplePlate", well, site, name)[0]

    scores = sample_agreement(demo[0] / "sample", read, object_type)
    assert len(scores) == 24
    assert np.mean(scores) > bound


def test_counts_and_intensities_agree_with_the_truth(demo, experiment):
    truth = pd.read_csv(demo[0] / "sample" / "ground_truth" / "nuclei.csv")
    found = experiment.features.read("Nuclei").reset_index()
    counts = found.groupby("well").size() / truth.groupby("well").size()
    assert counts.between(0.9, 1.1).all()
    mean = found.groupby("well")["Intensity_mean_DAPI"].mean()
    expected = truth.groupby("well")["mean_DAPI"].mean()
    assert np.corrcoef(mean, expected)[0, 1] > 0.8


def test_conditions_differ(demo, experiment):
    plate_map = pd.read_csv(demo[0] / "sample" / "ground_truth" / "plate_map.csv")
    condition = dict(zip(plate_map["well"], plate_map["condition"], strict=True))
    cells = experiment.features.read("Cells", ["Intensity_mean_Actin"]).reset_index()
    groups = cells.groupby(cells["well"].map(condition))
    counts, means = groups.size(), groups["Intensity_mean_Actin"].mean()
    assert counts["treated"] < 0.75 * counts["control"]
    assert means["treated"] > 1.2 * means["control"]


def test_results_are_files_for_other_programs(demo):
    results = demo[0] / "results"
    table = pd.read_csv(results / "Nuclei.csv")
    assert len(table) == len(pd.read_parquet(results / "Nuclei.parquet")) > 1000
    image = tifffile.imread(next(results.glob("*site1.ome.tiff")))
    assert image.shape == (2, 512, 512)


def test_second_run_keeps_everything(demo):
    folder, _ = demo
    plate = folder / "sample.tmaps" / "plates" / "SamplePlate.ome.zarr"
    images = [*plate.glob("*/*/*/0/zarr.json"), *plate.glob("*/*/*/labels/*/0/zarr.json")]
    before = {path: path.stat().st_mtime_ns for path in images}
    result = CliRunner().invoke(app, ["demo", str(folder), "--no-window"])
    assert result.exit_code == 0
    assert "there already" in result.output
    assert len(before) == 24 * 4
    assert {path: path.stat().st_mtime_ns for path in images} == before
