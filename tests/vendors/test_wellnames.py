from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_tmaps.errors import FormatError
from napari_tmaps.vendors import recognise, scan
from napari_tmaps.vendors.pixels import PlaneReader


def write(path, value=0):
    path.parent.mkdir(exist_ok=True)
    tifffile.imwrite(path, np.full((4, 6), value, np.uint16), metadata=None)


def test_names_tell_channel_and_well(tmp_path):
    wells = {"A-01": 1, "A-12": 12, "H-12": 96}
    for channel in (1, 2):
        for well, number in wells.items():
            write(tmp_path / f"Channel{channel}-{number:02d}-{well}.tif", 100 * channel + number)
    result = scan(tmp_path)
    assert result.sites_per_well == {"A01": 1, "A12": 1, "H12": 1}
    assert [channel.name for channel in result.channels] == ["Channel1", "Channel2"]
    assert not result.planes["missing"].any()
    reader = PlaneReader(result.root, result.reader)
    found = {
        (plane.well, plane.channel): reader.read(plane.path, plane.series, plane.page)[0, 0]
        for plane in result.planes.itertuples()
    }
    reader.close()
    assert found == {
        ("A01", "Channel1"): 101,
        ("A12", "Channel1"): 112,
        ("H12", "Channel1"): 196,
        ("A01", "Channel2"): 201,
        ("A12", "Channel2"): 212,
        ("H12", "Channel2"): 296,
    }


def test_a_well_that_lacks_a_channel_is_told(tmp_path):
    for name in ("Channel1-01-A-01", "Channel2-01-A-01", "Channel1-02-A-02"):
        write(tmp_path / f"{name}.TIF")
    result = scan(tmp_path)
    gap = result.planes[result.planes["missing"]]
    assert gap[["well", "channel"]].to_numpy().tolist() == [["A02", "Channel2"]]
    assert any(oddity.kind == "missing" for oddity in result.oddities)


def test_one_plane_twice(tmp_path):
    for folder in "ab":
        write(tmp_path / folder / "Channel1-01-A-01.tif")
    with pytest.raises(FormatError, match="would be the same plane"):
        scan(tmp_path)


NAMES = [
    pytest.param("Channel1-01-A-25.tif", id="no-column"),
    pytest.param("Channel1-01-Q-01.tif", id="no-row"),
    pytest.param("Channel-01-A-01.tif", id="no-channel"),
    pytest.param("Channel1-A-01.tif", id="no-number"),
]


@pytest.mark.parametrize("name", NAMES)
def test_other_names(tmp_path, name):
    write(tmp_path / name)
    assert recognise(tmp_path).name == "TIFF"


def test_real_names(shared_data):
    result = scan(shared_data / "bbbc013_sbs")
    assert len(result.sites_per_well) == 24
    assert set(result.sites_per_well.values()) == {1}
    assert result.image_size == (640, 640)
    first = result.planes.iloc[0]
    assert (first["well"], first["channel"], first["path"]) == (
        "A01",
        "Channel1",
        "Channel1-01-A-01.tif",
    )
