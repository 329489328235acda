from __future__ import annotations

import imageio.v3
import numpy as np
import pytest
import tifffile

from napari_tmaps.errors import FormatError, InputError
from napari_tmaps.vendors import scan
from napari_tmaps.vendors.pixels import PlaneReader

PLAIN = r"(?P<well>[A-H]\d+)_s(?P<site>\d+)_(?P<channel>\w+)_z(?P<z>\d+)_t(?P<t>\d+)\.tif"


def said(result, kind: str) -> str:
    return " ".join(str(oddity) for oddity in result.oddities if oddity.kind == kind)


@pytest.fixture
def folder(tmp_path):
    """Wells B3 and C11 × site 1 × DAPI, GFP × z 5, 10 × t 0."""
    for well in ("B3", "C11"):
        for channel in ("DAPI", "GFP"):
            for z in (5, 10):
                write(tmp_path / f"{well}_s1_{channel}_z{z}_t0.tif")
    return tmp_path


def write(path, shape=(4, 6), dtype=np.uint8, **keywords):
    tifffile.imwrite(path, np.zeros(shape, dtype), metadata=None, **keywords)


def test_layout(folder):
    result = scan(folder, pattern=PLAIN)
    assert result.vendor == "File names"
    assert result.wells == ["B03", "C11"]
    assert [channel.name for channel in result.channels] == ["DAPI", "GFP"]
    assert sorted(set(result.planes["z"])) == [0, 1]
    assert set(result.planes["t"]) == {0}
    assert (result.image_size, result.dtype, result.reader) == ((4, 6), "uint8", "tiff")
    first = result.planes.iloc[0]
    assert (first["path"], first["z"]) == ("B3_s1_DAPI_z5_t0.tif", 0)
    assert [oddity.kind for oddity in result.oddities] == ["incomplete"]
    assert result.metadata == {"pattern": PLAIN}


def test_short_names_of_groups(folder):
    short = r"(?P<w>[A-H]\d+)_s(?P<s>\d+)_(?P<c>\w+)_z(?P<z>\d+)_t(?P<t>\d+)"
    assert scan(folder, pattern=short).summary() == scan(folder, pattern=PLAIN).summary()


@pytest.mark.parametrize(
    ("name", "pattern", "well"),
    [
        pytest.param("x-B-03.tif", r"-(?P<row>[A-H])-(?P<column>\d+)", "B03", id="letter"),
        pytest.param("r02c11.tif", r"r(?P<row>\d+)c(?P<column>\d+)", "B11", id="number"),
        pytest.param("AF48.tif", r"(?P<well>[A-Z]{2}\d\d)", "AF48", id="1536"),
        pytest.param("plate 1/b7/x.tif", r"(?P<plate>[^/]+)/(?P<well>\w+)/", "B07", id="folders"),
    ],
)
def test_wells(tmp_path, name, pattern, well):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    write(tmp_path / name)
    assert scan(tmp_path, pattern=pattern).wells == [well]


def test_plate_and_cycle(tmp_path):
    for cycle in ("003", "007"):
        write(tmp_path / f"P1_A01_round{cycle}.tif")
    result = scan(tmp_path, pattern=r"(?P<plate>P\d)_(?P<well>...)_round(?P<cycle>\d+)")
    assert result.plates == ["P1"]
    assert result.planes["cycle"].tolist() == [0, 1]


def test_groups_that_are_absent_are_assumed_and_told(tmp_path):
    write(tmp_path / "x_1.tif")
    result = scan(tmp_path, pattern=r"x_(?P<site>\d+)")
    row = result.planes.iloc[0]
    assert (row["well"], row["site"], row["channel"], row["z"], row["t"]) == ("A01", 1, "C01", 0, 0)
    assert "well A01, channel C01, z 0, t 0; these are assumed" in said(result, "doubtful")


BAD_PATTERNS = [
    pytest.param(r"(?P<well>..)(?P<colour>.)", "unknown group 'colour'.*well, row", id="unknown"),
    pytest.param(r"(?P<well>..", "no regular expression.*at character 1", id="broken"),
    pytest.param("x{99999999999999999999}", "too large", id="overflow"),
    pytest.param(r"[A-H]\d\d", "no named groups", id="no-groups"),
    pytest.param(r"(?P<well>..)(?P<w>..)", "'well' twice", id="long-and-short"),
    pytest.param(r"(?P<row>.)", "either well, or row and column", id="row-alone"),
    pytest.param(r"(?P<well>..)(?P<row>.)(?P<column>.)", "either well, or row", id="both"),
    pytest.param(r"(?P<well>B3)_s1_(?P<site>\w+)_z", "'DAPI' in .* for the site", id="no-number"),
    pytest.param(r"(?P<well>DAPI)", "'DAPI' is no well name", id="no-well"),
]


@pytest.mark.parametrize(("pattern", "message"), BAD_PATTERNS)
def test_bad_pattern(folder, pattern, message):
    with pytest.raises(InputError, match=message):
        scan(folder, pattern=pattern)


def test_nothing_matches(folder):
    with pytest.raises(FormatError, match="None of 8 images") as error:
        scan(folder, pattern=r"(?P<well>[A-H]\d+)_s(?P<site>\d+)-(?P<channel>\w+)")
    assert "fits 'B3_s1_DAPI_z5_t0.tif' up to 'B3_s1'" in str(error.value)
    assert "does not fit what follows: '_DAPI_z5_t0.tif'" in str(error.value)


def test_not_even_the_beginning_matches(folder):
    with pytest.raises(FormatError, match=r"names look like 'B3_s1_DAPI_z5_t0\.tif'"):
        scan(folder, pattern=r"@(?P<well>[A-H]\d+)")


def test_no_images(tmp_path):
    (tmp_path / "readme.txt").touch()
    with pytest.raises(FormatError, match=r"no images .* only 1 \.txt"):
        scan(tmp_path, pattern=PLAIN)


def test_files_that_do_not_match_are_told(folder):
    write(folder / "overview.tif")
    (folder / "notes.txt").touch()
    result = scan(folder, pattern=PLAIN)
    assert said(result, "ignored") == (
        "1 image ('overview.tif') left out: their names do not match the pattern."
    )


def test_two_files_for_one_plane(folder):
    with pytest.raises(FormatError) as error:
        scan(folder, pattern=r"(?P<well>[A-H]\d+)_s(?P<site>\d+)_(?P<channel>\w+)_z")
    message = str(error.value)
    assert "'B3_s1_DAPI_z5_t0.tif' and 'B3_s1_DAPI_z10_t0.tif' would be the same plane" in message
    assert message.endswith("add a group for what differs: z, t, plate, cycle.")


def test_gap_in_the_grid(folder):
    (folder / "C11_s1_GFP_z10_t0.tif").unlink()
    result = scan(folder, pattern=PLAIN)
    missing = result.planes[result.planes["missing"]]
    assert missing[["well", "channel", "z", "path"]].to_numpy().tolist() == [["C11", "GFP", 1, ""]]
    assert "1 of 8 planes are missing" in said(result, "missing")


def test_running_number_taken_for_z_does_not_explode(tmp_path):
    for number in range(60):
        write(tmp_path / f"A{number % 30 + 1:02d}_n{number}.tif")
    result = scan(tmp_path, pattern=r"(?P<well>A\d\d)_n(?P<z>\d+)")
    assert len(result.planes) == 60
    assert "1800 planes, but there are 60" in said(result, "doubtful")


def test_pages_are_z_planes(tmp_path):
    write(tmp_path / "A01.tif", (3, 4, 6), photometric="minisblack")
    write(tmp_path / "A02.tif", (2, 4, 6), photometric="minisblack")
    result = scan(tmp_path, pattern=r"(?P<well>A\d\d)")
    there = result.planes[~result.planes["missing"]]
    assert list(zip(there["well"], there["z"], there["page"], strict=True)) == [
        ("A01", 0, 0),
        ("A01", 1, 1),
        ("A01", 2, 2),
        ("A02", 0, 0),
        ("A02", 1, 1),
    ]
    assert result.planes["missing"].sum() == 1
    assert "Pages are taken for z planes" in said(result, "doubtful")


def test_pages_where_names_tell_z(tmp_path):
    write(tmp_path / "A01_z1.tif", (3, 4, 6), photometric="minisblack")
    result = scan(tmp_path, pattern=r"(?P<well>A\d\d)_z(?P<z>\d)")
    assert result.planes["page"].tolist() == [0]
    assert "only the first page" in said(result, "doubtful")


def test_damaged_mixed_and_coloured_files(folder):
    write(folder / "B3_s1_GFP_z5_t0.tif", dtype=np.uint16)
    (folder / "B3_s1_GFP_z10_t0.tif").write_bytes(b"II*")
    write(folder / "C11_s1_GFP_z10_t0.tif", (4, 6, 3), photometric="rgb")
    result = scan(folder, pattern=PLAIN)
    assert result.planes["missing"].sum() == 2
    assert "2 images" in said(result, "unreadable")
    assert "uint8 (5 planes), uint16 (1 planes)" in said(result, "mixed")
    assert "left out" not in said(result, "ignored")


def test_other_formats_go_to_bioio(tmp_path):
    for name in ("A01.jp2", "A02.jp2"):
        (tmp_path / name).write_bytes(b"never opened by a scan")
    write(tmp_path / "A03.tif")
    result = scan(tmp_path, pattern=r"(?P<well>A\d\d)")
    assert result.reader == "bioio"
    assert result.planes["height"].tolist() == [-1, -1, 4]
    assert not result.planes["missing"].any()


def test_optional_group_that_takes_no_part(tmp_path):
    write(tmp_path / "A01_s1.tif")
    write(tmp_path / "A02.tif")
    result = scan(tmp_path, pattern=r"(?P<well>A\d\d)(?:_s(?P<site>\d))?")
    assert result.wells == ["A01"]
    assert "'A02.tif'" in said(result, "ignored")


def test_real_bbbc013(shared_data):
    pattern = r"Channel(?P<channel>\d)-\d+-(?P<row>[A-H])-(?P<column>\d+)\.tif"
    result = scan(shared_data / "bbbc013_sbs", pattern=pattern)
    summary = result.summary()
    assert summary["wells"] == [f"{row}{column:02d}" for row in "AB" for column in range(1, 13)]
    assert set(summary["sites_per_well"].values()) == {1}
    assert summary["channels"] == ["1", "2"]
    assert (summary["image_size"], summary["dtype"]) == ([640, 640], "uint8")
    assert summary["planes"] == 48
    row = result.planes.query("well == 'B05' and channel == '2'")
    assert row["path"].tolist() == ["Channel2-17-B-05.tif"]


def test_pictures_in_grey_and_colours(tmp_path):
    for n, well in enumerate(("A01", "A02")):
        imageio.v3.imwrite(tmp_path / f"{well}.png", np.full((4, 6), n + 1, np.uint16))
    result = scan(tmp_path, pattern=r"(?P<well>[A-Z]\d\d)")
    assert result.sites_per_well == {"A01": 1, "A02": 1}
    assert result.image_size == (4, 6)
    assert result.summary()["dtype"] == "uint16"
    reader = PlaneReader(result.root, result.reader)
    found = [reader.read(p.path, p.series, p.page) for p in result.planes.itertuples()]
    assert [np.unique(pixels).tolist() for pixels in found] == [[1], [2]]
    reader.close()
    imageio.v3.imwrite(tmp_path / "A03.png", np.zeros((4, 6, 3), np.uint8))
    (tmp_path / "A04.png").write_bytes(b"")
    result = scan(tmp_path, pattern=r"(?P<well>[A-Z]\d\d)")
    assert "('A03.png') in colours: their red part alone" in said(result, "doubtful")
    assert "A04.png" in said(result, "unreadable")
    write(tmp_path / "A05.tif")
    mixed = scan(tmp_path, pattern=r"(?P<well>[A-Z]\d\d)")
    reader = PlaneReader(mixed.root, mixed.reader)
    assert [reader.read(name, 0, 0).shape for name in ("A01.png", "A05.tif")] == [(4, 6), (4, 6)]
    reader.close()
    assert result.planes.loc[result.planes["missing"], "well"].tolist() == ["A04"]
