"""Plain TIFF: stacks, ImageJ hyperstacks, LSM, colour pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_tmaps.errors import FormatError, MissingError
from napari_tmaps.vendors import scan, tiffstack
from napari_tmaps.vendors.pixels import PlaneReader
from napari_tmaps.vendors.tiff import read_header
from napari_tmaps.vendors.tiffstack import TiffSamples

STACK = np.arange(2 * 3 * 4 * 5 * 6, dtype=np.uint16).reshape(2, 3, 4, 5, 6)  # t z c y x


def read(result, **where):
    query = " and ".join(f"{name} == {value!r}" for name, value in where.items())
    (row,) = result.planes.query(query).itertuples()
    reader = PlaneReader(result.root, result.reader)
    pixels = reader.read(row.path, row.series, row.page)
    reader.close()
    return pixels


def said(result, kind):
    return " ".join(str(oddity) for oddity in result.oddities if oddity.kind == kind)


def hyperstack(path, **options):
    facts = {"axes": "TZCYX", "unit": "um", "spacing": 2.5}
    tifffile.imwrite(path, STACK, imagej=True, resolution=(4, 2), metadata=facts, **options)


def check_hyperstack(result):
    assert (result.summary()["size_t"], result.summary()["size_z"]) == (2, 3)
    assert result.summary()["channels"] == ["C01", "C02", "C03", "C04"]
    assert result.pixel_size_um == (0.5, 0.25)
    assert result.z_step_um == 2.5
    for t, z, c in np.ndindex(2, 3, 4):
        assert np.array_equal(read(result, t=t, z=z, channel=f"C{c + 1:02d}"), STACK[t, z, c])


def test_hyperstack(tmp_path):
    hyperstack(tmp_path / "a.tif")
    result = scan(tmp_path)
    assert result.reader == "tiff"
    check_hyperstack(result)


def test_hyperstack_that_describes_its_first_page_only(tmp_path):
    hyperstack(tmp_path / "a.tif", truncate=True)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert len(file.pages) == 1
    result = scan(tmp_path)
    assert result.reader == "tiffsamples"
    check_hyperstack(result)
    assert read(result, t=0, z=0, channel="C01").dtype == np.dtype("uint16")


def test_such_a_hyperstack_cut_off(tmp_path):
    path = tmp_path / "a.tif"
    hyperstack(path, truncate=True)
    with open(path, "r+b") as cut:
        cut.truncate(path.stat().st_size - 10)
    file = TiffSamples(path)
    with pytest.raises(FormatError, match="Plane 23 of image 0"):
        file.read(0, 23)
    file.close()
    with pytest.raises(FormatError, match="announces 24 images"):
        scan(path)


COLOURS = np.random.default_rng(0).integers(0, 255, (5, 6, 4)).astype(np.uint8)
LAYOUTS = [
    pytest.param(COLOURS[..., :3], {}, id="interleaved"),
    pytest.param(COLOURS, {"extrasamples": ["unassalpha"]}, id="alpha"),
    pytest.param(np.moveaxis(COLOURS[..., :3], -1, 0), {"planarconfig": "separate"}, id="planar"),
]


@pytest.mark.parametrize(("pixels", "options"), LAYOUTS)
def test_colours(tmp_path, pixels, options):
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", metadata=None, **options)
    tifffile.imwrite(tmp_path / "b.tif", COLOURS[..., 0], metadata=None)
    result = scan(tmp_path)
    assert result.summary()["channels"] == ["R", "G", "B", "C01"]
    assert "'a.tif': colour pictures" in said(result, "doubtful")
    for index, name in enumerate("RGB"):
        assert np.array_equal(read(result, channel=name), COLOURS[..., index])
    assert np.array_equal(read(result, channel="C01"), COLOURS[..., 0])


def test_pages_of_unknown_meaning_are_z_and_said(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK[0, :, 0], metadata=None, photometric="minisblack")
    result = scan(tmp_path)
    assert result.summary()["size_z"] == 3
    assert "stack of 3 pages" in said(result, "doubtful")
    assert np.array_equal(read(result, z=2), STACK[0, 2, 0])


RESOLUTIONS = [
    pytest.param((20000, 10000), "CENTIMETER", (1.0, 0.5), id="per-cm"),
    pytest.param((25400, 25400), "INCH", (1.0, 1.0), id="per-inch"),
    pytest.param((72, 72), "INCH", None, id="72-dpi"),
    pytest.param((1, 1), "INCH", None, id="25400-um"),
    pytest.param((4, 4), "NONE", None, id="no-unit"),
]


@pytest.mark.parametrize(("resolution", "unit", "expected"), RESOLUTIONS)
def test_resolution(tmp_path, resolution, unit, expected):
    tifffile.imwrite(
        tmp_path / "a.tif", STACK[0, 0, 0], resolution=resolution, resolutionunit=unit,
        metadata=None,
    )  # fmt: skip
    result = scan(tmp_path)
    assert result.pixel_size_um == expected
    if expected is None:
        assert "pixel size" in said(result, "doubtful")


def test_an_absurd_size_is_shown(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK[0, 0, 0], resolution=(1, 1), resolutionunit="INCH")
    assert "25,400 × 25,400 µm" in said(scan(tmp_path), "doubtful")


def test_smaller_pictures_in_the_file_are_left_out(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(np.zeros((2, 3), np.uint16), metadata=None)
        file.write(STACK[0, 0, 1], metadata=None)
    result = scan(tmp_path)
    assert np.array_equal(read(result, site=1), STACK[0, 0, 1])
    assert "1 smaller" in said(result, "ignored")


def test_many_files_are_sites_and_told_once(tmp_path):
    for number in (1, 2, 10):
        tifffile.imwrite(tmp_path / f"s{number}.tif", STACK[0, 0, :2], metadata=None,
                         photometric="minisblack")  # fmt: skip
    result = scan(tmp_path)
    assert result.sites_per_well == {"A01": 3}
    assert result.planes.drop_duplicates("site")["path"].tolist() == ["s1.tif", "s2.tif", "s10.tif"]
    told = [str(oddity) for oddity in result.oddities if "stack of 2" in str(oddity)]
    assert len(told) == 1
    assert "3 files" in told[0]


def test_mixed_sizes_and_types(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 6), np.uint16))
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((4, 6), np.uint8))
    message = said(scan(tmp_path), "mixed")
    assert "5 × 6 (1 site), 4 × 6 (1 site)" in message
    assert "uint16 (1 site), uint8 (1 site)" in message


def test_damage(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK[0, 0, 0])
    (tmp_path / "b.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:-9])
    (tmp_path / "c.tif").write_bytes(b"")
    result = scan(tmp_path)
    assert set(result.planes["path"]) == {"a.tif"}
    assert "2 files ('b.tif', 'c.tif')" in said(result, "unreadable")
    with pytest.raises(FormatError, match=r"'b\.tif' cannot be read"):
        scan(tmp_path / "b.tif")


def test_reading_says_what_is_wrong(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[0, 0, 0], metadata=None)
    file = TiffSamples(path)
    for series, page, message in ((0, 1, "1 pages"), (1, 0, "no colour picture")):
        with pytest.raises(FormatError, match=message):
            file.read(series, page)
    file.close()
    with pytest.raises(MissingError, match="is gone"):
        TiffSamples(tmp_path / "b.tif")


def test_axes_that_are_no_planes(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], metadata={"axes": "ZCYX"}, shaped=True,
                     photometric="minisblack")  # fmt: skip
    result = scan(tmp_path)
    assert (result.summary()["size_z"], len(result.channels)) == (3, 4)
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], metadata={"axes": "HCYX"}, shaped=True,
                     photometric="minisblack")  # fmt: skip
    with pytest.raises(FormatError, match="cannot be told to be t, channel and z"):
        scan(tmp_path)


def test_real_lsm(shared_data):
    result = scan(shared_data / "lsm_omio")
    assert result.summary()["channels"] == ["Ch1-T1", "Ch2-T2", "T PMT-T2"]
    assert result.image_size == (512, 512)
    assert result.pixel_size_um == pytest.approx((1.03783, 1.03783), rel=1e-5)
    with tifffile.TiffFile(shared_data / "lsm_omio/032113-18.lsm") as file:
        pixels = file.series[0].asarray()
    for index, channel in enumerate(result.channels):
        assert np.array_equal(read(result, channel=channel.name), pixels[index])


def test_real_stacks(shared_data):
    result = scan(shared_data / "ebimage")
    assert result.summary()["size_z"] == 4
    assert result.pixel_size_um is None
    assert "352.778" in said(result, "doubtful")
    pixels = tifffile.imread(shared_data / "ebimage/nuclei.tif")
    for z in range(4):
        assert np.array_equal(read(result, path="nuclei.tif", z=z), pixels[z])


PLAIN = [
    pytest.param({"metadata": None}, id="nothing said"),
    pytest.param({}, id="shape said"),
    pytest.param({"metadata": None, "byteorder": ">"}, id="big endian"),
    pytest.param({"metadata": None, "bigtiff": True}, id="BigTIFF"),
    pytest.param({"resolution": (20000, 10000), "resolutionunit": "CENTIMETER"}, id="in cm"),
    pytest.param({"resolution": (72, 72), "resolutionunit": "INCH"}, id="72 dots an inch"),
    pytest.param({"resolution": (3, 3), "resolutionunit": "NONE"}, id="no unit"),
    pytest.param({"compression": "zlib", "tile": (16, 16)}, id="tiles"),
]


@pytest.mark.parametrize("options", PLAIN)
def test_a_plain_page_is_told_from_its_header_as_tifffile_tells_it(tmp_path, monkeypatch, options):
    pixels = np.arange(20 * 30, dtype=np.float32).reshape(20, 30)
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(tmp_path / name, pixels, **options)
    with monkeypatch.context() as patch:
        patch.setattr(tiffstack, "_plain", lambda header, name: None)
        slow = scan(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(tifffile, "TiffFile", None)
        fast = scan(tmp_path)
    pd.testing.assert_frame_equal(fast.planes, slow.planes)
    assert fast == replace(slow, planes=fast.planes)


OTHERS = [
    pytest.param({"data": np.zeros((2, 20, 30), np.uint8)}, id="two pages"),
    pytest.param({"data": np.zeros((20, 30, 3), np.uint8), "photometric": "rgb"}, id="colours"),
    pytest.param({"data": np.zeros((20, 30), np.uint8), "imagej": True}, id="ImageJ"),
    pytest.param({"description": "of another program", "metadata": None}, id="a description"),
    pytest.param({"extratags": [(50000, 3, 1, 7, True)], "metadata": None}, id="a private tag"),
]


@pytest.mark.parametrize("options", OTHERS)
def test_what_may_be_more_than_a_plain_page_is_left_to_tifffile(tmp_path, options):
    options = {"data": np.zeros((20, 30), np.uint16), **options}
    tifffile.imwrite(tmp_path / "a.tif", **options)
    header = read_header(tmp_path / "a.tif", notes=True)
    assert tiffstack._plain(header, "a.tif") is None
    assert len(scan(tmp_path).planes) == max(options["data"].size // 600, 1)


@pytest.mark.parametrize(("name", "kind"), [("ImageDescription", 1), ("XResolution", 2)])
def test_notes_of_another_type_are_left_to_tifffile(tmp_path, name, kind):
    path = tmp_path / "a.tif"
    image = np.ones((20, 30), np.uint16)
    tifffile.imwrite(
        path, image, description="four", resolution=(2, 2), resolutionunit=3, metadata=None
    )
    with tifffile.TiffFile(path) as file:
        tag = file.pages.first.tags[name]
    data = bytearray(path.read_bytes())
    data[tag.offset + 2 : tag.offset + 4] = kind.to_bytes(2, "little")
    data[tag.offset + 4 : tag.offset + 8] = (8).to_bytes(4, "little")
    path.write_bytes(data)
    assert read_header(path, notes=True).notes is None


def test_notes_that_make_no_sense_are_no_reason_to_refuse_pixels(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.ones((20, 30), np.uint16), resolution=(2, 2), metadata=None)
    with tifffile.TiffFile(path) as file:
        tag = file.pages.first.tags["XResolution"]
    data = bytearray(path.read_bytes())
    data[tag.offset + 8 : tag.offset + 12] = (1 << 30).to_bytes(4, "little")  # beyond the file
    path.write_bytes(data)
    header = read_header(path, notes=True)
    assert header.notes is None
    assert (header.height, header.width) == (20, 30)
    assert len(scan(tmp_path).planes) == 1
