from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_tmaps.errors import FormatError
from napari_tmaps.vendors import recognise, scan


def test_names(tmp_path):
    for well in ("A01", "H12"):
        for field in range(2):
            for channel in range(3):
                name = f"MFGTMP_1234_{well}f{field:02d}d{channel}.TIF"
                tifffile.imwrite(tmp_path / name, np.zeros((4, 6), np.uint16), metadata=None)
    result = scan(tmp_path)
    assert result.vendor == "ArrayScan"
    assert result.plates == ["MFGTMP_1234"]
    assert result.sites_per_well == {"A01": 2, "H12": 2}
    assert [channel.name for channel in result.channels] == ["d0", "d1", "d2"]
    assert sorted(set(result.planes["site"])) == [0, 1]
    assert result.planes["path"].iloc[-1] == "MFGTMP_1234_H12f01d2.TIF"
    assert not result.planes["missing"].any()


def test_one_plane_twice(tmp_path):
    for folder in "ab":
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "P_A01f00d0.TIF"
        tifffile.imwrite(path, np.zeros((4, 6), np.uint16), metadata=None)
    with pytest.raises(FormatError, match="would be the same plane"):
        scan(tmp_path)


NAMES = [
    pytest.param("P_A25f00d0.tif", id="no-column"),
    pytest.param("P_A01f0.tif", id="no-channel"),
    pytest.param("A01f00d0.tif", id="no-plate"),
]


@pytest.mark.parametrize("name", NAMES)
def test_other_names(tmp_path, name):
    tifffile.imwrite(tmp_path / name, np.zeros((4, 6), np.uint16), metadata=None)
    assert recognise(tmp_path).name == "TIFF"


ONLY_BIOFORMATS = [
    pytest.param("P_A01f00d0.C01", "Cellomics .C01", id="c01"),
    pytest.param("001001000.flex", "PerkinElmer Opera .flex", id="flex"),
    pytest.param("a.vsi", "Olympus .vsi", id="vsi"),
]


@pytest.mark.parametrize(("name", "message"), ONLY_BIOFORMATS)
def test_formats_that_only_bioformats_reads(tmp_path, name, message):
    (tmp_path / name).write_bytes(b"anything")
    with pytest.raises(FormatError, match=f"'{name}'.*{message} files, which only Bio-Formats"):
        scan(tmp_path)


def test_real_names(shared_data):
    result = scan(shared_data / "cp_examples" / "ExampleHuman" / "images")
    assert result.vendor == "ArrayScan"
    assert result.sites_per_well == {"D03": 1}
    assert [channel.name for channel in result.channels] == ["d0", "d1", "d2"]
    assert result.image_size == (512, 512)
