"""Leica LIF against liffile's own array, and wells by the names of images."""

from __future__ import annotations

import numpy as np
import pytest

from napari_tmaps.errors import FormatError, MissingError
from napari_tmaps.vendors import leica, opening, scan
from napari_tmaps.vendors.listing import Listing
from napari_tmaps.vendors.pixels import PlaneReader

liffile = pytest.importorskip("liffile")


@pytest.fixture
def project(shared_data):
    return shared_data / "lif_fractal/Project_3D.lif"


def test_layout(project):
    result = scan(project)
    facts = result.summary()
    assert facts["sites_per_well"] == {"B02": 4, "C03": 4}
    assert facts["channels"] == ["Cyan", "Yellow", "Magenta"]
    assert (facts["size_z"], facts["image_size"], facts["dtype"]) == (5, [256, 256], "uint8")
    assert result.pixel_size_um == pytest.approx((2.27941, 2.27941), rel=1e-5)
    assert result.z_step_um == pytest.approx(3.335, rel=1e-4)
    assert result.stage_known


def test_tiles_lie_where_their_overlaps_say(project):
    """Neighbours overlap by 26 pixels, right of and below each other, not the other way round."""
    result = scan(project)
    reader = PlaneReader(result.root, result.reader)
    rows = result.planes.query("well == 'B02' and channel == 'Yellow' and z == 2")
    tiles = {
        (round(row.stage_y_um / 523.1), round(row.stage_x_um / 523.1)): reader.read(
            row.path, row.series, row.page
        ).astype(float)
        for row in rows.itertuples()
    }
    reader.close()
    y, x = min(tiles)
    first, right, below = tiles[y, x], tiles[y, x + 1], tiles[y + 1, x]
    assert np.corrcoef(first[:, -26:].ravel(), right[:, :26].ravel())[0, 1] > 0.5
    assert np.corrcoef(first[-26:].ravel(), below[:26].ravel())[0, 1] > 0.5
    assert np.corrcoef(right[:, -26:].ravel(), first[:, :26].ravel())[0, 1] < 0.3


def test_pixels(project):
    result = scan(project)
    with liffile.LifFile(project) as file:
        arrays = [image.asarray() for image in file.images]  # M C Z Y X
    channels = [channel.name for channel in result.channels]
    reader = PlaneReader(result.root, result.reader)
    for row in result.planes.itertuples():
        image, tile = divmod(row.series, 4)
        expected = arrays[image][tile, channels.index(row.channel), row.z]
        assert np.array_equal(reader.read(row.path, row.series, row.page), expected)
    reader.close()


def test_times(project):
    times = scan(project).planes.query("well == 'B02' and channel == 'Cyan'")
    assert times["time_s"].iloc[:2].tolist() == pytest.approx([0.0, 1.306])
    assert times["time_s"].iloc[5] == pytest.approx(7.306)


@pytest.mark.parametrize("kept", [0.001, 0.02, 0.5, 0.99])
def test_truncated(project, tmp_path, kept):
    data = project.read_bytes()
    (tmp_path / "cut.lif").write_bytes(data[: int(kept * len(data))])
    with pytest.raises(FormatError, match=r"'cut\.lif' cannot be read"):
        scan(tmp_path)


def test_no_lif(tmp_path):
    (tmp_path / "a.lif").write_bytes(b"nothing of the kind" * 50)
    with pytest.raises(FormatError, match=r"'a\.lif' cannot be read"):
        scan(tmp_path)


def test_reading_says_what_is_wrong(project, tmp_path):
    file = leica.LifPlanes(project)
    with pytest.raises(FormatError, match="Plane 15 of image 0"):
        file.read(0, 15)
    with pytest.raises(FormatError, match="image 8"):
        file.read(8, 0)
    file.close()
    with pytest.raises(MissingError, match="is gone"):
        leica.LifPlanes(tmp_path / "a.lif")


def test_without_the_library(tmp_path, monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(opening, "import_module", missing)
    listing = Listing(tmp_path, ("a.lif",))
    assert leica.recognise(listing)
    with pytest.raises(FormatError, match="'liffile', which is not installed"):
        leica.scan(listing)


PATHS = [
    pytest.param("TileScan 3/B/2", "B02", id="plate"),
    pytest.param("TileScan 1/H/12/Position 3", "H12", id="position"),
    pytest.param("TileScan 3", None, id="scan"),
    pytest.param("Overview/Series002", None, id="folder"),
]


@pytest.mark.parametrize(("path", "well"), PATHS)
def test_wells(path, well):
    assert leica._well(path) == well
