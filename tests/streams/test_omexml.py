"""OME-XML: valid by the schema, and the same facts when read again."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from lxml import etree

from napari_tmaps.errors import FormatError, InputError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.wells import WellName
from napari_tmaps.streams.omexml import OmeImage, PlaneFacts, parse_omexml
from napari_tmaps.streams.omexml_writer import image_omexml

NAMESPACE = {"ome": "http://www.openmicroscopy.org/Schemas/OME/2016-06"}
PLAIN = OmeImage(shape=(1, 1, 1, 4, 5), dtype=np.dtype("uint8"))
FULL = OmeImage(
    shape=(2, 2, 3, 4, 5),
    dtype=np.dtype("uint16"),
    name="a/b % <é&> µ",
    description="first line\nsecond",
    pixel_size_um=(3.0, 0.325, 0.65),
    time_step_s=90.0,
    channels=(
        Channel("5-FAM/pH 9.0", "#12AB00", 488, 517.5, bit_depth=12, fluorophore="5-FAM"),
        Channel("FM 4-64/2% CHAPS", bit_depth=12),
    ),
    acquired=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    planes=(PlaneFacts(0, 1, 2, (1.5, -567.1, 402.9), 4.25), PlaneFacts(1, 0, 0)),
    plate="Plate 1",
    well=WellName("AF", 48),
    site=3,
    annotations={"ns/one": {"β": '["x", 1]', "empty": ""}},
)


def valid(schema, text: str):
    tree = etree.fromstring(text.encode())
    schema.assertValid(tree)
    return tree


@pytest.mark.parametrize("image", [PLAIN, FULL], ids=["plain", "full"])
@pytest.mark.parametrize("with_pixels", [True, False])
def test_valid_and_the_same_again(ome_schema, image, with_pixels):
    text = image_omexml(image, with_pixels=with_pixels)
    valid(ome_schema, text)
    assert parse_omexml(text) == (image,)


TYPES = [("bool", "uint8"), ("int8", "int8"), ("uint32", "uint32"), ("float32", "float"),
         ("float64", "double")]  # fmt: skip


@pytest.mark.parametrize(("dtype", "expected"), TYPES)
def test_pixel_types(ome_schema, dtype, expected):
    image = OmeImage(shape=(1, 1, 1, 4, 5), dtype=np.dtype(dtype))
    tree = valid(ome_schema, image_omexml(image))
    assert tree.xpath("//ome:Pixels/@Type", namespaces=NAMESPACE) == [expected]
    assert parse_omexml(image_omexml(image))[0].dtype == ("uint8" if dtype == "bool" else dtype)


UNFIT = [("float16", "float32"), ("complex128", "magnitude"), ("int64", "OME-Zarr")]


@pytest.mark.parametrize(("dtype", "advice"), UNFIT)
def test_pixel_types_that_ome_has_not(dtype, advice):
    with pytest.raises(InputError, match=advice):
        image_omexml(OmeImage(shape=(1, 1, 1, 4, 5), dtype=np.dtype(dtype)))


def test_several_images_of_a_plate(ome_schema):
    images = [
        OmeImage(
            shape=(1, 2, 3, 4, 5),
            dtype=np.dtype("uint8"),
            name=f"{well} {site}",
            plate="P",
            well=WellName.parse(well),
            site=site,
        )
        for well, site in [("B03", 0), ("B03", 1), ("C02", 0)]
    ]
    tree = valid(ome_schema, image_omexml(*images))
    assert tree.xpath("//ome:TiffData/@IFD", namespaces=NAMESPACE) == ["0", "6", "12"]
    assert tree.xpath("//ome:Plate/@Name", namespaces=NAMESPACE) == ["P"]
    wells = tree.xpath("//ome:Well", namespaces=NAMESPACE)
    assert [(well.get("Row"), well.get("Column"), len(well)) for well in wells] == [
        ("1", "2", 2),
        ("2", "1", 1),
    ]
    assert parse_omexml(image_omexml(*images)) == tuple(images)


def test_control_characters_become_visible(ome_schema):
    image = OmeImage(
        shape=(1, 1, 1, 4, 5),
        dtype=np.dtype("uint8"),
        name="a\x00b\x1fc\ud800\ufffe",
        channels=(Channel("D\x07API"),),
    )
    text = image_omexml(image)
    valid(ome_schema, text)
    (read,) = parse_omexml(text)
    assert read.name == "a\ufffdb\ufffdc\ufffd\ufffd"
    assert read.channels[0].name == "D\ufffdAPI"


def test_exposure_of_the_channel_goes_to_its_planes(ome_schema):
    image = OmeImage(
        shape=(2, 2, 1, 4, 5),
        dtype=np.dtype("uint8"),
        channels=(Channel("a", exposure_ms=12.5), Channel("b")),
        planes=(PlaneFacts(1, 0, 0, exposure_ms=99.0), PlaneFacts(0, 1, 0, time_s=0.5)),
    )
    tree = valid(ome_schema, image_omexml(image))
    planes = tree.xpath("//ome:Plane", namespaces=NAMESPACE)
    found = {(p.get("TheT"), p.get("TheC")): p.get("ExposureTime") for p in planes}
    assert found == {("0", "0"): "12.5", ("1", "0"): "99.0", ("0", "1"): None}
    assert parse_omexml(image_omexml(image))[0].channels[0].exposure_ms == 12.5


def test_channels_of_another_number():
    with pytest.raises(InputError, match="1 channels, but 2"):
        OmeImage(shape=(1, 1, 1, 4, 5), dtype=np.dtype("u1"), channels=(Channel("a"), Channel("b")))


FOREIGN = """<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">
<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="float" SizeX="5" SizeY="4" SizeZ="1" SizeC="3"
 SizeT="2" PhysicalSizeX="500" PhysicalSizeXUnit="nm" PhysicalSizeY="2" PhysicalSizeYUnit="pixel"
 TimeIncrement="2" TimeIncrementUnit="min">{}<MetadataOnly/>
<Plane TheZ="0" TheC="0" TheT="0" ExposureTime="0.05" PositionX="1" PositionY="2"
 PositionYUnit="mm"/></Pixels></Image></OME>"""
CHANNELS = [
    pytest.param('<Channel ID="Channel:0" SamplesPerPixel="3"/>', 3, (), id="rgb"),
    pytest.param('<Channel ID="Channel:0"/>' * 3, 1, (), id="nameless"),
    pytest.param(
        '<Channel ID="Channel:0" Name="a"/><Channel ID="Channel:1" Color="-16776961"/>'
        '<Channel ID="Channel:2"/>',
        1,
        (Channel("a", exposure_ms=50), Channel("Channel 1", "#FF0000"), Channel("Channel 2")),
        id="some",
    ),
]


@pytest.mark.parametrize(("channels", "samples", "expected"), CHANNELS)
def test_documents_of_other_programs(channels, samples, expected):
    (image,) = parse_omexml(FOREIGN.format(channels.replace("><C", ">\n<C")))
    assert image.shape == (2, 3 // samples, 1, 4, 5)
    assert image.samples == samples
    assert image.dtype == np.float32
    assert image.pixel_size_um == (None, None, 0.5)
    assert image.time_step_s == 120.0
    assert image.planes == (PlaneFacts(0, 0, 0, (None, 2000.0, None), None, 50.0),)
    assert image.channels == expected


@pytest.mark.parametrize("text", ["", "no xml", "<OME", "<a/>"])
def test_no_omexml(text):
    with pytest.raises(FormatError, match="not valid"):
        parse_omexml(text)
