from __future__ import annotations

import pytest

from napari_tmaps.errors import FormatError, InputError, NotFoundError, StorageError
from napari_tmaps.model.profile import ImportProfile, parse_condition
from napari_tmaps.vendors import scan
from napari_tmaps.vendors.profile import apply_profile, load_profile, save_profile


@pytest.fixture
def plain(measurement):
    """The complete measurement: wells B03 and C11, sites 1 and 2, channels C01 and C03, z 0, 1."""
    return scan(measurement)


def corrected(plain, **values):
    return apply_profile(plain, ImportProfile.model_validate(values))


CONDITIONS = [
    pytest.param("well=B03", {"well": "B03"}, id="column"),
    pytest.param("well = B*, z=0-3", {"well": "B*", "z": "0-3"}, id="two"),
    pytest.param("channel=5-FAM, pH 9,site=1", {"channel": "5-FAM, pH 9", "site": "1"}, id="comma"),
    pytest.param("*/thumbs/a=b, c.tif", {"path": "*/thumbs/a=b, c.tif"}, id="path"),
    pytest.param("path=a*", {"path": "a*"}, id="path-named"),
]


@pytest.mark.parametrize(("text", "expected"), CONDITIONS)
def test_conditions(text, expected):
    assert parse_condition(text) == expected


LEFT = [
    pytest.param({"exclude": ["well=b3"]}, 8, id="well-in-any-writing"),
    pytest.param({"exclude": ["well=B*"]}, 8, id="wells"),
    pytest.param({"exclude": ["well=B03, channel=C01"]}, 12, id="both"),
    pytest.param({"exclude": ["well=B03", "channel=C01"]}, 4, id="either"),
    pytest.param({"include": ["site=2"]}, 8, id="include"),
    pytest.param({"include": ["well=C11"], "exclude": ["site=2-9"]}, 4, id="include-exclude"),
    pytest.param({"include": ["*_B03_*Z01*"]}, 4, id="path"),
    pytest.param({"include": ["site=1-2"]}, 16, id="everything"),
]


@pytest.mark.parametrize(("values", "left"), LEFT)
def test_which_planes_are_left(plain, values, left):
    result = corrected(plain, **values)
    assert len(result.planes) == left
    told = [str(oddity) for oddity in result.oddities if "import profile" in str(oddity)]
    assert told == (
        [f"{16 - left} planes are left out by the import profile."] if left < 16 else []
    )


def test_channels_and_numbers_after_excluding(plain):
    result = corrected(plain, exclude=["channel=C01", "z=0"], shift={"t": 3, "site": -1})
    assert [channel.name for channel in result.channels] == ["C03"]
    assert set(result.planes["z"]) == {0}
    assert set(result.planes["t"]) == {3}
    assert set(result.planes["site"]) == {0, 1}
    assert set(result.planes["stage_z_um"]) == {1.5}


def test_gaps_of_what_is_left_out_are_not_told(measurement):
    next(measurement.glob("*B03*.tif")).unlink()
    plain = scan(measurement)
    assert "1 of 16 planes are missing" in " ".join(map(str, plain.oddities))
    told = " ".join(map(str, corrected(plain, exclude=["well=B03"]).oddities))
    assert "planes are missing" not in told


def test_names_and_sizes(plain):
    result = corrected(plain, plate="New", channels={"C01": "DAPI"}, pixel_size_um=0.5, z_step_um=2)
    assert result.plates == ["New"]
    assert [channel.name for channel in result.channels] == ["DAPI", "C03"]
    assert set(result.planes["channel"]) == {"DAPI", "C03"}
    assert (result.pixel_size_um, result.z_step_um) == ((0.5, 0.5), 2)
    assert corrected(plain, pixel_size_um=[0.25, 0.5]).pixel_size_um == (0.25, 0.5)


def test_stage_the_other_way_round(plain):
    assert set(plain.planes["stage_y_um"]) == {-10}
    result = corrected(plain, flip_y=True, flip_x=True)
    assert set(result.planes["stage_y_um"]) == {10}
    first = result.planes[result.planes["site"] == 1]
    assert set(first["stage_x_um"]) == {325}


def test_grid_instead_of_the_stage(plain):
    profile = ImportProfile.model_validate(
        {"grid": {"stitch_layout": "vertical", "n_vertical": 2, "n_horizontal": 1}}
    )
    result = apply_profile(plain, profile)
    assert not result.stage_known
    assert result.metadata["profile"] == {
        "grid": {"stitch_layout": "vertical", "n_vertical": 2, "n_horizontal": 1}
    }


def test_profile_that_changes_nothing(plain):
    result = corrected(plain)
    assert result.planes.equals(plain.planes)
    assert result.oddities == plain.oddities


IN_VAIN = [
    pytest.param({"exclude": ["well=D04"]}, InputError, "meets no plane.*B03, C11", id="exclude"),
    pytest.param({"include": ["z=7"]}, InputError, "'z=7' under 'include'", id="include"),
    pytest.param({"exclude": ["well=*"]}, InputError, "leaves out all planes", id="all"),
    pytest.param({"channels": {"GFP": "x"}}, NotFoundError, "no channel 'GFP'", id="channel"),
    pytest.param({"channels": {"C01": "C03"}}, InputError, "Two channels", id="twice"),
    pytest.param({"shift": {"z": -1}}, InputError, "shifts z by -1", id="shift"),
    pytest.param({"include": ["z=0"], "z_step_um": 1}, InputError, "only one z plane", id="z-step"),
    pytest.param(
        {"grid": {"n_vertical": 3, "n_horizontal": 1}}, InputError, "B03 has 2 sites", id="grid"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("values", "error", "message"), IN_VAIN)
def test_corrections_in_vain(plain, values, error, message):
    with pytest.raises(error, match=message):
        corrected(plain, **values)


def test_flip_without_a_stage(measurement):
    (measurement / "MeasurementData.mlf").unlink()
    with pytest.raises(InputError, match="flip_y, but there are no stage positions"):
        corrected(scan(measurement), flip_y=True)


def test_plate_name_for_several_plates(measurement):
    pattern = r"(?P<plate>Screen 1)_(?P<well>...)_T\d+F(?P<site>\d+)L01A01Z(?P<z>\d+)C(?P<c>\d+)"
    for path in list(measurement.glob("*C11*.tif")):
        path.rename(measurement / path.name.replace("Screen 1", "Screen 2"))
    plain = scan(measurement, pattern=pattern.replace("Screen 1", "Screen ."))
    with pytest.raises(InputError, match="there are 2 plates: Screen 1, Screen 2"):
        corrected(plain, plate="New")
    only = corrected(plain, plate="New", exclude=["plate=Screen 2"])
    assert only.plates == ["New"]


def test_scan_with_a_profile(measurement):
    pattern = r"_(?P<well>...)_T\d+F(?P<s>\d+)L01A01Z(?P<z>\d+)C(?P<c>\d+)"
    profile = ImportProfile(pattern=pattern, channels={"01": "DAPI"}, exclude=("well=B03",))
    result = scan(measurement, profile=profile)
    assert result.vendor == "File names"
    assert [channel.name for channel in result.channels] == ["DAPI", "03"]
    assert result.wells == ["C11"]
    both = scan(measurement, profile=profile, channel_names={"DAPI": "Hoechst"})
    assert both.channels[0].name == "Hoechst"
    named = ImportProfile(vendor="Yokogawa CellVoyager", plate="P")
    assert scan(measurement, profile=named).plates == ["P"]
    with pytest.raises(NotFoundError, match="no channel '01'"):
        scan(measurement, profile=profile, vendor="Yokogawa CellVoyager")


PROFILE = ImportProfile(
    pattern=r"(?P<well>[A-H]\d\d)",
    plate="Plätte 7",
    channels={"01": "DAPI", "no": "x: y"},
    pixel_size_um=(0.25, 0.5),
    flip_y=True,
    exclude=("well=H12", "*/thumbs/*"),
    shift={"z": -1},
    grid={"n_vertical": 2, "n_horizontal": 3},
)


def test_files_come_back_as_they_were(tmp_path):
    save_profile(PROFILE, tmp_path / "p.yaml")
    assert load_profile(tmp_path / "p.yaml") == PROFILE
    assert "Plätte 7" in (tmp_path / "p.yaml").read_text(encoding="utf-8")
    assert "z_step_um" not in (tmp_path / "p.yaml").read_text(encoding="utf-8")
    save_profile(ImportProfile(), tmp_path / "empty.yaml")
    assert load_profile(tmp_path / "empty.yaml") == ImportProfile()


WRONG = [
    pytest.param("plate: [", FormatError, "no YAML", id="yaml"),
    pytest.param("- a\n- b\n", FormatError, "is no profile", id="list"),
    pytest.param("", FormatError, "is no profile", id="empty"),
    pytest.param("plaet: x", InputError, "no field 'plaet'; fields are vendor", id="field"),
    pytest.param("pixel_size_um: -1", InputError, "'pixel_size_um.0'.*greater than 0", id="size"),
    pytest.param("exclude: ['z=top']", InputError, "z must be a number or a range", id="number"),
    pytest.param("exclude: ['z=1, z=2']", InputError, "is no condition", id="twice"),
    pytest.param("exclude: ['well=']", InputError, "is no condition", id="no-value"),
    pytest.param("vendor: a\npattern: b", InputError, "either vendor or pattern", id="both"),
    pytest.param("grid: {n_vertical: 0, n_horizontal: 1}", InputError, "n_vertical", id="grid"),
    pytest.param("a: !!python/object:os.system {}", FormatError, "no YAML", id="object"),
]


@pytest.mark.parametrize(("text", "error", "message"), WRONG)
def test_profiles_that_do_not_fit(tmp_path, text, error, message):
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(error, match=message):
        load_profile(path)


def test_profiles_that_cannot_be_read(tmp_path):
    with pytest.raises(NotFoundError, match="no profile"):
        load_profile(tmp_path / "p.yaml")
    with pytest.raises(StorageError, match="cannot be read"):
        load_profile(tmp_path)
    (tmp_path / "p.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FormatError, match="no YAML"):
        load_profile(tmp_path / "p.yaml")
