from __future__ import annotations

from contextlib import suppress
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_tmaps.errors import FormatError, InputError, TmapsError
from napari_tmaps.model.wells import PlateFormat
from napari_tmaps.vendors import recognise, scan
from napari_tmaps.vendors.harmony_index import read_index
from napari_tmaps.vendors.pixels import PlaneReader

V5 = "http://www.perkinelmer.com/PEHH/HarmonyV5"
V7 = "43B2A954-E3C3-47E1-B392-6635266B0DD3/HarmonyV7"


def facts(name, largest, excitation, emission, exposure):
    texts = {
        "ChannelName": name,
        "ImageResolutionX": "3E-07",
        "ImageResolutionY": "6E-07",
        "MaxIntensity": largest,
        "MainExcitationWavelength": excitation,
        "MainEmissionWavelength": emission,
        "ExposureTime": exposure,
        "ObjectiveMagnification": "20",
        "ObjectiveNA": "0.4",
    }
    return "".join(f'<{key} Unit="">{text}</{key}>' for key, text in texts.items())


CHANNELS = {
    1: facts("HOECHST 33342", 65535, 375, 456, 0.1),
    3: facts("Brightfield", 4096, 740, 0, 0.005),
}
PROFILE = "{Background: {Character: Null}, Channel: 1, ChannelName: HOECHST 33342}"


def url(row, column, field, z, ch, t):
    return f"r{row:02d}c{column:02d}f{field:02d}p{z:02d}-ch{ch}sk{t}fk1fl1.tiff"


def places(wells=((2, 3), (3, 11)), fields=(1, 2), zs=(1, 2), channels=(1, 3), times=(0, 1)):
    """Wells B03, C11 × fields × z × channels 1, 3 × times."""
    return [
        (*well, f, z, ch, t) for well, f, z, ch, t in product(wells, fields, zs, channels, times)
    ]


def image(place, version):
    """Field 1 at (x, y) = (-100, 50) µm, field 2 at (100, 50); z every 2 µm, t every 60 s."""
    row, column, field, z, ch, t = place
    facts = CHANNELS[ch] if version == V5 else ""
    return f"""<Image Version="1"><id>{row}{column}{field}{z}{ch}{t}</id><State>Ok</State>
<URL>{url(*place)}</URL><Row>{row}</Row><Col>{column}</Col><FieldID>{field}</FieldID>
<PlaneID>{z}</PlaneID><TimepointID>{t}</TimepointID><ChannelID>{ch}</ChannelID>
<FlimID>1</FlimID>{facts}<PositionX Unit="m">{(200 * field - 300) * 1e-6}</PositionX>
<PositionY Unit="m">5E-05</PositionY><PositionZ Unit="m">{(z - 2) * 2e-6}</PositionZ>
<AbsPositionZ Unit="m">{0.13 + z * 1.9966e-6 + column * 1e-5:.9f}</AbsPositionZ>
<AbsTime>2024-06-24T11:{48 + t}:0{z}.5-04:00</AbsTime></Image>"""


def index(images, version=V5):
    """A whole index; V7 has the facts of channels in a map."""
    entries = "".join(f'<Entry ChannelID="{ch}">{facts}</Entry>' for ch, facts in CHANNELS.items())
    return f"""\ufeff<?xml version="1.0" encoding="utf-8"?>
<EvaluationInputData Version="1" xmlns="{version}"><User>Zoë</User>
<InstrumentType>Phenix</InstrumentType><Plates><Plate><PlateID>P1</PlateID><Name>Plate 1</Name>
<PlateTypeName>96 well</PlateTypeName><PlateRows>8</PlateRows><PlateColumns>12</PlateColumns>
<Well id="0203" /></Plate></Plates>
<Wells><Well><id>0203</id><Row>2</Row><Col>3</Col><Image id="0203K1F1P1R1" /></Well></Wells>
<Maps><Map><Entry ChannelID="1"><FlatfieldProfile>{PROFILE}</FlatfieldProfile></Entry></Map>
{f"<Map>{entries}</Map>" if version == V7 else ""}</Maps>
<Images>{"".join(images)}</Images></EvaluationInputData>"""


def value(place):
    row, _, field, z, ch, t = place
    return row * 10000 + field * 1000 + z * 100 + ch * 10 + t


def write(folder: Path, version=V5, wanted=None, *, name=None) -> Path:
    folder.mkdir(parents=True)
    wanted = places() if wanted is None else wanted
    for place in wanted:
        data = np.full((4, 6), value(place), np.uint16)
        # 6.45 µm, as the real files claim
        tifffile.imwrite(folder / url(*place), data, resolution=(1550, 1550), resolutionunit=3)
    text = index([image(place, version) for place in wanted], version)
    name = name or ("Index.idx.xml" if version == V5 else "Index.xml")
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def edit(path: Path, old: str, new: str, count: int = 1) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, count), encoding="utf-8")


@pytest.fixture(params=[V5, V7], ids=["V5", "V7"])
def measurement(tmp_path, request) -> Path:
    return write(tmp_path / "plate" / "Images", request.param)


@pytest.fixture
def small(tmp_path) -> Path:
    """One well, two fields, one plane each."""
    wanted = places(wells=((2, 3),), zs=(1,), channels=(1,), times=(0,))
    return write(tmp_path / "Images", V5, wanted)


def said(result, kind: str) -> str:
    return " ".join(str(oddity) for oddity in result.oddities if oddity.kind == kind)


def test_layout(measurement):
    result = scan(measurement.parent)
    assert result.vendor == "Revvity Harmony"
    assert result.plates == ["Plate 1"]
    assert result.plate_format == PlateFormat(8, 12)
    assert result.sites_per_well == {"B03": 2, "C11": 2}
    assert result.pixel_size_um == (0.6, 0.3)
    assert result.z_step_um == 2.0
    assert len(result.planes) == 32
    assert result.image_size == (4, 6)
    assert result.oddities == ()
    assert result.metadata["operator"] == "Zoë"
    assert result.metadata["objective"] == "20x NA 0.4"
    assert result.metadata["flat_field"] == {"HOECHST 33342": PROFILE}


def test_channels(measurement):
    hoechst, bright = scan(measurement).channels
    assert (hoechst.name, hoechst.excitation_nm, hoechst.emission_nm) == (
        "HOECHST 33342",
        375.0,
        456.0,
    )
    assert (hoechst.exposure_ms, hoechst.bit_depth) == (100.0, 16)
    assert (bright.name, bright.emission_nm, bright.exposure_ms) == ("Brightfield", None, 5.0)
    assert bright.bit_depth == 12


def test_positions_and_times(measurement):
    planes = scan(measurement).planes
    assert planes["stage_y_um"].unique().tolist() == [-50.0]
    assert planes.groupby("site")["stage_x_um"].unique().map(list).to_dict() == {
        1: [-100.0],
        2: [100.0],
    }
    assert planes.groupby("z")["stage_z_um"].first().tolist() == pytest.approx(
        [130031.997, 130033.993]
    )
    assert planes.groupby(["t", "z"])["time_s"].first().tolist() == [0.0, 1.0, 60.0, 61.0]


def test_each_plane_has_its_own_pixels(measurement):
    result = scan(measurement)
    reader = PlaneReader(result.root, result.reader)
    rows, channels = {"B03": 2, "C11": 3}, {"HOECHST 33342": 1, "Brightfield": 3}
    for p in result.planes.itertuples():
        expected = value((rows[p.well], 0, p.site, p.z + 1, channels[p.channel], p.t))
        assert np.unique(reader.read(p.path, p.series, p.page)).tolist() == [expected]
    reader.close()


def test_index_stands_for_its_folder(measurement):
    name = next(measurement.glob("*.xml"))
    assert recognise(name).name == "Revvity Harmony"
    assert len(scan(name).planes) == 32


def test_sample_of_a_plate_keeps_the_layout_of_the_index(measurement):
    for name in measurement.glob("r03*ch3*"):
        name.unlink()
    result = scan(measurement)
    missing = result.planes[result.planes["missing"]]
    assert len(missing) == 8
    assert set(missing["well"]) == {"C11"}
    assert set(missing["channel"]) == {"Brightfield"}
    assert missing["stage_x_um"].notna().all()
    assert [oddity.kind for oddity in result.oddities] == ["missing"]
    assert "8 of 32 planes are missing, in 1 well (C11)" in said(result, "missing")


def test_planes_that_only_one_channel_has_are_no_gaps(tmp_path):
    wanted = [place for place in places() if place[4] == 1 or place[3] == 1]
    result = scan(write(tmp_path / "Images", V7, wanted))
    assert len(result.planes) == 24
    assert not result.planes["missing"].any()
    assert result.oddities == ()


def test_several_planes_in_one_file(small):
    (first, second) = places(wells=((2, 3),), zs=(1,), channels=(1,), times=(0,))
    stack = np.stack([np.full((4, 6), number, np.uint16) for number in (7, 8)])
    tifffile.imwrite(small / url(*first), stack, photometric="minisblack", metadata=None)
    edit(small / "Index.idx.xml", f"<URL>{url(*second)}", f'<URL BufferNo="1">{url(*first)}')
    (small / url(*second)).unlink()
    result = scan(small)
    assert result.planes["page"].tolist() == [0, 1]
    reader = PlaneReader(result.root, result.reader)
    assert [int(reader.read(p.path, 0, p.page).max()) for p in result.planes.itertuples()] == [7, 8]
    reader.close()


def test_page_that_a_file_lacks(small):
    edit(small / "Index.idx.xml", "<URL>", '<URL BufferNo="3">')
    result = scan(small)
    assert result.planes["missing"].sum() == 1
    assert "fewer pages" in said(result, "missing")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("../outside.tiff", id="up"),
        pytest.param("..\\outside.tiff", id="up-windows"),
        pytest.param("/etc/hostname", id="absolute"),
        pytest.param("C:\\outside.tiff", id="drive"),
    ],
)
def test_index_that_points_outside_of_its_folder(small, path):
    tifffile.imwrite(small.parent / "outside.tiff", np.zeros((4, 6), np.uint16))
    edit(small / "Index.idx.xml", "r02c03f01p01-ch1sk0fk1fl1.tiff", path)
    result = scan(small.parent)
    assert result.planes["missing"].tolist() == [True, False]
    assert "outside of its folder" in said(result, "missing")


def test_truncated_image(small):
    name = small / "r02c03f01p01-ch1sk0fk1fl1.tiff"
    name.write_bytes(name.read_bytes()[:20])
    result = scan(small)
    assert result.planes["missing"].tolist() == [True, False]
    assert "cannot be read" in said(result, "unreadable")


def test_two_images_for_one_plane(small):
    edit(small / "Index.idx.xml", "<FieldID>2", "<FieldID>1")
    result = scan(small)
    assert len(result.planes) == 1
    assert "claim a plane" in said(result, "duplicate")


def test_channels_of_the_same_name_stay_apart(tmp_path):
    folder = write(tmp_path / "Images", V5, places(zs=(1,), times=(0,)))
    edit(folder / "Index.idx.xml", "Brightfield", "HOECHST 33342", -1)
    names = [channel.name for channel in scan(folder).channels]
    assert names == ["HOECHST 33342", "HOECHST 33342 2"]


def test_channel_without_a_name(small):
    edit(small / "Index.idx.xml", '<ChannelName Unit="">HOECHST 33342</ChannelName>', "", -1)
    assert [channel.name for channel in scan(small).channels] == ["C01"]


def test_no_facts_beyond_the_layout(small):
    text = (small / "Index.idx.xml").read_text(encoding="utf-8")
    for ch in CHANNELS:
        text = text.replace(CHANNELS[ch], "")
    for name in ("PositionX", "PositionY", "PositionZ", "AbsPositionZ", "AbsTime", "PlateRows"):
        text = text.replace(f"<{name}", f"<Other{name}").replace(f"</{name}", f"</Other{name}")
    (small / "Index.idx.xml").write_text(text, encoding="utf-8")
    result = scan(small)
    assert result.pixel_size_um is None
    assert result.plate_format is None
    assert not result.stage_known
    assert "no size of pixels" in said(result, "incomplete")


def test_implausible_pixels_are_questioned(small):
    edit(small / "Index.idx.xml", "6E-07", "2.54E-02", -1)
    result = scan(small)
    assert result.pixel_size_um == (25400.0, 0.3)
    assert "25400 × 0.3 µm are not plausible" in said(result, "doubtful")


def test_channels_with_pixels_of_their_own(tmp_path):
    folder = write(tmp_path / "Images", V7, places(zs=(1,), times=(0,)))
    edit(folder / "Index.xml", "6E-07", "3E-07")
    result = scan(folder)
    assert result.pixel_size_um == (0.3, 0.3)
    assert "0.3 × 0.3, 0.6 × 0.3" in said(result, "mixed")


DAMAGED = [
    pytest.param("<Row>2<", "<Row>x<", FormatError, "Row of image 'r02c03", id="no-number"),
    pytest.param("<FieldID>1</FieldID>", "", FormatError, "has no FieldID", id="lacks-field"),
    pytest.param("<Col>3<", "<Col>0<", InputError, "no well", id="no-well"),
    pytest.param("<Row>2<", "<Row>12<", InputError, "contradicts itself", id="outside-plate"),
    pytest.param('"m">5E-05', '"m">far', FormatError, "a length in metres", id="no-length"),
    pytest.param(
        "<EvaluationInputData",
        '<!DOCTYPE x [<!ENTITY a "b">]><EvaluationInputData',
        FormatError,
        "DOCTYPE",
        id="doctype",
    ),
]


@pytest.mark.parametrize(("old", "new", "error", "message"), DAMAGED)
def test_damaged_index(small, old, new, error, message):
    (small / "Index.idx.xml").rename(small / "Index.xml")
    text = (small / "Index.xml").read_text(encoding="utf-8")
    text = text.replace("<Row>2</Row><Col>3</Col><Image", "<Image")  # only images count
    assert old in text
    (small / "Index.xml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(error, match=message):
        scan(small)


def test_entity_bomb(small):
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    edit(
        small / "Index.idx.xml",
        "<EvaluationInputData",
        f'<!DOCTYPE x [<!ENTITY e0 "boom">{bomb}]><EvaluationInputData',
    )
    edit(small / "Index.idx.xml", "Phenix", "&e11;")
    with pytest.raises(FormatError, match="DOCTYPE"):
        scan(small)


def test_entity_bomb_instead_of_images(small):
    bomb = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><EvaluationInputData>&b;'
    (small / "Index.idx.xml").write_text(f"{bomb}</EvaluationInputData>")
    with pytest.raises(FormatError, match="DOCTYPE"):
        scan(small)


BROKEN = [
    pytest.param("Index.idx.xml", lambda text: text.replace("</Images>", ""), id="broken-tag"),
    pytest.param("Index.xml", lambda text: text[: len(text) // 2], id="cut-off"),
    pytest.param("Index.xml", lambda _: "", id="empty"),
    pytest.param("Index.idx.xml", lambda _: "", id="empty-old"),
    pytest.param("Index.xml", lambda text: text[5000:], id="without-its-beginning"),
]


@pytest.mark.parametrize(("name", "damage"), BROKEN)
def test_broken_index_leaves_the_names(tmp_path, name, damage):
    folder = write(tmp_path / "Images", V7, name=name)
    text = (folder / name).read_text(encoding="utf-8")
    (folder / name).write_text(damage(text), encoding="utf-8")
    result = scan(folder)
    assert result.vendor == "Revvity Harmony"
    assert result.sites_per_well == {"B03": 2, "C11": 2}
    assert [channel.name for channel in result.channels] == ["C01", "C03"]
    assert result.planes[["z", "t"]].max().tolist() == [1, 1]
    assert len(result.planes) == 32
    assert result.pixel_size_um is None
    (told,) = (str(oddity) for oddity in result.oddities if oddity.kind == "unreadable")
    assert name in told
    assert "damaged" in told
    assert "names of the images tell the layout" in told


def test_broken_index_beside_images_of_other_names(small):
    for number, path in enumerate(small.glob("*.tiff")):
        path.rename(small / f"{number}.tiff")
    edit(small / "Index.idx.xml", "</Images>", "")
    with pytest.raises(FormatError, match=r"damaged.*Copy it again"):
        scan(small)


def test_without_an_index(measurement):
    for path in measurement.glob("*.xml"):
        path.unlink()
    (measurement / "r02c03f01p01-ch1sk0fk1fl1.tiff").unlink()
    result = scan(measurement)
    assert result.vendor == "Revvity Harmony"
    assert result.planes["missing"].sum() == 1
    assert "is not among the files" in said(result, "incomplete")
    assert "1 of 32 planes" in said(result, "missing")


def test_two_measurements_without_an_index(tmp_path):
    for name in ("a", "b"):
        for path in write(tmp_path / name, V5, places(zs=(1,), times=(0,))).glob("*.xml"):
            path.unlink()
    with pytest.raises(FormatError, match="holds 2 measurements"):
        scan(tmp_path)


def test_index_without_images(small):
    (small / "Index.idx.xml").write_text(index([]), encoding="utf-8")
    with pytest.raises(FormatError, match="lists no images"):
        scan(small)


def test_none_of_the_images_is_there(small):
    for name in small.glob("*.tiff"):
        name.unlink()
    with pytest.raises(FormatError, match="None of the 2 images"):
        scan(small)


def test_two_measurements(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / name, V5, places(zs=(1,), times=(0,)))
    with pytest.raises(FormatError, match="holds 2 measurements"):
        scan(tmp_path)


def test_another_index_xml_is_not_ours(tmp_path):
    (tmp_path / "Index.xml").write_text("<Something/>")
    assert recognise(tmp_path) is None


def test_index_of_the_older_and_of_the_newer_version_side_by_side(small):
    text = (small / "Index.idx.xml").read_text(encoding="utf-8")
    (small / "Index.xml").write_text(text, encoding="utf-8")
    assert len(scan(small).planes) == 2


TEXT = index([image(place, V5) for place in places(wells=((2, 3),))[:2]])


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.integers(0, len(TEXT) - 1),
    st.integers(0, 40),
    st.sampled_from(["", "<", "&x;", "9" * 30, "-1", "nan", "ü", "\0", "]]>"]),
)
def test_any_damage_gives_only_our_errors(tmp_path, start, length, patch):
    (tmp_path / "Index.idx.xml").write_text(
        TEXT[:start] + patch + TEXT[start + length :], encoding="utf-8"
    )
    name = url(*places(wells=((2, 3),))[0])
    tifffile.imwrite(tmp_path / name, np.zeros((4, 6), np.uint16))
    with suppress(TmapsError):
        scan(tmp_path)
    with suppress(TmapsError):
        read_index(tmp_path / "Index.idx.xml")


def test_real_phenix(shared_data):
    folder = shared_data / "harmony_pe2loaddata" / "Version5"
    result = scan(folder / "images")
    assert result.plates == ["BR00122249"]
    assert result.wells == ["A01"]
    assert len(result.planes) == 6
    assert result.pixel_size_um == pytest.approx((0.59798, 0.59798), abs=1e-5)
    assert result.planes["stage_x_um"].unique().tolist() == [-322.907]
    assert result.planes["stage_y_um"].unique().tolist() == [322.907]
    assert result.oddities == ()
    assert "Coefficients: [[1.3708]" in result.metadata["flat_field"]["488 650"]
    table = pd.read_csv(folder / "load_data_version5.csv").iloc[0]
    for channel in result.channels:
        (short,) = (
            key.removeprefix("Metadata_ChannelName_")
            for key in table.index
            if key.startswith("Metadata_ChannelName_") and table[key] == channel.name
        )
        (plane,) = result.planes[result.planes["channel"] == channel.name].itertuples()
        assert plane.path == table[f"FileName_{short}"]
        assert plane.stage_z_um == pytest.approx(1e6 * table[f"Metadata_AbsPositionZ_{short}"])
        assert channel.exposure_ms == 1000 * table[f"Metadata_ExposureTime_{short}"]
        assert channel.excitation_nm == table[f"Metadata_MainExcitationWavelength_{short}"]


def test_real_operetta(shared_data):
    result = scan(shared_data / "harmony_operetta_compose" / "operetta_plate")
    assert result.sites_per_well == {"C03": 2}
    assert result.plate_format == PlateFormat(16, 24)
    assert [channel.name for channel in result.channels] == ["Fluorescein (FITC)"]
    assert result.pixel_size_um == pytest.approx((1.19595, 1.19595), abs=1e-5)
    positions = result.planes[["stage_x_um", "stage_y_um"]].to_numpy().tolist()
    assert positions == [[-645.814, -645.814], [645.814, -645.814]]
