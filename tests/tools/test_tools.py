from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from tests.tools.conftest import objects, write

from napari_tmaps.errors import InputError
from napari_tmaps.store.feature_table import FeatureTable
from napari_tmaps.store.features import INDEX, FeatureStore
from napari_tmaps.store.gates import make_gate
from napari_tmaps.store.plate_map import PlateMap
from napari_tmaps.tools import TOOLS
from napari_tmaps.tools.values import ToolData, chosen_features
from napari_tmaps.tools.wells import aggregate_wells


def run(tool, data, **settings):
    spec = TOOLS[tool]
    return spec.function(data, **spec.validate(settings))


@pytest.fixture
def crowds(tmp_path):
    """300 objects in three crowds of 150, 100 and 50 objects, one object without a value."""
    random = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], (150, 100, 50))
    frame = pd.DataFrame([("p", "A01", 1, 0, n + 1) for n in range(300)], columns=INDEX)
    places = np.array([(0, 0), (12, 0), (0, 12)])[truth] + random.normal(size=(300, 2))
    frame["X"], frame["Y"] = places.T
    frame.loc[7, "X"] = np.nan
    store = FeatureStore(tmp_path / "features")
    write(store, "Nuclei", frame)
    return ToolData(FeatureTable(store, "Nuclei")), truth, frame


@pytest.mark.parametrize("method", ["kmeans", "gaussian_mixture", "hdbscan"])
def test_crowds_are_found(crowds, method):
    data, truth, _ = crowds
    result = run("cluster", data, method=method, clusters=3, missing="leave_out_objects")
    groups = result.columns["group"]
    assert groups.codes[7] == -1
    there = groups.codes >= 0
    assert there.sum() >= 280  # hdbscan leaves out who stands alone
    assert adjusted_rand_score(truth[there], groups.codes[there]) > 0.98
    assert groups.names == ("group 1", "group 2", "group 3")
    assert list(result.report["sizes"].values()) == sorted(np.bincount(groups.codes[there]))[::-1]
    assert result.report["without"] == 300 - there.sum()
    again = run("cluster", data, method=method, clusters=3, missing="leave_out_objects")
    assert (again.columns["group"].codes == groups.codes).all()


def test_where_an_object_lies_is_no_property_of_it(store):
    """Unless features are named, cells of the upper left corner are no group."""
    frame = objects()
    # The name of a column, and whether it is used.
    columns = {
        "Morphology_Area": True,
        "Morphology_Local_Centroid_x": False,
        "Geometry_Top": False,
        "Geometry_Centroid_y_um": False,
        "Intensity_max_x_DAPI": False,
        "Solid_Centroid_z": False,
        "Intensity_max_DAPI": True,
        "Something_of_ones_own": True,
        "Parent_label_Cells": False,
    }
    frame = frame[[*INDEX, "is_border"]].assign(**dict.fromkeys(columns, 1.0))
    write(store, "Nuclei", frame)
    table = FeatureTable(store, "Nuclei")
    assert chosen_features(table, []) == tuple(name for name, used in columns.items() if used)
    assert chosen_features(table, ["Geometry_Top"]) == ("Geometry_Top",)
    write(store, "Rings", frame[[*INDEX, "Geometry_Top"]])
    with pytest.raises(InputError, match="only those that say where they lie"):
        chosen_features(FeatureTable(store, "Rings"), [])


def test_directions_are_those_of_the_library(crowds):
    data, _, frame = crowds
    result = run("embed", data, missing="leave_out_objects")
    scaled = (frame[["X", "Y"]] - frame[["X", "Y"]].mean()) / frame[["X", "Y"]].std(ddof=0)
    expected = PCA(2).fit(scaled.dropna().to_numpy())
    places = expected.transform(scaled.dropna().to_numpy())
    for n in range(2):
        found = result.columns[f"PCA {n + 1}"]
        assert np.isnan(found[7])
        np.testing.assert_allclose(np.abs(np.delete(found, 7)), np.abs(places[:, n]), atol=1e-4)
    np.testing.assert_allclose(
        result.report["explained"], expected.explained_variance_ratio_, rtol=1e-5
    )


def test_embeddings_that_cannot_be(crowds, monkeypatch):
    data, _, _ = crowds
    with pytest.raises(InputError, match="have no 3 dimensions"):
        run("embed", data, dimensions=3)
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(InputError, match="pip install umap-learn"):
        run("embed", data, method="umap")
    table = data.table
    table.add("Few", lambda t: np.where(t.numbers("label") < 9, t.numbers("X"), np.nan))
    with pytest.raises(InputError, match="7 objects have all features, too few for 200 groups"):
        run("cluster", data, clusters=200, features=("Few",), missing="leave_out_objects")


def test_a_feature_as_colours(table):
    result = run("heatmap", ToolData(table), feature="Area", lower=0.0, upper=100.0)
    np.testing.assert_array_equal(result.columns["Area"], table.numbers("Area"))
    assert result.report == {"limits": [10, 80], "without": 1}
    assert result.notes == ("1 objects have no 'Area' and no colour.",)
    with pytest.raises(InputError, match="Say which feature"):
        run("heatmap", ToolData(table))
    with pytest.raises(InputError, match="lower must be the smaller"):
        run("heatmap", ToolData(table), feature="Area", lower=50.0, upper=50.0)
    table.add("Empty", lambda t: np.full(8, np.nan))
    with pytest.raises(InputError, match="'Empty' has no number in any object"):
        run("heatmap", ToolData(table), feature="Empty")


def test_the_first_rule_that_fits_gives_the_class(table):
    gates = {"edge": make_gate({"kind": "filter", "text": "is_border"})}
    data = ToolData(table, gates=gates)
    result = run(
        "classify_rules", data, rules=("edge: gate edge", "big: Area > 40", "edge: label == 2"),
        otherwise="rest",
    )  # fmt: skip
    column = result.columns["class"]
    assert [column.names[code] for code in column.codes] == [
        "edge", "edge", "rest", "rest", "edge", "big", "big", "big",
    ]  # fmt: skip
    assert result.report["sizes"] == {"edge": 3, "big": 3, "rest": 2}
    assert (
        run("classify_rules", data, rules=("a: Area > 70",)).columns["class"].codes < 0
    ).sum() == 7
    for rules, match in [
        ((), "at least one rule"),
        (("Area > 4",), "should be a class"),
        (("a: gate b",), "no saved gate. Gates: 'edge'"),
    ]:
        with pytest.raises(InputError, match=match):
            run("classify_rules", data, rules=rules)


def mapped(table, **columns):
    wells = pd.DataFrame([(p, w) for p, w, _ in table.wells], columns=["plate", "well"])
    PlateMap(wells.assign(**columns)).attach(table)
    return ToolData(table)


def test_wells_have_the_values_of_their_objects(table):
    mapped(table, treatment=["DMSO", "X"], dose=[0.0, 2.0])
    wells = aggregate_wells(table, "Area", "mean")
    assert wells["value"].tolist() == [(10 + 20 + 40) / 3, 65]
    assert wells["objects"].tolist() == [3, 4]
    assert wells["treatment"].tolist() == ["DMSO", "X"]
    assert wells["dose"].tolist() == [0, 2]
    assert aggregate_wells(table, "Area", "count", "Area > 15")["value"].tolist() == [2, 4]
    assert aggregate_wells(table, "Area", "std")["value"][1] == pytest.approx(np.sqrt(500 / 3))
    assert np.isnan(aggregate_wells(table, "Area", "median", "label > 9")["value"]).all()


@pytest.fixture
def screen(store):
    """Two negative wells near 10, two positive near 100, a hit of 60 and a miss of 11."""
    values = {"A01": 9, "A02": 11, "A03": 98, "A04": 102, "B01": 11, "B02": 60}
    frame = pd.DataFrame(
        [("p", well, 1, 0, n, float(v)) for well, v in values.items() for n in (1, 2, 3)],
        columns=[*INDEX, "Signal"],
    )
    write(store, "Cells", frame)
    return FeatureTable(store, "Cells")


def test_an_assay_is_judged_and_its_hits_ranked(screen):
    controls = ["negative", "negative", "positive", "positive", "", ""]
    result = run("assay", mapped(screen, control=controls), feature="Signal")
    facts = result.report["plates"]["p"]
    s, t = np.std([9, 11], ddof=1), np.std([98, 102], ddof=1)
    assert facts["z_prime"] == pytest.approx(1 - 3 * (s + t) / 90)
    assert facts["negative"] == facts["positive"] == 2
    wells = result.wells
    assert wells["well"].tolist()[:2] == ["B02", "B01"]
    assert wells["rank"].tolist()[:2] == [1, 2]
    assert wells["rank"].isna().sum() == 4
    assert wells["percent_of_control"].tolist()[0] == pytest.approx(100 * 50 / 90)
    assert wells["robust_z"].tolist()[0] == pytest.approx(50 / 1.4826)
    assert result.notes == ()


def test_an_assay_without_controls(screen):
    result = run("assay", ToolData(screen), feature="Signal")
    assert result.report["plates"]["p"]["z_prime"] is None
    assert "without negative controls, compared with all their wells: p" in result.notes[0]
    assert result.wells["rank"].notna().all()
    with pytest.raises(InputError, match="Say which feature"):
        run("assay", ToolData(screen))


def test_curves_of_treatments(store):
    doses = [0.1, 0.3, 1, 3, 10, 30]
    rows, plan = [], []
    for row, name, ec50 in (("A", "strong", 0.5), ("B", "weak", 5.0), ("C", "idle", None)):
        for column, dose in enumerate(doses, start=1):
            well = f"{row}{column:02d}"
            value = 100 / (1 + ec50 / dose) if ec50 else 7.0
            rows.append(("p", well, 1, 0, 1, value))
            plan.append(("p", well, name, dose))
    write(store, "Cells", pd.DataFrame(rows, columns=[*INDEX, "Signal"]))
    table = FeatureTable(store, "Cells")
    with pytest.raises(InputError, match="no column 'treatment'"):
        run("dose_response", ToolData(table), feature="Signal")
    PlateMap(pd.DataFrame(plan, columns=["plate", "well", "treatment", "dose"])).attach(table)
    result = run("dose_response", ToolData(table), feature="Signal")
    assert result.wells["treatment"].tolist() == ["strong", "weak"]
    np.testing.assert_allclose(result.wells["ec50"], [0.5, 5], rtol=1e-3)
    assert result.notes == (
        "idle: The response is the same at all doses, so there is no curve to fit.",
    )


def test_plates_are_made_alike(store):
    frame = pd.DataFrame(
        [(p, w, 1, 0, n) for p in ("p", "q") for w in ("A01", "A02") for n in range(1, 21)],
        columns=INDEX,
    )
    value = np.random.default_rng(0).normal(size=80)
    frame["Stain"] = np.where(frame["plate"] == "p", 5 * value + 100, 2 * value + 7)
    write(store, "Cells", frame)
    table = FeatureTable(store, "Cells")
    found = run("normalise", ToolData(table), feature="Stain").columns["Stain normalised"]
    np.testing.assert_allclose(np.median(found[:40]), 0, atol=1e-9)
    a, b = value[:40], value[40:]
    for ours, plain in ((found[:40], a), (found[40:], b)):
        wide = 1.4826 * np.median(np.abs(plain - np.median(plain)))
        np.testing.assert_allclose(ours, (plain - np.median(plain)) / wide)
    with pytest.raises(InputError, match="no negative controls"):
        run("normalise", ToolData(table), feature="Stain", reference="negative_controls")
    data = mapped(table, control=["negative", "", "negative", ""])
    plain = run("normalise", data, feature="Stain", reference="negative_controls", robust=False)
    np.testing.assert_allclose(
        plain.columns["Stain normalised"][:40], (a - a[:20].mean()) / a[:20].std(ddof=1)
    )
    few = run("normalise", data, feature="Stain", reference="negative_controls", fewest=30)
    assert np.isnan(few.columns["Stain normalised"]).all()
    assert few.notes[0] == "p: 20 reference objects, fewer than 30; no values."
    both = run("normalise", data, feature="Stain", by="all", robust=False)
    stain = frame["Stain"].to_numpy()
    np.testing.assert_allclose(
        both.columns["Stain normalised"], (stain - stain.mean()) / stain.std(ddof=1)
    )
    table.add("Flat", lambda t: np.ones(80))
    assert "do not differ" in run("normalise", data, feature="Flat").notes[0]
