"""OME-Zarr images: written, read here, and read by other programs."""

from __future__ import annotations

import errno
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from napari_tmaps.errors import (
    ExistsError,
    FormatError,
    InputError,
    MissingError,
    NotFoundError,
    StorageError,
)
from napari_tmaps.model.channels import Channel
from napari_tmaps.streams import chunkfiles
from napari_tmaps.streams.ngff import (
    ImageWriter,
    read_attributes,
    read_info,
    read_levels,
    write_group,
)

SHAPE = (2, 2, 3, 301, 40)
CHANNELS = (Channel("5-FAM/pH 9.0", "#12AB00", emission_nm=517.5, bit_depth=12), Channel("50% µ"))
GEOMETRY = {
    "pixel_size_um": (3.0, 0.325, 0.65),
    "translation_um": (1.5, -567.1, 402.9),
    "time_step_s": 90.0,
}
VERSIONS = pytest.mark.parametrize("version", ["0.5", "0.4"])


def pixels(dtype="uint16", shape=SHAPE):
    random = np.random.default_rng(3)
    return (random.random(shape) * 120).astype(dtype)


def write(path: Path, data, **settings):
    """Write an image whole, and give it back."""
    with ImageWriter(path, shape=data.shape, dtype=data.dtype, **settings) as writer:
        for place in np.ndindex(*data.shape[:3]):
            writer.write_plane(*place, data[place])
    return data


def write_with_labels(path: Path, version: str):
    data = write(path, pixels(), channels=CHANNELS, version=version, **GEOMETRY)
    labels = (data[:, :1] > 60).astype(np.int32) * 7
    write(path / "labels" / "nuclei", labels, labels=True, version=version, **GEOMETRY)
    write_group(path / "labels", {"labels": ["nuclei"]}, version)
    return data, labels


@VERSIONS
@pytest.mark.parametrize(
    "dtype", ["uint8", "uint16", "int32", "uint64", "float32", "float64", "bool", ">u2"]
)
def test_every_pixel_comes_back(tmp_path, version, dtype):
    data = write(tmp_path / "a.ome.zarr", pixels(dtype), version=version)
    finest = read_levels(tmp_path / "a.ome.zarr")[0]
    assert finest.dtype == ("uint8" if dtype == "bool" else np.dtype(dtype).newbyteorder("="))
    np.testing.assert_array_equal(finest[:], data)


@VERSIONS
def test_facts_come_back(tmp_path, version):
    path = tmp_path / "my image.ome.zarr"
    settings = {**GEOMETRY, "channels": CHANNELS, "attributes": {"site": np.int64(3), "µ": ("x",)}}
    data = write(path, pixels(), version=version, **settings)
    info = read_info(path)
    assert (info.version, info.axes, info.shape) == (version, "tczyx", SHAPE)
    assert info.dtype == data.dtype
    assert info.name == "my image"
    assert info.pixel_size_um == GEOMETRY["pixel_size_um"]
    assert info.translation_um == GEOMETRY["translation_um"]
    assert info.time_step_s == 90.0
    assert info.channels[0] == CHANNELS[0]
    assert [channel.name for channel in info.channels] == ["5-FAM/pH 9.0", "50% µ"]
    assert info.level_shapes == (SHAPE, (2, 2, 3, 151, 20))
    assert info.attributes == {"site": 3, "µ": ["x"]}
    assert info.missing == frozenset()
    assert not info.is_label


def test_contrast_is_that_of_the_coarsest_level(tmp_path):
    data = write(tmp_path / "a", pixels(), channels=CHANNELS)
    coarse = read_levels(tmp_path / "a")[-1][:]
    expected = [np.percentile(coarse[:, c], (0.1, 99.9)) for c in range(2)]
    np.testing.assert_allclose(read_info(tmp_path / "a").contrast, expected)
    shown = read_attributes(tmp_path / "a")["omero"]["channels"][0]["window"]
    assert (shown["min"], shown["max"]) == (0, 65535)
    write(tmp_path / "a", data, channels=CHANNELS, contrast=[(5, 80), None])
    assert read_info(tmp_path / "a").contrast[0] == (5, 80)


FLAT = [
    pytest.param(np.full((1, 1, 1, 4, 4), 7, np.uint16), (7.0, 8.0), id="constant"),
    pytest.param(np.full((1, 1, 1, 4, 4), np.nan, np.float32), (0.0, 1.0), id="nan"),
]


@pytest.mark.parametrize(("data", "expected"), FLAT)
def test_contrast_of_images_without_any(tmp_path, data, expected):
    write(tmp_path / "a", data, channels=[Channel("c")])
    assert read_info(tmp_path / "a").contrast == (expected,)


def test_unknown_sizes_have_no_unit(tmp_path):
    write(tmp_path / "a", pixels())
    info = read_info(tmp_path / "a")
    assert info.pixel_size_um == (None, None, None)
    assert info.time_step_s is None
    assert info.channels == info.contrast == ()
    axes = read_attributes(tmp_path / "a")["multiscales"][0]["axes"]
    assert not any("unit" in axis for axis in axes)


@VERSIONS
def test_levels_are_means_and_lie_where_they_should(tmp_path, version):
    data = write(tmp_path / "a", pixels("float64"), version=version, **GEOMETRY)
    fine, coarse = read_levels(tmp_path / "a")
    expected = data[..., :300, :].reshape(2, 2, 3, 150, 2, 20, 2).mean((4, 6))
    np.testing.assert_allclose(coarse[..., :150, :], expected)
    steps = read_attributes(tmp_path / "a")["multiscales"][0]["datasets"][1]
    scale, shift = steps["coordinateTransformations"]
    assert scale["scale"] == [90.0, 1.0, 3.0, 0.65, 1.3]
    # The first coarse pixel is centred between the first two: half a fine pixel further in.
    np.testing.assert_allclose(shift["translation"], [0, 0, 1.5, -567.1 + 0.1625, 402.9 + 0.325])
    assert fine.shape == SHAPE


@VERSIONS
def test_labels_are_thinned(tmp_path, version):
    _, labels = write_with_labels(tmp_path / "a", version)
    path = tmp_path / "a" / "labels" / "nuclei"
    np.testing.assert_array_equal(read_levels(path)[1][:], labels[..., ::2, ::2])
    assert read_info(path).is_label
    assert read_attributes(path)["image-label"]["source"] == {"image": "../../"}
    assert read_attributes(path)["multiscales"][0]["type"] == "nearest"


def test_labels_alone_claim_no_image(tmp_path):
    write(tmp_path / "labels" / "a", pixels("int32"), labels=True)
    assert "source" not in read_attributes(tmp_path / "labels" / "a")["image-label"]


def files_of(path):
    return sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())


def test_a_name_without_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(Path("a.zarr"), pixels())
    assert read_info(tmp_path / "a.zarr").shape == SHAPE


def test_few_files(tmp_path):
    data = np.zeros((1, 1, 1, 2049, 300), np.uint8)
    write(tmp_path / "five", data)
    write(tmp_path / "four", data, version="0.4")
    # Chunks of 683 rows, three of them in one file; coarser levels have 1025, 513, 257, 129 rows.
    assert read_levels(tmp_path / "five")[0].chunks == (1, 1, 1, 683, 300)
    assert [p for p in files_of(tmp_path / "five") if "/c/" in p] == [
        f"{level}/c/0/0/0/0/0" for level in range(5)
    ]
    assert [p for p in files_of(tmp_path / "four") if p.startswith("0/0")] == [
        "0/0/0/0/0/0", "0/0/0/0/1/0", "0/0/0/0/2/0",
    ]  # fmt: skip


@VERSIONS
def test_missing_planes_are_recorded(tmp_path, version):
    settings = {"shape": (1, 1, 3, 4, 4), "dtype": "uint8", "version": version}
    with ImageWriter(tmp_path / "a", channels=[Channel("c")], **settings) as writer:
        writer.write_plane(0, 0, 1, np.full((4, 4), 9, np.uint8))
    info = read_info(tmp_path / "a")
    assert info.missing == {(0, 0, 0), (0, 0, 2)}
    assert info.attributes == {}
    assert info.contrast == ((9.0, 10.0),)


def test_a_writer_can_be_used_again(tmp_path):
    writer = ImageWriter(tmp_path / "a", shape=(1, 1, 1, 4, 4), dtype="uint8")
    for value in (3, 5):
        with writer:
            writer.write_plane(0, 0, 0, np.full((4, 4), value, np.uint8))
    assert (read_levels(tmp_path / "a")[0][:] == 5).all()
    with writer:
        pass
    assert read_info(tmp_path / "a").missing == {(0, 0, 0)}


def test_planes_from_several_threads(tmp_path):
    data = pixels(shape=(4, 2, 3, 50, 40))
    with (
        ImageWriter(tmp_path / "a", shape=data.shape, dtype=data.dtype) as writer,
        ThreadPoolExecutor(4) as pool,
    ):
        list(pool.map(lambda i: writer.write_plane(*i, data[i]), np.ndindex(4, 2, 3)))
    np.testing.assert_array_equal(read_levels(tmp_path / "a")[0][:], data)
    assert not read_info(tmp_path / "a").missing


# --- What other programs see -----------------------------------------------------------------


@VERSIONS
def test_ome_zarr_models_finds_it_valid(tmp_path, version, others_may_warn):
    from ome_zarr_models import open_ome_zarr

    write_with_labels(tmp_path / "a", version)
    places = [(tmp_path / "a", "Image"), (tmp_path / "a/labels", "Labels")]
    for path, kind in (*places, (tmp_path / "a/labels/nuclei", "ImageLabel")):
        model = open_ome_zarr(path)
        assert type(model).__name__ == kind
        assert model.ome_zarr_version == version


@VERSIONS
def test_ome_zarr_py_sees_the_same(tmp_path, version, others_may_warn):
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    data, labels = write_with_labels(tmp_path / "a", version)
    image, _, nuclei = list(Reader(parse_url(str(tmp_path / "a")))())
    np.testing.assert_array_equal(image.data[0].compute(), data)
    np.testing.assert_array_equal(nuclei.data[0].compute(), labels)
    assert image.metadata["channel_names"] == ["5-FAM/pH 9.0", "50% µ"]
    assert image.metadata["coordinateTransformations"][0] == [
        {"type": "scale", "scale": [90.0, 1.0, 3.0, 0.325, 0.65]},
        {"type": "translation", "translation": [0.0, 0.0, 1.5, -567.1, 402.9]},
    ]


@VERSIONS
def test_napari_ome_zarr_sees_the_same(tmp_path, version, others_may_warn, capsys):
    from napari_ome_zarr import napari_get_reader

    data, labels = write_with_labels(tmp_path / "a.ome.zarr", version)
    path = str(tmp_path / "a.ome.zarr")
    (image, shown, kind), (nuclei, _, label_kind) = napari_get_reader(path)(path)
    assert (kind, label_kind) == ("image", "labels")
    np.testing.assert_array_equal(np.asarray(image[0]), data)
    np.testing.assert_array_equal(np.asarray(nuclei[0]), labels)
    assert shown["name"] == ["a: 5-FAM/pH 9.0", "a: 50% µ"]
    assert list(shown["scale"]) == [90.0, 3.0, 0.325, 0.65]
    assert shown["units"] == ("second", "micrometer", "micrometer", "micrometer")
    np.testing.assert_allclose(shown["colormap"][0].colors[-1][:3], np.array([18, 171, 0]) / 255)


# --- Images of other programs ----------------------------------------------------------------


def test_other_axes_and_units(tmp_path):
    import zarr

    group = zarr.create_group(tmp_path / "a", zarr_format=2)
    group.create_array("s0", shape=(5, 7), dtype="uint8")
    axes = [{"name": "y", "type": "space", "unit": "nanometer"}, {"name": "x", "type": "space"}]
    steps = [{"type": "scale", "scale": [500.0, 2.0]}]
    outer = [{"type": "scale", "scale": [2.0, 1.0]}]
    datasets = [{"path": "s0", "coordinateTransformations": steps}]
    group.attrs["multiscales"] = [
        {"version": "0.4", "axes": axes, "datasets": datasets, "coordinateTransformations": outer}
    ]
    info = read_info(tmp_path / "a")
    assert (info.axes, info.shape) == ("yx", (5, 7))
    assert info.pixel_size_um == (None, 1.0, None)
    assert read_levels(tmp_path / "a")[0].shape == (5, 7)


@VERSIONS
def test_groups(tmp_path, version):
    write_group(tmp_path, {"plate": {"name": "P"}, "tmaps": {"a": 1}}, version)
    (tmp_path / "stranger").touch()
    attributes = read_attributes(tmp_path)
    assert attributes["plate"] == {"version": version, "name": "P"}
    assert attributes["tmaps"] == {"a": 1}
    write_group(tmp_path, {"well": {"images": []}}, version)
    assert "plate" not in read_attributes(tmp_path)
    assert (tmp_path / "stranger").exists()


# --- What goes wrong -------------------------------------------------------------------------

ARGUMENTS = [
    pytest.param({"shape": (1, 1, 4, 4)}, "five sizes", id="four-axes"),
    pytest.param({"shape": (1, 1, 0, 4, 4)}, "five sizes", id="empty"),
    pytest.param({"version": "0.3"}, "0.5 or 0.4", id="version"),
    pytest.param({"channels": [Channel("a")]}, "2 channels, but 1", id="channels"),
    pytest.param({"contrast": [(0, 1)]}, "1 contrast limits", id="contrast"),
    pytest.param({"dtype": "float16"}, "float32", id="float16"),
    pytest.param({"dtype": "complex64"}, "magnitude", id="complex"),
    pytest.param({"dtype": "U3"}, "cannot hold", id="text"),
    pytest.param({"dtype": "float32", "labels": True}, "whole numbers", id="float-labels"),
    pytest.param({"pixel_size_um": (None, 0, 1)}, "greater than 0", id="no-size"),
    pytest.param({"time_step_s": float("nan")}, "greater than 0", id="nan-step"),
    pytest.param({"translation_um": (0, 0, 5)}, "x = 5 µm", id="no-place"),
    pytest.param({"translation_um": (0, 0, np.nan)}, "x = nan", id="nan-place"),
    pytest.param({"attributes": {"a": object()}}, "attributes.a", id="attributes"),
]


@pytest.mark.parametrize(("settings", "words"), ARGUMENTS)
def test_arguments_that_do_not_fit(tmp_path, settings, words):
    with pytest.raises(InputError, match=words):
        ImageWriter(tmp_path / "a", **{"shape": (1, 2, 1, 4, 4), "dtype": "uint8"} | settings)
    assert not list(tmp_path.iterdir())


PLANES = [
    pytest.param((0, 0, 1), np.zeros((4, 5), np.uint8), "no plane t=0, c=0, z=1", id="place"),
    pytest.param((0, -1, 0), np.zeros((4, 5), np.uint8), "c=-1", id="negative"),
    pytest.param((0, 0, 0), np.zeros((5, 4), np.uint8), r"\(5, 4\)", id="size"),
    pytest.param((0, 0, 0), np.zeros((4, 5), np.uint16), "uint16", id="type"),
]


@pytest.mark.parametrize(("place", "plane", "words"), PLANES)
def test_planes_that_do_not_fit(tmp_path, place, plane, words):
    with (
        pytest.raises(InputError, match=words),
        ImageWriter(tmp_path / "a", shape=(1, 1, 1, 4, 5), dtype="uint8") as writer,
    ):
        writer.write_plane(*place, plane)
    assert not list(tmp_path.iterdir())


def test_a_closed_writer_takes_no_planes(tmp_path):
    writer = ImageWriter(tmp_path / "a", shape=(1, 1, 1, 4, 4), dtype="uint8")
    with pytest.raises(InputError, match="with block"):
        writer.write_plane(0, 0, 0, np.zeros((4, 4), np.uint8))


def test_an_image_is_replaced_only_by_a_whole_one(tmp_path):
    data = write(tmp_path / "a", pixels())
    with (
        pytest.raises(MissingError),
        ImageWriter(tmp_path / "a", shape=(1, 1, 1, 4, 4), dtype="uint8"),
    ):
        raise MissingError
    np.testing.assert_array_equal(read_levels(tmp_path / "a")[0][:], data)
    small = write(tmp_path / "a", pixels("uint8", (1, 1, 1, 4, 4)))
    np.testing.assert_array_equal(read_levels(tmp_path / "a")[0][:], small)
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("kind", ["folder", "file", "plate"])
def test_nothing_else_is_ever_replaced(tmp_path, kind):
    path = tmp_path / "precious"
    if kind == "file":
        path.touch()
    elif kind == "plate":
        write_group(path, {"plate": {}})
    else:
        path.mkdir()
    with pytest.raises(ExistsError, match="precious"):
        write(path, pixels())
    assert [p.name for p in tmp_path.iterdir()] == ["precious"]


@VERSIONS
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES], ids=["full", "forbidden"])
@pytest.mark.parametrize("after", [0, 3, 9], ids=["at-once", "between", "late"])
def test_the_disk_refuses(tmp_path, monkeypatch, version, number, after):
    done = []
    original = chunkfiles.write_parts

    def refuse(path, parts):
        done.append(path)
        if len(done) > after:
            raise OSError(number, "refused")
        original(path, parts)

    monkeypatch.setattr(chunkfiles, "write_parts", refuse)
    with pytest.raises(StorageError, match=r"disk is full|No permission") as caught:
        write(tmp_path / "a", pixels(), version=version)
    assert str(tmp_path / "a") in str(caught.value)
    assert len(done) > after
    assert not list(tmp_path.iterdir())


@VERSIONS
def test_a_disk_that_is_really_full(tmp_path, full_disk, version):
    write(tmp_path / "before", pixels("float64"), version=version)  # compiles what it needs
    with full_disk(2000), pytest.raises(StorageError, match="disk is full"):
        write(tmp_path / "a", pixels("float64"), version=version)
    assert [each.name for each in tmp_path.iterdir()] == ["before"]


def test_the_disk_is_full_at_the_end(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.ENOSPC, "full")

    writer = ImageWriter(tmp_path / "a", shape=(1, 1, 1, 4, 4), dtype="uint8")
    with pytest.raises(StorageError, match="disk is full"), writer:
        monkeypatch.setattr(Path, "write_text", refuse)
    assert not list(tmp_path.iterdir())


def test_there_is_no_image(tmp_path):
    for read in (read_info, read_levels, read_attributes):
        with pytest.raises(NotFoundError, match=r"no OME-Zarr at .*nowhere"):
            read(tmp_path / "nowhere")
    write_group(tmp_path / "plate", {"plate": {}})
    with pytest.raises(FormatError, match="no image"):
        read_info(tmp_path / "plate")


DAMAGE = [
    pytest.param("zarr.json", b'{"zarr', "no JSON", id="group-truncated"),
    pytest.param("zarr.json", b"[1]", "no JSON object", id="group-list"),
    pytest.param("zarr.json", b"\xff\xfe", "no JSON", id="group-bytes"),
    pytest.param("1/zarr.json", None, "Level '1'.*missing", id="level-lost"),
    pytest.param("0/zarr.json", b'{"shape": [1]}', "break at", id="level-without-type"),
]


@pytest.mark.parametrize(("name", "content", "words"), DAMAGE)
def test_damaged_metadata(tmp_path, name, content, words):
    write(tmp_path / "a", pixels())
    (tmp_path / "a" / name).unlink()
    if content is not None:
        (tmp_path / "a" / name).write_bytes(content)
    with pytest.raises(FormatError, match=words):
        read_info(tmp_path / "a")
    with pytest.raises(FormatError):
        read_levels(tmp_path / "a")


BROKEN = [
    pytest.param(lambda ome: ome.update(version="0.2"), "0.2", id="version"),
    pytest.param(lambda ome: ome["multiscales"][0].pop("axes"), "axes", id="no-axes"),
    pytest.param(
        lambda ome: ome["multiscales"][0]["datasets"][0].pop("coordinateTransformations"),
        "coordinateTransformations",
        id="no-scale",
    ),
]


@pytest.mark.parametrize(("breaking", "words"), BROKEN)
def test_metadata_against_the_specification(tmp_path, breaking, words):
    write(tmp_path / "a", pixels())
    file = tmp_path / "a" / "zarr.json"
    group = json.loads(file.read_text())
    breaking(group["attributes"]["ome"])
    file.write_text(json.dumps(group))
    with pytest.raises(FormatError, match=words):
        read_info(tmp_path / "a")


def test_a_disk_that_cannot_be_read(tmp_path, monkeypatch):
    write(tmp_path / "a", pixels())

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(StorageError, match="Permission denied"):
        read_attributes(tmp_path / "a")


def test_channels_of_others_without_window_or_color(tmp_path):
    path = tmp_path / "a.ome.zarr"
    with ImageWriter(path, shape=(1, 1, 1, 4, 5), dtype="uint8", channels=[Channel("DAPI")]) as w:
        w.write_plane(0, 0, 0, np.ones((4, 5), np.uint8))
    document = json.loads((path / "zarr.json").read_text())
    document["attributes"]["ome"]["omero"] = {"channels": [{"label": "DAPI"}]}
    (path / "zarr.json").write_text(json.dumps(document))
    info = read_info(path)
    assert info.channels == (Channel("DAPI"),)
    assert info.contrast == ()
