"""OME-TIFF: written, read here, and read by other programs."""

from __future__ import annotations

import errno
import hashlib

import dask.array as da
import numpy as np
import pytest
import tifffile
from lxml import etree

from napari_tmaps.errors import FormatError, InputError, NotFoundError, StorageError
from napari_tmaps.model.channels import Channel
from napari_tmaps.streams.ometiff import (
    read_ometiff,
    read_ometiff_facts,
    write_ometiff,
    write_planes,
)
from napari_tmaps.streams.omexml import OmeImage

FACTS = {
    "name": "B03 % µ/1",
    "pixel_size_um": (3.0, 0.325, 0.65),
    "time_step_s": 90.0,
    "channels": (Channel("5-FAM/pH 9.0", "#12AB00"), Channel("50% µ", "#FF00FF")),
}


def pixels(shape=(2, 2, 3, 31, 40), dtype="uint16"):
    return (np.random.default_rng(5).random(shape) * 120).astype(dtype)


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64"]
)
def test_every_pixel_type_comes_back(tmp_path, dtype):
    data = pixels(dtype=dtype)
    write_ometiff(tmp_path / "a.ome.tiff", data)
    read, facts = read_ometiff(tmp_path / "a.ome.tiff")
    assert facts.dtype == read.dtype == ("uint8" if dtype == "bool" else dtype)
    np.testing.assert_array_equal(read, data)


@pytest.mark.parametrize("compression", ["zlib", "zstd", "lzw", "none"])
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_compressions(tmp_path, compression, dtype):
    data = pixels((1, 1, 2, 600, 520), dtype)
    write_ometiff(tmp_path / "a.ome.tiff", data, compression=compression)
    np.testing.assert_array_equal(read_ometiff(tmp_path / "a.ome.tiff")[0], data)
    with tifffile.TiffFile(tmp_path / "a.ome.tiff") as file:
        name = {"zlib": "ADOBE_DEFLATE"}.get(compression, compression.upper())
        assert file.pages[0].compression.name == name
        assert file.pages[0].tile == (512, 512)
        assert file.is_bigtiff


AXES = [
    pytest.param("YX", (4, 5), (1, 1, 1, 4, 5), id="plane"),
    pytest.param("xyt", (5, 4, 3), (3, 1, 1, 4, 5), id="backwards"),
    pytest.param("ZCYX", (3, 2, 4, 5), (1, 2, 3, 4, 5), id="z-before-c"),
    pytest.param("CYXTZ", (2, 4, 5, 6, 3), (6, 2, 3, 4, 5), id="any"),
]


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(("axes", "shape", "expected"), AXES)
def test_any_axes(tmp_path, axes, shape, expected, lazy):
    data = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    write_ometiff(tmp_path / "a.ome.tiff", da.from_array(data) if lazy else data, axes)
    read, facts = read_ometiff(tmp_path / "a.ome.tiff")
    assert facts.shape == read.shape == expected
    places = dict(zip(axes.upper(), np.indices(shape), strict=True))
    zero = np.zeros(shape, int)
    np.testing.assert_array_equal(read[tuple(places.get(axis, zero) for axis in "TCZYX")], data)


RGB = [
    pytest.param("YXS", (40, 30, 3), id="plane"),
    pytest.param("STYX", (4, 2, 40, 30), id="rgba-movie"),
    pytest.param("CYXS", (2, 1100, 30, 3), id="pyramid"),
]


@pytest.mark.parametrize(("axes", "shape"), RGB)
def test_rgb(tmp_path, ome_schema, axes, shape):
    data = pixels(shape, "uint8")
    write_ometiff(tmp_path / "a.ome.tiff", data, axes)
    read, facts = read_ometiff(tmp_path / "a.ome.tiff")
    assert facts.samples == dict(zip(axes, shape, strict=True))["S"]
    straight = data.transpose([axes.index(axis) for axis in "TCYXS" if axis in axes])
    np.testing.assert_array_equal(read.reshape(straight.shape), straight)
    ome_schema.assertValid(etree.fromstring(tifffile.tiffcomment(tmp_path / "a.ome.tiff").encode()))


@pytest.mark.parametrize("labels", [False, True])
def test_large_planes_have_a_pyramid(tmp_path, labels):
    data = pixels((1, 1, 2, 1025, 300), "float64")
    write_ometiff(tmp_path / "a.ome.tiff", data, labels=labels)
    with tifffile.TiffFile(tmp_path / "a.ome.tiff") as file:
        levels = [level.asarray() for level in file.series[0].levels]
        assert len(file.series) == 1
    assert [level.shape[1:] for level in levels] == [(1025, 300), (513, 150), (257, 75), (129, 38)]
    np.testing.assert_array_equal(levels[0], data[0, 0])
    if labels:
        np.testing.assert_array_equal(levels[1], data[0, 0, :, ::2, ::2])
    else:
        means = data[0, 0, :, :1024].reshape(2, 512, 2, 150, 2).mean((2, 4))
        np.testing.assert_allclose(levels[1][:, :512], means)


def test_the_tags_know_the_pixel_size(tmp_path):
    write_ometiff(tmp_path / "a.ome.tiff", pixels(), **FACTS)
    with tifffile.TiffFile(tmp_path / "a.ome.tiff") as file:
        assert file.pages[0].get_resolution("MICROMETER") == pytest.approx((1 / 0.65, 1 / 0.325))


def test_others_see_the_same(tmp_path, ome_schema, others_may_warn):
    import bioio_ome_tiff
    import ome_types
    from bioio import BioImage

    path = tmp_path / "a.ome.tiff"
    data = pixels()
    write_ometiff(path, data, **FACTS)
    ome_schema.assertValid(etree.fromstring(tifffile.tiffcomment(path).encode()))
    (image,) = ome_types.from_tiff(path, validate=True).images
    assert image.name == "B03 % µ/1"
    assert image.pixels.physical_size_x_quantity.to("nm").magnitude == pytest.approx(650)
    assert image.pixels.time_increment == 90.0

    seen = BioImage(path, reader=bioio_ome_tiff.Reader)
    np.testing.assert_array_equal(seen.data, data)
    assert list(seen.channel_names) == ["5-FAM/pH 9.0", "50% µ"]
    sizes = seen.physical_pixel_sizes
    assert (sizes.Z, sizes.Y, sizes.X) == (3.0, 0.325, 0.65)

    assert tifffile.imread(path).shape == data.shape
    facts = read_ometiff_facts(path)
    assert facts == OmeImage(shape=data.shape, dtype=data.dtype, **FACTS)


REAL = [
    # Sizes, channels and pixels as tifffile and a plain look into the OME-XML give them.
    pytest.param("ometiff_webknossos", (7, 1, 5, 167, 439), "int8", id="4d"),
    pytest.param("serialcellpose", (1, 5, 1, 520, 696), "uint16", id="scenes"),
]


@pytest.mark.parametrize(("folder", "shape", "dtype"), REAL)
def test_real_files_survive_a_round_trip(shared_data, tmp_path, folder, shape, dtype):
    source = sorted((shared_data / folder).rglob("*.ome.tif"))[0]
    data, facts = read_ometiff(source)
    assert data.shape == shape
    assert data.dtype == dtype
    with tifffile.TiffFile(source) as file:
        np.testing.assert_array_equal(data.squeeze(), file.series[0].asarray().squeeze())
    write_ometiff(tmp_path / "a.ome.tiff", data, channels=facts.channels)
    again, facts_again = read_ometiff(tmp_path / "a.ome.tiff")
    np.testing.assert_array_equal(again, data)
    assert facts_again.channels == facts.channels


def test_each_scene_is_another_image(shared_data):
    (source,) = (shared_data / "serialcellpose").rglob("*.ome.tif")
    seen = {hashlib.sha1(read_ometiff(source, image=n)[0]).hexdigest() for n in range(6)}
    assert len(seen) == 6
    with pytest.raises(NotFoundError, match="no image 6; it has 6"):
        read_ometiff(source, image=6)


# --- What goes wrong -------------------------------------------------------------------------

ARRAYS = [
    pytest.param(np.zeros((4, 5)), "ZYX", "3, but the image has 2 dimensions", id="axes-too-many"),
    pytest.param(np.zeros((4, 5)), "CX", "no plane", id="no-y"),
    pytest.param(np.zeros((4, 5)), "QX", "no axes of an image", id="letter"),
    pytest.param(np.zeros((4, 5, 6)), "YXX", "come once", id="twice"),
    pytest.param(np.zeros((4, 0)), "YX", "empty", id="empty"),
    pytest.param(np.zeros((4, 5, 2)), "YXS", "2 long", id="samples"),
    pytest.param(np.zeros((4, 5), np.float16), "YX", "float32", id="float16"),
    pytest.param(np.zeros((4, 5), np.int64), "YX", "int32", id="int64"),
    pytest.param(np.zeros((4, 5), complex), "YX", "magnitude", id="complex"),
]


@pytest.mark.parametrize(("data", "axes", "words"), ARRAYS)
def test_arrays_that_do_not_fit(tmp_path, data, axes, words):
    with pytest.raises(InputError, match=words):
        write_ometiff(tmp_path / "a.ome.tiff", data, axes)
    assert not list(tmp_path.iterdir())


def test_unknown_compression(tmp_path):
    with pytest.raises(NotFoundError, match="no compression 'jpeg'"):
        write_ometiff(tmp_path / "a.ome.tiff", pixels(), compression="jpeg")


PLANES = [
    pytest.param([(4, 5)], "u1", "only 1 came", id="too-few"),
    pytest.param([(4, 5)] * 3, "u1", "more came", id="too-many"),
    pytest.param([(4, 5), (5, 4)], "u1", r"\(5, 4\)", id="size"),
    pytest.param([(4, 5)] * 2, "u2", "uint16", id="type"),
]


@pytest.mark.parametrize(("shapes", "dtype", "words"), PLANES)
def test_planes_that_do_not_fit(tmp_path, shapes, dtype, words):
    image = OmeImage(shape=(1, 1, 2, 4, 5), dtype=np.dtype("u1"))
    path = tmp_path / "a.ome.tiff"
    path.write_text("old")
    with pytest.raises(InputError, match=words):
        write_planes(path, (np.zeros(shape, dtype) for shape in shapes), image)
    assert [p.read_text() for p in tmp_path.iterdir()] == ["old"]


def test_a_source_that_fails_is_not_blamed_on_the_target(tmp_path):
    def planes():
        yield np.zeros((4, 5), np.uint8)
        raise OSError(errno.EIO, "the source is broken")

    image = OmeImage(shape=(1, 1, 2, 4, 5), dtype=np.dtype("u1"))
    with pytest.raises(OSError, match="the source is broken") as caught:
        write_planes(tmp_path / "a.ome.tiff", planes(), image)
    assert not isinstance(caught.value, StorageError)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_really_full(tmp_path, full_disk):
    path = tmp_path / "a.ome.tiff"
    path.write_text("old")
    with full_disk(20000), pytest.raises(StorageError, match="disk is full"):
        write_ometiff(path, pixels((1, 1, 20, 100, 100), "float64"), compression="none")
    assert [p.read_text() for p in tmp_path.iterdir()] == ["old"]


def test_there_is_no_file(tmp_path):
    with pytest.raises(NotFoundError, match=r"nowhere\.ome\.tiff"):
        read_ometiff(tmp_path / "nowhere.ome.tiff")


def test_a_tiff_without_omexml(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 5), np.uint8))
    with pytest.raises(FormatError, match="without OME-XML"):
        read_ometiff(tmp_path / "a.tif")


def test_axes_that_we_do_not_know(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.ome.tif", np.zeros((3, 2, 4, 5), np.uint8), metadata={"axes": "RCYX"}
    )
    with pytest.raises(FormatError, match="understood"):
        read_ometiff(tmp_path / "a.ome.tif")


@pytest.mark.parametrize("rest", [0, 3, 20, 5000], ids=["empty", "magic", "header", "pixels"])
def test_truncated_files(tmp_path, rest):
    path = tmp_path / "a.ome.tiff"
    write_ometiff(path, pixels((1, 1, 3, 100, 100)))
    path.write_bytes(path.read_bytes()[:rest])
    with pytest.raises(FormatError, match="damaged"):
        read_ometiff(path)


def test_a_disk_that_cannot_be_read(tmp_path, monkeypatch):
    path = tmp_path / "a.ome.tiff"
    write_ometiff(path, pixels())

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tifffile, "TiffFile", refuse)
    with pytest.raises(StorageError, match="Permission denied"):
        read_ometiff(path)
