from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_tmaps.errors import FormatError, InputError, StorageError, TmapsError
from napari_tmaps.model.wells import PlateFormat
from napari_tmaps.vendors import imagexpress_htd, recognise, scan
from napari_tmaps.vendors.imagexpress_htd import read_plan
from napari_tmaps.vendors.metaseries import read_metaseries
from napari_tmaps.vendors.pixels import PlaneReader

GUID = "E94C24BD-45E4-450A-9919-257C714278F7"


def description(*, x=100.0, y=200.0, z=5.0, second=0.0, wave=1, extra=()) -> str:
    facts = {
        "spatial-calibration-state": "on",
        "spatial-calibration-x": "0.5",
        "spatial-calibration-y": "0.25",
        "spatial-calibration-units": "um",
        "acquisition-time-local": f"20240709 13:13:{second:06.3f}",
        "stage-position-x": x,
        "stage-position-y": y,
        "z-position": z,
        "wavelength": 400 + 100 * wave,
        "_IllumSetting_": f"Light &#38; {wave}",
        "_MagSetting_": "20X Plan",
        "_MagNA_": "0.75",
        "Exposure Time": "15 ms",
        "Camera Bit Depth": "12",
        **dict(extra),
    }
    props = "".join(f'<prop id="{k}" type="string" value="{v}"/>\n' for k, v in facts.items())
    return f"<MetaData>\n<PlaneInfo>\n{props}</PlaneInfo>\n</MetaData>"


def write(path: Path, text: str | None, value: int = 1, shape=(4, 6), **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.full(shape, value, np.uint16)
    tifffile.imwrite(
        path,
        data,
        description=text,
        metadata=None,
        resolution=(1, 1),
        resolutionunit=2,
        **options,
    )


def htd(*, wells=("A01", "B02"), sites=2, waves=("DAPI", "GFP"), z=2, t=1, rows=2) -> str:
    lines = [
        '"HTSInfoFile", Version 1.0',
        '"Description", "test"',
        f'"TimePoints", {t}',
        f'"ZSeries", {"TRUE" if z else "FALSE"}',
        f'"ZSteps", {z}',
        '"XWells", 3',
        f'"YWells", {rows}',
        '"Sites", TRUE',
        f'"SiteSelection1", {", ".join(["TRUE"] * sites + ["FALSE"])}',
        f'"NWavelengths", {len(waves)}',
        '"UniquePlateIdentifier", "af67a541"',
    ]
    for row in range(rows):
        chosen = [f"{chr(65 + row)}{column + 1:02d}" in wells for column in range(3)]
        lines.append(f'"WellsSelection{row + 1}", {", ".join(str(c).upper() for c in chosen)}')
    lines += [f'"WaveName{n}", "{name}"' for n, name in enumerate(waves, start=1)]
    return "\r\n".join([*lines, '"EndFile"', ""])


def value(well: str, site: int, wave: int, z: int, t: int) -> int:
    return (ord(well[0]) - 64) * 10000 + site * 1000 + wave * 100 + z * 10 + t


def export(folder: Path, *, times=(1,), **plan) -> Path:
    """Wells A01, B02, sites 1, 2, waves 1, 2, z 1, 2: an exported plate with its .HTD."""
    folder.mkdir(parents=True)
    (folder / "scr.HTD").write_text(htd(t=len(times), **plan), encoding="latin-1")
    for number, well in enumerate(("A01", "B02")):
        for site in (1, 2):
            for wave in (1, 2):
                for z in (1, 2):
                    for t in times:
                        write(
                            folder / f"TimePoint_{t}/ZStep_{z}/scr_{well}_s{site}_w{wave}.TIF",
                            description(
                                x=9000 * number + 100 * site,
                                y=9000 * number,
                                z=3.0 * z,
                                second=10 * t + z,
                                wave=wave,
                                extra={"Z Step": z}.items(),
                            ),
                            value(well, site, wave, z, t),
                        )
    return folder


@pytest.fixture
def plate(tmp_path) -> Path:
    return export(tmp_path / "plate", times=(1, 2))


def said(result, kind: str) -> str:
    return " ".join(str(oddity) for oddity in result.oddities if oddity.kind == kind)


def test_exported_plate(plate):
    result = scan(plate)
    assert result.vendor == "Molecular Devices ImageXpress"
    assert result.plates == ["scr"]
    assert result.plate_format == PlateFormat(2, 3)
    assert result.sites_per_well == {"A01": 2, "B02": 2}
    assert len(result.planes) == 32
    assert result.pixel_size_um == (0.25, 0.5)
    assert result.z_step_um == 3.0
    assert result.oddities == ()
    assert result.metadata["objective"] == "20X Plan NA 0.75"
    dapi, gfp = result.channels
    assert (dapi.name, dapi.emission_nm, dapi.exposure_ms, dapi.bit_depth) == (
        "DAPI",
        500.0,
        15.0,
        12,
    )
    assert (gfp.name, gfp.emission_nm) == ("GFP", 600.0)


def test_positions_and_times(plate):
    planes = scan(plate).planes
    first = planes[planes["channel"].eq("DAPI") & planes["site"].eq(2) & planes["z"].eq(0)]
    columns = ["well", "t", "stage_x_um", "stage_y_um", "stage_z_um", "time_s"]
    assert first[columns].to_numpy().tolist() == [
        ["A01", 0, 200.0, 0.0, 3.0, 0.0],
        ["A01", 1, 200.0, 0.0, 3.0, 10.0],
        ["B02", 0, 9200.0, 9000.0, 3.0, 0.0],
        ["B02", 1, 9200.0, 9000.0, 3.0, 10.0],
    ]


def test_each_plane_has_its_own_pixels(plate):
    result = scan(plate)
    reader = PlaneReader(result.root, result.reader)
    for p in result.planes.itertuples():
        wave = {"DAPI": 1, "GFP": 2}[p.channel]
        expected = value(p.well, p.site, wave, p.z + 1, p.t + 1)
        assert np.unique(reader.read(p.path, p.series, p.page)).tolist() == [expected]
    reader.close()


def test_htd_stands_for_its_folder(plate):
    assert recognise(plate / "scr.HTD").name == "Molecular Devices ImageXpress"
    assert len(scan(plate / "scr.HTD").planes) == 32


def test_database_names_without_site_and_with_thumbnails(tmp_path):
    folder = tmp_path / "2023-02-21" / "1334"
    # "s1" and a GUID that begins with digits
    write(folder / f"my_plate_E08_s1{'17654C10' + GUID[8:]}.tif", description())
    write(folder / f"my_plate_E08_s12{GUID}.tif", description(x=300))
    write(folder / f"my_plate_E08_s1_thumb{GUID}.tif", description(), shape=(2, 3))
    result = scan(tmp_path)
    assert result.plates == ["my_plate"]
    assert result.planes["site"].tolist() == [1, 12]
    assert [channel.name for channel in result.channels] == ["Light & 1"]
    assert "1 image (" in said(result, "ignored")
    assert "thumbnails" in said(result, "ignored")


def test_one_image_a_well(tmp_path):
    (tmp_path / "p.HTD").write_text(htd(wells=("A01",), sites=0, waves=("DAPI",), z=0))
    write(tmp_path / "TimePoint_1" / "p_A01.TIF", description())
    result = scan(tmp_path)
    assert result.planes[["well", "site", "channel", "z"]].to_numpy().tolist() == [
        ["A01", 1, "DAPI", 0]
    ]
    assert result.oddities == ()


def test_projections_beside_stacks_are_left_out(plate):
    for well in ("A01", "B02"):
        write(
            plate / f"TimePoint_1/ZStep_0/scr_{well}_s1_w1.TIF",
            description(
                extra={"Z Projection Method": "Maximum", "Z Projection Step Size": "2.5"}.items()
            ),
        )
    result = scan(plate)
    assert len(result.planes) == 32
    assert result.z_step_um == 2.5
    assert "2 images" in said(result, "ignored")
    assert "projections" in said(result, "ignored")


def test_wave_that_has_a_projection_only_counts_once(plate):
    for z in (0, 1, 2):
        write(
            plate / f"TimePoint_1/ZStep_{z}/scr_A01_s1_w3.TIF",
            description(wave=3, extra={"Z Projection Method": "Maximum"}.items()),
        )
    planes = scan(plate).planes
    third = planes[planes["channel"].eq("w3") & ~planes["missing"]]
    assert third[["well", "site", "z", "path"]].to_numpy().tolist() == [
        ["A01", 1, 0, "TimePoint_1/ZStep_0/scr_A01_s1_w3.TIF"]
    ]
    result = scan(plate)
    assert "w3 only projections" in said(result, "doubtful")
    assert "2 images" in said(result, "ignored")
    assert "copies" in said(result, "ignored")


def test_images_without_description_are_understood_by_their_folders(tmp_path):
    folder = tmp_path / "p"
    for z in (0, 1, 2):
        write(folder / f"TimePoint_1/ZStep_{z}/p_A01_s1_w1.tif", None, z)
    write(folder / "TimePoint_1/p_A02_s1_w1.tif", None, 9)
    result = scan(folder)
    assert result.planes[["well", "z", "missing"]].to_numpy().tolist() == [
        ["A01", 0, False],
        ["A01", 1, False],
        ["A02", 0, False],
        ["A02", 1, True],
    ]
    assert result.pixel_size_um is None
    assert not result.stage_known
    assert "no size of pixels" in said(result, "incomplete")
    assert "1 image" in said(result, "ignored")


def test_projection_above_the_folders_without_description(tmp_path):
    for z in (1, 2):
        write(tmp_path / f"TimePoint_1/ZStep_{z}/p_A01_s1_w1.tif", None, z)
    write(tmp_path / "TimePoint_1/p_A01_s1_w1.tif", None, 9)
    result = scan(tmp_path)
    assert result.planes["path"].tolist() == [
        "TimePoint_1/ZStep_1/p_A01_s1_w1.tif",
        "TimePoint_1/ZStep_2/p_A01_s1_w1.tif",
    ]


def test_planned_planes_that_were_not_recorded(tmp_path):
    result = scan(export(tmp_path / "p", z=3))
    missing = result.planes[result.planes["missing"]]
    assert missing["z"].unique().tolist() == [2]
    assert len(missing) == 8
    assert "3 z planes were planned, 2 recorded" in said(result, "incomplete")


def test_planned_wells_sites_and_waves_without_image(tmp_path):
    folder = export(tmp_path / "p", wells=("A01", "B02", "B03"), sites=3, waves=("a", "b", "c"))
    result = scan(folder)
    assert "1 well ('B03')" in said(result, "incomplete")
    assert "3 sites a well were planned, 2 recorded" in said(result, "incomplete")
    assert "1 wavelength ('c')" in said(result, "incomplete")
    assert [channel.name for channel in result.channels] == ["a", "b"]


def test_missing_image(plate):
    (plate / "TimePoint_2/ZStep_1/scr_B02_s2_w1.TIF").unlink()
    result = scan(plate)
    missing = result.planes[result.planes["missing"]]
    assert missing[["well", "site", "channel", "z", "t"]].to_numpy().tolist() == [
        ["B02", 2, "DAPI", 0, 1]
    ]


def test_truncated_image(plate):
    path = plate / "TimePoint_2/ZStep_1/scr_B02_s2_w1.TIF"
    path.write_bytes(path.read_bytes()[:300])
    result = scan(plate)
    assert result.planes["missing"].sum() == 1
    assert "cannot be read" in said(result, "unreadable")


def test_uncalibrated_pixels(tmp_path):
    text = description(extra={"spatial-calibration-state": "off"}.items())
    write(tmp_path / f"p_A01_s1_w1{GUID}.tif", text)
    assert scan(tmp_path).pixel_size_um is None


def test_waves_of_the_same_name_stay_apart(tmp_path):
    result = scan(export(tmp_path / "p", waves=("FITC", "FITC")))
    assert [channel.name for channel in result.channels] == ["FITC", "FITC 2"]


def test_well_outside_of_the_plate(plate):
    write(plate / "TimePoint_1/ZStep_1/scr_H12_s1_w1.TIF", description())
    with pytest.raises(InputError, match=r"H12 does not fit a plate of 6 wells"):
        scan(plate)


def test_two_measurements(plate):
    shutil.copytree(plate, plate.parent / "other")
    with pytest.raises(FormatError, match="holds 2 measurements"):
        scan(plate.parent)


def test_plate_without_images(tmp_path):
    (tmp_path / "p.HTD").write_text(htd())
    with pytest.raises(FormatError, match="No image of the plate"):
        scan(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param(
            '"NWavelengths", 2', '"NWavelengths", two', "NWavelengths is 'two'", id="word"
        ),
        pytest.param('"ZSteps", 2', '"ZSteps", -2', "ZSteps is '-2'", id="negative"),
        pytest.param('"EndFile"', "", "cut off", id="truncated"),
    ],
)
def test_damaged_htd(plate, old, new, message):
    path = plate / "scr.HTD"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(FormatError, match=message):
        scan(plate)


def test_htd_that_is_gone_or_unreadable(tmp_path):
    with pytest.raises(TmapsError, match="not there any more"):
        read_plan(tmp_path / "p.HTD")
    with pytest.raises(StorageError, match="cannot be read"):
        read_plan(tmp_path)


def test_another_htd_is_not_ours(tmp_path):
    (tmp_path / "x.htd").write_text("<htd/>")
    assert recognise(tmp_path) is None


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 600), st.integers(0, 60), st.sampled_from(["", '"', "9" * 9, "ü", ",", "\n"]))
def test_any_damage_of_the_htd_gives_only_our_errors(tmp_path, start, length, patch):
    text = htd()
    path = tmp_path / "p.HTD"
    path.write_text(text[:start] + patch + text[start + length :], encoding="utf-8")
    with suppress(TmapsError):
        assert isinstance(read_plan(path), imagexpress_htd.Plan)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 1500), st.binary(max_size=6))
def test_any_damage_of_an_image_gives_only_our_errors(tmp_path, start, patch):
    path = tmp_path / f"p_A01_s1_w1{GUID}.tif"
    write(path, description())
    data = path.read_bytes()
    path.write_bytes(data[:start] + patch + data[start + len(patch) :])
    with suppress(TmapsError):
        scan(tmp_path)


@pytest.mark.parametrize("order", ["<", ">"], ids=["little-endian", "big-endian"])
def test_description_of_either_byte_order(tmp_path, order):
    write(tmp_path / "a.tif", description(), byteorder=order)
    facts = read_metaseries(tmp_path / "a.tif")
    assert facts.number("stage-position-y") == 200.0
    assert facts.moment == "2024-07-09T13:13:00.000"


def test_no_description(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*\0" + b"\xff" * 4)
    assert read_metaseries(tmp_path / "a.tif").facts == {}
    assert read_metaseries(tmp_path / "gone.tif").facts == {}


def test_real_single_plane(shared_data):
    result = scan(shared_data / "imagexpress_exported_faim" / "9987_Plate_3420")
    assert result.sites_per_well == {"B02": 1}
    assert len(result.planes) == 1
    assert result.image_size == (256, 256)
    assert result.pixel_size_um == (1.3672, 1.3672)
    assert [channel.name for channel in result.channels] == ["DAPI"]
    assert result.oddities == ()


def test_real_mixture_of_stacks_and_projections(shared_data):
    result = scan(shared_data / "imagexpress_exported_faim" / "9987_Plate_3434")
    assert result.sites_per_well == {"B02": 2, "B03": 2}
    assert [channel.name for channel in result.channels] == ["DAPI", "FITC", "Texas Red"]
    assert result.summary()["size_z"] == 3  # planned; the third is not among the files
    assert result.z_step_um == 3.0
    there = result.planes[~result.planes["missing"]]
    assert there.groupby("channel")["z"].nunique().to_dict() == {
        "DAPI": 2,
        "FITC": 1,
        "Texas Red": 1,
    }
    assert "'Cy5'" in said(result, "incomplete")


def test_a_damaged_image_makes_no_stack_of_a_single_plane(shared_data, tmp_path):
    folder = tmp_path / "plate"
    source = shared_data / "imagexpress_exported_faim" / "9987_Plate_3434"
    shutil.copytree(source, folder, copy_function=shutil.copyfile)
    for path in folder.rglob("9987_B03_s1_w3.TIF"):
        path.write_bytes(path.read_bytes()[:3000])
    result = scan(folder)
    assert result.summary()["z_planes"] == {"DAPI": 3, "FITC": 1, "Texas Red": 1}
    lost = result.planes[result.planes["missing"] & (result.planes["channel"] == "Texas Red")]
    assert lost[["well", "site", "z"]].to_numpy().tolist() == [["B03", 1, 0]]
    told = " ".join(map(str, result.oddities))
    assert "1 image ('9987_B03_s1_w3.TIF') left out: without a description, in ZStep" in told


def test_real_database_export(shared_data):
    folder = shared_data / "imagexpress_faim"
    result = scan(folder / "Projection-Mix")
    assert result.plates == ["Projection-Mix"]
    assert result.sites_per_well == {"E07": 2}
    assert [channel.name for channel in result.channels] == ["w1", "w2", "w3", "w4"]
    assert result.image_size == (512, 512)
    assert result.pixel_size_um == (1.3668, 1.3668)
    positions = result.planes.groupby("site")[["stage_x_um", "stage_y_um"]].first()
    assert positions.to_numpy().tolist() == [[79813.4, 41385.4], [80513.3, 41385.4]]
    expected = pd.read_csv(folder / "expected" / "imagexpress" / "files.csv")
    known = {
        Path(row.path).name: (row.well, int(row.field[1:]), row.channel, int(row.z) - 1)
        for row in expected.itertuples()
    }
    there = result.planes[~result.planes["missing"] & result.planes["path"].str.contains("ZStep")]
    assert len(there) == 7
    for p in there.itertuples():
        assert (p.well, p.site, p.channel, p.z) == known[Path(p.path).name]


def test_real_single_channel(shared_data):
    result = scan(shared_data / "imagexpress_faim" / "SingleChannel")
    assert result.sites_per_well == {"E07": 2, "E08": 2}
    assert len(result.channels) == 1
    assert not result.planes["missing"].any()


def test_plan_with_an_absurd_number_of_steps(tmp_path):
    # Found by fuzzing: all would have been listed as missing, one by one.
    result = scan(export(tmp_path / "plate", z=999_999))
    assert result.summary()["planes"] == 16
    assert not result.planes["missing"].any()
    assert "999999 z planes were planned" in said(result, "incomplete")
