"""Plain pictures, through bioio."""

from __future__ import annotations

import imageio.v3
import numpy as np
import pytest

from napari_tmaps.errors import FormatError, MissingError
from napari_tmaps.vendors import opening, scan
from napari_tmaps.vendors.generic import BioioPlanes
from napari_tmaps.vendors.pixels import PlaneReader

GREY = np.arange(30, dtype=np.uint8).reshape(5, 6)
COLOURS = np.random.default_rng(0).integers(0, 255, (5, 6, 4)).astype(np.uint8)


def read_all(result):
    reader = PlaneReader(result.root, result.reader)
    planes = {
        (row.site, row.channel): reader.read(row.path, row.series, row.page)
        for row in result.planes.itertuples()
    }
    reader.close()
    return planes


def test_a_folder_of_pictures(tmp_path):
    imageio.v3.imwrite(tmp_path / "s10.png", COLOURS[..., :3])
    imageio.v3.imwrite(tmp_path / "s2.png", GREY)
    imageio.v3.imwrite(tmp_path / "s11.bmp", COLOURS[..., :3])
    (tmp_path / "notes.txt").write_text("not a picture")
    result = scan(tmp_path)
    assert result.vendor == "plain pictures"
    assert result.sites_per_well == {"A01": 3}
    assert result.summary()["channels"] == ["C01", "R", "G", "B"]
    planes = read_all(result)
    assert np.array_equal(planes[1, "C01"], GREY)
    for site in (2, 3):
        for index, name in enumerate("RGB"):
            assert np.array_equal(planes[site, name], COLOURS[..., index])


@pytest.mark.parametrize("name", ["a.jpg", "a.ome.jpeg"])
def test_jpeg_whatever_its_name(tmp_path, name):
    imageio.v3.imwrite(tmp_path / name, np.full((8, 9), 77, np.uint8), extension=".jpg")
    result = scan(tmp_path / name)
    assert result.image_size == (8, 9)
    assert np.array_equal(read_all(result)[1, "C01"], np.full((8, 9), 77))


def test_transparency_is_not_a_channel(tmp_path):
    imageio.v3.imwrite(tmp_path / "a.png", COLOURS)
    planes = read_all(scan(tmp_path))
    assert set(planes) == {(1, "R"), (1, "G"), (1, "B")}
    assert np.array_equal(planes[1, "B"], COLOURS[..., 2])


def test_damage(tmp_path):
    imageio.v3.imwrite(tmp_path / "a.png", GREY)
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:20])
    result = scan(tmp_path)
    assert set(result.planes["path"]) == {"a.png"}
    assert "'b.png' cannot be read" in str(result.oddities[0])
    with pytest.raises(FormatError, match=r"'b\.png' cannot be read"):
        scan(tmp_path / "b.png")


def test_no_reader_installed(tmp_path, monkeypatch):
    def missing(name):
        raise ImportError(name)

    imageio.v3.imwrite(tmp_path / "a.png", GREY)
    monkeypatch.setattr(opening, "import_module", missing)
    with pytest.raises(FormatError, match=r"'bioio-imageio'.*napari-tmaps\[vendors\]"):
        scan(tmp_path)


def test_reading_says_what_is_wrong(tmp_path):
    imageio.v3.imwrite(tmp_path / "a.png", GREY)
    file = BioioPlanes(tmp_path / "a.png")
    with pytest.raises(FormatError, match="Plane 1 of image 0"):
        file.read(0, 1)
    with pytest.raises(FormatError, match="image 1"):
        file.read(1, 0)
    file.close()
    with pytest.raises(MissingError, match="is gone"):
        BioioPlanes(tmp_path / "b.png")
