"""Olympus OIB and OIF against oiffile's own array, and folders written here."""

from __future__ import annotations

import struct
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from tests.vendors.damaged import announce_strips

from napari_tmaps.errors import FormatError, MissingError
from napari_tmaps.vendors import olympus, opening, scan
from napari_tmaps.vendors.compoundfile import check_chains
from napari_tmaps.vendors.listing import Listing
from napari_tmaps.vendors.pixels import PlaneReader


def test_real(shared_data):
    oiffile = pytest.importorskip("oiffile")
    result = scan(shared_data / "oib_oiffile")
    facts = result.summary()
    assert facts["channels"] == ["CH1", "CH2", "TD1"]
    assert facts["image_size"] == [256, 256]
    assert result.pixel_size_um == (0.177, 0.177)
    assert result.channels[0].excitation_nm == 488.0
    expected = oiffile.imread(shared_data / "oib_oiffile/test.oib")
    reader = PlaneReader(result.root, result.reader)
    for index, channel in enumerate(facts["channels"]):
        (row,) = result.planes[result.planes["channel"] == channel].itertuples()
        assert np.array_equal(reader.read(row.path, row.series, row.page), expected[index])
    with pytest.raises(FormatError, match="Plane 3 of image 0"):
        reader.read("test.oib", 0, 3)
    reader.close()


@pytest.mark.parametrize("kept", [0.01, 0.5])
def test_truncated(shared_data, tmp_path, kept):
    pytest.importorskip("oiffile")
    data = (shared_data / "oib_oiffile/test.oib").read_bytes()
    (tmp_path / "cut.oib").write_bytes(data[: int(kept * len(data))])
    with pytest.raises(FormatError, match=r"'cut\.oib' cannot be read"):
        scan(tmp_path)


def test_a_file_that_is_gone(tmp_path):
    pytest.importorskip("oiffile")
    with pytest.raises(MissingError, match="is gone"):
        olympus.OibPlanes(tmp_path / "a.oib")


def test_without_the_library(tmp_path, monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(opening, "import_module", missing)
    with pytest.raises(FormatError, match="'oiffile', which is not installed"):
        olympus.scan(Listing(tmp_path, ("a.oib",)))


AXIS = """[Axis {n} Parameters Common]\r
AxisCode="{code}"\r
MaxSize={size}\r
PixUnit="{unit}"\r
StartPosition={start}\r
EndPosition={end}\r
"""


def write_oif(path, *, t=2, c=2, z=3, left_out=(), names="s_C{c:03d}Z{z:03d}T{t:03d}.tif"):
    """An OIF folder: pixels 0.5 µm (y) × 0.25 µm (x), planes 1.5 µm and 20 s apart."""
    axes = [
        ("X", 9, "um", 0.0, 2.0),
        ("Y", 5, "um", 0.0, 2.0),
        ("C", c, "Ch", 1, c),
        ("Z", z, "nm", 3000.0, 3000.0 - 1500.0 * (z - 1)),
        ("T", t, "ms", 0.0, 20_000.0 * (t - 1)),
    ]
    text = '[ProfileSaveInfo]\r\nName="COFAImages"\r\nVersion="2.0.0.0"\r\n'
    for n, (code, size, unit, start, end) in enumerate(axes):
        text += AXIS.format(n=n, code=code, size=size, unit=unit, start=start, end=end)
    for n, name in enumerate(("DAPI", "Alexa Flüor 488"), start=1):
        text += (
            f'[Channel {n} Parameters]\r\nCH Name="{name}"\r\nExcitationWavelength={400 + n}\r\n'
        )
    path.write_bytes(text.encode("utf-16"))
    folder = path.with_name(f"{path.name}.files")
    folder.mkdir()
    for index in product(range(1, t + 1), range(1, c + 1), range(1, z + 1)):
        if index not in left_out:
            values = np.full((5, 9), 100 * index[0] + 10 * index[1] + index[2], np.uint16)
            tifffile.imwrite(folder / names.format(t=index[0], c=index[1], z=index[2]), values)
    (folder / "s_Thumb.bmp").write_bytes(b"BM")
    return path


def test_oif(tmp_path):
    pytest.importorskip("oiffile")
    write_oif(tmp_path / "cells [1] ü.oif")
    result = scan(tmp_path)
    facts = result.summary()
    assert facts["channels"] == ["DAPI", "Alexa Flüor 488"]
    assert (facts["size_t"], facts["size_z"], facts["image_size"]) == (2, 3, [5, 9])
    assert facts["pixel_size_um"] == [0.5, 0.25]
    assert facts["z_step_um"] == 1.5
    assert facts["oddities"] == []
    assert result.planes["path"].unique().tolist() == ["cells [1] ü.oif"]
    assert result.planes.loc[result.planes["t"] == 1, "time_s"].unique().tolist() == [20.0]
    reader = PlaneReader(result.root, result.reader)
    for row in result.planes.itertuples():
        channel = 1 + facts["channels"].index(row.channel)
        expected = 100 * (row.t + 1) + 10 * channel + row.z + 1
        assert (reader.read(row.path, row.series, row.page) == expected).all()
    (tmp_path / "cells [1] ü.oif.files/s_C002Z003T002.tif").unlink()
    with pytest.raises(MissingError, match=r"s_C002Z003T002\.tif"):
        reader.read("cells [1] ü.oif", 0, 11)
    reader.close()


@pytest.mark.parametrize("dropped", ["a.oif", "a.oif.files"])
def test_an_oif_or_its_folder_alone(tmp_path, dropped):
    pytest.importorskip("oiffile")
    write_oif(tmp_path / "a.oif")
    write_oif(tmp_path / "b.oif")
    assert scan(tmp_path / dropped).planes["path"].unique().tolist() == ["a.oif"]


def test_oif_with_gaps(tmp_path):
    pytest.importorskip("oiffile")
    write_oif(tmp_path / "a.oif", left_out={(2, 2, 3), (1, 1, 2)})
    result = scan(tmp_path)
    lost = result.planes[result.planes["missing"]]
    assert sorted(lost[["t", "channel", "z"]].to_numpy().tolist()) == [
        [0, "DAPI", 1],
        [1, "Alexa Flüor 488", 2],
    ]
    assert any("2 of 12 announced planes" in str(oddity) for oddity in result.oddities)
    reader = PlaneReader(result.root, result.reader)
    with pytest.raises(FormatError, match="no such plane"):
        reader.read("a.oif", 0, 1)
    reader.close()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param({"names": "s_C{c:03d}Z{z:03d}L{t:03d}.tif"}, "axes CZL", id="axis"),
        pytest.param({"names": "picture{t}{c}{z}.tif"}, "no picture is named", id="names"),
        pytest.param({"names": "s_C000Z{z:03d}T{t:03d}.tif"}, "no picture is named", id="zero"),
        pytest.param({"names": "s_C{c:03d}Z{z:03d}T9{t:06d}.tif"}, "announce", id="huge"),
    ],
)
def test_oif_that_makes_no_sense(tmp_path, spoil, message):
    pytest.importorskip("oiffile")
    write_oif(tmp_path / "a.oif", **spoil)
    with pytest.raises(FormatError, match=message):
        scan(tmp_path)


def test_oif_with_a_damaged_picture(tmp_path, monkeypatch):
    pytest.importorskip("oiffile")
    write_oif(tmp_path / "a.oif")
    # What tifffile makes of a tag of wrong length, found by fuzzing: many widths.
    odd = SimpleNamespace(shape=(5, (6, 7, 8)), dtype=np.dtype("u2"))
    monkeypatch.setattr(olympus, "_header", lambda part: odd)
    with pytest.raises(FormatError, match="impossible sizes"):
        scan(tmp_path)


def test_oif_of_colour_pictures(tmp_path):
    pytest.importorskip("oiffile")
    path = write_oif(tmp_path / "a.oif", t=1, c=1, z=1)
    picture = path.with_name("a.oif.files") / "s_C001Z001T001.tif"
    tifffile.imwrite(picture, np.zeros((5, 9, 3), np.uint8), photometric="rgb")
    with pytest.raises(FormatError, match="which is not"):
        scan(tmp_path)


def test_oif_without_its_folder(tmp_path):
    pytest.importorskip("oiffile")
    write_oif(tmp_path / "a.oif").rename(tmp_path / "renamed.oif")
    with pytest.raises(FormatError, match=r"renamed\.oif\.files"):
        scan(tmp_path / "renamed.oif")


def test_a_real_oib_as_oif(shared_data, tmp_path):
    oiffile = pytest.importorskip("oiffile")
    source = shared_data / "oib_oiffile/test.oib"
    oiffile.oib2oif(str(source), location=str(tmp_path), verbose=0)
    oib, oif = scan(source), scan(tmp_path)
    assert oif.summary()["oddities"] == []
    assert oif.channels == oib.channels
    assert oif.pixel_size_um == oib.pixel_size_um
    readers = [PlaneReader(each.root, each.reader) for each in (oib, oif)]
    for a, b in zip(oib.planes.itertuples(), oif.planes.itertuples(), strict=True):
        one, other = (
            reader.read(row.path, row.series, row.page)
            for reader, row in zip(readers, (a, b), strict=True)
        )
        assert np.array_equal(one, other)
    for reader in readers:
        reader.close()


def test_oib_whose_sectors_lead_in_a_circle(shared_data, tmp_path):
    # Found by fuzzing: the library goes round until the memory is full.
    pytest.importorskip("oiffile")
    data = bytearray((shared_data / "oib_oiffile/test.oib").read_bytes())
    size = 1 << struct.unpack_from("<H", data, 30)[0]
    directory, table = struct.unpack_from("<I", data, 48)[0], struct.unpack_from("<I", data, 76)[0]
    small = struct.unpack_from("<I", data, 60)[0]
    for name, at in (
        ("directory", (table + 1) * size + 4 * directory),  # its first sector follows itself
        ("small", (small + 1) * size),
    ):
        broken = bytearray(data)
        struct.pack_into("<I", broken, at, directory if name == "directory" else 0)
        (tmp_path / "a.oib").write_bytes(broken)
        with pytest.raises(FormatError, match="leads in a circle"):
            scan(tmp_path)
    for at in (44, 72):
        broken = bytearray(data)
        struct.pack_into("<I", broken, at, 2**31)
        (tmp_path / "a.oib").write_bytes(broken)
        with pytest.raises(FormatError, match="announces 2147483648 tables"):
            scan(tmp_path)


def test_oib_with_tables_of_tables(tmp_path):
    # 110 tables of 128 sectors: one more than the header has room for.
    header = bytearray(512)
    header[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<H", header, 30, 9)
    struct.pack_into("<I", header, 44, 110)
    struct.pack_into("<4I", header, 60, 0xFFFFFFFE, 0, 110, 1)
    struct.pack_into("<109I", header, 76, *range(109))
    free = np.full(128, 0xFFFFFFFF, "<u4")
    more = free.copy()
    more[0], more[-1] = 109, 0xFFFFFFFE
    last = free.copy()
    whole = [*[free] * 109, last, more]
    path = tmp_path / "a.oib"
    path.write_bytes(bytes(header) + b"".join(sector.tobytes() for sector in whole))
    check_chains(path)
    last[0] = 109 * 128  # the last table's first sector follows itself
    path.write_bytes(bytes(header) + b"".join(sector.tobytes() for sector in whole))
    with pytest.raises(FormatError, match="leads in a circle"):
        check_chains(path)


def test_a_picture_that_announces_more_strips_than_there_are(tmp_path):
    path = write_oif(tmp_path / "a.oif")
    picture = tmp_path / "a.oif.files" / "s_C001Z001T001.tif"
    plane = np.zeros((5, 9), np.uint16)
    tifffile.imwrite(picture, plane, rowsperstrip=5, metadata=None, compression="zlib")
    announce_strips(picture)
    planes = olympus.OibPlanes(path)
    with pytest.raises(FormatError, match=r"s_C001Z001T001\.tif' are cut off"):
        planes.read(0, 0)
    assert planes.read(0, 1).shape == (5, 9)
    planes.close()
