from __future__ import annotations

import pandas as pd
import pytest

from napari_tmaps.errors import FormatError, InputError, NotFoundError
from napari_tmaps.store.feature_table import FeatureTable
from napari_tmaps.store.features import INDEX, FeatureStore
from napari_tmaps.store.selections import Selection, SelectionStore


def some(*labels, well="B03"):
    return pd.DataFrame([("p", well, 1, 0, label) for label in labels], columns=INDEX)


@pytest.fixture
def kept(tmp_path):
    return SelectionStore(tmp_path / "selections")


def test_selections_are_kept_with_names_colours_and_objects(kept):
    assert kept.load("Nuclei") == {}
    kept.set("Nuclei", "mitotic", Selection(some(2, 5), "#ff0000"))
    kept.set("Nuclei", "others", Selection(some(5, 7), "#00ff00"))
    kept.set("Nuclei", "none yet", Selection(some()))
    loaded = kept.load("Nuclei")
    assert list(loaded) == ["mitotic", "others", "none yet"]
    assert loaded["mitotic"].color == "#ff0000"
    assert loaded["others"].objects["label"].tolist() == [5, 7]
    assert loaded["none yet"].objects.empty
    frame = pd.read_parquet(kept.root / "Nuclei.parquet")  # any other program
    assert frame["selection"].tolist() == ["mitotic", "mitotic", "others", "others"]
    kept.set("Nuclei", "others", None)
    assert list(kept.load("Nuclei")) == ["mitotic", "none yet"]
    kept.save("Nuclei", {})
    assert kept.load("Nuclei") == {}


def test_a_click_adds_and_the_next_one_removes():
    one = Selection(some(1)).toggled(some(2))
    assert one.objects["label"].tolist() == [1, 2]
    assert one.toggled(some(1)).objects["label"].tolist() == [2]


def test_objects_that_are_gone_are_told(tmp_path):
    store = FeatureStore(tmp_path / "features")
    part = tmp_path / "part.parquet"
    store.write_part(part, [some(1, 2, 3).assign(Area=1.0)])
    store.collect("Nuclei", [part], [("p", "B03", 1)])
    rows, gone = Selection(some(3, 9, 1)).rows(FeatureTable(store, "Nuclei"))
    assert rows.tolist() == [0, 2]
    assert gone["label"].tolist() == [9]


def test_bad_selections(kept):
    with pytest.raises(InputError, match="'red' is no colour"):
        Selection(some(1), "red")
    with pytest.raises(InputError, match="need the column 'label'"):
        Selection(some(1).drop(columns="label"))
    with pytest.raises(InputError, match="needs a name"):
        kept.set("Nuclei", "", Selection(some(1)))
    with pytest.raises(NotFoundError, match="no selection 'x'"):
        kept.set("Nuclei", "x", None)
    kept.root.mkdir()
    (kept.root / "Nuclei.parquet").write_bytes(b"PAR1 is not enough")
    with pytest.raises(FormatError, match="holds no selections"):
        kept.load("Nuclei")
    some(1).to_parquet(kept.root / "Nuclei.parquet")
    with pytest.raises(FormatError, match="holds no selections"):
        kept.load("Nuclei")
