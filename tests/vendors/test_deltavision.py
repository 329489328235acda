from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_tmaps.errors import FormatError, MissingError, TmapsError
from napari_tmaps.vendors import recognise, scan
from napari_tmaps.vendors.pixels import PlaneReader

SIZES = {"T": 2, "W": 2, "Z": 3, "P": 1}
TYPES = {0: "u1", 1: "i2", 2: "f4", 6: "u2", 7: "i4"}


def pixels(t: int, w: int, z: int, p: int = 0) -> np.ndarray:
    """4 × 6 pixels as a person sees them: the row from the top is the last digit."""
    return (10 * (t + 2 * w + 4 * z + 12 * p) + np.arange(4))[:, None] + np.zeros((1, 6), int)


def write(
    path: Path, *, byteorder="<", mode=6, sequence=0, letters="ZTWP", panels=1, extended=True,
    stage=lambda t, p: (100.0 * p, -50.0 * p),
) -> Path:  # fmt: skip
    """Sections in the order of the letters, the fastest first."""
    sizes = {**SIZES, "P": panels}
    total = int(np.prod(list(sizes.values())))
    head = bytearray(1024)
    struct.pack_into(byteorder + "4i", head, 0, 6, 4, total, mode)
    struct.pack_into(byteorder + "3f", head, 40, 0.1075, 0.215, 0.25)
    length = 4 * (8 + 32)
    if extended:
        struct.pack_into(byteorder + "i", head, 92, total * length)
        struct.pack_into(byteorder + "2h", head, 128, 8, 32)
    struct.pack_into(byteorder + "h", head, 96, -16224)
    struct.pack_into(byteorder + "h", head, 160, 100 if panels > 1 else 0)
    struct.pack_into(byteorder + "2h", head, 180, sizes["T"], sequence)
    struct.pack_into(byteorder + "6h", head, 196, sizes["W"], 457, 528, 0, 0, 0)
    if panels > 1:
        struct.pack_into(byteorder + "i", head, 880, panels)
    numbers, sections = b"", b""
    for index in np.ndindex(*(sizes[letter] for letter in letters[::-1])):
        at = dict(zip(letters[::-1], index, strict=True))
        x, y = stage(at["T"], at["P"])
        floats = [0, 7.0 + 10 * at["T"], x, y, 0.25 * at["Z"], 0, 0, 0, 0.05, 0, 360 + at["W"], 457]
        numbers += struct.pack(f"{byteorder}8i32f", *[0] * 8, *floats, *[0] * 20)
        image = pixels(at["T"], at["W"], at["Z"], at["P"])[::-1]
        sections += image.astype(byteorder + TYPES[mode]).tobytes()
    path.write_bytes(bytes(head) + (numbers if extended else b"") + sections)
    return path


def check_pixels(result) -> None:
    reader = PlaneReader(result.root, result.reader)
    channels = [channel.name for channel in result.channels]
    for row in result.planes[~result.planes["missing"]].itertuples():
        expected = pixels(row.t, channels.index(row.channel), row.z, row.site - 1)
        found = reader.read(row.path, row.series, row.page)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == np.dtype(result.dtype)
    reader.close()


def said(result, kind: str) -> str:
    return " ".join(str(oddity) for oddity in result.oddities if oddity.kind == kind)


@pytest.mark.parametrize("byteorder", "<>")
@pytest.mark.parametrize(("sequence", "letters"), [(0, "ZTWP"), (1, "WZTP"), (2, "ZWTP")])
def test_orders_of_planes(tmp_path, byteorder, sequence, letters):
    write(tmp_path / "a.dv", byteorder=byteorder, sequence=sequence, letters=letters)
    result = scan(tmp_path)
    assert result.vendor == "DeltaVision"
    assert (len(result.planes), result.planes["missing"].sum()) == (12, 0)
    check_pixels(result)


@pytest.mark.parametrize(
    ("mode", "dtype"), [(0, "uint8"), (1, "int16"), (2, "float32"), (7, "int32")]
)
def test_types_of_pixels(tmp_path, mode, dtype):
    result = scan(write(tmp_path / "a.r3d", mode=mode))
    assert result.dtype == dtype
    check_pixels(result)


def test_facts(tmp_path):
    result = scan(write(tmp_path / "a.dv", stage=lambda t, p: (300.0, -50.0)))
    assert (result.pixel_size_um, result.z_step_um) == ((0.215, 0.1075), 0.25)
    assert [(c.name, c.excitation_nm, c.emission_nm, c.exposure_ms) for c in result.channels] == [
        ("457", 360, 457, 50),
        ("528", 361, 528, 50),
    ]
    assert set(result.planes["stage_y_um"]) == {50}
    assert set(result.planes["stage_x_um"]) == {300}
    assert sorted(set(result.planes["stage_z_um"])) == [0, 0.25, 0.5]
    assert sorted(set(result.planes["time_s"])) == [0, 10]
    assert result.oddities == ()


def test_panels_are_sites(tmp_path):
    result = scan(write(tmp_path / "a.dv", panels=3, sequence=3, letters="ZPWT"))
    assert result.sites_per_well == {"A01": 3}
    places = result.planes.groupby("site")[["stage_y_um", "stage_x_um"]].first()
    assert places.to_numpy().tolist() == [[0, 0], [50, 100], [100, 200]]
    assert "count y upwards" in said(result, "doubtful")
    check_pixels(result)


def test_positions_that_are_kept_as_times(tmp_path):
    result = scan(write(tmp_path / "a.dv", stage=lambda t, p: (100.0 * t, 0.0)))
    assert "they may be positions" in said(result, "doubtful")


def test_without_extended_header(tmp_path):
    result = scan(write(tmp_path / "a.dv", extended=False))
    assert not result.stage_known
    assert result.planes["time_s"].isna().all()
    check_pixels(result)


def test_file_that_is_cut_off(tmp_path):
    path = write(tmp_path / "a.dv")
    path.write_bytes(path.read_bytes()[:-50])  # sections have 48 bytes: two are lost
    result = scan(path)
    assert int(result.planes["missing"].sum()) == 2
    assert "2 of 12" in said(result, "missing")
    check_pixels(result)


def poke(path: Path, at: int, kind: str, value: int) -> None:
    data = bytearray(path.read_bytes())
    struct.pack_into(kind, data, at, value)
    path.write_bytes(data)


WRONG = [
    pytest.param(96, "<h", 0, "does not begin like", id="mark"),
    pytest.param(12, "<i", 4, "complex", id="complex"),
    pytest.param(0, "<i", -6, "sizes are not positive", id="width"),
    pytest.param(8, "<i", 2_000_000_000, "announces 2000000000 sections", id="sections"),
    pytest.param(196, "<h", 30_000, "12 sections and 30000 waves", id="waves"),
    pytest.param(180, "<h", 5, "12 sections are not 5 times", id="times"),
]


@pytest.mark.parametrize(("at", "kind", "value", "message"), WRONG)
def test_damaged_header(tmp_path, at, kind, value, message):
    poke(write(tmp_path / "a.dv"), at, kind, value)
    with pytest.raises(FormatError, match=message):
        scan(tmp_path)


def test_file_without_a_header(tmp_path):
    (tmp_path / "a.dv").write_bytes(b"short")
    assert recognise(tmp_path).name == "DeltaVision"
    with pytest.raises(FormatError, match="its header has 5 bytes"):
        scan(tmp_path)


def test_planes_that_are_not_there(tmp_path):
    path = write(tmp_path / "a.dv")
    reader = PlaneReader(tmp_path, "deltavision")
    with pytest.raises(FormatError, match="Plane 12 of image 0"):
        reader.read("a.dv", 0, 12)
    with pytest.raises(FormatError, match="the file has 1 panels"):
        reader.read("a.dv", 1, 0)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FormatError, match="Plane 11 of image 0"):
        reader.read("a.dv", 0, 11)
    reader.close()
    path.unlink()
    with pytest.raises(MissingError, match="is gone"):
        reader.read("a.dv", 0, 0)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_bytes_give_only_our_own_errors(tmp_path, data):
    path = tmp_path / "a.dv"
    write(path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 1100))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    with suppress(TmapsError):
        scan(path)
