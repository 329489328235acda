"""OME-TIFF, written here by tifffile."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
import tifffile

from napari_tmaps.errors import FormatError
from napari_tmaps.vendors import scan
from napari_tmaps.vendors.pixels import PlaneReader

STACK = np.arange(2 * 3 * 4 * 5 * 6, dtype=np.uint16).reshape(2, 3, 4, 5, 6)  # t c z y x


def write(path, *images, **options):
    """Images: (axes, pixels, metadata)."""
    with tifffile.TiffWriter(path, ome=True) as file:
        for axes, pixels, metadata in images:
            file.write(pixels, metadata={"axes": axes, **metadata}, **options)
    return path


def xml(body, head=""):
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<OME '
        f'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{body}</OME>'
    )


def read(result, **where):
    query = " and ".join(f"{name} == {value!r}" for name, value in where.items())
    (row,) = result.planes.query(query).itertuples()
    reader = PlaneReader(result.root, result.reader)
    pixels = reader.read(row.path, row.series, row.page)
    reader.close()
    return pixels


ORDERS = [
    pytest.param("TCZYX", (0, 1, 2, 3, 4), id="XYZCT"),
    pytest.param("ZTCYX", (2, 0, 1, 3, 4), id="XYCTZ"),
    pytest.param("CZTYX", (1, 2, 0, 3, 4), id="XYTZC"),
]


@pytest.mark.parametrize(("axes", "order"), ORDERS)
def test_every_page_is_its_plane(tmp_path, axes, order):
    facts = {
        "PhysicalSizeX": 250, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.5,
        "PhysicalSizeZ": 2.0, "Channel": {"Name": ["a/b", "c %", "ü"]},
    }  # fmt: skip
    write(tmp_path / "a.ome.tif", (axes, STACK.transpose(order), facts))
    result = scan(tmp_path)
    assert result.reader == "tiff"
    assert result.summary()["channels"] == ["a/b", "c %", "ü"]
    assert result.pixel_size_um == (0.5, 0.25)
    assert result.z_step_um == 2.0
    for t, c, z in np.ndindex(2, 3, 4):
        found = read(result, t=t, channel=("a/b", "c %", "ü")[c], z=z)
        assert np.array_equal(found, STACK[t, c, z])


def test_series_are_sites_with_their_places(tmp_path):
    def place(x, y):
        return {"Plane": {"PositionX": [x] * 3, "PositionY": [y] * 3, "PositionXUnit": ["mm"] * 3,
                          "DeltaT": [0.0, 1.0, 2.0], "ExposureTime": [0.1] * 3}}  # fmt: skip

    images = [("CYX", STACK[0, :, 0], place(1.0, 20.0)), ("CYX", STACK[1, :, 1], place(2.0, 30.0))]
    result = scan(write(tmp_path / "a.ome.tif", *images))
    assert result.sites_per_well == {"A01": 2}
    assert result.planes["stage_x_um"].tolist() == [1000.0] * 3 + [2000.0] * 3
    assert result.planes["stage_y_um"].tolist() == [20.0] * 3 + [30.0] * 3
    assert result.planes["time_s"].tolist() == [0.0, 1.0, 2.0] * 2
    assert result.channels[0].exposure_ms == 100.0
    assert np.array_equal(read(result, site=2, channel="C03"), STACK[1, 2, 1])
    assert any("counts y up or down" in str(oddity) for oddity in result.oddities)


def pixels_xml(number, files, channels=1):
    blocks = "".join(
        f'<TiffData FirstC="{c}" FirstZ="0" FirstT="0" IFD="{ifd}" PlaneCount="1">'
        f'<UUID FileName="{name}">urn:uuid:{name}</UUID></TiffData>'
        for c, (name, ifd) in enumerate(files)
    )
    return (
        f'<Image ID="Image:{number}" Name="i{number}"><Pixels ID="Pixels:{number}" '
        f'DimensionOrder="XYCZT" Type="uint16" SizeX="6" SizeY="5" SizeZ="1" SizeC="{channels}" '
        f'SizeT="1">{blocks}</Pixels></Image>'
    )


@pytest.fixture
def plate(tmp_path):
    """Two wells, two channels; each channel in a file of its own, the wells as its pages."""
    wells = "".join(
        f'<Well ID="Well:{n}" Row="{row}" Column="{column}"><WellSample ID="S:{n}" Index="0" '
        f'PositionX="{n}" PositionY="7"><ImageRef ID="Image:{n}"/></WellSample></Well>'
        for n, (row, column) in enumerate(((1, 2), (15, 23)))
    )
    body = f'<Plate ID="Plate:0" Name="screen" Rows="16" Columns="24">{wells}</Plate>' + "".join(
        pixels_xml(n, [("b.ome.tif", n), ("a.ome.tif", n)], 2) for n in range(2)
    )
    for index, name in enumerate(("a", "b")):
        tifffile.imwrite(
            tmp_path / f"{name}.ome.tif",
            STACK[index, :2, 0],
            description=xml(body).replace("<OME ", f'<OME UUID="urn:uuid:{name}.ome.tif" '),
            metadata=None,
            photometric="minisblack",
        )
    return tmp_path


def test_a_plate_over_several_files(plate):
    result = scan(plate)
    assert result.plates == ["screen"]
    assert result.sites_per_well == {"B03": 1, "P24": 1}
    assert result.plate_format is not None
    assert result.plate_format.wells == 384
    assert np.array_equal(read(result, well="B03", channel="C01"), STACK[1, 0, 0])
    assert np.array_equal(read(result, well="P24", channel="C02"), STACK[0, 1, 0])
    assert result.planes.groupby("well")["stage_x_um"].first().to_dict() == {"B03": 0, "P24": 1}


def test_one_file_of_a_set_finds_the_others(plate):
    assert set(scan(plate / "a.ome.tif").planes["path"]) == {"a.ome.tif", "b.ome.tif"}


def test_a_lost_file_of_a_set_leaves_gaps(plate):
    (plate / "b.ome.tif").unlink()
    result = scan(plate)
    assert result.planes.query("missing")["channel"].tolist() == ["C01", "C01"]
    assert any("'b.ome.tif', which is gone" in str(oddity) for oddity in result.oddities)


def test_a_damaged_file_of_a_set_leaves_gaps(plate):
    path = plate / "b.ome.tif"
    path.write_bytes(path.read_bytes()[:-40])
    result = scan(plate)
    assert result.planes.query("missing")["channel"].tolist() == ["C01", "C01"]
    assert "unreadable" in [oddity.kind for oddity in result.oddities]


def test_companion_file(tmp_path):
    body = pixels_xml(0, [("one.tif", 0), ("two.tif", 0)], 2)
    (tmp_path / "set.companion.ome").write_text(xml(body), encoding="utf-8")
    stub = xml('<BinaryOnly MetadataFile="set.companion.ome" UUID="urn:uuid:x"/>')
    for number, name in enumerate(("one.tif", "two.tif")):
        tifffile.imwrite(tmp_path / name, STACK[0, number, 0], description=stub, metadata=None)
    for start in (tmp_path, tmp_path / "set.companion.ome"):
        result = scan(start)
        assert result.vendor == "OME-TIFF"
        assert np.array_equal(read(result, channel="C02"), STACK[0, 1, 0])
    (tmp_path / "set.companion.ome").unlink()
    with pytest.raises(FormatError, match=r"description, 'set\.companion\.ome', is gone"):
        scan(tmp_path)


def test_a_renamed_file_is_still_itself(tmp_path):
    body = pixels_xml(0, [("old name.ome.tif", 0)])
    tifffile.imwrite(tmp_path / "new.ome.tif", STACK[0, 0, 0], description=xml(body), metadata=None)
    assert np.array_equal(read(scan(tmp_path), site=1), STACK[0, 0, 0])


def test_the_pixels_count_where_the_xml_is_wrong(tmp_path):
    body = pixels_xml(0, [("a.ome.tif", 0)])
    pixels = np.zeros((6, 5), np.uint8)
    tifffile.imwrite(tmp_path / "a.ome.tif", pixels, description=xml(body), metadata=None)
    result = scan(tmp_path)
    assert (result.image_size, result.dtype) == ((6, 5), "uint8")
    assert any("5 × 6 (y × x) uint16" in str(oddity) for oddity in result.oddities)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(pixels_xml(0, []).replace("</Pixels>", "<TiffData/></Pixels>"), id="all"),
        pytest.param(
            pixels_xml(0, []).replace("</Pixels>", '<TiffData IFD="0"/></Pixels>'), id="page"
        ),
    ],
)
def test_short_forms_of_tiffdata(tmp_path, body):
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK[0, 0, 0], description=xml(body), metadata=None)
    assert np.array_equal(read(scan(tmp_path), site=1), STACK[0, 0, 0])


def test_more_planes_announced_than_written(tmp_path):
    body = pixels_xml(0, [("a.ome.tif", 0), ("a.ome.tif", 1), ("a.ome.tif", 2)], 3)
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK[0, :2, 0], description=xml(body), metadata=None,
                     photometric="minisblack")  # fmt: skip
    result = scan(tmp_path)
    assert result.planes["missing"].tolist() == [False, False, True]
    assert result.summary()["planes"] == 2


@pytest.mark.parametrize("axes", ["YXS", "SYX"])
def test_colours(tmp_path, axes):
    colours = np.random.default_rng(0).integers(0, 255, (5, 6, 3)).astype(np.uint8)
    pixels = colours if axes == "YXS" else np.moveaxis(colours, -1, 0)
    planar = {} if axes == "YXS" else {"planarconfig": "separate"}
    write(tmp_path / "a.ome.tif", (axes, pixels, {}), photometric="rgb", **planar)
    result = scan(tmp_path)
    assert result.reader == "tiffsamples"
    for index, name in enumerate("RGB"):
        assert np.array_equal(read(result, channel=name), colours[..., index])


def test_damage(tmp_path):
    good = write(tmp_path / "a.ome.tif", ("CYX", STACK[0, :, 0], {}))
    bad = tmp_path / "b.ome.tif"
    bad.write_bytes(good.read_bytes()[:-20])
    with pytest.raises(FormatError, match=r"'b\.ome\.tif' cannot be read"):
        scan(bad)
    result = scan(tmp_path)
    assert set(result.planes["path"]) == {"a.ome.tif"}
    assert result.oddities[0].kind == "unreadable"


EVIL = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
BAD_XML = [
    pytest.param(xml("&e;", EVIL), "DOCTYPE", id="entity"),
    pytest.param(xml("<Image>"), "XML description is damaged", id="cut"),
    pytest.param(xml('<Image ID="I"/>'), "has no Pixels", id="no-pixels"),
    pytest.param(xml(pixels_xml(0, []).replace('SizeX="6"', "")), "impossible", id="no-size"),
    pytest.param(xml(""), "no images", id="no-images"),
]


@pytest.mark.parametrize(("description", "message"), BAD_XML)
def test_bad_xml(tmp_path, description, message):
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK[0, 0, 0], description=description, metadata=None)
    with pytest.raises(FormatError, match=re.escape(message)):
        scan(tmp_path)


def test_plain_tiff_called_ome(tmp_path):
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK[0, 0, 0], metadata=None, ome=False)
    with pytest.raises(FormatError, match="has no OME-XML"):
        scan(tmp_path)


def test_ome_inside_a_plain_name(tmp_path):
    write(tmp_path / "a.ome.tif", ("CYX", STACK[0, :, 0], {}))
    shutil.move(tmp_path / "a.ome.tif", tmp_path / "a.tif")
    assert scan(tmp_path).vendor == "OME-TIFF"


REAL = [
    pytest.param("ometiff_webknossos/4D_series", {"A01": 1}, (7, 1, 5), "int8", id="webknossos"),
    pytest.param("serialcellpose", {"A01": 6}, (1, 5, 1), "uint16", id="cell-painting"),
]


@pytest.mark.parametrize(("name", "sites", "tcz", "dtype"), REAL)
def test_real(shared_data, name, sites, tcz, dtype):
    result = scan(shared_data / name)
    facts = result.summary()
    assert facts["sites_per_well"] == sites
    assert (facts["size_t"], len(facts["channels"]), facts["size_z"]) == tcz
    assert facts["dtype"] == dtype
    with tifffile.TiffFile(result.root / result.planes["path"].iloc[0]) as file:
        for row in result.planes.iloc[::7].itertuples():
            pixels = file.series[row.site - 1].asarray()
            pixels = pixels.reshape((*tcz, *pixels.shape[-2:]))
            c = facts["channels"].index(row.channel)
            found = read(result, site=row.site, t=row.t, z=row.z, channel=row.channel)
            assert np.array_equal(found, pixels[row.t, c, row.z])
