"""From what files say of themselves to one table."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Oddity
from napari_tmaps.vendors import scan
from napari_tmaps.vendors.containers import Container, SiteImage, assemble, unique_channels
from napari_tmaps.vendors.kinds import dominant
from napari_tmaps.vendors.listing import Listing
from napari_tmaps.vendors.opening import number, seconds


def image(name="i", **facts):
    defaults = {"channels": (Channel("A"),), "size_t": 2, "size_z": 1, "height": 4, "width": 5}
    return SiteImage(name=name, path=f"{name}.x", dtype="uint8", **{**defaults, **facts})


def times(*values):
    return np.array(values, dtype=float).reshape(2, 1, 1)


def together(tmp_path, **files):
    return assemble("Test", "tiff", tmp_path, files)


def test_overviews_are_left_out(tmp_path):
    result = together(tmp_path, a=Container((image("overview"), image("field", well="B02"))))
    assert result.sites_per_well == {"B02": 1}
    assert [o.kind for o in result.oddities if "'a: overview'" in str(o)] == ["ignored"]


def test_files_without_wells_beside_others(tmp_path):
    result = together(
        tmp_path, a=Container((image("a", well="B02"),)), b=Container((image("b"), image("c")))
    )
    assert result.sites_per_well == {"A01": 2, "B02": 1}
    assert any(o.kind == "doubtful" and "('b')" in str(o) for o in result.oddities)


def test_dated_files_share_one_clock(tmp_path):
    a = Container((image("a", time_s=times(5, 6)),), start_s=1000.0)
    b = Container((image("b", time_s=times(0, 1)),), start_s=1010.0)
    assert together(tmp_path, a=a, b=b).planes["time_s"].tolist() == [0, 1, 5, 6]


def test_without_dates_each_file_has_its_own_clock(tmp_path):
    a = Container((image("a", time_s=times(5, 6)),), start_s=1000.0)
    b = Container((image("b", time_s=times(2, np.nan)), image("c")))
    found = together(tmp_path, a=a, b=b).planes["time_s"].to_numpy()
    assert np.array_equal(found, [0, 1, 0, np.nan, np.nan, np.nan], equal_nan=True)


def test_what_is_odd_about_many_files_is_said_once(tmp_path):
    odd = (Oddity("ignored", "something."), Oddity("ignored", "something."))
    files = {name: Container((image(name, well="B02"),), odd) for name in "abcd"}
    said = [str(o) for o in together(tmp_path, **files).oddities if "something" in str(o)]
    assert said == ["4 files ('a', 'b', 'c' …): something."]


def test_channels_with_one_name_are_numbered():
    names = [c.name for c in unique_channels([Channel("A"), Channel("A"), Channel("A 2")])]
    assert names == ["A", "A 2", "A 2 2"]


def test_many_channels_without_names_are_numbered_in_no_time_that_matters() -> None:
    # A damaged file announced hundreds of thousands; comparing all of them with all took hours.
    named = unique_channels([Channel("A")] * 200_000)
    assert len({channel.name for channel in named}) == 200_000
    assert named[-1].name == "A 200000"


FOLDERS = [
    pytest.param(["a.czi", "b.tif", "c.TIF"], "TIFF", id="most"),
    pytest.param(["a.czi", "b.tif"], "ZEISS CZI", id="tie"),
    pytest.param(["a.ome.tif", "b.txt"], "OME-TIFF", id="ome"),
    pytest.param(["a.txt"], None, id="none"),
]


@pytest.mark.parametrize(("names", "kind"), FOLDERS)
def test_dominant(tmp_path, names, kind):
    assert dominant(Listing(tmp_path, tuple(names))) == kind


def test_files_of_other_kinds_are_named(tmp_path):
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(tmp_path / name, np.zeros((4, 5), np.uint16))
    (tmp_path / "c.czi").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("")
    ignored = [str(o) for o in scan(tmp_path).oddities if o.kind == "ignored"]
    assert len(ignored) == 1
    assert "'c.czi'" in ignored[0]


MOMENTS = [
    pytest.param("1970-01-01T00:01:00Z", 60.0, id="utc"),
    pytest.param("1970-01-01T01:00:00.5000000+01:00", 0.5, id="zone"),
    pytest.param("0001-01-01T00:00:00", None, id="placeholder"),
    pytest.param("yesterday", None, id="text"),
    pytest.param(None, None, id="none"),
]


@pytest.mark.parametrize(("text", "expected"), MOMENTS)
def test_seconds(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("+0012.50", 12.5), ("nan", None), ("", None)])
def test_number(text, expected):
    assert number(text) == expected
