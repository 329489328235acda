from __future__ import annotations

import tracemalloc
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from napari_tmaps.errors import FormatError, InputError, NotFoundError, StorageError
from napari_tmaps.store.features import INDEX, FeatureStore
from napari_tmaps.store.tables import write_table


def rows(well, site, labels, **columns):
    table = pd.DataFrame(
        {"plate": "p", "well": well, "site": site, "t": 0, "label": np.array(labels, np.int32)}
    )
    table["Area"] = [10.0 * label for label in labels]
    return table.assign(**columns)


@pytest.fixture
def store(tmp_path):
    features = FeatureStore(tmp_path / "features")
    parts = [tmp_path / "1.parquet", tmp_path / "2.parquet"]
    features.write_part(parts[0], [rows("B02", 2, [1]), rows("B10", 1, [2, 1])])
    features.write_part(parts[1], [rows("B02", 1, [1, 2]), rows("B03", 1, [])])
    done = [("p", "B02", 1), ("p", "B02", 2), ("p", "B03", 1), ("p", "B10", 1)]
    features.collect("Nuclei", parts, done)
    return features


def test_rows_come_in_the_order_of_the_plate(store):
    table = store.read("Nuclei")
    assert table.index.names == INDEX
    assert [(w, s, label) for _, w, s, _, label in table.index] == [
        ("B02", 1, 1), ("B02", 1, 2), ("B02", 2, 1), ("B10", 1, 1), ("B10", 1, 2),
    ]  # fmt: skip
    assert table["Area"].tolist() == [10.0, 20.0, 10.0, 10.0, 20.0]
    assert store.count("Nuclei") == 5
    assert store.columns("Nuclei") == ["Area"]
    assert store.object_types() == ["Nuclei"]


def test_the_cut_into_jobs_does_not_matter(store, tmp_path):
    other = FeatureStore(tmp_path / "other")
    part = tmp_path / "all.parquet"
    other.write_part(
        part,
        [rows("B10", 1, [1, 2]), rows("B03", 1, []), rows("B02", 2, [1]), rows("B02", 1, [1, 2])],
    )
    done = [("p", well, site) for well in ("B02", "B03", "B10") for site in (1, 2)]
    other.collect("Nuclei", [part], done)
    for path in store.root.rglob("*.parquet"):
        assert (other.root / path.relative_to(store.root)).read_bytes() == path.read_bytes()


def test_collect_takes_one_part_at_a_time(tmp_path):
    """Also of wells that two jobs have made together."""
    features = FeatureStore(tmp_path / "features")
    wells = [f"{row}{column:02d}" for row in "ABCDE" for column in range(1, 9)]
    parts, done = [], []
    for number, (well, following) in enumerate(pairwise(wells)):
        parts.append(tmp_path / f"{number}.parquet")
        some = [rows(well, 2, range(5000)), rows(following, 1, range(5000))]
        features.write_part(parts[-1], some)
        done += [("p", well, 2), ("p", following, 1)]
    features.collect("Nuclei", parts[:1], done[:2])  # what pyarrow loads
    tracemalloc.start()
    try:
        features.collect("Nuclei", parts, done)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    whole = features.read("Nuclei")
    assert len(whole) == 10_000 * len(parts)
    assert peak < whole.reset_index().memory_usage(deep=True).sum() / 4
    assert features.read_site("Nuclei", "p", "B01", 1)["Area"].sum() == 10 * sum(range(5000))


def test_analysing_one_site_again_replaces_its_rows_alone(store, tmp_path):
    part = tmp_path / "again.parquet"
    store.write_part(part, [rows("B02", 1, [7])])
    store.collect("Nuclei", [part], [("p", "B02", 1)])
    table = store.read("Nuclei").reset_index()
    assert table.loc[table["well"] == "B02", ["site", "label"]].to_numpy().tolist() == [
        [1, 7],
        [2, 1],
    ]
    assert len(table) == 4


def test_a_site_that_lost_its_objects(store, tmp_path):
    part = tmp_path / "none.parquet"
    store.write_part(part, [rows("B10", 1, [])])
    store.collect("Nuclei", [part], [("p", "B10", 1)])
    assert "B10" not in store.read("Nuclei").reset_index()["well"].tolist()


def test_columns_on_demand(store):
    assert list(store.read("Nuclei", ["Area"]).columns) == ["Area"]
    with pytest.raises(NotFoundError, match="Did you mean 'Area'"):
        store.read("Nuclei", ["Aera"])
    with pytest.raises(NotFoundError, match="'Nuclei'"):
        store.read("Cells")


def test_one_site(store):
    assert store.read_site("Nuclei", "p", "B02", 1)["Area"].tolist() == [10.0, 20.0]
    assert store.read_site("Nuclei", "p", "B03", 1).empty
    assert store.read_site("Nuclei", "p", "H12", 1).empty


def test_columns_that_only_some_wells_have(store, tmp_path):
    part = tmp_path / "more.parquet"
    store.write_part(part, [rows("C01", 1, [1], Extra=[5.0])])
    store.collect("Nuclei", [part], [("p", "C01", 1)])
    table = store.read("Nuclei")
    assert table["Extra"].isna().tolist() == [True] * 5 + [False]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_written_tables_are_the_same(store, tmp_path, ending):
    path = tmp_path / f"out.{ending}"
    assert write_table(store, "Nuclei", path) == 5
    back = pd.read_csv(path) if ending == "csv" else pq.read_table(path).to_pandas()
    expected = store.read("Nuclei").reset_index()
    assert back.columns.tolist() == [*INDEX, "Area"]
    assert back["Area"].tolist() == expected["Area"].tolist()
    assert back["well"].tolist() == expected["well"].tolist()


def test_writing_refuses(store, tmp_path):
    with pytest.raises(InputError, match=r"\.csv or \.parquet"):
        write_table(store, "Nuclei", tmp_path / "x.xlsx")
    with pytest.raises(NotFoundError, match="Cells"):
        write_table(store, "Cells", tmp_path / "x.csv")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        write_table(store, "Nuclei", tmp_path / "file" / "x.csv")


def test_damaged_table(store):
    path = next(store.root.rglob("B10.parquet"))
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(FormatError, match="damaged"):
        store.read("Nuclei")


def test_remove(store):
    store.remove("Nuclei")
    assert store.object_types() == []


def test_measured_numbers_are_written_as_they_are(store):
    """A dictionary of numbers that do not repeat doubles what is to be read."""
    columns = pq.ParquetFile(store.files("Nuclei")[0]).metadata.row_group(0)
    kinds = {
        columns.column(n).path_in_schema: columns.column(n).has_dictionary_page
        for n in range(columns.num_columns)
    }
    assert kinds["plate"]
    assert not kinds["Area"]
