from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from napari_tmaps.errors import ExistsError, FormatError, InputError, NotFoundError
from napari_tmaps.store.feature_table import Categories, FeatureTable
from napari_tmaps.store.features import FeatureStore
from napari_tmaps.store.plate_map import load_plate_map, read_plate_map, save_plate_map
from napari_tmaps.store.results import AboutResult, ResultStore


def rows(well, labels):
    labels = np.array(labels, np.int32)
    index = {"plate": "p", "well": well, "site": 1, "t": 0, "label": labels}
    return pd.DataFrame(index).assign(Area=labels * 10.0)


def write(store, *tables):
    part = store.root.parent / "part.parquet"
    store.write_part(part, tables)
    store.collect("Nuclei", [part], [("p", t["well"].iloc[0], 1) for t in tables])


@pytest.fixture
def store(tmp_path):
    features = FeatureStore(tmp_path / "features")
    write(features, rows("A01", [1, 2, 3]), rows("B01", [1, 2]))
    return features


@pytest.fixture
def results(tmp_path, store):
    """One result of a class and a number; objects 2 of A01 have no class."""
    kept = ResultStore(tmp_path / "results")
    about = AboutResult(
        name="mitosis 1", tool="classify", object_type="Nuclei", columns=("class", "probability"),
        classes={"class": ("no", "yes")}, colors={"yes": "#ff0000"}, settings={"seed": 3},
        objects=5, created="2026-01-01T00:00:00",
    )  # fmt: skip
    columns = {
        "class": Categories(np.array([0, -1, 1, 1, 0], np.int32), ("no", "yes")),
        "probability": np.array([0.9, np.nan, 0.8, 0.7, 0.6]),
    }
    kept.save(about, FeatureTable(store, "Nuclei"), columns, pd.DataFrame({"well": ["A01"]}))
    return kept


def test_results_stand_beside_the_features(results, store):
    table = FeatureTable(store, "Nuclei")
    results.attach(table)
    assert table.columns[-2:] == ("mitosis 1:class", "mitosis 1:probability")
    classes = table.column("mitosis 1:class")
    assert classes.codes.tolist() == [0, -1, 1, 1, 0]
    assert classes.names == ("no", "yes")
    np.testing.assert_array_equal(
        table.numbers("mitosis 1:probability"), [0.9, np.nan, 0.8, 0.7, 0.6]
    )
    file = results.root / "Nuclei" / "mitosis 1" / "plate=p" / "A01.parquet"
    frame = pd.read_parquet(file, partitioning=None)  # any other program
    assert frame.columns.tolist() == ["site", "t", "label", "class", "probability"]
    assert results.wells("Nuclei", "mitosis 1")["well"].tolist() == ["A01"]


def test_after_another_analysis_values_stay_with_their_objects(results, store):
    write(store, rows("A01", [3, 4, 1]))
    table = FeatureTable(store, "Nuclei")
    results.attach(table)
    assert table.column("mitosis 1:class").codes.tolist() == [0, 1, -1, 1, 0]
    np.testing.assert_array_equal(
        table.numbers("mitosis 1:probability"), [0.9, 0.8, np.nan, 0.7, 0.6]
    )


def test_results_are_listed_renamed_and_deleted(results):
    assert results.names("Nuclei") == ["mitosis 1"]
    results.rename("Nuclei", "mitosis 1", "dividing")
    assert results.names("Nuclei") == ["dividing"]
    assert results.about("Nuclei", "dividing").settings == {"seed": 3}
    results.remove("Nuclei", "dividing")
    assert results.names("Nuclei") == []
    assert ResultStore(results.root).names("Cells") == []


@pytest.mark.parametrize("whose", [pd, pq, Path])
def test_a_result_is_removed_while_it_is_read(results, store, monkeypatch, whose):
    """By another window: it is not there, which is no damage, and nothing is guessed."""
    table = FeatureTable(store, "Nuclei")
    results.attach(table)
    table.numbers("label")
    name = {pd: "read_parquet", pq: "read_table", Path: "read_text"}[whose]
    real, folder = getattr(whose, name), results.root / "Nuclei" / "mitosis 1"

    def read(*given, **named):
        shutil.rmtree(folder, ignore_errors=True)
        return real(*given, **named)

    monkeypatch.setattr(whose, name, read)
    if whose is Path:
        assert results.names("Nuclei") == []
    with pytest.raises(NotFoundError, match="mitosis 1"):
        results.wells("Nuclei", "mitosis 1") if whose is pd else table.column("mitosis 1:class")


def test_damaged_wells_of_a_result_are_told(results):
    (results.root / "Nuclei" / "mitosis 1" / "wells.parquet").write_bytes(b"damaged")
    with pytest.raises(FormatError, match="Delete the result 'mitosis 1'"):
        results.wells("Nuclei", "mitosis 1")


def test_bad_names_and_damaged_results(results, store):
    table = FeatureTable(store, "Nuclei")
    about = results.about("Nuclei", "mitosis 1")
    with pytest.raises(ExistsError, match="a result 'mitosis 1' of 'Nuclei' already"):
        results.save(about, table, {})
    for name in ("", "../x", "a:b", ".x"):
        with pytest.raises(InputError, match="cannot be the name of a result"):
            results.rename("Nuclei", "mitosis 1", name)
    with pytest.raises(NotFoundError, match="no result of 'Nuclei' 'x'"):
        results.remove("Nuclei", "x")
    with pytest.raises(NotFoundError, match="no column of the result 'mitosis 1' 'x'"):
        results.column(table, "mitosis 1", "x")
    part = results.root / "Nuclei" / "mitosis 1" / "plate=p" / "A01.parquet"
    part.write_bytes(b"x")
    with pytest.raises(FormatError, match="is damaged"):
        results.column(table, "mitosis 1", "class")
    (results.root / "Nuclei" / "mitosis 1" / "result.json").write_text("{}")
    with pytest.raises(FormatError, match="Delete the result 'mitosis 1'"):
        results.about("Nuclei", "mitosis 1")


MAP = "Well,Treatment,Dose,Control,batch\na1,DMSO,0,Negative,x\nB01,drug,2.5,,y\n"


def test_a_plate_map_is_joined_to_the_objects(tmp_path, store):
    (tmp_path / "map.csv").write_text(MAP, encoding="utf-8-sig")
    save_plate_map(read_plate_map(tmp_path / "map.csv", ["p"]), tmp_path, ["p"])
    table = FeatureTable(store, "Nuclei")
    plate_map = load_plate_map(tmp_path, ["p"])
    assert plate_map.columns == ("treatment", "dose", "control", "batch")
    plate_map.attach(table)
    assert table.numbers("dose").tolist() == [0, 0, 0, 2.5, 2.5]
    shown = table.frame(["treatment", "control", "batch"], slice(2, 4))
    assert shown.to_numpy().tolist() == [["DMSO", "negative", "x"], ["drug", "", "y"]]
    assert load_plate_map(store.root, ["p"]) is None
    (tmp_path / "part.csv").write_text("plate,well,dose\np,A01,1\n")
    part = read_plate_map(tmp_path / "part.csv", ["p"])
    fresh = FeatureTable(store, "Nuclei")
    part.attach(fresh)
    np.testing.assert_array_equal(fresh.numbers("dose"), [1, 1, 1, np.nan, np.nan])


@pytest.mark.parametrize(
    ("text", "match"),
    [
        pytest.param(
            "place,dose\nA1,2\n", "no column 'well'. Its columns are place, dose", id="well"
        ),
        pytest.param("well\nA\n", "'A' is no well name", id="no well"),
        pytest.param(
            "plate,well\nq,A1\n", "the plate 'q', which the experiment has not", id="plate"
        ),
        pytest.param("well\nA1\nA01\n", "well A01 of plate 'p' twice", id="twice"),
        pytest.param("well,dose\nA1,2 uM\n", "the dose '2 uM' is no number", id="unit"),
        pytest.param("well,control\nA1,maybe\n", "the control 'maybe' is none of", id="control"),
        pytest.param("", "is no CSV table", id="empty"),
    ],
)
def test_bad_plate_maps(tmp_path, text, match):
    (tmp_path / "map.csv").write_text(text)
    with pytest.raises(FormatError, match=match):
        read_plate_map(tmp_path / "map.csv", ["p"])
    with pytest.raises(NotFoundError, match="no plate map"):
        read_plate_map(tmp_path / "none.csv", ["p"])
