from __future__ import annotations

import json

import pandas as pd
import pytest
from tests.tools.conftest import objects, write
from typer.testing import CliRunner

from napari_tmaps.cli.commands import app
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.selections import Selection, SelectionStore


@pytest.fixture
def folder(tmp_path):
    with Experiment.create(tmp_path / "screen.tmaps") as experiment:
        write(experiment.features, "Nuclei", objects(each=20))
    return experiment.path


def tmaps(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.output


def test_a_tool_makes_a_result_that_is_listed_renamed_and_deleted(folder):
    code, text = tmaps("tool", folder, "Nuclei", "cluster", "-s", "clusters=2", "-s",
                       "features=Area,Noise", "--json")  # fmt: skip
    assert code == 0, text
    about = json.loads(text)
    assert about["name"] == "cluster 1"
    assert about["settings"]["features"] == ["Area", "Noise"]
    assert sum(about["report"]["sizes"].values()) == about["objects"] == 40
    code, text = tmaps("tool", folder, "Nuclei", "classify_rules", "-s", 'rules=["big: Area > 50"]')
    assert code == 0, text
    assert "Result 'classify_rules 1' of 40 objects" in text
    # A result is a column for the next tool.
    rule = "rules=[\"b: `classify_rules 1:class` == 'big'\"]"
    words = ("classify_rules", "-s", rule, "--result", "again")
    code, text = tmaps("tool", folder, "Nuclei", *words)
    assert code == 0, text
    assert '"b": 35' in text
    out = folder.parent / "big.csv"
    code, text = tmaps("export", folder, "Nuclei", "--out", out, "--columns", "Area,again:class",
                       "--where", "Area > 380")  # fmt: skip
    assert code == 0, text
    assert "Wrote 2 objects" in text
    assert pd.read_csv(out)["again:class"].tolist() == ["b", "b"]
    code, text = tmaps("results", folder, "Nuclei", "--rename", "cluster 1", "groups")
    assert "groups: cluster, group" in text
    code, text = tmaps("results", folder, "Nuclei", "--delete", "groups", "--json")
    assert [about["name"] for about in json.loads(text)] == ["classify_rules 1", "again"]
    assert tmaps("results", folder, "Cells")[1].strip() == "There are no results of 'Cells'."


def test_a_classifier_goes_to_another_experiment(folder, tmp_path):
    frame = objects(each=20)
    selections = {"low": Selection(frame.iloc[:5]), "high": Selection(frame.iloc[-5:])}
    SelectionStore(folder / "selections").save("Nuclei", selections)
    code, text = tmaps("tool", folder, "Nuclei", "classify", "-s", "features=Area", "--json")
    assert code == 0, text
    assert json.loads(text)["report"]["training"] == {"low": 5, "high": 5}
    model = folder / "results" / "Nuclei" / "classify 1" / "model.npz"
    with Experiment.create(tmp_path / "other.tmaps") as other:
        write(other.features, "Nuclei", objects(each=3))
    code, text = tmaps("tool", other.path, "Nuclei", "--model", model)
    assert code == 0, text
    part = other.path / "results" / "Nuclei" / "classify 1" / "plate=p1" / "B02.parquet"
    assert pd.read_parquet(part, partitioning=None)["class"].tolist() == [0, 0, 0]


def test_what_does_not_fit_is_one_sentence(folder, tmp_path):
    code, text = tmaps("tool")
    assert code == 0
    assert "classify: Give every object a class" in text
    for words, match in [
        (["tool", folder], "Say which objects and which tool"),
        (["tool", folder, "Nuclei", "clutser"], "Did you mean 'cluster'?"),
        (["tool", folder, "Nuclei", "cluster", "-s", "clusters"], "should be NAME=VALUE"),
        (["tool", folder, "Nuclei", "cluster", "-s", "clusters=many"], "a whole number"),
        (["plate-map", folder, tmp_path / "none.csv"], "There is no plate map"),
    ]:
        code, text = tmaps(*words)
        assert code == 1
        assert match in " ".join(text.split())
