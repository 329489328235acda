from __future__ import annotations

import re
import shutil
from contextlib import suppress
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_tmaps.errors import FormatError, InputError, TmapsError
from napari_tmaps.model.wells import PlateFormat
from napari_tmaps.vendors import recognise, scan
from napari_tmaps.vendors.pixels import PlaneReader


def kinds(result) -> list[str]:
    return [oddity.kind for oddity in result.oddities]


def said(result, kind: str) -> str:
    return " ".join(str(oddity) for oddity in result.oddities if oddity.kind == kind)


def edit(path: Path, old: str, new: str, count: int = 1) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, count), encoding="utf-8")


def test_layout_of_a_complete_measurement(measurement):
    result = scan(measurement)
    assert result.vendor == "Yokogawa CellVoyager"
    assert result.plates == ["Screen 1"]
    assert result.wells == ["B03", "C11"]
    assert result.sites_per_well == {"B03": 2, "C11": 2}
    assert result.image_size == (4, 6)
    assert result.dtype == "uint16"
    assert result.pixel_size_um == (0.65, 0.325)
    assert result.z_step_um == 1.5
    assert result.plate_format == PlateFormat(8, 12)
    assert result.stage_known
    assert result.oddities == ()
    assert len(result.planes) == 16
    assert result.metadata["operator"] == "Zoë"
    assert result.metadata["objective"] == "20x"


def test_y_of_the_stage_is_turned_and_times_count_from_the_first_plane(measurement):
    planes = scan(measurement).planes
    assert set(planes["stage_y_um"]) == {-10.0}
    assert planes.groupby("site")["stage_x_um"].unique().map(list).to_dict() == {
        1: [-325.0],
        2: [325.0],
    }
    assert planes.groupby("z")["time_s"].unique().map(list).to_dict() == {0: [0.0], 1: [1.0]}
    assert planes.groupby("z")["stage_z_um"].unique().map(list).to_dict() == {0: [0.0], 1: [1.5]}


def test_channels_that_were_recorded(measurement):
    first, lamp = scan(measurement).channels
    assert (first.name, first.color, first.excitation_nm, first.emission_nm) == (
        "C01",
        "#002FFF",
        405.0,
        445.0,
    )
    assert (first.exposure_ms, first.bit_depth) == (150.0, 14)
    assert (lamp.name, lamp.color, lamp.excitation_nm, lamp.emission_nm) == (
        "C03",
        None,
        None,
        None,
    )
    assert lamp.exposure_ms == 20.0


def test_pixels_come_from_the_right_files(measurement, cellvoyager):
    result = scan(measurement.parent)
    reader = PlaneReader(result.root, result.reader)
    expected = {record.name: record.value for record in cellvoyager.records()}
    for plane in result.planes.itertuples():
        pixels = reader.read(plane.path, plane.series, plane.page)
        assert pixels.shape == (4, 6)
        assert pixels.dtype == np.uint16
        assert np.unique(pixels).tolist() == [expected[Path(plane.path).name]]
        row = {"B03": 2, "C11": 3}[plane.well]
        ch = int(plane.channel[1:])
        assert pixels[0, 0] // 10_000 == row
        assert pixels[0, 0] % 1000 == plane.site * 100 + (plane.z + 1) * 10 + ch
    reader.close()


def test_an_image_alone_is_told_by_the_index_beside_it(measurement, cellvoyager):
    image = next(r for r in cellvoyager.records() if (r.row, r.field, r.z, r.ch) == (3, 2, 2, 3))
    result = scan(measurement / image.name)
    (plane,) = result.planes.itertuples()
    assert (plane.well, plane.site, plane.channel, plane.z, plane.t) == ("C11", 2, "C03", 0, 0)
    assert (plane.path, plane.stage_x_um, plane.stage_z_um) == (image.name, 325.0, 1.5)
    assert result.pixel_size_um == (0.65, 0.325)
    assert result.oddities == ()


def test_an_image_alone_that_the_index_does_not_know(measurement, cellvoyager):
    stranger = cellvoyager.record(4, 5, 1, 1, 1)
    cellvoyager.image(measurement / stranger.name, 7)
    result = scan(measurement / stranger.name)
    assert result.planes["well"].tolist() == ["D05"]
    assert "names of images" in said(result, "incomplete")


@pytest.mark.parametrize("indexed", [True, False])
def test_images_that_were_converted_to_png(measurement, cellvoyager, indexed):
    for record in cellvoyager.records():
        path = measurement / record.name
        iio.imwrite(path.with_suffix(".png"), np.full((4, 6), record.value, np.uint16))
        path.unlink()
    if not indexed:
        (measurement / "MeasurementData.mlf").unlink()
    result = scan(measurement)
    assert result.sites_per_well == {"B03": 2, "C11": 2}
    assert not result.planes["missing"].any()
    assert result.image_size == (4, 6)
    assert result.summary()["dtype"] == "uint16"
    assert ("pictures of the same names" in said(result, "doubtful")) == indexed
    reader = PlaneReader(result.root, result.reader)
    expected = {Path(r.name).stem: r.value for r in cellvoyager.records()}
    for plane in result.planes.itertuples():
        pixels = reader.read(plane.path, plane.series, plane.page)
        assert np.unique(pixels).tolist() == [expected[Path(plane.path).stem]]
    reader.close()


def test_png_in_colours_and_damaged(measurement, cellvoyager):
    names = [Path(record.name).with_suffix(".png") for record in cellvoyager.records()]
    for n, name in enumerate(names):
        (measurement / name.with_suffix(".tif")).unlink()
        colours = (3,) if n == 0 else ()
        iio.imwrite(measurement / name, np.zeros((4, 6, *colours), np.uint8))
    (measurement / names[1]).write_bytes(b"")
    result = scan(measurement)
    assert result.planes["missing"].sum() == 2
    assert names[0].name in said(result, "unreadable")


@pytest.mark.parametrize("name", ["MeasurementData.mlf", "MeasurementDetail.mrf", "settings.mes"])
def test_an_index_file_stands_for_its_folder(measurement, name):
    assert len(scan(measurement / name).planes) == 16
    assert recognise(measurement / name).name == "Yokogawa CellVoyager"


def test_image_that_is_not_there_is_a_recorded_gap(measurement, cellvoyager):
    gone = cellvoyager.records()[3]
    (measurement / gone.name).unlink()
    result = scan(measurement)
    missing = result.planes[result.planes["missing"]]
    assert missing[["well", "site", "channel", "z", "path", "height"]].to_numpy().tolist() == [
        ["B03", 1, "C03", 1, "", -1]
    ]
    assert missing["stage_x_um"].tolist() == [-325.0]
    assert kinds(result) == ["missing", "missing"]
    assert gone.name in said(result, "missing")
    assert result.summary()["planes"] == 15


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("../outside.tif", id="up"),
        pytest.param("..\\outside.tif", id="up-windows"),
        pytest.param("/etc/hostname", id="absolute"),
        pytest.param("C:\\outside.tif", id="drive"),
        pytest.param("sub/../../outside.tif", id="hidden-up"),
    ],
)
def test_index_that_points_outside_of_its_folder(measurement, cellvoyager, path):
    cellvoyager.image(measurement.parent / "outside.tif", 1)
    edit(measurement / "MeasurementData.mlf", cellvoyager.records()[0].name + "<", path + "<")
    result = scan(measurement)
    assert result.planes["missing"].sum() == 1
    assert "outside of its folder" in said(result, "missing")
    assert not any(".." in path or path.startswith("/") for path in result.planes["path"])


def test_two_records_for_one_plane(tmp_path, cellvoyager):
    images = cellvoyager.records()
    again = images[0].line().replace(images[0].name, images[1].name)
    result = scan(cellvoyager.write(tmp_path / "m", images, extra=[again]))
    assert len(result.planes) == 16
    assert result.planes["path"].iloc[0].endswith(images[0].name)
    assert kinds(result) == ["duplicate"]
    assert images[1].name in said(result, "duplicate")


def test_failure_with_a_place_is_a_missing_plane(tmp_path, cellvoyager):
    images = cellvoyager.records()
    failure = images[5].line().replace('"IMG"', '"ERR"').replace(images[5].name, "camera timeout")
    kept = [image for image in images if image != images[5]]
    result = scan(cellvoyager.write(tmp_path / "m", kept, extra=[failure]))
    assert result.planes["missing"].sum() == 1
    assert "'camera timeout' (1×)" in said(result, "missing")


def test_failure_of_a_whole_site_makes_all_its_planes_missing(tmp_path, cellvoyager):
    images = [r for r in cellvoyager.records() if not (r.row == 3 and r.field == 2)]
    failure = (
        '<bts:MeasurementRecord bts:Type="ERR" bts:Time="2024-05-01T10:00:00+02:00" '
        'bts:Column="11" bts:Row="3" bts:FieldIndex="2">AF failed</bts:MeasurementRecord>'
    )
    result = scan(cellvoyager.write(tmp_path / "m", images, extra=[failure]))
    missing = result.planes[result.planes["missing"]]
    assert set(missing["well"]) == {"C11"}
    assert set(missing["site"]) == {2}
    assert sorted(zip(missing["channel"], missing["z"], strict=True)) == [
        ("C01", 0),
        ("C01", 1),
        ("C03", 0),
        ("C03", 1),
    ]


def test_only_failures(tmp_path, cellvoyager):
    failure = (
        '<bts:MeasurementRecord bts:Type="ERR" bts:Column="11" bts:Row="3">AF failed'
        "</bts:MeasurementRecord>"
    )
    with pytest.raises(FormatError, match="no images, but 1 failures"):
        scan(cellvoyager.write(tmp_path / "m", [], extra=[failure]))


def test_site_without_a_channel_that_others_have(tmp_path, cellvoyager):
    images = [r for r in cellvoyager.records() if not (r.row == 3 and r.field == 2 and r.ch == 3)]
    result = scan(cellvoyager.write(tmp_path / "m", images))
    missing = result.planes[result.planes["missing"]]
    assert missing[["well", "site", "channel", "z"]].to_numpy().tolist() == [
        ["C11", 2, "C03", 0],
        ["C11", 2, "C03", 1],
    ]


def test_well_with_fewer_sites_and_less_than_planned(tmp_path, cellvoyager):
    images = [r for r in cellvoyager.records(zs=(1,)) if not (r.row == 3 and r.field == 2)]
    result = scan(cellvoyager.write(tmp_path / "m", images))
    assert "C11 has 1" in said(result, "incomplete")
    assert "2 z planes were planned, 1 recorded" in said(result, "incomplete")
    assert result.z_step_um is None


def test_wells_that_were_selected_but_not_recorded(tmp_path, cellvoyager):
    result = scan(cellvoyager.write(tmp_path / "m", cellvoyager.records(wells=[(2, 3)])))
    assert "'C11'" in said(result, "incomplete")


@pytest.mark.parametrize(
    ("dyes", "expected"),
    [
        pytest.param(("DAPI", "Actin"), ["DAPI", "Actin"], id="named"),
        pytest.param(("DAPI", "DAPI"), ["C01", "C03"], id="not-unique"),
        pytest.param(("DAPI", ""), ["C01", "C03"], id="one-unnamed"),
    ],
)
def test_channels_are_called_by_their_dyes(measurement, dyes, expected):
    path = next(measurement.glob("*.mes"))
    text = path.read_text()
    for number, dye in zip((1, 3), dyes, strict=True):
        text = text.replace(
            f'bts:Channel bts:Ch="{number}"',
            f'bts:Channel bts:Ch="{number}" bts:Fluorophore="{dye}"',
        )
    path.write_text(text)
    result = scan(measurement)
    assert [channel.name for channel in result.channels] == expected
    assert set(result.planes["channel"]) == set(expected)
    by_name = result.planes.assign(ch=result.planes["path"].str.extract(r"C(\d\d)\.tif")[0])
    assert by_name.groupby("ch")["channel"].unique().map(list).tolist() == [[n] for n in expected]


def test_one_channel_in_several_actions(tmp_path, cellvoyager):
    record = cellvoyager.record
    images = [record(2, 3, 1, 1, 1, action=a) for a in (1, 2)] + [record(2, 3, 1, 1, 2, action=3)]
    result = scan(cellvoyager.write(tmp_path / "m", images))
    assert [channel.name for channel in result.channels] == ["A01_C01", "A02_C01", "A03_C02"]


def test_time_points_of_timelines_follow_each_other(tmp_path, cellvoyager):
    """Well B03 runs both timelines, B04 only the second, whose first time point is its t 0."""
    record = cellvoyager.record
    images = [
        *(record(2, 3, 1, 1, 1, time=time, timeline=1) for time in (1, 3)),
        *(record(2, 3, 1, 1, 1, time=time, timeline=2) for time in (1, 2)),
        *(record(2, 4, 1, 1, 1, time=time, timeline=2) for time in (1, 2)),
    ]
    planes = scan(cellvoyager.write(tmp_path / "m", images)).planes
    times = {
        well: [(t, Path(path).name[13:18]) for t, path in zip(rows["t"], rows["path"], strict=True)]
        for well, rows in planes.groupby("well")
    }
    assert times == {
        "B03": [(0, "T0001"), (1, "T0003"), (2, "T0001"), (3, "T0002")],
        "B04": [(0, "T0001"), (1, "T0002")],
    }


def test_programmes_may_differ_in_channels(tmp_path, cellvoyager):
    """Wells of another timeline lack no channel: they were never to have it."""
    record = cellvoyager.record
    images = [record(2, 3, 1, 1, 1), record(2, 4, 1, 1, 2, timeline=2)]
    result = scan(cellvoyager.write(tmp_path / "m", images))
    assert not result.planes["missing"].any()


def test_uneven_steps_between_z_planes(measurement):
    text = (measurement / "MeasurementData.mlf").read_text()
    (measurement / "MeasurementData.mlf").write_text(text.replace('Z="1.5"', 'Z="4"', 1))
    result = scan(measurement)
    assert result.z_step_um == 1.5
    assert "from 1.5 to 4 µm" in said(result, "doubtful")


def test_mixed_sizes_and_unreadable_images(measurement, cellvoyager):
    images = cellvoyager.records()
    cellvoyager.image(measurement / images[15].name, 7, shape=(5, 6))
    (measurement / images[14].name).write_bytes(b"")
    result = scan(measurement)
    assert "4 × 6 (14 planes), 5 × 6 (1 planes)" in said(result, "mixed")
    assert images[14].name in said(result, "unreadable")
    assert result.planes["missing"].sum() == 1
    assert "unreadable" not in result.metadata


def test_size_that_the_detail_does_not_state(measurement):
    edit(measurement / "MeasurementDetail.mrf", 'bts:VerticalPixels="4"', 'bts:VerticalPixels="8"')
    assert "4 × 6 pixels, but MeasurementDetail.mrf says 8 × 6" in said(
        scan(measurement), "doubtful"
    )


def test_pixel_size_that_makes_no_sense(measurement):
    edit(measurement / "MeasurementDetail.mrf", 'Dimension="0.325"', 'Dimension="-1"')
    result = scan(measurement)
    assert result.pixel_size_um is None
    assert "doubtful" in kinds(result)


def test_pixel_size_that_is_not_plausible_and_differs(measurement):
    edit(measurement / "MeasurementDetail.mrf", 'Dimension="0.325"', 'Dimension="25400"')
    result = scan(measurement)
    assert result.pixel_size_um == (0.65, 25400.0)
    assert "not plausible" in said(result, "doubtful")
    assert "differ in size of pixels" in said(result, "mixed")


def test_correction_images_are_no_acquisition(measurement, cellvoyager):
    cellvoyager.image(measurement / "DC_DCAM#1_CAM3.tif", 1)
    cellvoyager.image(measurement / "SC_BP445-45_20x v2_M01_CH01.tif", 1)
    cellvoyager.image(measurement / "note.png", 1)
    result = scan(measurement)
    assert len(result.planes) == 16
    assert kinds(result) == ["ignored", "ignored"]
    assert "2 images" in str(result.oddities[0])
    assert "1 image ('note.png')" in str(result.oddities[1])
    assert result.metadata["correction_images"] == [
        "DC_DCAM#1_CAM3.tif",
        "SC_BP445-45_20x v2_M01_CH01.tif",
    ]


def test_names_alone(measurement):
    (measurement / "MeasurementData.mlf").unlink()
    result = scan(measurement)
    assert result.wells == ["B03", "C11"]
    assert result.sites_per_well == {"B03": 2, "C11": 2}
    assert [channel.name for channel in result.channels] == ["C01", "C03"]
    assert (result.summary()["size_z"], result.z_step_um) == (2, None)
    assert result.pixel_size_um == (0.65, 0.325)
    assert not result.stage_known
    assert "stage positions" in said(result, "incomplete")


def test_names_alone_without_any_index(measurement):
    for name in ("MeasurementData.mlf", "MeasurementDetail.mrf", "settings.mes"):
        (measurement / name).unlink()
    result = scan(measurement)
    assert result.plates == ["Screen 1"]
    assert result.pixel_size_um is None
    assert kinds(result) == ["incomplete"] * 3


def test_damaged_settings_leave_the_layout_whole(measurement):
    (measurement / "settings.mes").write_text("<broken")
    result = scan(measurement)
    assert len(result.planes) == 16
    assert "Wavelengths, exposures and colours are unknown" in said(result, "unreadable")


def test_two_measurements_in_one_folder(measurement):
    shutil.copytree(measurement, measurement.parent / "other")
    with pytest.raises(FormatError, match="holds 2 measurements") as error:
        scan(measurement.parent)
    assert "other/MeasurementData.mlf" in str(error.value)


def test_no_image_is_there(measurement):
    for image in measurement.glob("*.tif"):
        image.unlink()
    with pytest.raises(FormatError, match="None of the images"):
        scan(measurement)


BAD_INDEX = [
    pytest.param('bts:Row="2"', 'bts:Row="two"', FormatError, "record 1 .*Row is 'two'", id="text"),
    pytest.param('bts:FieldIndex="1" ', "", FormatError, "FieldIndex is ''", id="absent"),
    pytest.param('bts:ZIndex="1"', 'bts:ZIndex="-1"', FormatError, "ZIndex is '-1'", id="negative"),
    pytest.param('bts:Ch="1"', 'bts:Ch="9999999999"', FormatError, "Ch is", id="huge"),
    pytest.param('bts:Z="0.0"', 'bts:Z="up"', FormatError, "Z is 'up'", id="no-number"),
    pytest.param('bts:Row="2"', 'bts:Row="0"', InputError, "Row -1", id="row-0"),
    pytest.param('bts:Column="3"', 'bts:Column="13"', InputError, "B13 does not fit", id="plate"),
    pytest.param('"IMG"', '"IMG', FormatError, "damaged at line", id="quote"),
    pytest.param("</bts:MeasurementData>", "", FormatError, "damaged at line", id="truncated"),
    pytest.param(
        'encoding="utf-8"?>',
        'encoding="utf-8"?><!DOCTYPE x [<!ENTITY a "&#97;">]>',
        FormatError,
        "document type",
        id="entities",
    ),
    pytest.param('encoding="utf-8"', 'encoding="martian"', FormatError, "damaged", id="encoding"),
]


@pytest.mark.parametrize(("old", "new", "error", "message"), BAD_INDEX)
def test_damaged_index(measurement, old, new, error, message):
    edit(measurement / "MeasurementData.mlf", old, new)
    with pytest.raises(error, match=message):
        scan(measurement)


def test_detail_with_a_number_that_is_none(measurement):
    edit(measurement / "MeasurementDetail.mrf", 'RowCount="8"', 'RowCount="eight"')
    with pytest.raises(FormatError, match="RowCount of MeasurementDetail is 'eight'"):
        scan(measurement)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory, cellvoyager) -> Path:
    images = cellvoyager.records(wells=[(2, 3)], fields=[1])
    return cellvoyager.write(tmp_path_factory.mktemp("fuzz") / "m", images)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    name=st.sampled_from(["MeasurementData.mlf", "MeasurementDetail.mrf", "settings.mes"]),
    where=st.floats(0, 1),
    cut=st.integers(0, 60),
    junk=st.one_of(
        st.binary(max_size=12),
        st.sampled_from([b'"', b"<", b"&a;", b"-", b"nan", b"1e999", b"\xff\xfe", b"999999999"]),
    ),
)
def test_damage_gives_only_errors_for_people(scratch, name, where, cut, junk):
    path = scratch / name
    whole = path.read_bytes()
    at = int(where * len(whole))
    path.write_bytes(whole[:at] + junk + whole[at + cut :])
    try:
        with suppress(TmapsError):
            assert len(scan(scratch).planes) > 0
    finally:
        path.write_bytes(whole)


def test_real_cv8000_row_by_row(shared_data):
    folder = shared_data / "yokogawa_cv8000_faim"
    result = scan(folder)
    expected = pd.read_csv(folder / "expected" / "files.csv", index_col=0)
    expected["path"] = expected["path"].str.replace("resources/CV8000/", "", regex=False)
    rows = expected.merge(result.planes, on="path", validate="1:1", suffixes=("_expected", ""))
    assert len(rows) == len(expected) == 32
    assert len(result.planes) == 96
    assert (rows["well"] == rows["well_expected"]).all()
    assert (rows["site"] == rows["FieldIndex"]).all()
    assert (rows["channel"] == "C" + rows["Ch"].map("{:02d}".format)).all()
    assert (rows["z"] == rows["ZIndex"] - 1).all()
    assert (rows["t"] == rows["TimePoint"] - 1).all()
    assert (rows["stage_x_um"] == rows["X"]).all()
    assert (rows["stage_y_um"] == -rows["Y"]).all()
    assert (rows["stage_z_um"] == rows["Z"]).all()
    times = pd.to_datetime(rows["Time"], utc=True)
    seconds = (times - times.min()).dt.total_seconds()
    np.testing.assert_allclose(rows["time_s"], seconds)
    summary = result.summary()
    assert summary["wells"] == ["D08", "E03", "F08"]
    assert summary["sites_per_well"] == {"D08": 4, "E03": 4, "F08": 4}
    assert summary["image_size"] == [2000, 2000]
    assert (summary["dtype"], summary["pixel_size_um"]) == ("uint16", [0.325, 0.325])
    assert (summary["size_z"], summary["z_step_um"], summary["size_t"]) == (4, 3.0, 1)
    assert [channel.excitation_nm for channel in result.channels] == [405.0, 488.0]
    assert kinds(result) == ["ignored"]
    assert re.search("6 images .*correction", said(result, "ignored"))
