from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import SVC
from tests.tools.conftest import write

from napari_tmaps.errors import FormatError, InputError, NotFoundError
from napari_tmaps.store.feature_table import FeatureTable
from napari_tmaps.store.features import INDEX, FeatureStore
from napari_tmaps.store.selections import Selection
from napari_tmaps.tools import classifiers
from napari_tmaps.tools.classify import apply_model, classify, most_uncertain
from napari_tmaps.tools.object_model import load_model, save_model
from napari_tmaps.tools.values import ToolData

METHODS = ["random_forest", "svm", "logistic_regression", "gradient_boosting"]


def peer(method):
    """What scikit-learn is asked for, to the letter."""
    if method == "random_forest":
        return RandomForestClassifier(100, class_weight="balanced", random_state=0, n_jobs=1)
    if method == "logistic_regression":
        return LogisticRegression(max_iter=2000, class_weight="balanced")
    if method == "gradient_boosting":
        return GradientBoostingClassifier(random_state=0)
    cut = StratifiedKFold(5, shuffle=True, random_state=0)
    svc = SVC(class_weight="balanced", gamma="scale")
    return CalibratedClassifierCV(svc, method="sigmoid", cv=cut, ensemble=False)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("method", METHODS)
def test_predictions_from_arrays_are_those_of_scikit_learn(method, classes):
    random = np.random.default_rng(1)
    codes = np.repeat(np.arange(classes), (12, 20, 9, 15)[:classes])
    samples = random.normal(size=(6, codes.size)).astype(np.float32)
    samples[:2] += codes * 0.8
    others = np.ascontiguousarray(random.normal(1, 2, size=(6, 700)), np.float32)
    arrays = classifiers.train(method, samples, codes, 0)
    wide = np.float32 if method in ("random_forest", "gradient_boosting") else np.float64
    expected = peer(method).fit(samples.T.astype(wide), codes).predict_proba(others.T.astype(wide))
    found = classifiers.predict(method, arrays, others)
    np.testing.assert_allclose(found, expected, atol=2e-5)
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).all()
    assert classifiers.fault(method, arrays, classes, 6) == ""


@pytest.fixture
def data(tmp_path):
    """200 objects of two kinds, told apart by 'Big' alone; 15 of each are selected."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        [("p", well, 1, 0, n) for well in ("A01", "A02") for n in range(1, 101)], columns=INDEX
    )
    frame["Big"] = np.where(frame["label"] > 50, 10.0, 0.0) + random.normal(size=200)
    frame["Noise"] = random.normal(size=200)
    frame["Flat"] = 3.0
    frame["Empty"] = np.nan
    store = FeatureStore(tmp_path / "features")
    write(store, "Nuclei", frame)
    selections = {
        "small": Selection(frame.iloc[:15][INDEX], "#112233"),
        "big": Selection(frame.iloc[60:75][INDEX], "#445566"),
    }
    return ToolData(FeatureTable(store, "Nuclei"), selections)


@pytest.mark.parametrize("method", METHODS)
def test_every_object_gets_its_class(data, method):
    result = classify(data, method=method)
    found = result.columns["class"]
    truth = data.table.numbers("label") > 50
    assert found.names == ("small", "big")
    assert (found.codes == truth).all()
    assert result.colors == {"small": "#112233", "big": "#445566"}
    (a, b), (c, d) = result.report["confusion"]
    assert a + b == c + d == 15
    assert a + d >= 29  # a person who looks at 'Big' makes no more than one mistake
    assert result.report["accuracy"] == (a + d) / 30
    assert result.report["recall"] == [a / 15, d / 15]
    assert result.report["precision"] == [a / (a + c), d / (b + d)]
    assert next(iter(result.report["importance"])) == "Big"
    both = [result.columns[f"probability {name}"] for name in found.names]
    np.testing.assert_allclose(both[0] + both[1], 1, atol=1e-6)
    assert (result.columns["probability"] == np.maximum(*both)).all()
    assert result.notes == (
        "Features that have no value at all were left out: 'Empty'.",
        "Features that are the same in all of them were left out: 'Flat'.",
    )


def test_the_same_examples_give_the_same_classes(data):
    first, again = classify(data, seed=3), classify(data, seed=3)
    assert (first.columns["probability"] == again.columns["probability"]).all()
    assert first.report == again.report


@pytest.mark.parametrize("method", METHODS)
def test_a_classifier_is_stored_and_used_elsewhere(data, method, tmp_path):
    result = classify(data, method=method, features=("Big", "Noise"))
    path = tmp_path / "model.npz"
    save_model(result.model, path)
    loaded = load_model(path)
    assert loaded.about == result.model.about
    assert loaded.about.training == (15, 15)
    assert loaded.about.plates == ("p",)
    again = apply_model(loaded, data)
    for name, value in result.columns.items():
        if name != "class":
            np.testing.assert_array_equal(again.columns[name], value)
    other = FeatureStore(tmp_path / "other")
    frame = pd.DataFrame([("q", "A01", 1, 0, n) for n in (1, 2, 3)], columns=INDEX)
    write(other, "Nuclei", frame.assign(Noise=0.0, Big=[0.0, 10.0, np.nan], More=1.0))
    codes = apply_model(loaded, ToolData(FeatureTable(other, "Nuclei"))).columns["class"].codes
    assert codes[:2].tolist() == [0, 1]
    assert codes[2] >= 0  # the median of the examples stands for what is missing
    write(other, "Drops", frame.assign(Noise=0.0, Big=1.0))
    told = apply_model(loaded, ToolData(FeatureTable(other, "Drops"))).notes
    assert told == ("It was trained with Nuclei; these are Drops.",)
    write(other, "Cells", frame.assign(Noise=0.0))
    with pytest.raises(InputError, match=r"lack 1 of them: 'Big'\. Measure them"):
        apply_model(loaded, ToolData(FeatureTable(other, "Cells")))


def test_missing_values_go_by_the_policy(tmp_path, data):
    frame = data.table.frame(data.table.columns, slice(0, 200))
    frame.loc[[0, 199], "Noise"] = np.nan
    store = FeatureStore(tmp_path / "gaps")
    write(store, "Nuclei", frame)
    gaps = ToolData(FeatureTable(store, "Nuclei"), data.selections)
    names = ("Big", "Noise")
    median = classify(gaps, features=names)
    assert (median.columns["class"].codes >= 0).all()
    objects = classify(gaps, features=names, missing="leave_out_objects")
    assert np.flatnonzero(objects.columns["class"].codes < 0).tolist() == [0, 199]
    assert np.isnan(objects.columns["probability"][199])
    assert "1 of 30 examples lack a feature and were left out." in objects.notes
    assert "2 objects lack a feature and have no class." in objects.notes
    features = classify(gaps, features=names, missing="leave_out_features")
    assert features.model.about.features == ("Big",)
    assert (features.columns["class"].codes >= 0).all()


def test_most_uncertain_objects_come_first(data):
    result = classify(data, method="logistic_regression", features=("Big",))
    rows = most_uncertain(result, 10)
    distance = np.abs(result.columns["probability big"] - 0.5)
    assert rows.tolist() == np.argsort(distance, kind="stable")[:10].tolist()


def test_objects_that_are_gone_or_in_two_classes_are_no_examples(data):
    first = data.selections["small"].objects
    gone = first.iloc[:3].assign(label=[900, 901, 902])
    selections = {
        "small": Selection(pd.concat([first, gone])),
        "big": Selection(pd.concat([data.selections["big"].objects, first.iloc[:2]])),
    }
    result = classify(ToolData(data.table, selections), features=("Big",))
    assert result.report["training"] == {"small": 13, "big": 15}
    assert "3 of 18 objects of the selection 'small' are gone" in result.notes[0]
    assert "in more than one class: 2 objects" in result.notes[1]


def test_bad_classes_and_features(data):
    few = Selection(data.selections["big"].objects.iloc[:1])
    with pytest.raises(InputError, match="class 'big' has 1 object to learn from"):
        classify(ToolData(data.table, {**data.selections, "big": few}))
    gone = few.objects.assign(label=[900])
    few = Selection(pd.concat([few.objects, gone], ignore_index=True))
    with pytest.raises(InputError, match=r"has 1 object to.*1 of 2 objects of .* 'big' are gone"):
        classify(ToolData(data.table, {**data.selections, "big": few}))
    with pytest.raises(InputError, match="at least two different classes, not 1"):
        classify(data, classes=("big",))
    with pytest.raises(NotFoundError, match="no selection 'bag'"):
        classify(data, classes=("big", "bag"))
    with pytest.raises(InputError, match=r"No feature of 2.*no value at all.*the same"):
        classify(data, features=("Flat", "Empty"))
    with pytest.raises(NotFoundError, match="no feature 'Bog'"):
        classify(data, features=("Bog",))
    with pytest.raises(InputError, match="named twice"):
        classify(data, features=("Big", "Big"))
    with pytest.raises(InputError, match="class 'small' has 0 objects"):
        classify(data, features=("Big", "Empty"), missing="leave_out_objects")


def test_two_examples_of_a_class_are_enough(data):
    few = {name: Selection(part.objects.iloc[:2]) for name, part in data.selections.items()}
    for method in METHODS:
        result = classify(ToolData(data.table, few), method=method, features=("Big",))
        assert result.report["folds"] == 2


def damaged(name):
    def change(values):
        values[name] = values[name][:-1]

    return change


def foreign(values):
    values["about"] = np.array({"a": 1}, object)


def other_kind(values):
    values["about"] = np.array('{"format": "x"}')


@pytest.mark.parametrize(
    ("method", "change", "match"),
    [
        pytest.param("random_forest", damaged("values"), "is damaged", id="trees"),
        pytest.param("random_forest", lambda v: v.pop("left"), "not whole", id="no trees"),
        pytest.param("gradient_boosting", damaged("start"), "'start' should", id="boosting"),
        pytest.param("svm", damaged("vectors"), "is damaged", id="vectors"),
        pytest.param("svm", lambda v: v.pop("gamma"), "'gamma' should", id="svm"),
        pytest.param(
            "svm", lambda v: v.update(counts=np.array([-3, 3 + len(v["vectors"])])),
            "do not fit its classes", id="counts"),
        pytest.param(
            "logistic_regression", lambda v: v.update(weights=v["weights"] * np.nan),
            "holds no numbers", id="NaN"),
        pytest.param("svm", damaged("ready_scale"), "one number for each feature", id="scale"),
        pytest.param("svm", foreign, "is no classifier", id="pickle"),
        pytest.param("svm", other_kind, "is no classifier", id="other"),
        pytest.param("svm", lambda v: v.pop("about"), "is no classifier", id="about"),
    ],
)  # fmt: skip
def test_damaged_and_foreign_classifiers_are_refused(data, tmp_path, method, change, match):
    path = tmp_path / "model.npz"
    save_model(classify(data, method=method, features=("Big", "Noise")).model, path)
    with np.load(path) as file:
        values = dict(file)
    change(values)
    np.savez(path, **values)
    with pytest.raises(FormatError, match=match):
        load_model(path)


def test_files_of_classifiers(data, tmp_path):
    model = classify(data, features=("Big",)).model
    with pytest.raises(InputError, match=r"should end in \.npz"):
        save_model(model, tmp_path / "model.pkl")
    with pytest.raises(NotFoundError, match="no classifier"):
        load_model(tmp_path / "none.npz")
    for content in (b"x", b"well,treatment\nA01,drug\n", b""):
        (tmp_path / "x.npz").write_bytes(content)
        with pytest.raises(FormatError, match="is no classifier") as told:
            load_model(tmp_path / "x.npz")
        assert "pickle" not in str(told.value)
    about = model.about.model_copy(update={"colors": ("#000000",)})
    save_model(type(model)(about, model.preparation, model.arrays), tmp_path / "y.npz")
    with pytest.raises(FormatError, match="one colour each"):
        load_model(tmp_path / "y.npz")
