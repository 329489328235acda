from __future__ import annotations

import pytest

from napari_tmaps.errors import FormatError, InputError, NotFoundError
from napari_tmaps.vendors import VENDORS, recognise, scan


def test_folder_without_anything_that_fits(tmp_path):
    (tmp_path / "a.docx").touch()
    (tmp_path / "b.docx").touch()
    with pytest.raises(FormatError, match=r"which has 2 \.docx\..*--pattern"):
        scan(tmp_path)
    assert recognise(tmp_path) is None


def test_path_that_does_not_exist(tmp_path):
    with pytest.raises(NotFoundError, match="no file or folder"):
        scan(tmp_path / "nothing")
    assert recognise(tmp_path / "nothing") is None


def test_vendor_by_name(measurement):
    assert len(scan(measurement, vendor="yokogawa cellvoyager").planes) == 16
    with pytest.raises(NotFoundError, match="no microscope format 'Zeis'"):
        scan(measurement, vendor="Zeis")


def test_vendor_that_does_not_fit(tmp_path):
    (tmp_path / "a.docx").touch()
    with pytest.raises(FormatError, match=r"not look like Yokogawa CellVoyager: it has 1 \.docx"):
        scan(tmp_path, vendor="Yokogawa CellVoyager")


def test_channels_get_other_names(measurement):
    result = scan(measurement, channel_names={"C03": " BF "})
    assert [channel.name for channel in result.channels] == ["C01", "BF"]
    assert result.planes["channel"].iloc[0] == "BF"
    paths = result.planes.loc[result.planes["channel"] == "BF", "path"]
    assert len(paths) == 8
    assert all(path.endswith("C03.tif") for path in paths)


def test_names_of_channels_that_do_not_fit(measurement):
    with pytest.raises(NotFoundError, match="no channel 'C02'"):
        scan(measurement, channel_names={"C02": "GFP"})
    with pytest.raises(InputError, match="Two channels would be named 'C01'"):
        scan(measurement, channel_names={"C03": "C01"})
    with pytest.raises(InputError, match="not empty"):
        scan(measurement, channel_names={"C03": " "})


def test_names_of_formats_are_unique():
    names = [vendor.name.lower() for vendor in VENDORS]
    assert len(set(names)) == len(names)
