"""Exports are read back by other libraries, or checked against what their specification says."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pandas as pd
import pytest
import shapely
import tifffile
import zarr
from shapely.geometry import shape
from tests.analysed import (  # noqa: F401
    PIPELINE,
    PIXEL_UM,
    SIZE,
    SQUARES,
    analysed,
    analysed_once,
    squares,
)

from napari_tmaps.errors import ExistsError, InputError, NotFoundError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Scan, make_planes
from napari_tmaps.model.progress import run
from napari_tmaps.store.corrections import Corrections, SiteObjects
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.plate_map import read_plate_map, save_plate_map
from napari_tmaps.tools.exporting import Export, export_objects
from napari_tmaps.tools.run import open_data, run_tool
from napari_tmaps.workflow import analyse, convert


@pytest.fixture
def experiment(analysed):  # noqa: F811
    """With a plate map, classes, and an embedding."""
    path = analysed / "wells.csv"
    path.write_text("well,treatment,dose,control\nB02,DMSO,0,negative\nB03,drug,1.5,\n")
    with Experiment.open(analysed) as opened:
        save_plate_map(read_plate_map(path, ["P1"]), opened.path, ["P1"])
        rules = {"rules": ["big: Morphology_Area > 1000"], "otherwise": "small"}
        run_tool(opened, "classify_rules", "Blocks", rules, name="sizes")
        run_tool(opened, "embed", "Blocks", {"features": area_and_mean(opened)}, name="places")
        yield opened


def area_and_mean(experiment):
    names = experiment.features.columns("Blocks")
    return ["Morphology_Area", next(n for n in names if n.startswith("Intensity_mean"))]


def export(experiment, out, object_type="Blocks", **wanted):
    events = export_objects(experiment, object_type, out, Export(**wanted))
    while True:
        try:
            next(events)
        except StopIteration as end:
            return end.value


def attributes(node):
    return {k: v for k, v in dict(node.attrs).items() if k.startswith("encoding")}


@pytest.mark.parametrize("ending", ["h5ad", "zarr"])
def test_anndata_is_as_its_specification_says(experiment, tmp_path, ending):
    path = tmp_path / f"blocks.{ending}"
    said = export(experiment, path, where="Morphology_Area > 100")
    assert said.startswith("Wrote 12 objects of type 'Blocks'")
    root = h5py.File(path, "r") if ending == "h5ad" else zarr.open_group(path, mode="r")

    def texts(node):
        values = node.asstr()[...] if ending == "h5ad" else node[...]
        return [str(value) for value in np.ravel(values)]

    assert attributes(root) == {"encoding-type": "anndata", "encoding-version": "0.1.0"}
    table = open_data(experiment, "Blocks").table
    assert attributes(root["X"]) == {"encoding-type": "array", "encoding-version": "0.2.0"}
    names = texts(root["var/_index"])
    assert root["X"].dtype == np.float32
    assert root["X"].shape == (12, len(names))
    area = np.asarray(root["X"])[:, names.index("Morphology_Area")]
    assert np.array_equal(area, table.numbers("Morphology_Area"))
    for name in ("obs", "var"):
        assert attributes(root[name])["encoding-type"] == "dataframe"
        assert attributes(root[name])["encoding-version"] == "0.2.0"
        assert root[name].attrs["_index"] == "_index"
    order = list(root["obs"].attrs["column-order"])
    assert order[:6] == ["plate", "well", "site", "t", "label", "is_border"]
    assert {"treatment", "dose", "control", "sizes:class"} <= set(order)
    assert set(order) | {"_index"} == set(root["obs"])
    assert texts(root["obs/_index"])[:2] == ["P1/B02/1/0/1", "P1/B02/1/0/2"]
    well = root["obs/well"]
    assert attributes(well) == {"encoding-type": "categorical", "encoding-version": "0.2.0"}
    assert [texts(well["categories"])[code] for code in np.asarray(well["codes"])] == (
        ["B02"] * 6 + ["B03"] * 6
    )
    assert np.asarray(root["obs/is_border"]).tolist() == [False, False, True] * 4
    y, x = (table.numbers(f"Morphology_Local_Centroid_{axis}") for axis in "yx")
    assert np.array_equal(np.asarray(root["obsm/spatial"]), np.stack([x, y], axis=1))
    assert root["obsm/X_places"].shape == (12, 2)
    assert texts(root["uns/object_type"]) == ["Blocks"]
    for name in ("layers", "obsm", "varm", "obsp", "varp", "uns"):
        assert attributes(root[name])["encoding-type"] == "dict"
    if ending == "h5ad":
        root.close()


def test_outlines_fill_the_same_pixels(experiment, tmp_path):
    path = tmp_path / "site.geojson"
    export(experiment, path, site="B03/2", classes="sizes:class", columns=("Morphology_Area",))
    found = json.loads(path.read_text())
    assert found["type"] == "FeatureCollection"
    middles = np.mgrid[:SIZE, :SIZE] + 0.5
    drawn = np.zeros((SIZE, SIZE), int)
    for number, feature in enumerate(found["features"], start=1):
        polygon = shape(feature["geometry"])
        assert polygon.is_valid
        drawn[shapely.contains_xy(polygon, middles[1], middles[0])] = number
        assert feature["properties"]["objectType"] == "detection"
        area = feature["properties"]["measurements"]["Morphology_Area"]
        assert area == polygon.area
        wanted = "big" if area > 1000 else "small"
        assert feature["properties"]["classification"]["name"] == wanted
        assert len(feature["properties"]["classification"]["color"]) == 3
    assert np.array_equal(drawn, squares())
    assert len(found["features"][0]["geometry"]["coordinates"]) == 2  # a ring and its hole
    assert len({feature["id"] for feature in found["features"]}) == 3


def test_outlines_of_a_plate_lie_where_its_map_shows_them(experiment, tmp_path):
    path = tmp_path / "plate.geojson"
    said = export(experiment, path, where="site == 2 and well == 'B02'")
    assert "outlines of 3 objects" in said
    features = json.loads(path.read_text())["features"]
    left, top, *_ = shape(features[0]["geometry"]).bounds
    # The second site lies beside the first.
    assert (top, left) == (SQUARES[0][0], SQUARES[0][1] + SIZE)


def test_tables_within_the_plate_are_as_ngio_wants_them(experiment):
    said = export(experiment, None, kind="plate")
    assert said == "Wrote tables of 'Blocks' into 4 images of the plates."
    export(experiment, None, object_type="Rings", kind="plate")
    root = experiment.plate("P1").image_path("B03", 2) / "tables"
    listed = json.loads((root / "zarr.json").read_text())["attributes"]["tables"]
    assert listed == ["image", "Blocks", "Blocks_objects", "Rings", "Rings_objects"]
    kinds = {}
    for name in listed:
        about = json.loads((root / name / "zarr.json").read_text())["attributes"]
        kinds[name] = about["type"]
        assert about["table_version"] == "1"
        assert about["backend"] == "parquet"
        if name != "image":
            assert about["region"]["path"] == f"../labels/{name.removesuffix('_objects')}"
    assert kinds["image"] == "roi_table"
    assert kinds["Blocks"] == "feature_table"
    assert kinds["Blocks_objects"] == "masking_roi_table"
    boxes = pd.read_parquet(root / "Blocks_objects" / "table.parquet")
    assert boxes["label"].tolist() == [1, 2, 3]
    for (y, x, side), row in zip(SQUARES, boxes.itertuples(), strict=True):
        assert (row.y_micrometer, row.x_micrometer) == (y / 2, x / 2)
        assert (row.len_y_micrometer, row.len_x_micrometer) == (side / 2, side / 2)
    features = pd.read_parquet(root / "Blocks" / "table.parquet")
    assert features["label"].tolist() == [1, 2, 3]
    assert features["Morphology_Area"].tolist() == [384, 196, 1296]
    assert features["sizes:class"].tolist() == ["small", "small", "big"]
    whole = pd.read_parquet(root / "image" / "table.parquet")
    assert whole["len_x_micrometer"].tolist() == [SIZE / 2]


def test_ngio_finds_tables_in_images_and_over_the_plate(experiment, others_may_warn):
    import ngio

    export(experiment, None, kind="plate")
    folder = experiment.plate("P1")
    image = ngio.open_ome_zarr_container(folder.image_path("B03", 2))
    assert image.list_tables() == ["image", "Blocks", "Blocks_objects"]
    features = image.get_feature_table("Blocks").dataframe
    assert features["Morphology_Area"].tolist() == [384, 196, 1296]
    assert features.index.tolist() == [1, 2, 3]
    masked = image.get_masked_label("Blocks", masking_table_name="Blocks_objects")
    for label, (_, _, side) in enumerate(SQUARES, start=1):
        crop = masked.get_roi_as_numpy(label)
        assert crop.shape[-2:] == (side, side)
        assert label in crop
    (whole,) = image.get_roi_table("image").rois()
    assert image.get_image().get_roi_as_numpy(whole).shape[-2:] == (SIZE, SIZE)
    plate = ngio.open_ome_zarr_plate(folder.path)
    everything = plate.concatenate_image_tables("Blocks").dataframe
    assert len(everything) == 12


@pytest.fixture
def lapse(tmp_path):
    """Three time points, 60 s apart: object 1 moves by 8 pixels, object 2 is there at first."""
    path = tmp_path / "lapse.tmaps"
    names = []
    for t in range(3):
        image = np.full((SIZE, SIZE), 10, np.uint16)
        image[8 * t : 8 * t + 12, 20:30] = 200
        if t == 0:
            image[50:56, 40:60] = 200
        for channel in ("DAPI", "Actin"):
            names.append((t, channel, f"{channel}_{t}.tif"))
            tifffile.imwrite(tmp_path / names[-1][-1], image)
    times, channels, files = map(list, zip(*names, strict=True))
    number = len(names)
    planes = make_planes(
        plate=["P1"] * number, well=["B02"] * number, site=[1] * number, t=times, channel=channels,
        path=files, height=[SIZE] * number, width=[SIZE] * number, dtype=["uint16"] * number,
        time_s=[60.0 * t for t in times],
    )  # fmt: skip
    scan = Scan("Test", tmp_path, planes, (Channel("DAPI"), Channel("Actin")), (PIXEL_UM, PIXEL_UM))
    with Experiment.create(path) as opened:
        opened.add(scan)
        assert not run(convert(opened))
        assert not run(analyse(opened, PIPELINE))
        yield opened


def test_ngio_finds_all_time_points(lapse, others_may_warn):
    import ngio

    export(lapse, None, kind="plate")
    image = ngio.open_ome_zarr_container(lapse.plate("P1").image_path("B02", 1))
    assert image.list_tables() == ["image", "Blocks", "Blocks_objects", "Blocks_over_time"]
    features = image.get_feature_table("Blocks").dataframe
    assert list(zip(features.index, features["t"], strict=True)) == [(1, 0), (2, 0), (1, 1), (1, 2)]
    assert features["Morphology_Area"].tolist() == [120, 120, 120, 120]
    # The box of a label holds it at all time points, so that the masked image loses nothing.
    masked = image.get_masked_label("Blocks", masking_table_name="Blocks_objects")
    crop = masked.get_roi_as_numpy(1)
    assert crop.shape == (3, 1, 1, 12 + 2 * 8, 10)  # t c z y x
    assert [int((now == 1).sum()) for now in crop] == [120, 120, 120]
    boxes = image.get_roi_table("Blocks_over_time")
    assert [roi.name for roi in boxes.rois()] == ["1_t0", "2_t0", "1_t1", "1_t2"]
    labels = image.get_label("Blocks")
    for roi in boxes.rois():
        crop = labels.get_roi_as_numpy(roi)
        assert crop.shape[0] == 1
        assert (crop == roi.label).sum() == 120
        assert crop.shape[-2] * crop.shape[-1] == 120
    (whole,) = image.get_roi_table("image").rois()
    assert labels.get_roi_as_numpy(whole).shape == (3, 1, 1, SIZE, SIZE)


@pytest.mark.parametrize("ending", ["h5ad", "zarr"])
def test_anndata_reads_it(experiment, tmp_path, others_may_warn, ending):
    import anndata

    path = tmp_path / f"blocks.{ending}"
    export(experiment, path)
    found = (anndata.read_h5ad if ending == "h5ad" else anndata.read_zarr)(path)
    table = open_data(experiment, "Blocks").table
    assert found.shape[0] == 12
    area = found[:, "Morphology_Area"].X.ravel()
    np.testing.assert_array_equal(area, table.numbers("Morphology_Area"))
    assert found.obs["well"].tolist() == ["B02"] * 6 + ["B03"] * 6
    assert found.obs["is_border"].tolist() == [False, False, True] * 4
    assert found.obs["sizes:class"].value_counts().to_dict() == {"small": 8, "big": 4}
    assert found.obsm["X_places"].shape == (12, 2)
    assert found.uns["object_type"] == "Blocks"


@pytest.mark.parametrize("npy", [False, True])
def test_crops_hold_the_object_in_the_middle_and_its_mask(experiment, tmp_path, npy):
    folder = tmp_path / "crops"
    said = export(
        experiment, folder, kind="crops", size_px=32, classes="sizes:class", masked=True,
        as_arrays=npy, where="Morphology_Area < 1000 and well == 'B03'",
    )  # fmt: skip
    assert said.startswith("Wrote 4 crops")
    about = pd.read_csv(folder / "manifest.csv")
    assert about["label"].tolist() == [1, 2, 1, 2]
    assert about["sizes:class"].tolist() == ["small"] * 4
    assert set(about["file"]) == {
        path.relative_to(folder).as_posix() for path in folder.rglob("s*.*")
    }
    second = folder / about["file"][1]
    pixels = np.load(second) if npy else tifffile.imread(second)
    assert pixels.shape == (3, 32, 32)
    assert pixels.dtype == np.uint16
    assert (pixels[-1] == 1).sum() == 14 * 14
    assert pixels[-1][9:23, 9:23].all()
    assert set(np.unique(pixels[0][pixels[-1] == 1])) == {200}
    assert not pixels[:2][:, pixels[-1] == 0].any()
    if not npy:
        with tifffile.TiffFile(second) as file:
            assert file.series[0].axes == "CYX"
            assert 'Name="mask"' in file.ome_metadata
    with pytest.raises(ExistsError, match="not empty"):
        export(experiment, folder, kind="crops")


def test_wells_with_what_the_plate_map_says(experiment, tmp_path):
    path = tmp_path / "wells.csv"
    export(experiment, path, kind="wells", columns=("Morphology_Area", "sizes:class"))
    wells = pd.read_csv(path)
    assert wells["well"].tolist() == ["B02", "B03"]
    assert wells["objects"].tolist() == [6, 6]
    assert wells["treatment"].tolist() == ["DMSO", "drug"]
    assert wells["dose"].tolist() == [0, 1.5]
    assert wells["Morphology_Area"].tolist() == [384, 384]
    assert wells["sizes:class = big"].tolist() == [pytest.approx(1 / 3)] * 2
    assert wells["sizes:class = small"].tolist() == [pytest.approx(2 / 3)] * 2
    out = tmp_path / "wells.parquet"
    export(experiment, out, kind="wells", aggregate="mean", where="well == 'B02'",
           columns=("Morphology_Area",))  # fmt: skip
    wells = pd.read_parquet(out)
    assert wells["objects"].tolist() == [6, 0]
    assert wells["Morphology_Area"].tolist()[0] == pytest.approx((384 + 196 + 1296) / 3)
    assert np.isnan(wells["Morphology_Area"].tolist()[1])


BAD = [
    pytest.param({}, "out.xlsx", "should end in .csv, .parquet", id="ending"),
    pytest.param({"kind": "wells"}, "out.h5ad", "should end in .csv or .parquet", id="wells"),
    pytest.param({"site": "B03"}, "a.geojson", "'B03' is no site; write", id="site"),
    pytest.param({"site": "B03/9"}, "a.geojson", "has no B03 site 9", id="no-site"),
    pytest.param({"plate": "P2"}, "a.geojson", "no plate 'P2'", id="plate"),
    pytest.param({"classes": "Morphology_Area"}, "a.geojson", "holds numbers", id="classes"),
    pytest.param({"columns": ("Aera",)}, "a.h5ad", "no column 'Aera'", id="column"),
    pytest.param({"columns": ("sizes:class",)}, "a.h5ad", "No measured feature", id="no-x"),
    pytest.param({"kind": "crops", "where": "Morphology_Area < 0"}, "a", "no such obj", id="none"),
]


@pytest.mark.parametrize(("wanted", "name", "match"), BAD)
def test_what_does_not_fit_is_one_sentence_and_leaves_nothing(
    experiment, tmp_path, wanted, name, match
):
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises((InputError, NotFoundError), match=match):
        export(experiment, folder / name, **wanted)
    assert not list(folder.iterdir())


def test_no_objects_are_an_empty_file(experiment, tmp_path):
    for name in ("a.h5ad", "a.zarr", "a.geojson", "a.csv"):
        export(experiment, tmp_path / name, where="Morphology_Area < 0")
    with h5py.File(tmp_path / "a.h5ad") as file:
        assert file["X"].shape[0] == 0
    assert json.loads((tmp_path / "a.geojson").read_text())["features"] == []


def test_corrected_objects_are_exported_as_they_are_now(experiment, tmp_path):
    before = experiment.labels("P1", "B02", 1, "Blocks")
    after = before.copy()
    after[0, 40:47, 12:26] = 0
    Corrections(experiment).save(SiteObjects("Blocks", "P1", "B02", 1), before, after)
    export(experiment, tmp_path / "a.geojson", site="B02/1")
    areas = [
        shape(feature["geometry"]).area
        for feature in json.loads((tmp_path / "a.geojson").read_text())["features"]
    ]
    assert areas == [384, 98, 1296]
