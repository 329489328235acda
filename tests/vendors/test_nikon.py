"""Nikon ND2: real files against the library's own array, and positions that no real file has."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from napari_tmaps.errors import FormatError, MissingError
from napari_tmaps.vendors import nikon, opening, scan
from napari_tmaps.vendors.listing import Listing
from napari_tmaps.vendors.pixels import PlaneReader

nd2 = pytest.importorskip("nd2")

REAL = [
    pytest.param("nd2_arcadia/example-timelapse.nd2", (53, 1), ["GFP 488 nm"], [64, 64], 0.325,
                 None, id="timelapse"),
    pytest.param("nd2_arcadia/example-zstack.nd2", (1, 11), ["FITC BP"], [128, 128], 0.32339, 6.0,
                 id="z-stack"),
    pytest.param("nd2_arcadia/example-cerevisiae.nd2", (1, 1), ["DIC", "FITC BP"], [256, 256],
                 0.108333, None, id="two-channels"),
    pytest.param("nd2_pims/bioformats/cluster.nd2", (3, 10), ["5-FAM/pH 9.0", "FM 4-64/2% CHAPS"],
                 [31, 38], 0.167808, 0.5, id="all"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "tz", "channels", "size", "pixel", "step"), REAL)
def test_real(shared_data, name, tz, channels, size, pixel, step):
    result = scan(shared_data / name)
    facts = result.summary()
    assert (facts["size_t"], facts["size_z"]) == tz
    assert facts["channels"] == channels
    assert facts["image_size"] == size
    assert facts["sites_per_well"] == {"A01": 1}
    assert result.pixel_size_um == pytest.approx((pixel, pixel), rel=1e-4)
    assert result.z_step_um == step
    assert result.stage_known
    with nd2.ND2File(shared_data / name) as file:
        shape = (*tz, len(channels), *size)
        expected = file.asarray().reshape(shape)
    reader = PlaneReader(result.root, result.reader)
    for row in result.planes.itertuples():
        found = reader.read(row.path, row.series, row.page)
        assert np.array_equal(found, expected[row.t, row.z, channels.index(row.channel)])
    reader.close()


def test_real_times_and_heights(shared_data):
    planes = scan(shared_data / "nd2_arcadia/example-timelapse.nd2").planes
    assert planes["time_s"].iloc[:2].tolist() == pytest.approx([0.0, 0.50016])
    heights = scan(shared_data / "nd2_arcadia/example-zstack.nd2").planes["stage_z_um"]
    assert np.diff(heights).tolist() == pytest.approx([6.0] * 10)


@pytest.mark.parametrize("kept", [0.01, 0.5, 0.98])
def test_truncated(shared_data, tmp_path, kept):
    source = shared_data / "nd2_pims/bioformats/cluster.nd2"
    (tmp_path / "good.nd2").write_bytes(source.read_bytes())
    (tmp_path / "cut.nd2").write_bytes(source.read_bytes()[: int(kept * source.stat().st_size)])
    result = scan(tmp_path)
    assert set(result.planes["path"]) == {"good.nd2"}
    assert "'cut.nd2' cannot be read" in str(result.oddities[0])
    with pytest.raises(FormatError, match=r"'cut\.nd2' cannot be read"):
        scan(tmp_path / "cut.nd2")


def test_no_nd2(tmp_path):
    (tmp_path / "a.nd2").write_bytes(b"nothing of the kind" * 50)
    with pytest.raises(FormatError, match=r"'a\.nd2' cannot be read"):
        scan(tmp_path)


def test_reading_says_what_is_wrong(shared_data, tmp_path):
    file = nikon.Nd2Planes(shared_data / "nd2_pims/bioformats/cluster.nd2")
    with pytest.raises(FormatError, match="Plane 60 of image 0"):
        file.read(0, 60)
    with pytest.raises(FormatError, match="image 1"):
        file.read(1, 0)
    file.close()
    with pytest.raises(MissingError, match="is gone"):
        nikon.Nd2Planes(tmp_path / "a.nd2")


def test_without_the_library(tmp_path, monkeypatch):
    def missing(name):
        raise ImportError(name)

    (tmp_path / "a.nd2").write_bytes(b"")
    monkeypatch.setattr(opening, "import_module", missing)
    listing = Listing(tmp_path, ("a.nd2",))
    assert nikon.recognise(listing)
    with pytest.raises(
        FormatError, match=r"'a\.nd2'.*'nd2'.*pip install \"napari-tmaps\[vendors\]"
    ):
        nikon.scan(listing)


class Recording:
    """An ND2 of two positions × three time points of which the last was not finished."""

    sizes = {"T": 3, "P": 2, "Y": 4, "X": 5}  # noqa: RUF012
    loop_indices = tuple({"T": t, "P": p} for t, p in ((0, 0), (0, 1), (1, 0), (1, 1), (2, 0)))
    is_legacy = False
    dtype = np.dtype("uint16")
    text_info = None
    attributes = SimpleNamespace(bitsPerComponentSignificant=12)

    def __init__(self, names, camera):
        points = [SimpleNamespace(name=name) for name in names]
        parameters = SimpleNamespace(points=points)
        self.experiment = [SimpleNamespace(type="XYPosLoop", parameters=parameters)]
        channel = SimpleNamespace(
            name="GFP", index=0, color=(1, 255, 0), excitationLambdaNm=488.0, emissionLambdaNm=None
        )
        volume = SimpleNamespace(axesCalibrated=(True,) * 3, cameraTransformationMatrix=camera)
        described = SimpleNamespace(channel=channel, volume=volume, microscope=None)
        self.metadata = SimpleNamespace(channels=[described])

    def voxel_size(self):
        return SimpleNamespace(x=0.5, y=0.5, z=1.0)

    def frame_metadata(self, number):
        p = self.loop_indices[number]["P"]
        place = SimpleNamespace(x=100.0 + 30 * p, y=200.0, z=5.0)
        time = SimpleNamespace(relativeTimeMs=1000.0 * number, absoluteJulianDayNumber=2440588.5)
        position = SimpleNamespace(stagePositionUm=place)
        return SimpleNamespace(channels=[SimpleNamespace(position=position, time=time)])


STRAIGHT, TURNED = (1.0, 0.0, 0.0, 1.0), (0.0, -1.0, 1.0, 0.0)
CAMERAS = [
    pytest.param(STRAIGHT, [(-200.0, 100.0), (-200.0, 130.0)], id="y-up"),
    pytest.param(None, [(-200.0, 100.0), (-200.0, 130.0)], id="unknown"),
    # stage x runs up the picture (solved by hand: picture y = -x, picture x = -y of the stage)
    pytest.param(TURNED, [(-100.0, -200.0), (-130.0, -200.0)], id="turned"),
]


@pytest.mark.parametrize(("camera", "places"), CAMERAS)
def test_positions_along_the_picture(camera, places):
    container = nikon._container(Recording(["#1", "#2"], camera), "a.nd2")
    found = [image.stage_yx_um for image in container.images]
    assert found == [pytest.approx(place) for place in places]


NAMES = [
    pytest.param(["B02", "H12_0003"], "a.nd2", ["B02", "H12"], id="points"),
    pytest.param(["B02", "#2"], "a.nd2", [None, None], id="not-all"),
    pytest.param(["", ""], "x/WellC03_ChannelGFP_Seq0007.nd2", ["C03", "C03"], id="file"),
    pytest.param(["", ""], "Bewell12.nd2", [None, None], id="no-well"),
]


@pytest.mark.parametrize(("names", "file", "wells"), NAMES)
def test_wells(names, file, wells):
    container = nikon._container(Recording(names, STRAIGHT), file)
    assert [image.well for image in container.images] == wells


def test_unfinished_recording_has_gaps():
    container = nikon._container(Recording(["B02", "B03"], STRAIGHT), "a.nd2")
    assert [image.pages.ravel().tolist() for image in container.images] == [[0, 1, 2], [0, 1, -1]]
    assert container.start_s == 86400.0
    assert container.images[1].time_s.ravel()[:2].tolist() == [1.0, 3.0]


def test_axes_that_are_not_known():
    recording = Recording(["", ""], STRAIGHT)
    recording.sizes = {"W": 2, "Y": 4, "X": 5}
    with pytest.raises(FormatError, match=r"axes \['W'\] are not known"):
        nikon._container(recording, "a.nd2")
