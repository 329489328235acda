from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_tmaps.errors import InputError, NotFoundError, StorageError
from napari_tmaps.store.feature_export import write_objects
from napari_tmaps.store.feature_table import Categories, FeatureTable
from napari_tmaps.store.features import FeatureStore


@pytest.fixture
def table(tmp_path):
    """Three objects in two wells; a result that gives the second no class."""
    store = FeatureStore(tmp_path / "features")
    frame = pd.DataFrame(
        {"plate": "p", "well": ["A01", "A01", "B01"], "site": 1, "t": 0, "label": [1, 2, 1]}
    ).assign(Area=[1.5, np.nan, 3.0])
    store.write_part(tmp_path / "part.parquet", [frame])
    store.collect("Nuclei", [tmp_path / "part.parquet"], [("p", "A01", 1), ("p", "B01", 1)])
    found = FeatureTable(store, "Nuclei")
    codes = np.array([1, -1, 0], np.int32)
    found.add("groups:group", lambda t: Categories(codes, ("a, or b", "c")))
    return found


@pytest.mark.parametrize(("ending", "read"), [("csv", pd.read_csv), ("parquet", pd.read_parquet)])
def test_features_and_results_in_one_table(table, tmp_path, ending, read):
    path = tmp_path / f"out.{ending}"
    assert write_objects(table, path) == 3
    frame = read(path)
    assert frame.columns.tolist() == [
        "plate", "well", "site", "t", "label", "Area", "groups:group",
    ]  # fmt: skip
    assert frame["well"].tolist() == ["A01", "A01", "B01"]
    np.testing.assert_array_equal(frame["Area"], [1.5, np.nan, 3])
    assert frame["groups:group"].fillna("-").tolist() == ["c", "-", "a, or b"]
    rows = np.array([False, True, True])
    assert write_objects(table, path, columns=["groups:group"], rows=rows) == 2
    assert read(path).shape == (2, 6)
    assert write_objects(table, path, rows=np.zeros(3, bool)) == 0
    assert read(path).shape == (0, 7)


def test_tables_that_cannot_be_written(table, tmp_path):
    with pytest.raises(InputError, match=r"should end in \.csv or \.parquet"):
        write_objects(table, tmp_path / "out.xls")
    with pytest.raises(NotFoundError, match="no column 'Aera'"):
        write_objects(table, tmp_path / "out.csv", columns=["Aera"])
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        write_objects(table, tmp_path / "file" / "out.csv")
