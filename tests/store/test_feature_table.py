from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_tmaps.errors import FormatError, InputError, NotFoundError, StorageError
from napari_tmaps.store.feature_table import Categories, FeatureTable
from napari_tmaps.store.features import INDEX, FeatureStore


def rows(plate, well, labels, **columns):
    table = pd.DataFrame(
        {"plate": plate, "well": well, "site": 1, "t": 0, "label": np.array(labels, np.int32)}
    )
    return table.assign(**columns)


@pytest.fixture
def store(tmp_path):
    """Three wells on two plates; 'Late' was measured in one of them only, B10 has no object."""
    features = FeatureStore(tmp_path / "features")
    tables = [
        rows("p1", "B03", [1, 2], Area=[3.0, 1.0], is_border=[True, False]),
        rows("p1", "B10", [], Area=[], is_border=np.array([], bool)),
        rows("p2", "A01", [1, 4], Area=[2.0, np.nan], is_border=[False, False], Late=[7, 8]),
    ]
    for table, place in zip(tables, [("p1", "B03"), ("p1", "B10"), ("p2", "A01")], strict=True):
        part = tmp_path / "part.parquet"
        features.write_part(part, [table])
        features.collect("Nuclei", [part], [(*place, 1)])
    return features


def test_columns_are_those_of_the_whole_table(store):
    table = FeatureTable(store, "Nuclei")
    frame = store.read("Nuclei").reset_index()
    assert len(table) == 4
    assert table.features == ("Area", "is_border", "Late")
    assert (
        table.frame(table.columns, slice(0, 4))
        .astype(object)
        .equals(frame[list(table.columns)].astype(object))
    )
    np.testing.assert_array_equal(table.numbers("Late"), [np.nan, np.nan, 7, 8])
    assert table.numbers("is_border").tolist() == [1, 0, 0, 0]
    wells = table.column("well")
    assert isinstance(wells, Categories)
    assert [wells.names[code] for code in wells.codes] == ["B03", "B03", "A01", "A01"]


@pytest.mark.parametrize("name", ["plate", "well", "site", "Area", "is_border", "Late", "Double"])
@pytest.mark.parametrize("rows", [slice(0, 2), slice(2, 4), slice(0, 0), np.array([3, 0, 2])])
def test_a_part_is_of_the_whole(store, name, rows):
    tables = [FeatureTable(store, "Nuclei") for _ in range(2)]
    for table in tables:
        table.add("Double", lambda t: t.numbers("Area") * 2)
    part, whole = tables[0].part(name, rows), tables[1].column(name)
    if isinstance(whole, Categories):
        assert isinstance(part, Categories)
        part, whole = (np.array(each.names)[each.codes] for each in (part, whole))
    np.testing.assert_array_equal(part, whole[rows])
    assert part.dtype == whole.dtype


def test_a_part_reads_the_files_of_its_rows_alone(store):
    table = FeatureTable(store, "Nuclei")
    (store.root / "Nuclei" / "plate=p1" / "B03.parquet").unlink()
    assert table.frame(["label", "Area"], slice(2, 4))["label"].tolist() == [1, 4]
    assert table.part("Area", np.empty(0, np.int64)).dtype == np.float64, "no file is needed"
    with pytest.raises(FormatError, match="B03"):
        table.frame(["label"], slice(0, 4))


def test_a_type_of_which_no_object_was_found(tmp_path):
    store, part = FeatureStore(tmp_path / "features"), tmp_path / "part.parquet"
    for well in ("B03", "B04"):
        store.write_part(part, [rows("p1", well, [], Area=[])])
        store.collect("Nuclei", [part], [("p1", well, 1)])
    table = FeatureTable(store, "Nuclei")
    assert len(table) == 0
    assert table.index(slice(0, 0)).shape == (0, 5)
    assert table.part("site", slice(0, 0)).shape == table.column("Area").shape == (0,)
    assert not list(table.blocks(["Area"]))
    assert table.rows_of(pd.DataFrame([["p1", "B03", 1, 0, 1]], columns=INDEX)).tolist() == [-1]


@pytest.mark.parametrize("whole", [True, False])
def test_objects_that_are_measured_anew_meanwhile(store, tmp_path, whole):
    table = FeatureTable(store, "Nuclei")
    part = tmp_path / "part.parquet"
    store.write_part(part, [rows("p1", "B03", range(1, 5000), Area=np.arange(4999.0))])
    store.collect("Nuclei", [part], [("p1", "B03", 1)])
    with pytest.raises(StorageError, match="Nuclei of well B03 have just been measured anew"):
        table.column("Area") if whole else table.part("Area", slice(0, 2))
    assert table.part("Area", slice(2, 3)).tolist() == [2.0], "other wells are as before"
    assert FeatureTable(store, "Nuclei").numbers("Area")[4998] == 4998


def test_no_values_of_other_objects_are_taken(store, tmp_path):
    """Neither where the new file can be read as the old one was, nor where as many are in it."""
    part, text = tmp_path / "part.parquet", {"Name": ["a", "b"]}
    store.write_part(part, [rows("p1", "B03", [1, 2], Area=[3.0, 1.0], **text)])
    store.collect("Nuclei", [part], [("p1", "B03", 1)])
    for labels in ([1], [1, 2], [1, 2, 3]):
        table = FeatureTable(store, "Nuclei")
        areas = np.array(labels) * 2.0
        store.write_part(part, [rows("p1", "B03", labels, Area=areas, Name=["a"] * len(labels))])
        store.collect("Nuclei", [part], [("p1", "B03", 1)])
        for read in (
            lambda table: table.column("Area"),
            lambda table: table.column("Name"),
            lambda table: table.part("label", slice(0, 1)),
            lambda table: list(table.blocks(["Area", "label"])),
            lambda table: list(table.blocks(["Area"], size=1)),
        ):
            with pytest.raises(StorageError, match="have just been measured anew"):
                read(table)
        assert FeatureTable(store, "Nuclei").part("Area", slice(0, 1)).tolist() == [2.0]


def test_blocks_give_the_same_as_columns(store):
    table = FeatureTable(store, "Nuclei")
    for names in (["Area", "Late"], ["label", "Double"]):
        if "Double" in names:
            table.add("Double", lambda t: t.numbers("Area") * 2)
        whole = np.full((2, 4), -1.0)
        for place, block in table.blocks(names, size=1):
            assert block.dtype == np.float32
            whole[:, place] = block
        np.testing.assert_array_equal(whole, [table.numbers(name) for name in names])


def test_order_and_filters(store):
    table = FeatureTable(store, "Nuclei")
    assert table.order("Area").tolist() == [1, 2, 0, 3]
    assert table.order("Area", descending=True).tolist() == [0, 2, 1, 3]
    assert table.order("well").tolist() == [2, 3, 0, 1]
    assert table.order("well", descending=True).tolist() == [0, 1, 2, 3]
    assert table.where(plates=["p2"]).tolist() == [False, False, True, True]
    assert table.where(wells=["b3"]).tolist() == [True, True, False, False]
    assert table.where(sites=[2]).tolist() == [False] * 4
    assert table.where().all()


@pytest.mark.parametrize("most", [3, 40, 10**6])
@pytest.mark.parametrize("missing", [0.0, 0.1, 0.9])
def test_equal_and_missing_values_keep_their_order(tmp_path, most, missing):
    random = np.random.default_rng(most)
    values = random.integers(0, most, 300).astype(float)
    values[random.random(300) < missing] = np.nan
    features = FeatureStore(tmp_path / "features")
    part = tmp_path / "part.parquet"
    features.write_part(part, [rows("p1", "B03", range(1, 301), Area=values)])
    features.collect("Nuclei", [part], [("p1", "B03", 1)])
    table = FeatureTable(features, "Nuclei")
    for sign, is_turned in ((1, False), (-1, True)):
        wanted = pd.Series(sign * values).sort_values(kind="stable", na_position="last")
        assert table.order("Area", descending=is_turned).tolist() == wanted.index.tolist()


def test_objects_are_found_again(store):
    table = FeatureTable(store, "Nuclei")
    wanted = pd.DataFrame(
        [("p2", "A01", 1, 0, 4), ("p1", "B03", 1, 0, 9), ("p1", "B10", 1, 0, 1),
         ("p1", "B03", 1, 0, 2), ("p3", "B03", 1, 0, 2)], columns=INDEX,
    )  # fmt: skip
    assert table.rows_of(wanted).tolist() == [3, -1, -1, 1, -1]
    assert table.index(np.array([3])).to_numpy().tolist() == [["p2", "A01", 1, 0, 4]]


def test_columns_that_are_not_used_are_let_go(store):
    table = FeatureTable(store, "Nuclei", memory_mb=1e-9)
    table.column("Area")
    table.column("label")
    assert list(table._kept) == ["label"]


def test_what_is_not_there(store):
    table = FeatureTable(store, "Nuclei")
    with pytest.raises(NotFoundError, match="no column 'Aera'"):
        table.column("Aera")
    with pytest.raises(NotFoundError, match="no feature 'Aera'"):
        next(table.blocks(["Aera"]))
    with pytest.raises(NotFoundError, match="no plate with objects 'p9'"):
        table.where(plates=["p9"])
    with pytest.raises(NotFoundError, match="no table of objects 'Cells'"):
        FeatureTable(store, "Cells")
    with pytest.raises(InputError, match="'well' holds names, not numbers"):
        table.numbers("well")
    with pytest.raises(InputError, match="a column 'Area' already"):
        table.add("Area", lambda t: t.numbers("Late"))


def test_a_damaged_file(store):
    path = store.files("Nuclei")[0]
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(FormatError, match="Run the analysis of well B03 again"):
        FeatureTable(store, "Nuclei")
