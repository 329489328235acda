"""`tmaps features`: what features are, and tables under CellProfiler's names."""

from __future__ import annotations

import pandas as pd
import pytest
from typer.testing import CliRunner

from napari_tmaps.cli.commands import app
from napari_tmaps.model.features import FEATURES
from napari_tmaps.store.experiment import Experiment

runner = CliRunner()


@pytest.fixture
def experiment(tmp_path):
    path = tmp_path / "screen.tmaps"
    with Experiment.create(path) as made:
        table = pd.DataFrame(
            {"plate": "p", "well": "B02", "site": 1, "t": 0, "label": [1, 2], "is_border": False}
        )
        table["Intensity_mean_DAPI"] = [10.0, 20.0]
        table["Morphology_Roundness"] = [1.0, 2.0]
        part = tmp_path / "part.parquet"
        made.features.write_part(part, [table])
        made.features.collect("Nuclei", [part], [("p", "B02", 1)])
    return path


def test_one_feature_is_explained():
    result = runner.invoke(app, ["features", "--explain", "Intensity_mean_DAPI"])
    assert result.exit_code == 0
    assert "mean of the pixels" in result.output
    assert "Intensity_MeanIntensity_DAPI" in result.output


def test_all_features_are_explained():
    result = runner.invoke(app, ["features", "--explain"])
    assert result.exit_code == 0
    assert result.output.count("unit:") == len(FEATURES)


def test_a_feature_that_there_is_not():
    result = runner.invoke(app, ["features", "--explain", "Intensity_meen"])
    assert result.exit_code == 1
    assert "Did you mean 'Intensity_mean'" in result.output


def test_a_table_needs_an_experiment_and_a_file(experiment):
    for arguments in ([], [str(experiment)], [str(experiment), "Nuclei"]):
        result = runner.invoke(app, ["features", *arguments])
        assert result.exit_code == 1
        assert "tmaps features EXPERIMENT TYPE --out FILE" in result.output


@pytest.mark.parametrize("columns", [None, "Intensity_mean_DAPI,Morphology_Roundness"])
def test_names_of_cellprofiler(experiment, tmp_path, columns):
    out = tmp_path / "nuclei.csv"
    command = ["features", str(experiment), "Nuclei", "--out", str(out), "--names", "cellprofiler"]
    result = runner.invoke(app, command + (["--columns", columns] if columns else []))
    assert result.exit_code == 0, result.output
    assert "1 columns have CellProfiler's names" in result.output
    table = pd.read_csv(out)
    assert table["Intensity_MeanIntensity_DAPI"].tolist() == [10, 20]
    assert table["Morphology_Roundness"].tolist() == [1, 2]
