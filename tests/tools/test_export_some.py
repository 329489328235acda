"""Exports of some of the objects: of a filter, a gate, a selection, a class."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from tests.analysed import analysed, analysed_once  # noqa: F401
from typer.testing import CliRunner

from napari_tmaps.cli.commands import app
from napari_tmaps.errors import InputError, NotFoundError
from napari_tmaps.model.progress import finish
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.gates import FilterGate, GateStore, RangeGate
from napari_tmaps.store.selections import Selection, SelectionStore
from napari_tmaps.tools.exporting import Export, export_objects
from napari_tmaps.tools.population import Population, class_of
from napari_tmaps.tools.run import open_data, run_tool


@pytest.fixture
def experiment(analysed):  # noqa: F811
    """Areas of the three objects of each site are 384, 196 and 1296."""
    with Experiment.open(analysed) as opened:
        gates = GateStore(opened.path / "gates")
        gates.save("Blocks", "small", RangeGate(column="Morphology_Area", low=0, high=400))
        gates.save("Blocks", "late", FilterGate(text="well == 'B03'"))
        table = open_data(opened, "Blocks").table
        chosen = Selection(table.index(np.array([0, 1, 4])))
        SelectionStore(opened.path / "selections").save("Blocks", {"mine": chosen})
        rules = ("tiny: Morphology_Area < 200", "huge: Morphology_Area > 1000")
        run_tool(opened, "classify_rules", "Blocks", {"rules": rules}, name="sizes")
        yield opened


def write(experiment, out, **wanted):
    return finish(export_objects(experiment, "Blocks", out, Export(**wanted)))


SMALL, LATE = Population("gate", "small"), Population("gate", "late")
MINE, TINY = Population("selection", "mine"), class_of("sizes=tiny")
CASES = [
    pytest.param({"of": (SMALL,)}, [1, 2] * 4, id="gate"),
    pytest.param({"of": (SMALL, LATE)}, [1, 2] * 2, id="two gates"),
    pytest.param({"of": (MINE,)}, [1, 2, 2], id="selection"),
    pytest.param({"of": (TINY,)}, [2] * 4, id="class"),
    pytest.param({"of": (MINE, TINY), "where": "site == 2"}, [2], id="all of them"),
    pytest.param({"of": (TINY,), "where": "label == 1"}, [], id="none"),
]


@pytest.mark.parametrize(("wanted", "labels"), CASES)
def test_tables_of_some_objects(experiment, tmp_path, wanted, labels):
    said = write(experiment, tmp_path / "some.csv", **wanted)
    assert said.startswith(f"Wrote {len(labels)} objects")
    assert pd.read_csv(tmp_path / "some.csv")["label"].tolist() == labels


def test_objects_of_a_selection_that_are_gone_are_told(experiment, tmp_path):
    store = SelectionStore(experiment.path / "selections")
    mine = store.load("Blocks")["mine"]
    lost = mine.objects.assign(label=[901, 902, 903])
    both = Selection(pd.concat([mine.objects, lost], ignore_index=True))
    store.save("Blocks", {"mine": mine, "both": both, "lost": Selection(lost)})
    said = write(experiment, tmp_path / "a.csv", of=(Population("selection", "both"), MINE))
    assert said.startswith("Wrote 3 objects")
    assert said.endswith(" 3 of 6 objects of the selection 'both' are gone since an analysis.")
    said = write(experiment, tmp_path / "b.geojson", of=(Population("selection", "lost"),))
    assert said.endswith(" 3 of 3 objects of the selection 'lost' are gone since an analysis.")


def test_outlines_pictures_and_wells_of_some_objects(experiment, tmp_path):
    write(experiment, tmp_path / "some.geojson", of=(TINY, LATE))
    features = json.loads((tmp_path / "some.geojson").read_text())["features"]
    assert [each["properties"]["measurements"]["Morphology_Area"] for each in features] == [196] * 2
    write(experiment, tmp_path / "crops", kind="crops", of=(MINE,), size_px=32)
    manifest = pd.read_csv(tmp_path / "crops" / "manifest.csv")
    assert manifest["label"].tolist() == [1, 2, 2]
    write(experiment, tmp_path / "wells.csv", kind="wells", of=(SMALL, LATE))
    assert pd.read_csv(tmp_path / "wells.csv")["objects"].tolist() == [0, 4]


GONE = [
    pytest.param({"of": (Population("gate", "old"),)}, "no gate 'old'.*'small', 'late'", id="gate"),
    pytest.param({"of": (Population("selection", "old"),)}, "no selection 'old'", id="selection"),
    pytest.param({"of": (class_of("old=tiny"),)}, "no column of classes 'old'", id="result"),
    pytest.param({"of": (class_of("sizes=old"),)}, "no class of 'sizes:class' 'old'", id="class"),
    pytest.param({"where": "Gone > 2"}, "no column 'Gone'", id="column"),
]


@pytest.mark.parametrize(("wanted", "match"), GONE)
def test_what_is_gone_is_said_and_nothing_is_written(experiment, tmp_path, wanted, match):
    (tmp_path / "some.csv").write_text("before")
    with pytest.raises(NotFoundError, match=match):
        write(experiment, tmp_path / "some.csv", **wanted)
    assert (tmp_path / "some.csv").read_text() == "before"


def test_a_gate_whose_column_is_gone_says_so(experiment, tmp_path):
    gate = RangeGate(column="Old_feature", low=0, high=1)
    GateStore(experiment.path / "gates").save("Blocks", "stale", gate)
    with pytest.raises(NotFoundError, match=r"gate cannot be used now.*Old_feature.*is kept"):
        write(experiment, tmp_path / "some.csv", of=(Population("gate", "stale"),))


def test_tables_within_the_plate_are_whole(experiment):
    with pytest.raises(InputError, match="hold all objects of their images"):
        write(experiment, None, kind="plate", of=(SMALL,))


def test_a_class_is_a_result_and_a_name():
    assert class_of("sizes=tiny") == Population("class", "tiny", "sizes")
    assert class_of("sizes:group = a b") == Population("class", "a b", "sizes:group")
    with pytest.raises(InputError, match="write result=class"):
        class_of("tiny")


def test_groups_of_a_cluster_are_classes_too(experiment, tmp_path):
    run_tool(experiment, "cluster", "Blocks", {"clusters": 2, "smallest": 2}, name="found")
    (column,) = (n for n in open_data(experiment, "Blocks").table.classes if "found" in n)
    names = open_data(experiment, "Blocks").table.classes[column]
    assert str(Population("class", names[0], column)) == f"found: {names[0]}"
    counts = []
    for name in names:
        write(experiment, tmp_path / "some.csv", of=(class_of(f"found={name}"),))
        counts.append(len(pd.read_csv(tmp_path / "some.csv")))
    assert sum(counts) == 12
    assert min(counts) > 0


def test_the_command_line_takes_the_same(experiment, tmp_path):
    def run(*arguments):
        out = ["export", str(experiment.path), "Blocks", "--out", str(tmp_path / "cli.csv")]
        return CliRunner().invoke(app, [*out, *arguments])

    done = run("--gate", "small", "--gate", "late", "--class", "sizes=tiny")
    assert done.exit_code == 0, done.output
    assert pd.read_csv(tmp_path / "cli.csv")["label"].tolist() == [2, 2]
    assert run("--selection", "mine").exit_code == 0
    assert pd.read_csv(tmp_path / "cli.csv")["label"].tolist() == [1, 2, 2]
    lost = run("--gate", "old")
    assert lost.exit_code == 1
    assert "no gate 'old'" in lost.output
