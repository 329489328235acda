from __future__ import annotations

import shutil
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_tmaps.errors import FormatError, MissingError, StorageError, TmapsError
from napari_tmaps.vendors import checks, recognise, scan
from napari_tmaps.vendors.metamorph_files import read_nd, read_stack
from napari_tmaps.vendors.pixels import PlaneReader

DAY = 2458354  # 2018-08-24 as Julian day


def write_stk(path: Path, values, *, xy=(10.0, 20.0), second=0, um=0.5, shape=(4, 6)) -> None:
    """A MetaMorph stack of planes of one value each: one page, the others follow its pixels."""
    planes = len(values)
    pixels = b"".join(np.full(shape, value, "<u2").tobytes() for value in values)
    blocks: list[bytes] = []
    end = 8 + len(pixels)

    def block(data: bytes) -> int:
        offset = end + sum(map(len, blocks))
        blocks.append(data)
        return offset

    def text(value: str) -> bytes:
        return struct.pack("<I", len(value) + 1) + value.encode() + b"\0"

    def fraction(value: float) -> bytes:
        return struct.pack("<II", round(value * 1000), 1000)

    note = b"Exposure: 25 ms\r\nBinning: 8\0"
    uic1 = [(3, 1), (4, block(fraction(um))), (5, block(fraction(um))), (6, block(text("um")))]
    uic2 = b"".join(
        fraction(2.0) + struct.pack("<4I", DAY, 1000 * (second + z), DAY, 0) for z in range(planes)
    )
    uic4 = (
        struct.pack("<H", 28)
        + (fraction(xy[0]) + fraction(xy[1])) * planes
        + struct.pack("<H", 40)
        + b"".join(fraction(100 + 2 * z) for z in range(planes))
        + struct.pack("<H", 0)
    )
    entries = [
        (256, 4, 1, shape[1]),
        (257, 4, 1, shape[0]),
        (258, 3, 1, 16),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (270, 2, len(note), block(note)),
        (273, 4, 1, 8),
        (277, 3, 1, 1),
        (278, 4, 1, shape[0]),
        (279, 4, 1, 2 * shape[0] * shape[1]),
        (33628, 4, len(uic1), block(b"".join(struct.pack("<II", *pair) for pair in uic1))),
        (33629, 5, planes, block(uic2)),
        (33630, 5, planes, block(fraction(450) * planes)),
        (33631, 4, planes, block(uic4)),
    ]
    ifd = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries)
    start = end + sum(map(len, blocks))
    path.write_bytes(
        struct.pack("<2sHI", b"II", 42, start) + pixels + b"".join(blocks) + ifd + bytes(4)
    )


def nd(*, stages=("P1", "P2"), waves=("Laser405", "488"), z=3, times=1, do_z=(True, False)) -> str:
    lines = [
        '"NDInfoFile", Version 1.0',
        '"StartTime1", 20180824 13:04:51.481',
        f'"DoTimelapse", {"TRUE" if times > 1 else "FALSE"}',
        f'"NTimePoints", {times}',
        f'"DoStage", {"TRUE" if stages else "FALSE"}',
        f'"NStagePositions", {len(stages)}',
        *(f'"Stage{n}", "{name}"' for n, name in enumerate(stages, 1)),
        f'"DoWave", {"TRUE" if waves else "FALSE"}',
        f'"NWavelengths", {len(waves)}',
        *(f'"WaveName{n}", "{name}"' for n, name in enumerate(waves, 1)),
        *(f'"WaveDoZ{n}", {str(flag).upper()}' for n, flag in enumerate(do_z, 1)),
        f'"DoZSeries", {"TRUE" if z > 1 else "FALSE"}',
        f'"NZSteps", {z}',
        '"ZStepSize", 1.5',
        '"WaveInFileName", TRUE',
        '"EndFile"',
    ]
    return "\r\n".join([*lines, ""])


def write(folder: Path, times=(None,), **plan) -> Path:
    """Two stages; wave 1 is a stack of three planes, wave 2 ("488") a TIFF of one."""
    folder.mkdir(parents=True)
    (folder / "exp.nd").write_text(nd(**plan), encoding="latin-1")
    for s in (1, 2):
        for t in times:
            tail = f"_s{s}" + ("" if t is None else f"_t{t}")
            n = t or 1
            write_stk(
                folder / f"exp_w1Laser405{tail}.stk",
                [1000 * s + 100 * n + 10 + z for z in range(3)],
                xy=(100.0 * s, 7.0),
                second=10 * n,
            )
            data = np.full((4, 6), 1000 * s + 100 * n + 20, np.uint16)
            tifffile.imwrite(folder / f"exp_w2488{tail}.tif", data)
    return folder


@pytest.fixture
def acquisition(tmp_path) -> Path:
    return write(tmp_path / "exp")


def said(result, kind: str) -> str:
    return " ".join(str(oddity) for oddity in result.oddities if oddity.kind == kind)


def test_layout(acquisition):
    result = scan(acquisition)
    assert result.vendor == "MetaMorph"
    assert result.sites_per_well == {"A01": 2}
    assert result.pixel_size_um == (0.5, 0.5)
    assert result.z_step_um == 1.5
    assert result.image_size == (4, 6)
    assert result.oddities == ()
    assert result.metadata["stages"] == {"1": "P1", "2": "P2"}
    laser, other = result.channels
    assert (laser.name, laser.emission_nm, laser.exposure_ms) == ("Laser405", 450.0, 25.0)
    assert (other.name, other.emission_nm) == ("488", None)
    counts = result.planes.groupby("channel")["z"].nunique().to_dict()
    assert counts == {"Laser405": 3, "488": 1}


def test_positions_heights_and_times(acquisition):
    planes = scan(acquisition).planes
    assert planes.groupby("site")["stage_x_um"].unique().map(list).to_dict() == {
        1: [100.0],
        2: [200.0],
    }
    assert planes["stage_y_um"].unique().tolist() == [7.0]
    laser = planes[planes["channel"].eq("Laser405") & planes["site"].eq(1)]
    assert laser["stage_z_um"].tolist() == [100.0, 102.0, 104.0]
    assert laser["time_s"].tolist() == [0.0, 1.0, 2.0]


def test_each_plane_has_its_own_pixels(tmp_path):
    result = scan(write(tmp_path / "exp", times=(1, 2), stages=("B03 : Site 1", "B03 : Site 2")))
    assert result.sites_per_well == {"B03": 2}
    assert "up to 2" in said(result, "doubtful")
    reader = PlaneReader(result.root, result.reader)
    assert len(result.planes) == 16
    for p in result.planes.itertuples():
        wave = {"Laser405": 10, "488": 20}[p.channel]
        expected = 1000 * p.site + 100 * (p.t + 1) + wave + p.z
        assert np.unique(reader.read(p.path, p.series, p.page)).tolist() == [expected]
    reader.close()


def test_nd_file_of_a_folder_with_several(acquisition):
    for path in list(acquisition.iterdir()):
        shutil.copy(path, acquisition / path.name.replace("exp", "other"))
    with pytest.raises(FormatError, match="holds 2 acquisitions"):
        scan(acquisition)
    result = scan(acquisition / "other.nd")
    assert len(result.planes) == 8
    assert result.planes["path"].str.startswith("other").all()
    assert recognise(acquisition / "other.nd").name == "MetaMorph"


def test_nd_file_whose_images_are_elsewhere_does_not_count(acquisition):
    (acquisition / "lonely.nd").write_text(nd())
    assert len(scan(acquisition).planes) == 8


def test_names_of_wells_as_stages(tmp_path):
    assert scan(write(tmp_path / "a", stages=("A01", "H12"))).sites_per_well == {
        "A01": 1,
        "H12": 1,
    }
    assert scan(write(tmp_path / "b", stages=("A01", "somewhere"))).sites_per_well == {"A01": 2}


def test_planned_planes_and_times_without_image(tmp_path):
    result = scan(write(tmp_path / "exp", times=(1,), z=4))
    missing = result.planes[result.planes["missing"]]
    assert missing[["channel", "z"]].to_numpy().tolist() == [["Laser405", 3]] * 2
    assert "4 z planes were planned, 3 recorded" in said(result, "incomplete")


def test_planned_times_without_image(acquisition):
    (acquisition / "exp.nd").write_text(nd(times=2))
    planes = scan(acquisition).planes
    assert planes.groupby("t")["missing"].sum().to_dict() == {0: 0, 1: 8}


def test_missing_file(acquisition):
    (acquisition / "exp_w1Laser405_s2.stk").unlink()
    result = scan(acquisition)
    missing = result.planes[result.planes["missing"]]
    assert missing[["site", "channel", "z"]].to_numpy().tolist() == [
        [2, "Laser405", 0],
        [2, "Laser405", 1],
        [2, "Laser405", 2],
    ]


@pytest.mark.parametrize("length", [0, 30, 150, 400])
def test_truncated_stack(acquisition, length):
    path = acquisition / "exp_w1Laser405_s2.stk"
    path.write_bytes(path.read_bytes()[:length])
    result = scan(acquisition)
    assert result.planes["missing"].sum() == 3
    assert "exp_w1Laser405_s2.stk" in said(result, "unreadable")


def test_stack_whose_last_planes_are_cut_off(tmp_path):
    write_stk(tmp_path / "a.stk", [1, 2])
    data = bytearray((tmp_path / "a.stk").read_bytes())
    at = data.index(struct.pack("<HHII", 273, 4, 1, 8))
    data[at : at + 12] = struct.pack("<HHII", 273, 4, 1, len(data) - 60)
    (tmp_path / "a.stk").write_bytes(data)
    with pytest.raises(FormatError, match="cut off"):
        read_stack(tmp_path / "a.stk")


def test_shorter_stack_than_others(acquisition):
    write_stk(acquisition / "exp_w1Laser405_s2.stk", [1, 2])
    result = scan(acquisition)
    assert result.planes.loc[result.planes["missing"], ["site", "z"]].to_numpy().tolist() == [
        [2, 2]
    ]


def test_plan_far_beyond_the_images_is_not_used(tmp_path):
    result = scan(write(tmp_path / "exp", z=100_000))
    assert len(result.planes) == 8
    assert "its plan is not used" in said(result, "doubtful")


def test_without_stages_and_waves(tmp_path):
    (tmp_path / "one.nd").write_text(nd(stages=(), waves=(), do_z=()))
    write_stk(tmp_path / "one.stk", [1, 2, 3])
    result = scan(tmp_path)
    assert result.planes[["site", "channel", "z"]].to_numpy().tolist() == [
        [1, "w1", 0],
        [1, "w1", 1],
        [1, "w1", 2],
    ]
    assert result.oddities == ()


def test_wave_beyond_the_plan(acquisition):
    tifffile.imwrite(acquisition / "exp_w5new_s1.tif", np.zeros((4, 6), np.uint16))
    result = scan(acquisition)
    assert [channel.name for channel in result.channels] == ["Laser405", "488", "w5"]


def test_positions_that_no_stage_has(tmp_path):
    (tmp_path / "one.nd").write_text(nd(stages=(), waves=(), do_z=(), z=1))
    write_stk(tmp_path / "one.stk", [1], xy=(4294967.0, 5.0))
    assert not scan(tmp_path).stage_known


def test_nothing_but_the_nd_file(tmp_path):
    (tmp_path / "exp.nd").write_text(nd())
    with pytest.raises(FormatError, match="None of the images"):
        scan(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param('"NWavelengths", 2', '"NWavelengths", x', "NWavelengths is 'x'", id="word"),
        pytest.param('"NZSteps", 3', '"NZSteps", 99999999', "NZSteps is '99999999'", id="huge"),
        pytest.param('"EndFile"', "", "cut off", id="truncated"),
    ],
)
def test_damaged_nd(acquisition, old, new, message):
    path = acquisition / "exp.nd"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(FormatError, match=message):
        scan(acquisition)


def test_nd_that_is_gone_or_unreadable(tmp_path):
    with pytest.raises(MissingError):
        read_nd(tmp_path / "p.nd")
    with pytest.raises(StorageError):
        read_nd(tmp_path)


def test_another_nd_is_not_ours(tmp_path):
    (tmp_path / "x.nd").write_text("something else")
    assert recognise(tmp_path) is None


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 500), st.integers(0, 60), st.sampled_from(["", '"', "9" * 9, "ü", ",", "\n"]))
def test_any_damage_of_the_nd_gives_only_our_errors(tmp_path, start, length, patch):
    if not (tmp_path / "exp").exists():
        write(tmp_path / "exp")
    text = nd()
    (tmp_path / "exp" / "exp.nd").write_text(
        text[:start] + patch + text[start + length :], encoding="utf-8"
    )
    with suppress(TmapsError):
        scan(tmp_path / "exp")


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 700), st.binary(min_size=1, max_size=6))
def test_any_damage_of_a_stack_gives_only_our_errors(tmp_path, start, patch):
    write_stk(tmp_path / "a.stk", [1, 2])
    data = (tmp_path / "a.stk").read_bytes()
    (tmp_path / "a.stk").write_bytes(data[:start] + patch + data[start + len(patch) :])
    with suppress(TmapsError):
        read_stack(tmp_path / "a.stk")


def test_real_visiview(shared_data):
    folder = shared_data / "visiview_faim" / "benchmark_v1_2018_x64y64z5c2s4t11"
    result = scan(folder)
    assert result.sites_per_well == {"A01": 4}
    assert [channel.name for channel in result.channels] == ["Laser4054BD4BP", "Laser4914BD4BP"]
    assert result.pixel_size_um == (3.6260623, 3.6260623)
    assert result.z_step_um == 10.0
    assert result.summary()["size_z"] == 5
    assert result.summary()["size_t"] == 1
    assert len(result.planes) == 40
    assert result.oddities == ()
    assert result.metadata["stages"]["2"] == "Row1_Col0"
    positions = result.planes.groupby("site")[["stage_x_um", "stage_y_um"]].first()
    assert positions.to_numpy().tolist() == [
        [426.5, 416.9],
        [424.6, 625.8],
        [635.4, 418.8],
        [633.4, 627.7],
    ]
    assert (
        read_stack(next(folder.glob("*w1*s1.stk"))).moments[0].startswith("2018-08-24T13:04:51.497")
    )
    reader = PlaneReader(result.root, result.reader)
    for p in result.planes.iloc[::7].itertuples():
        with tifffile.TiffFile(folder / p.path) as file:
            expected = file.series[0].asarray()[p.page]
        np.testing.assert_array_equal(reader.read(p.path, p.series, p.page), expected)
    reader.close()


def test_real_nd_with_stacks_of_some_waves(shared_data):
    folder = shared_data / "metamorph_nd_faim" / "resources"
    plan = read_nd(folder / "data" / "sample_3ch_2pos_mixed-z.nd")
    assert plan.stages == {1: "Position1", 2: "Position2"}
    assert plan.waves == {1: "Conf640", 2: "Conf561", 3: "Conf488"}
    assert plan.z_of_waves == {1: False, 2: True, 3: True}
    assert (plan.z_steps, plan.z_step_um, plan.time_points) == (42, 3.0, 1)
    result = scan(folder / "data")
    there = result.planes[~result.planes["missing"]]
    assert there.groupby("channel").size().to_dict() == {
        "Conf640": 2,
        "Conf561": 10,
        "Conf488": 10,
    }
    plan = read_nd(folder / "sample_4ch_1pos_1z.nd")
    assert list(plan.waves.values()) == ["confDAPI", "confGFP", "confmCherry", "confCy5"]
    assert (plan.stages, plan.z_steps) == ({}, 1)


def test_times_far_away_are_placeholders():
    # Found by fuzzing: a span of many centuries has no number of nanoseconds.
    far = [
        "0001-01-01T00:00:00",
        "2024-05-01T10:00:00",
        "9999-01-01T00:00:00",
        "2024-05-01T10:00:05",
    ]
    found = checks.seconds_since_first(pd.Series(far))
    assert found.isna().tolist() == [True, False, True, False]
    assert found.dropna().tolist() == [0.0, 5.0]
