from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_tmaps.errors import FormatError, InputError, TmapsError
from napari_tmaps.vendors import recognise, scan
from napari_tmaps.vendors.pixels import PlaneReader


def image(path: Path, *values: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pages = np.stack([np.full((4, 6), value, np.uint16) for value in values])
    tifffile.imwrite(path, pages, photometric="minisblack", metadata=None)


def table(path: Path, *lines: str, encoding="utf-8") -> Path:
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


def values(result) -> list[int]:
    reader = PlaneReader(result.root, result.reader)
    there = result.planes[~result.planes["missing"]]
    found = [int(reader.read(r.path, r.series, r.page)[0, 0]) for r in there.itertuples()]
    reader.close()
    return found


def said(result, kind: str) -> str:
    return " ".join(str(oddity) for oddity in result.oddities if oddity.kind == kind)


def write_plate(folder: Path, prefix: str = "") -> Path:
    """Wells B03 (2 sites) and C11 (1 site) with two channels; 10·site of the table + channel."""
    files = ",".join(f"FileName_{name},PathName_{name}" for name in ("DNA", "ER", "IllumDNA"))
    lines = [f"{files},Metadata_Plate,Metadata_Well,Metadata_Site"]
    for number, (well, site) in enumerate((("B03", 1), ("B03", 2), ("C11", 1)), start=1):
        names = [f"{well}_{site}_{channel}.tif" for channel in ("DNA", "ER")]
        for channel, name in enumerate(names):
            image(folder / "images" / name, 10 * number + channel)
        cells = [part for name in names for part in (name, f"{prefix}images")]
        lines.append(",".join([*cells, "P_IllumDNA.npy", "illum", "P7", well, str(site)]))
    return table(folder / "load_data.csv", *lines)


PREFIXES = [
    pytest.param("", id="relative"),
    pytest.param("./", id="dot"),
    pytest.param("C:\\Users\\Zoë\\screen 1\\", id="windows"),
    pytest.param("\\\\server\\share\\", id="unc"),
    pytest.param("/home/somebody/projects/", id="other-computer"),
    pytest.param("../../", id="upwards"),
]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_loaddata_wherever_it_was_written(tmp_path, prefix):
    result = scan(write_plate(tmp_path / "screen", prefix))
    assert result.vendor == "Table of images (CSV)"
    assert result.plates == ["P7"]
    assert result.sites_per_well == {"B03": 2, "C11": 1}
    assert [channel.name for channel in result.channels] == ["DNA", "ER"]
    assert (result.image_size, result.dtype) == ((4, 6), "uint16")
    assert values(result) == [10, 11, 20, 21, 30, 31]
    assert ("read from the folder of the table" in said(result, "doubtful")) == (
        prefix not in ("", "./")
    )


def test_absolute_paths_of_this_computer(tmp_path):
    result = scan(write_plate(tmp_path / "screen", f"{tmp_path}/screen/"))
    assert values(result) == [10, 11, 20, 21, 30, 31]


def test_folder_with_a_table(tmp_path):
    write_plate(tmp_path / "screen")
    image(tmp_path / "screen" / "images" / "extra.tif", 1)
    result = scan(tmp_path / "screen")
    assert values(result) == [10, 11, 20, 21, 30, 31]
    assert "extra.tif" in said(result, "ignored")
    assert recognise(tmp_path / "screen").name == "Table of images (CSV)"


def test_table_in_a_folder_below(tmp_path):
    write_plate(tmp_path / "screen")
    result = scan(tmp_path)
    assert values(result) == [10, 11, 20, 21, 30, 31]
    assert result.planes["path"][0] == "screen/images/B03_1_DNA.tif"
    assert said(result, "ignored") == ""


def test_other_tables_are_read_only_when_chosen(tmp_path):
    path = write_plate(tmp_path / "screen").rename(tmp_path / "screen" / "analysis.csv")
    assert recognise(path.parent).name == "TIFF"
    assert values(scan(path)) == [10, 11, 20, 21, 30, 31]


def test_the_index_of_a_microscope_comes_first(measurement):
    table(measurement / "load_data.csv", "path,well", "a.tif,B03")
    assert recognise(measurement).name == "Yokogawa CellVoyager"


def test_urls_series_and_frames(tmp_path):
    image(tmp_path / "my images" / "a.tif", 5, 6, 7)
    path = table(
        tmp_path / "t.csv",
        "URL_DNA,URL_ER,Frame_DNA,Frame_ER,Series_DNA,Metadata_Row,Metadata_Col",
        "file:///data/my%20images/a.tif,file:/data/my%20images/a.tif,2,0,0,B,3",
    )
    result = scan(path)
    assert result.planes[["channel", "page"]].to_numpy().tolist() == [["DNA", 2], ["ER", 0]]
    assert values(result) == [7, 5]
    assert result.wells == ["B03"]


def test_files_of_other_computers_are_missing(tmp_path):
    image(tmp_path / "a.tif", 5)
    path = table(
        tmp_path / "t.csv", "URL_DNA,Metadata_Well", "a.tif,A1", "https://host/dir/a.tif,A2"
    )
    result = scan(path)
    assert result.planes["missing"].tolist() == [False, True]
    assert "https://host/dir/a.tif" in said(result, "missing")


def test_nothing_outside_of_the_folder_is_read(tmp_path):
    image(tmp_path / "secret" / "s.tif", 5)
    image(tmp_path / "screen" / "a.tif", 6)
    path = table(
        tmp_path / "screen" / "t.csv",
        "path,well",
        "a.tif,A1",
        "../secret/s.tif,A2",
        f"{tmp_path}/secret/s.tif,A3",
    )
    result = scan(path)
    assert result.planes["missing"].tolist() == [False, True, True]
    assert "2 images" in said(result, "missing")


def test_one_file_never_stands_for_two_paths(tmp_path):
    image(tmp_path / "a.tif", 5)
    image(tmp_path / "b.tif", 6)
    path = table(tmp_path / "t.csv", "path,well", "/p1/a.tif,A1", "/p2/a.tif,A2", "/p2/b.tif,A3")
    result = scan(path)
    assert result.planes["missing"].tolist() == [True, True, False]
    assert "2 paths ('/p1/a.tif', '/p2/a.tif')" in said(result, "missing")


PLAIN = "path,well,site,channel,z,t,plate,cycle,page,stage_y_um,stage_x_um,pixel_size_um,time_s"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_plain_table(tmp_path, separator):
    image(tmp_path / "a.tif", 5, 6)
    rows = [
        PLAIN,
        "a.tif,b3,2,GFP,10,4,P1,1,1,-3.5,7,0.65,2.5",
        "a.tif,B03,2,GFP,5,4,P1,1,0,-3.5,7,0.65,1",
    ]
    path = table(tmp_path / "t.csv", *(row.replace(",", separator) for row in rows))
    result = scan(path)
    columns = ["well", "site", "channel", "z", "t", "cycle", "stage_y_um", "stage_x_um", "time_s"]
    assert result.planes[columns].to_numpy().tolist() == [
        ["B03", 2, "GFP", 0, 0, 0, -3.5, 7, 1],
        ["B03", 2, "GFP", 1, 0, 0, -3.5, 7, 2.5],
    ]
    assert result.plates == ["P1"]
    assert result.pixel_size_um == (0.65, 0.65)
    assert values(result) == [5, 6]


def test_what_a_table_does_not_tell_is_assumed_aloud(tmp_path):
    image(tmp_path / "bücher ü.tif", 5)
    path = table(tmp_path / "t.csv", "File;note", '"bücher ü.tif";"a;b"', encoding="latin-1")
    result = scan(path)
    assert values(result) == [5]
    assert "well (A01), site (1), channel (C01)" in said(result, "doubtful")


def test_pages_that_no_column_tells(tmp_path):
    image(tmp_path / "a.tif", 5, 6, 7)
    result = scan(table(tmp_path / "t.csv", "path,well", "a.tif,A1"))
    assert values(result) == [5]
    assert "only the first is read" in said(result, "doubtful")


def test_pages_that_are_not_there_and_damaged_files(tmp_path):
    image(tmp_path / "a.tif", 5)
    image(tmp_path / "b.tif", 6)
    (tmp_path / "b.tif").write_bytes((tmp_path / "b.tif").read_bytes()[:30])
    path = table(tmp_path / "t.csv", "path,well,page", "a.tif,A1,0", "a.tif,A2,1", "b.tif,A3,0")
    result = scan(path)
    assert result.planes["missing"].tolist() == [False, True, True]
    assert "1 images of the table are pages that files lack" in said(result, "missing")
    assert "b.tif" in said(result, "unreadable")


def test_two_rows_for_one_plane_and_gaps(tmp_path):
    for name in "abcd":
        image(tmp_path / f"{name}.tif", ord(name))
    path = table(
        tmp_path / "t.csv", "path,well,channel", "a.tif,A1,X", "b.tif,A1,X", "c.tif,A1,Y",
        "d.tif,A2,X",
    )  # fmt: skip
    result = scan(path)
    assert values(result) == [ord("a"), ord("c"), ord("d")]
    assert "b.tif" in said(result, "duplicate")
    assert "well A02, site 1, channel Y" in said(result, "missing")


WRONG = [
    pytest.param(["path,well", "a.tif,ZZ9Z"], InputError, "Row 2 .*'ZZ9Z' as well", id="well"),
    pytest.param(["path,row,col", "a.tif,?,1"], InputError, "as row and column", id="row"),
    pytest.param(["path,site", "a.tif,1", "a.tif,s2"], InputError, "Row 3 .*whole", id="site"),
    pytest.param(["path,time_s", "a.tif,soon"], InputError, "must be a number", id="time"),
    pytest.param(["path,well", "a.tif"], FormatError, "Row 2 .* has 1 values", id="short"),
    pytest.param(["path,Path", "a.tif,b"], FormatError, "two columns 'path'", id="twice"),
    pytest.param(["path,well"], FormatError, "no rows below", id="no-rows"),
    pytest.param(["well,dose", "A1,3"], FormatError, "no column that names images", id="no-files"),
    pytest.param(["path,well", ",A1"], FormatError, "columns that name them are empty", id="empty"),
    pytest.param(["FileName_I", "a.npy"], FormatError, "lists no images", id="functions"),
    pytest.param(["path,well", "x.tif,A1"], FormatError, "None of the 1 images", id="gone"),
    pytest.param(["path,well", '"a.tif', "A1"], FormatError, "", id="quote"),
]


@pytest.mark.parametrize(("lines", "error", "message"), WRONG)
def test_tables_that_do_not_fit(tmp_path, lines, error, message):
    image(tmp_path / "a.tif", 5)
    with pytest.raises(error, match=message or "."):
        scan(table(tmp_path / "t.csv", *lines))


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    data=st.binary(max_size=300)
    | st.text(alphabet='path,well\n";\t_FileName.tif01\0', max_size=200).map(str.encode)
)
def test_damaged_tables_give_only_our_own_errors(tmp_path, data):
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    with suppress(TmapsError):
        scan(path)


def test_real_table_of_pe2loaddata(shared_data):
    result = scan(shared_data / "harmony_pe2loaddata" / "Version5" / "load_data_version5.csv")
    assert result.plates == ["BR00122249"]
    assert result.sites_per_well == {"A01": 1}
    assert result.pixel_size_um == pytest.approx((0.59798, 0.59798), abs=1e-5)
    assert set(result.planes["stage_x_um"]) == {-322.907}
    assert set(result.planes["stage_y_um"]) == {322.907}
    assert len(result.channels) == 6
    agp = next(channel for channel in result.channels if channel.name == "OrigAGP")
    assert (agp.excitation_nm, agp.emission_nm, agp.exposure_ms) == (561, 599, 40)
    assert result.planes.set_index("channel")["path"]["OrigAGP"].endswith("ch5sk1fk1fl1.tiff")
    assert not result.planes["missing"].any()


def test_real_table_that_names_no_images(shared_data):
    with pytest.raises(FormatError, match=r"has no column that names images.*SBS_Doses"):
        scan(shared_data / "bbbc013_sbs" / "1049_Metadata.csv")
