"""Olympus OIB against oiffile's own array."""

from __future__ import annotations

import numpy as np
import pytest

from napari_tmaps.errors import FormatError, MissingError
from napari_tmaps.vendors import olympus, opening, scan
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
