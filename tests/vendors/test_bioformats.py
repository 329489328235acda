"""Formats through Bio-Formats: with a stand-in for bffile, and with the real one where it is.

The real one needs the package bffile and BIOFORMATS_JAR, the path of a bioformats_package.jar.
"""

from __future__ import annotations

import importlib.util
import os
from collections import namedtuple
from types import SimpleNamespace

import numpy as np
import pytest

from napari_tmaps.errors import FormatError, MissingError
from napari_tmaps.vendors import bioformats, opening, scan
from napari_tmaps.vendors.pixels import PlaneReader

real = pytest.mark.skipif(
    importlib.util.find_spec("bffile") is None or not os.environ.get(bioformats.JAR),
    reason="needs the package bffile, and the path of the jar in BIOFORMATS_JAR",
)

Shape = namedtuple("Shape", "t c z y x rgb")

OME = """<?xml version="1.0" encoding="UTF-8"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" Creator="OME Bio-Formats 8">
  <Plate ID="Plate:0" Name="P7" Rows="8" Columns="12"><Well ID="Well:0" Row="1" Column="2">
    <WellSample ID="WellSample:0" Index="0"><ImageRef ID="Image:0"/></WellSample>
    <WellSample ID="WellSample:1" Index="1"><ImageRef ID="Image:1"/></WellSample>
  </Well></Plate>
  <Image ID="Image:0" Name="first"><AcquisitionDate>2024-05-01T10:00:00</AcquisitionDate>
    <Pixels ID="Pixels:0" DimensionOrder="XYZCT" SizeX="6" SizeY="4" SizeC="2" SizeZ="3" SizeT="2"
      Type="uint16" PhysicalSizeX="0.5" PhysicalSizeY="250" PhysicalSizeYUnit="nm"
      PhysicalSizeZ="2" SignificantBits="12">
      <Channel ID="Channel:0:0" Name="DAPI" ExcitationWavelength="405"/>
      <Channel ID="Channel:0:1" Name="Kanal für GFP"/>
      <Plane TheT="0" TheC="0" TheZ="0" DeltaT="1" PositionX="10" PositionY="20" PositionZ="5"
        PositionXUnit="µm" PositionYUnit="µm" PositionZUnit="µm"/>
    </Pixels></Image>
  <Image ID="Image:1" Name="second"><AcquisitionDate>2024-05-01T10:01:00</AcquisitionDate>
    <Pixels ID="Pixels:1" DimensionOrder="XYCZT" SizeX="6" SizeY="4" SizeC="3" SizeZ="1" SizeT="1"
      Type="uint8" PhysicalSizeX="0.5" PhysicalSizeY="0.25">
      <Channel ID="Channel:1:0" SamplesPerPixel="3"/>
      <Plane TheT="0" TheC="0" TheZ="0" DeltaT="0" PositionX="30" PositionY="40"
        PositionXUnit="µm" PositionYUnit="µm"/>
    </Pixels></Image>
  <Image ID="Image:2" Name="small"><Pixels ID="Pixels:2" DimensionOrder="XYCZT" SizeX="2" SizeY="2"
    SizeC="1" SizeZ="1" SizeT="1" Type="uint8"><Channel ID="Channel:2:0"/></Pixels></Image>
</OME>"""


class JavaError(Exception):
    """Stands for jpype.JException, which is no Python error of any other kind."""


class StandIn:
    """Stands for bffile.BioFile: two series and a thumbnail, big-endian as Java likes it.

    A file "broken…" cannot be opened; "b.vsi" belongs to "a.vsi".
    """

    opened: list[str] = []  # noqa: RUF012

    def __init__(self, path):
        self.path = path
        self.ome_xml = OME
        self._open = False

    @staticmethod
    def bioformats_version():
        return "8.0"

    def open(self):
        if self.path.name.startswith("broken"):
            raise JavaError("loci.formats.FormatException: no such thing")
        self._open = True
        self.opened.append(self.path.name)
        return self

    def destroy(self):
        self._open = False

    def used_files(self):
        return [str(self.path), str(self.path.with_name("b.vsi"))]

    def __len__(self):
        return 3

    def core_metadata(self, series):
        shape = (Shape(2, 2, 3, 4, 6, 1), Shape(1, 1, 1, 4, 6, 3), Shape(1, 1, 1, 2, 2, 1))[series]
        dtype = np.dtype((">u2", "u1", "u1")[series])
        return SimpleNamespace(shape=shape, dtype=dtype, is_thumbnail_series=series == 2)

    def read_plane(self, t=0, c=0, z=0, series=0):
        assert self._open
        shape, dtype = self.core_metadata(series).shape, self.core_metadata(series).dtype
        if series == 1:
            return np.broadcast_to(np.array([1, 2, 3], dtype), (4, 6, 3))
        if (t, c, z) == (1, 1, 2):
            raise JavaError("java.io.EOFException")
        return np.full((shape.y, shape.x), 100 * t + 10 * c + z, dtype)


@pytest.fixture
def stand_in(monkeypatch):
    """bffile and jpype as they are when all is well; what they are can be changed."""
    modules = {
        "bffile": SimpleNamespace(BioFile=StandIn),
        "jpype": SimpleNamespace(JException=JavaError, isJVMStarted=lambda: True),
    }
    monkeypatch.delenv(bioformats.JAR, raising=False)
    monkeypatch.setattr(StandIn, "opened", [])

    def load(name):
        if name not in modules:
            raise ImportError(name)
        return modules[name]

    monkeypatch.setattr(opening, "import_module", load)
    return modules


def write(folder, *names):
    for name in names:
        (folder / name).write_bytes(b"pixels")
    return folder


def test_series_become_sites(stand_in, tmp_path):
    result = scan(write(tmp_path, "a.vsi", "b.vsi"))
    assert StandIn.opened == ["a.vsi"]  # the other is a part of it
    facts = result.summary()
    assert facts["vendor"] == "Bio-Formats"
    assert facts["plates"] == ["P7"]
    assert facts["sites_per_well"] == {"B03": 2}
    assert facts["channels"] == ["DAPI", "Kanal für GFP", "R", "G", "B"]
    assert facts["pixel_size_um"] == [0.25, 0.5]
    assert facts["z_step_um"] == 2.0
    assert result.channels[0].excitation_nm == 405
    assert result.channels[0].bit_depth == 12
    first, second = (result.planes[result.planes["site"] == site] for site in (1, 2))
    assert len(first) == 12
    assert set(first["dtype"]) == {"uint16"}
    assert set(zip(first["stage_y_um"], first["stage_x_um"], strict=True)) == {(20.0, 10.0)}
    assert first["stage_z_um"].dropna().tolist() == [5.0]
    assert second["time_s"].tolist() == [59.0, 59.0, 59.0]  # 60 s later, without the first second
    said = " ".join(map(str, result.oddities))
    assert "1 pictures are thumbnails" in said
    assert "colour pictures" in said
    assert "stage counts y up or down" in said


def test_planes(stand_in, tmp_path):
    result = scan(write(tmp_path, "a.vsi"))
    reader = PlaneReader(result.root, result.reader)
    c = {"DAPI": 0, "Kanal für GFP": 1}
    colours = {"R": 1, "G": 2, "B": 3}
    for row in result.planes.itertuples():
        if row.channel in c and (row.t, row.channel, row.z) == (1, "Kanal für GFP", 2):
            with pytest.raises(FormatError, match="EOFException"):
                reader.read(row.path, row.series, row.page)
            continue
        plane = reader.read(row.path, row.series, row.page)
        assert plane.shape == (4, 6)
        assert plane.dtype == np.dtype(row.dtype)
        assert plane.dtype.isnative
        expected = colours.get(row.channel) or 100 * row.t + 10 * c[row.channel] + row.z
        assert (plane == expected).all()
    reader.close()
    with pytest.raises(MissingError, match="is gone"):
        bioformats.BioformatsPlanes(tmp_path / "z.vsi")


def test_broken_files(stand_in, tmp_path):
    with pytest.raises(
        FormatError, match=r"'broken\.vsi' cannot be read: Bio-Formats says: .*no such"
    ):
        scan(write(tmp_path, "broken.vsi"))
    result = scan(write(tmp_path, "z.vsi"))
    assert [o.kind for o in result.oddities if "broken.vsi" in str(o)] == ["unreadable"]


def test_images_without_their_description(stand_in, tmp_path, monkeypatch):
    monkeypatch.setattr(StandIn, "__len__", lambda self: 2)
    with pytest.raises(FormatError, match="tells of 3 images, but has 2"):
        scan(write(tmp_path, "a.vsi"))


def test_formats_of_ours_by_name_alone(stand_in, tmp_path):
    write(tmp_path, "a.czi")
    assert scan(tmp_path, vendor="bio-formats").reader == "bioformats"
    assert bioformats.recognise(bioformats.Listing(tmp_path, ("notes.txt", "a.zarr"))) is False


def test_not_installed(stand_in, tmp_path):
    stand_in.pop("bffile")
    message = r'are Olympus .vsi files, .*pip install "napari-tmaps\[bioformats\]" Or export as OME'
    with pytest.raises(FormatError, match=message):
        scan(write(tmp_path, "a.vsi"))
    with pytest.raises(
        FormatError, match=r"'a\.czi' through Bio-Formats needs the package 'bffile'"
    ):
        scan(write(tmp_path / "..", "a.czi") / "a.czi", vendor="Bio-Formats")


def test_java_cannot_be_had(stand_in, tmp_path, monkeypatch):
    def no_java():
        raise RuntimeError("Failed to download Java")

    monkeypatch.setattr(StandIn, "bioformats_version", staticmethod(no_java))
    with pytest.raises(FormatError, match=r"Failed to download Java\. It needs Java 11 or newer"):
        scan(write(tmp_path, "a.vsi"))


def test_the_jar(stand_in, tmp_path, monkeypatch):
    started = []
    stand_in["jpype"].isJVMStarted = lambda: bool(started)
    stand_in["jpype"].startJVM = lambda **given: started.append(given)
    monkeypatch.setenv(bioformats.JAR, str(tmp_path / "b.jar"))
    with pytest.raises(FormatError, match=r"BIOFORMATS_JAR names '.*b\.jar', which is not there"):
        scan(write(tmp_path, "a.vsi"))
    (tmp_path / "b.jar").write_bytes(b"")
    scan(tmp_path)
    assert [each["classpath"] for each in started] == [[str(tmp_path / "b.jar")]]


@real
def test_real_plate(tmp_path):
    name = (
        "a&sizeX=64&sizeY=48&sizeC=2&sizeZ=3&sizeT=2&plates=1&plateRows=2&plateCols=3&fields=2"
        "&plateAcqs=1&pixelType=uint16&physicalSizeX=0.5&physicalSizeY=0.25&physicalSizeZ=2.fake"
    )
    result = scan(write(tmp_path, name))
    facts = result.summary()
    assert facts["sites_per_well"] == dict.fromkeys(("A01", "A02", "A03", "B01", "B02", "B03"), 2)
    assert (facts["size_t"], facts["size_z"], len(facts["channels"])) == (2, 3, 2)
    assert facts["pixel_size_um"] == [0.25, 0.5]
    assert facts["z_step_um"] == 2.0
    reader = PlaneReader(result.root, result.reader)
    planes = [reader.read(r.path, r.series, r.page) for r in result.planes.itertuples()]
    assert {(plane.shape, plane.dtype.name) for plane in planes} == {((48, 64), "uint16")}
    # The first pixels of its pictures tell series, plane, z, c and t.
    told = {tuple(plane[0, 0:50:10].tolist()) for plane in planes}
    assert len(told) == len(planes) == 144
    reader.close()


@real
@pytest.mark.parametrize("what", ["oib_oiffile/test.oib", "czi_wellplate_czitools", "nd2_pims"])
def test_real_files_as_our_own_readers_see_them(shared_data, what):
    ours, theirs = scan(shared_data / what), scan(shared_data / what, vendor="Bio-Formats")
    same = ("wells", "sites_per_well", "channels", "size_z", "size_t", "image_size", "dtype")
    assert {k: ours.summary()[k] for k in same} == {k: theirs.summary()[k] for k in same}
    assert ours.pixel_size_um == pytest.approx(theirs.pixel_size_um, rel=1e-6)
    readers = [PlaneReader(each.root, each.reader) for each in (ours, theirs)]
    for a, b in zip(ours.planes.itertuples(), theirs.planes.itertuples(), strict=True):
        assert (a.well, a.site, a.channel, a.z, a.t) == (b.well, b.site, b.channel, b.z, b.t)
        one, other = (
            reader.read(row.path, row.series, row.page)
            for reader, row in zip(readers, (a, b), strict=True)
        )
        assert np.array_equal(one, other)
    for reader in readers:
        reader.close()
