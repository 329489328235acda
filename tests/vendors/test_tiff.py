from __future__ import annotations

import os
from contextlib import closing, suppress

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.vendors.damaged import announce_strips

from napari_tmaps.errors import FormatError, MissingError, StorageError, TmapsError
from napari_tmaps.vendors.pixels import PlaneReader
from napari_tmaps.vendors.tiff import Alike, TiffHeader, TiffPlanes, read_header

DTYPES = ["uint8", "uint16", "uint32", "int8", "int16", "float32", "float64"]
LAYOUTS = [
    pytest.param({}, id="plain"),
    pytest.param({"byteorder": ">"}, id="big-endian"),
    pytest.param({"bigtiff": True}, id="bigtiff"),
    pytest.param({"bigtiff": True, "byteorder": ">"}, id="bigtiff-big-endian"),
    pytest.param({"compression": "zlib"}, id="compressed"),
    pytest.param({"rowsperstrip": 3}, id="strips"),
    pytest.param({"tile": (16, 16)}, id="tiles"),
]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_header_and_pixels_as_tifffile_wrote_them(tmp_path, layout, dtype):
    path = tmp_path / "a.tif"
    image = np.arange(3 * 20 * 37).reshape(3, 20, 37).astype(dtype)
    tifffile.imwrite(path, image, photometric="minisblack", metadata=None, **layout)
    assert read_header(path) == TiffHeader(20, 37, dtype, 3)
    reader = PlaneReader(tmp_path, "tiff")
    for page in range(3):
        plane = reader.read("a.tif", 0, page)
        assert plane.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(plane, image[page])
    reader.close()


def test_colour_picture_is_no_plane(tmp_path):
    path = tmp_path / "rgb.tif"
    tifffile.imwrite(path, np.zeros((5, 7, 3), np.uint8), photometric="rgb")
    assert read_header(path) == TiffHeader(5, 7, "uint8", 1, 3)
    file = TiffPlanes(path)
    with pytest.raises(FormatError, match="colour picture"):
        file.read(0, 0)
    file.close()


def test_what_the_short_reader_does_not_know_is_left_to_tifffile(tmp_path):
    path = tmp_path / "mask.tif"
    tifffile.imwrite(path, np.eye(8, dtype=bool))
    assert read_header(path) == TiffHeader(8, 8, "bool", 1)


def test_pixels_of_odd_bits_are_refused(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((4, 4), np.uint16), metadata=None)
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages.first.tags["BitsPerSample"].overwrite(65)
    with pytest.raises(FormatError, match="65 bits are not supported"):
        read_header(path)


def test_page_that_does_not_exist(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((5, 7), np.uint8))
    file = TiffPlanes(path)
    for series, page in ((0, 1), (1, 0), (0, -1)):
        with pytest.raises(FormatError, match=f"no page {page} of series {series}"):
            file.read(series, page)
    file.close()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_truncated(tmp_path, layout, keep):
    path = tmp_path / "a.tif"
    noise = np.random.default_rng(0).integers(0, 60_000, (64, 64), dtype=np.uint16)
    tifffile.imwrite(path, noise, metadata=None, **layout)
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    with pytest.raises(FormatError, match="cut off"):
        read_header(path)
    with pytest.raises(FormatError), closing(TiffPlanes(path)) as file:
        file.read(0, 0)


DAMAGED = [
    pytest.param(b"", "is empty", id="zero-bytes"),
    pytest.param(b"II*", "does not begin like a TIFF", id="stub"),
    pytest.param(b"\x89PNG\r\n\x1a\n" * 4, "does not begin like a TIFF", id="a-png"),
    pytest.param(b"II*\0\xff\xff\xff\x7f", "cut off", id="far-away-page"),
    pytest.param(b"II*\0\0\0\0\0", "no pages", id="no-page"),
    pytest.param(b"II*\0\x08\0\0\0\0\0\0\0\0\0", "page is broken", id="page-without-tags"),
    pytest.param(
        b"II*\0\x08\0\0\0\x01\0\xfe\0\x04\0\x01\0\0\0\0\0\0\0\x08\0\0\0", "circle", id="circle"
    ),
    pytest.param(
        b"II*\0\x08\0\0\0\x01\0\xfe\0\x04\0\x01\0\0\0\0\0\0\0\0\0\0\0", "its size", id="no-size"
    ),
    pytest.param(
        b"II*\0\x08\0\0\0\x01\0\0\x01\x10\0\x01\0\0\0\x16\0\0\0\0\0\0\0", "cut off", id="wide-tag"
    ),
    pytest.param(
        b"II*\0\x08\0\0\0\x01\0\0\x01\x63\0\x01\0\0\0\0\0\0\0\0\0\0\0", "impossible", id="odd-type"
    ),
]


@pytest.mark.parametrize(("content", "message"), DAMAGED)
def test_damaged_header(tmp_path, content, message):
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=message) as error:
        read_header(path)
    assert str(path) in str(error.value)


def test_files_that_begin_alike_are_read_as_each_alone(tmp_path):
    dice = np.random.default_rng(0)
    plane = dice.integers(0, 99, (5, 7), np.uint16)
    tifffile.imwrite(tmp_path / "first.tif", plane, metadata=None)
    tifffile.imwrite(tmp_path / "again.tif", plane + 1, metadata=None)
    tifffile.imwrite(tmp_path / "larger.tif", np.zeros((6, 7), np.uint16), metadata=None)
    tifffile.imwrite(tmp_path / "pages.tif", np.stack([plane, plane]), metadata=None)
    data = (tmp_path / "first.tif").read_bytes()
    (tmp_path / "longer.tif").write_bytes(data + bytes(40))
    (tmp_path / "cut.tif").write_bytes(data[:-3])
    at = data.index((7).to_bytes(2, "little"), 8)  # the width, in the description of the page
    (tmp_path / "other.tif").write_bytes(data[:at] + (6).to_bytes(2, "little") + data[at + 2 :])
    alike = Alike()
    read = {}
    for name in ("first", "again", "larger", "pages", "longer", "other", "first"):
        path = tmp_path / f"{name}.tif"
        read[name] = read_header(path, alike)
        assert read[name] == read_header(path)
    assert (read["again"], read["pages"].pages) == (TiffHeader(5, 7, "uint16", 1), 2)
    assert read["other"] != read["first"]
    with pytest.raises(FormatError, match="cut off"):
        read_header(tmp_path / "cut.tif", alike)


def test_file_that_is_not_there(tmp_path):
    with pytest.raises(MissingError, match="not there"):
        read_header(tmp_path / "a.tif")
    with pytest.raises(MissingError, match="not there"):
        TiffPlanes(tmp_path / "a.tif")


def test_disk_that_refuses(tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((5, 7), np.uint8))

    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(tifffile, "TiffFile", refuse)
        with pytest.raises(StorageError, match="Permission denied"):
            TiffPlanes(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "read", refuse)
        with pytest.raises(StorageError, match="Permission denied"):
            read_header(path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with pytest.raises(StorageError, match="Permission denied"):
            read_header(path)
    file = TiffPlanes(path)
    monkeypatch.setattr(tifffile.TiffPage, "asarray", refuse)
    with pytest.raises(StorageError, match="Permission denied"):
        file.read(0, 0)
    file.close()


def test_pixels_that_were_never_written_are_no_zeros(tmp_path):
    """tifffile gives zeros for strips of no bytes."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.ones((4, 4), np.uint16), metadata=None, compression="zlib")
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages.first.tags["StripByteCounts"].overwrite(0)
    file = TiffPlanes(path)
    with pytest.raises(FormatError, match="cut off"):
        file.read(0, 0)
    file.close()


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_flipped_bytes_give_only_errors_for_people(tmp_path, data):
    path = tmp_path / "a.tif"
    compression = data.draw(st.sampled_from([None, "zlib", "lzw"]))
    tifffile.imwrite(path, np.eye(16, dtype=np.uint16), compression=compression)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with suppress(TmapsError):
        header = read_header(path)
        if header.height * header.width < 1 << 24:
            with closing(TiffPlanes(path)) as file:
                assert file.read(0, 0).ndim == 2


def test_more_strips_announced_than_there_are(tmp_path):
    path = tmp_path / "a.tif"
    plane = np.zeros((8, 6), np.uint16)
    tifffile.imwrite(path, plane, rowsperstrip=8, metadata=None, compression="zlib")
    announce_strips(path)
    with closing(TiffPlanes(path)) as planes, pytest.raises(FormatError, match="are cut off"):
        planes.read(0, 0)
