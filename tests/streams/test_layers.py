"""Layers to OME-TIFF and OME-Zarr, with their JSON."""

from __future__ import annotations

import json
import tracemalloc

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import zarr

from napari_tmaps.errors import ExistsError, InputError, NotFoundError
from napari_tmaps.streams.layerdata import LayerData
from napari_tmaps.streams.layers import save_layers
from napari_tmaps.streams.ngff import read_attributes, read_info, read_levels
from napari_tmaps.streams.ometiff import read_ometiff

FORMATS = pytest.mark.parametrize("kind", ["ome-tiff", "ome-zarr"])
RANDOM = np.random.default_rng(11)
STACK = RANDOM.integers(0, 4000, (3, 300, 280), dtype=np.uint16)
OTHER = STACK[::-1].copy()
NUCLEI = (STACK > 2000).astype(np.int64) * 70000
GEOMETRY = {"axes": "ZYX", "scale_um": (2.0, 0.5, 0.25), "translation_um": (0.0, 10.0, -20.0)}
FEATURES = pd.DataFrame({"label": [70000], "area": [3.5]})
DAPI = LayerData(
    STACK, "DAPI/405", "image", color="#0000FF", contrast=(10, 2000),
    metadata={"well": "B03", "gain": np.float32(1.5), "viewer": object()}, **GEOMETRY,
)  # fmt: skip
GFP = LayerData([da.from_array(OTHER), OTHER[:, ::2, ::2]], "GFP", "image", **GEOMETRY)
LABELS = LayerData(NUCLEI, "nuclei", "labels", features=FEATURES, **GEOMETRY)


def read(path):
    if path.suffix == ".zarr" or path.parent.name == "labels":
        info = read_info(path)
        return read_levels(path)[0][:], info.channels, info.pixel_size_um
    pixels, facts = read_ometiff(path)
    return pixels, facts.channels, facts.pixel_size_um


def names(files):
    return [file.name for file in files]


@FORMATS
def test_images_become_channels_with_labels_beside(tmp_path, kind):
    files = save_layers([DAPI, LABELS, GFP], tmp_path / "my screen", format=kind)
    image = files[0]
    labels = image / "labels" / "nuclei" if kind == "ome-zarr" else files[1]
    if kind == "ome-tiff":
        assert names(files[:2]) == ["my screen.ome.tiff", "my screen_nuclei.ome.tiff"]
    else:
        assert names(files[:1]) == ["my screen.ome.zarr"]
        assert read_attributes(image / "labels")["labels"] == ["nuclei"]
        assert read_info(image).contrast[0] == (10, 2000)
        assert read_info(image).translation_um == (0.0, 10.0, -20.0)
        assert read_info(labels).is_label
    assert names(files[-2:]) == ["my screen_nuclei.csv", "my screen.metadata.json"]
    assert all(file.exists() for file in files)

    pixels, channels, size = read(image)
    np.testing.assert_array_equal(pixels, np.stack([STACK, OTHER])[None])
    assert [channel.name for channel in channels] == ["DAPI/405", "GFP"]
    assert channels[0].color == "#0000FF"
    assert size == (2.0, 0.5, 0.25)
    pixels, _, size = read(labels)
    np.testing.assert_array_equal(pixels, NUCLEI[None, None])
    assert size == (2.0, 0.5, 0.25)
    pd.testing.assert_frame_equal(pd.read_csv(files[-2]), FEATURES)


@FORMATS
def test_the_json_tells_all(tmp_path, kind):
    *_, summary = save_layers([DAPI, LABELS], tmp_path / "a", format=kind)
    told = json.loads(summary.read_text(encoding="utf-8"))
    ending = kind.replace("-", ".")
    assert told["format"] == kind
    assert told["layers"][0] == {
        "name": "DAPI/405",
        "kind": "image",
        "file": f"a.{ending}",
        "features": None,
        "axes": "ZYX",
        "shape": [3, 300, 280],
        "dtype": "uint16",
        "scale_um": [2.0, 0.5, 0.25],
        "translation_um": [0.0, 10.0, -20.0],
        "color": "#0000FF",
        "contrast": [10, 2000],
        "metadata": {"well": "B03", "gain": 1.5},
        "metadata_left_out": ["viewer"],
    }
    inside = "a.ome.zarr/labels/nuclei" if kind == "ome-zarr" else "a_nuclei.ome.tiff"
    assert told["layers"][1]["file"] == inside
    assert told["layers"][1]["features"] == "a_nuclei.csv"


@FORMATS
def test_the_position_is_kept(tmp_path, kind):
    image, *_ = save_layers([DAPI], tmp_path / "a", format=kind)
    if kind == "ome-tiff":
        planes = read_ometiff(image)[1].planes
        assert {plane.position_um for plane in planes} == {(0.0, 10.0, -20.0)}
        assert len(planes) == 3
    else:
        assert read_info(image).translation_um == (0.0, 10.0, -20.0)


@FORMATS
def test_images_that_differ_are_images_of_their_own(tmp_path, kind):
    layers = [
        DAPI,
        LayerData(STACK.astype(np.float32), "prob", "image", **GEOMETRY),
        LayerData(STACK[0], "a:b", "image", "YX"),
        LayerData(STACK[1], "a?b", "image", "YX", (0.5, 0.5)),
        LayerData(STACK[0] > 5, "mask", "labels", "YX"),
    ]
    files = save_layers(layers, tmp_path / "s", format=kind)
    ending = "." + kind.replace("-", ".")
    assert names(files)[:4] == [
        "s" + ending,
        "s_prob" + ending,
        "s_a_b" + ending,
        "s_a_b_2" + ending,
    ]
    assert read(files[1])[0].dtype == np.float32
    np.testing.assert_array_equal(read(files[3])[0][0, 0, 0], STACK[1])
    mask = files[2] / "labels" / "mask" if kind == "ome-zarr" else files[4]
    np.testing.assert_array_equal(read(mask)[0][0, 0, 0], STACK[0] > 5)


def test_labels_of_another_size_go_to_the_first_image(tmp_path):
    labels = LayerData(NUCLEI[0], "flat", "labels", "YX")
    image, *_ = save_layers([DAPI, labels], tmp_path / "a", format="ome-zarr")
    np.testing.assert_array_equal(read(image / "labels" / "flat")[0][0, 0, 0], NUCLEI[0])


@FORMATS
def test_labels_alone(tmp_path, kind):
    files = save_layers([LABELS], tmp_path / "a", format=kind)
    assert names(files)[0] == f"a.{kind.replace('-', '.')}"
    np.testing.assert_array_equal(read(files[0])[0][0, 0], NUCLEI)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@FORMATS
def test_rgb(tmp_path, kind, dtype):
    data = (RANDOM.random((40, 30, 4)) * 100).astype(dtype)
    (image, _) = save_layers([LayerData(data, "he", "image", "YXS")], tmp_path / "a", format=kind)
    pixels, channels, _ = read(image)
    if kind == "ome-tiff":
        np.testing.assert_array_equal(pixels[0, 0, 0], data)
        return
    np.testing.assert_array_equal(pixels[0, :, 0], data.transpose(2, 0, 1))
    assert [(c.name, c.color) for c in channels] == [
        ("he red", "#FF0000"),
        ("he green", "#00FF00"),
        ("he blue", "#0000FF"),
        ("he opacity", "#000000"),
    ]
    assert set(read_info(image).contrast) == {(0, 255) if dtype == "uint8" else (0, 1)}


@FORMATS
def test_channels_within_a_layer(tmp_path, kind):
    layer = LayerData(STACK[:2], "raw", "image", "CYX")
    (image, _) = save_layers([layer], tmp_path / "a", format=kind)
    pixels, channels, _ = read(image)
    np.testing.assert_array_equal(pixels[0, :, 0], STACK[:2])
    assert [channel.name for channel in channels] == ["raw 0", "raw 1"]


@FORMATS
def test_zarr_and_movies(tmp_path, kind):
    source = zarr.create_array(zarr.storage.MemoryStore(), data=STACK, chunks=(1, 300, 280))
    layer = LayerData(source, "movie", "image", "TYX", (90.0, 0.5, 0.5))
    (image, _) = save_layers([layer], tmp_path / "a", format=kind)
    np.testing.assert_array_equal(read(image)[0][:, 0, 0], STACK)
    facts = read_ometiff(image)[1] if kind == "ome-tiff" else read_info(image)
    assert facts.time_step_s == 90.0
    assert facts.pixel_size_um == (None, 0.5, 0.5)


def test_no_place_without_a_pixel_size(tmp_path):
    layer = LayerData(STACK, "a", "image", "ZYX", (), (0.0, 7.0, 8.0))
    image, summary = save_layers([layer], tmp_path / "a", format="ome-zarr")
    assert read_info(image).translation_um == (0.0, 0.0, 0.0)
    assert json.loads(summary.read_text())["layers"][0]["translation_um"] == [0.0, 7.0, 8.0]


@FORMATS
def test_memory_stays_flat(tmp_path, kind):
    planes = 60
    lazy = da.zeros((planes, 400, 400), chunks=(1, 400, 400), dtype=np.float64)
    save_layers([LayerData(lazy[:1], "warm", "image", "TYX")], tmp_path / "warm", format=kind)
    tracemalloc.start()
    save_layers([LayerData(lazy, "a", "image", "TYX")], tmp_path / "a", format=kind)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < planes * 400 * 400 * 8 / 3


ENDINGS = [
    pytest.param("ome-tiff", "a.b.ome.tif", "a.b.ome.tif", id="tif"),
    pytest.param("ome-tiff", "a.OME.TIFF", "a.OME.TIFF", id="capitals"),
    pytest.param("ome-tiff", "a.tif", "a.ome.tiff", id="plain-tif"),
    pytest.param("ome-tiff", "a.ome.zarr", "a.ome.tiff", id="other-format"),
    pytest.param("ome-zarr", "a.zarr", "a.ome.zarr", id="zarr"),
]


@pytest.mark.parametrize(("kind", "asked", "expected"), ENDINGS)
def test_endings(tmp_path, kind, asked, expected):
    files = save_layers([DAPI], tmp_path / asked, format=kind)
    stem = expected.removesuffix(".ome.tif") if asked == "a.b.ome.tif" else "a"
    assert names(files) == [expected, f"{stem}.metadata.json"]


WRONG = [
    pytest.param([], "ome-tiff", InputError, "nothing to save", id="nothing"),
    pytest.param([DAPI], "png", NotFoundError, "no format 'png'", id="format"),
    pytest.param([DAPI, DAPI], "ome-zarr", InputError, "Two layers are called", id="twice"),
    pytest.param(
        [DAPI, LayerData(STACK, "x", "image", "YX")], "ome-tiff", InputError,
        "Layer 'x' cannot be saved. The axes", id="axes",
    ),
    pytest.param(
        [LayerData(STACK, "x", "image", "ZYX", (1.0,))], "ome-tiff", InputError, "scale has 1",
        id="scale",
    ),
    pytest.param(
        [LayerData(STACK / 1, "x", "labels", "ZYX")], "ome-zarr", InputError, "whole numbers",
        id="float-labels",
    ),
    pytest.param(
        [LayerData(NUCLEI, "x", "image", "ZYX")], "ome-tiff", InputError, "OME-Zarr", id="int64",
    ),
    pytest.param(
        [LayerData(NUCLEI * 2**31, "x", "labels", "ZYX")], "ome-tiff", InputError, "2147483647",
        id="large-labels",
    ),
    pytest.param(
        [LayerData(NUCLEI, "x", "labels", "ZYX", (1.0, -1.0, 1.0))], "ome-zarr", InputError,
        "greater than 0", id="negative-size",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("layers", "kind", "error", "words"), WRONG)
def test_layers_that_cannot_be_saved(tmp_path, layers, kind, error, words):
    with pytest.raises(error, match=words):
        save_layers(layers, tmp_path / "a", format=kind)
    assert not list(tmp_path.iterdir())


def test_a_folder_of_other_things_is_not_replaced(tmp_path):
    (tmp_path / "a.ome.zarr").mkdir()
    (tmp_path / "a.ome.zarr" / "precious").touch()
    with pytest.raises(ExistsError, match=r"a\.ome\.zarr"):
        save_layers([DAPI], tmp_path / "a", format="ome-zarr")
    assert (tmp_path / "a.ome.zarr" / "precious").exists()
