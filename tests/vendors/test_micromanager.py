from __future__ import annotations

import json
import shutil
import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_tmaps.errors import FormatError, TmapsError
from napari_tmaps.vendors import recognise, scan
from napari_tmaps.vendors.pixels import PlaneReader

PLACES = {"MMStack": 32, "NDTiff": 20}


def write_tiff(path: Path, summary: dict, planes: list[tuple[np.ndarray, dict]], kind: str):
    """A TIFF as Micro-Manager writes it: summary in the head, one JSON object a page.

    Returns where pixels and JSON of each page lie, for the index of NDTiff.
    """
    text = json.dumps(summary).encode()
    at = PLACES[kind]
    head = bytearray(b"II*\0" + bytes(at - 4))
    head += struct.pack("<II", 2355492, len(text)) + text
    if kind == "NDTiff":
        struct.pack_into("<III", head, 8, 483729, 3, 3)
    head += bytes(max(0, 64 - len(head)) + len(head) % 2)
    struct.pack_into("<I", head, 4, len(head))
    data, places = head, []
    for number, (pixels, facts) in enumerate(planes):
        note = json.dumps(facts).encode()
        samples = pixels.shape[2] if pixels.ndim == 3 else 1
        size = 2 + 10 * 12 + 4
        bits = 8 * pixels.dtype.itemsize
        start = len(data) + size + 6
        bits_entry = (258, 3, 1, bits) if samples == 1 else (258, 3, 3, len(data) + size)
        tags = [
            (256, 4, 1, pixels.shape[1]),
            (257, 4, 1, pixels.shape[0]),
            bits_entry,
            (259, 3, 1, 1),
            (262, 3, 1, 1 if samples == 1 else 2),
            (273, 4, 1, start),
            (277, 3, 1, samples),
            (278, 4, 1, pixels.shape[0]),
            (279, 4, 1, pixels.nbytes),
            (51123, 2, len(note), start + pixels.nbytes),
        ]
        end = start + pixels.nbytes + len(note)
        end += end % 2
        data += struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *t) for t in tags)
        data += struct.pack("<I", end if number + 1 < len(planes) else 0)
        data += struct.pack("<3H", bits, bits, bits) + pixels.tobytes() + note
        data += bytes(end - len(data))
        places.append((start, start + pixels.nbytes, len(note)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(data))
    return places


def plane(value: int, **facts) -> tuple[np.ndarray, dict]:
    return np.full((4, 6), value, np.uint16), {"PixelSizeUm": 0.65, "BitDepth": 12, **facts}


def write_stack(folder: Path, *, labels=("A1-Site_0", "A1-Site_1", "B12-Site_0"), affine=None):
    """One file a position: 2 time points, 2 channels, 2 z; values tell all of them."""
    stage = {"PixelSizeAffine": affine} if affine else {}
    for p, label in enumerate(labels):
        planes = [
            plane(
                1000 * p + 100 * t + 10 * c + z,
                PositionIndex=p,
                FrameIndex=t,
                ChannelIndex=c,
                SliceIndex=z,
                PositionName=label,
                XPositionUm=100.0 * p,
                YPositionUm=-50.0 * p,
                ZPositionUm=2.5 * z,
                **{"ElapsedTime-ms": 1000 * t, "Exposure-ms": 20 + c},
                **stage,
            )
            for t in range(2)
            for c in range(2)
            for z in range(2)
        ]
        summary = {"ChNames": ["DAPI", "GFP"], "z-step_um": 2.5, "Frames": 2, "Slices": 2,
                   "Positions": len(labels), "MicroManagerVersion": "2.0.0"}  # fmt: skip
        write_tiff(folder / f"run_MMStack_{label}.ome.tif", summary, planes, "MMStack")
    return folder


def write_ndtiff(folder: Path, axes: list[dict], summary: dict | None = None, **facts) -> Path:
    """Planes of values 0, 1, … along the axes."""
    name = f"{folder.name}_NDTiffStack.tif"
    planes = [plane(n, Axes=each, **facts) for n, each in enumerate(axes)]
    places = write_tiff(folder / name, summary or {}, planes, "NDTiff")
    index = b""
    for each, (start, note, length) in zip(axes, places, strict=True):
        for text in (json.dumps(each).encode(), name.encode()):
            index += struct.pack("<I", len(text)) + text
        index += struct.pack("<8I", start, 6, 4, 1, 0, note, length, 0)
    (folder / "NDTiff.index").write_bytes(index)
    return folder


def values(result) -> list[int]:
    reader = PlaneReader(result.root, result.reader)
    there = result.planes[~result.planes["missing"]]
    pixels = [reader.read(row.path, row.series, row.page) for row in there.itertuples()]
    reader.close()
    assert all(each.min() == each.max() for each in pixels)
    return [int(each[0, 0]) for each in pixels]


def said(result, kind: str) -> str:
    return " ".join(str(oddity) for oddity in result.oddities if oddity.kind == kind)


def test_image_stacks_with_labels_that_are_wells(tmp_path):
    result = scan(write_stack(tmp_path / "run"))
    assert result.vendor == "Micro-Manager"
    assert result.sites_per_well == {"A01": 2, "B12": 1}
    assert [(c.name, c.exposure_ms, c.bit_depth) for c in result.channels] == [
        ("DAPI", 20.0, 12),
        ("GFP", 21.0, 12),
    ]
    assert (result.pixel_size_um, result.z_step_um, result.dtype) == ((0.65, 0.65), 2.5, "uint16")
    assert result.image_size == (4, 6)
    assert result.oddities == ()
    rows = result.planes
    stated = {"A01": {1: 0, 2: 1}, "B12": {1: 2}}
    expected = [
        1000 * stated[r.well][r.site] + 100 * r.t + 10 * ["DAPI", "GFP"].index(r.channel) + r.z
        for r in rows.itertuples()
    ]
    assert values(result) == expected
    last = rows.iloc[-1]
    assert (last.stage_y_um, last.stage_x_um, last.stage_z_um, last.time_s) == (-100, 200, 2.5, 1)


def test_pages_as_tifffile_counts_them(tmp_path):
    folder = write_stack(tmp_path / "run")
    for path in folder.iterdir():
        with tifffile.TiffFile(path) as file:
            assert file.micromanager_metadata["Summary"]["ChNames"] == ["DAPI", "GFP"]
            assert len(file.pages) == 8
            assert file.pages[3].tags[51123].value["SliceIndex"] == 1


AFFINES = [
    pytest.param("0.65;0;0;0;0.65;0", (-50.0, 100.0), id="as-it-is"),
    pytest.param("0.65;0;0;0;-0.65;0", (50.0, 100.0), id="y-up"),
    pytest.param("-0.65;0;0;0;0.65;0", (-50.0, -100.0), id="x-left"),
    # x of the stage grows with y of the image, y of the stage falls with x of the image.
    pytest.param("0;0.65;0;-0.65;0;0", (100.0, 50.0), id="quarter-turn"),
    pytest.param("Undefined", (-50.0, 100.0), id="not-calibrated"),
    pytest.param("0;0;0;0;0;0", (-50.0, 100.0), id="nothing"),
]


@pytest.mark.parametrize(("affine", "expected"), AFFINES)
def test_stage_is_turned_into_the_image(tmp_path, affine, expected):
    rows = scan(write_stack(tmp_path / "run", affine=affine)).planes
    second = rows[(rows["well"] == "A01") & (rows["site"] == 2)].iloc[0]
    assert (second.stage_y_um, second.stage_x_um) == expected


LABELS = [
    pytest.param(("B03_1", "B03_2", "C4_1"), {"B03": 2, "C04": 1}, id="well-and-number"),
    pytest.param(("D7", "E7"), {"D07": 1, "E07": 1}, id="wells"),
    pytest.param(("Pos0", "Pos1"), {"A01": 2}, id="counted"),
    pytest.param(("P1", "P2"), {"A01": 2}, id="positions-not-row-P"),
    pytest.param(("B03", "overview"), {"A01": 2}, id="only-some"),
    pytest.param(("1-Pos_000_000", "1-Pos_001_000"), {"A01": 2}, id="grid"),
]


@pytest.mark.parametrize(("labels", "expected"), LABELS)
def test_labels(tmp_path, labels, expected):
    assert scan(write_stack(tmp_path / "run", labels=labels)).sites_per_well == expected


def test_a_stack_that_was_never_finished_gives_what_is_there(tmp_path):
    folder = write_stack(tmp_path / "run", labels=("B2", "B3"))
    path = folder / "run_MMStack_B3.ome.tif"
    with tifffile.TiffFile(path) as file:
        cut = file.pages[5].dataoffsets[0] + 10
    path.write_bytes(path.read_bytes()[:cut])
    result = scan(folder)
    missing = result.planes[result.planes["missing"]]
    assert missing[["well", "t", "channel", "z"]].to_numpy().tolist() == [
        ["B03", 1, "DAPI", 1],
        ["B03", 1, "GFP", 0],
        ["B03", 1, "GFP", 1],
    ]
    assert "3 of 16" in said(result, "missing")
    assert 1100 in values(result)


def test_planned_more_than_recorded(tmp_path):
    facts = dict.fromkeys(("PositionIndex", "FrameIndex", "ChannelIndex", "SliceIndex"), 0)
    path = tmp_path / "MMStack.ome.tif"
    write_tiff(path, {"Frames": 10, "Positions": 4}, [plane(7, **facts)], "MMStack")
    result = scan(tmp_path)
    assert values(result) == [7]
    assert "10 time points were planned, 1 recorded" in said(result, "incomplete")
    assert "4 positions were planned, 1 recorded" in said(result, "incomplete")
    assert result.channels[0].name == "C01"


POSITION_LISTS = [
    pytest.param(
        {"StagePositions": [{"Label": "here", "DefaultXYStage": "XY", "DevicePositions": [
            {"Device": "Z", "Position_um": [9]}, {"Device": "XY", "Position_um": [3, 4]}]}]},
        id="version-2",
    ),
    pytest.param(
        {"InitialPositionList": [{"Label": "here", "DeviceCoordinatesUm": {
            "Z": [9], "XY": [3, 4]}}]},
        id="version-1.4",
    ),
]  # fmt: skip


@pytest.mark.parametrize("summary", POSITION_LISTS)
def test_position_list_of_the_summary(tmp_path, summary):
    facts = dict.fromkeys(("PositionIndex", "FrameIndex", "ChannelIndex", "SliceIndex"), 0)
    write_tiff(tmp_path / "MMStack.ome.tif", summary, [plane(7, **facts)], "MMStack")
    result = scan(tmp_path)
    assert result.metadata["sites"][0]["name"] == "here"
    assert (result.planes["stage_y_um"][0], result.planes["stage_x_um"][0]) == (4, 3)


def test_pages_that_do_not_tell_their_place_are_said(tmp_path):
    facts = {"PositionIndex": 0, "FrameIndex": 0, "ChannelIndex": 0, "SliceIndex": 0}
    write_tiff(tmp_path / "MMStack.ome.tif", {}, [plane(7, **facts), plane(8)], "MMStack")
    result = scan(tmp_path)
    assert values(result) == [7]
    assert "1 image ('MMStack.ome.tif, page 1') left out" in said(result, "incomplete")


def test_colour_pictures(tmp_path):
    pixels = np.zeros((4, 6, 3), np.uint8) + np.array([1, 2, 3], np.uint8)
    facts = dict.fromkeys(("PositionIndex", "FrameIndex", "ChannelIndex", "SliceIndex"), 0)
    write_tiff(tmp_path / "MMStack.ome.tif", {"ChNames": ["H&E"]}, [(pixels, facts)], "MMStack")
    result = scan(tmp_path)
    assert [channel.name for channel in result.channels] == ["R", "G", "B"]
    assert dict(zip(result.planes["channel"], values(result), strict=True)) == {
        "R": 1, "G": 2, "B": 3,
    }  # fmt: skip


# -- image sequences ------------------------------------------------------------------------


def write_sequence(folder: Path, version: int) -> Path:
    """2 positions × 2 channels × 2 z, values 100·position + 10·channel + z."""
    for p in range(2):
        text: dict = {"Summary": {"ChNames": ["DAPI", "GFP"], "PixelSize_um": 0.5}}
        position = folder / f"Pos{p}"
        position.mkdir(parents=True)
        for c, channel in enumerate(["DAPI", "GFP"]):
            for z in range(2):
                name = f"img_channel{c:03d}_position{p:03d}_time000000000_z{z:03d}.tif"
                if version == 1:
                    name = f"img_000000000_{channel}_{z:03d}.tif"
                image = np.full((4, 6), 100 * p + 10 * c + z, np.uint8)
                tifffile.imwrite(position / name, image, metadata=None)
                facts = {"Channel": channel, "XPositionUm": 7.0 * p, "YPositionUm": 0,
                         "ZPositionUm": 1.5 * z}  # fmt: skip
                if version == 1:
                    text[f"FrameKey-0-{c}-{z}"] = facts
                else:
                    text[f"Coords-Pos{p}/{name}"] = {"FrameIndex": 0}
                    text[f"Metadata-Pos{p}/{name}"] = facts
        (position / "metadata.txt").write_text(json.dumps(text))
    return folder


@pytest.mark.parametrize("version", [1, 2])
def test_image_sequences(tmp_path, version):
    result = scan(write_sequence(tmp_path / "sequence", version))
    assert result.vendor == "Micro-Manager"
    assert result.sites_per_well == {"A01": 2}
    assert [channel.name for channel in result.channels] == ["DAPI", "GFP"]
    assert result.pixel_size_um == (0.5, 0.5)
    assert result.z_step_um == 1.5
    assert values(result) == [0, 1, 10, 11, 100, 101, 110, 111]
    assert sorted(set(result.planes["stage_x_um"])) == [0, 7]


@pytest.mark.parametrize("version", [1, 2])
def test_one_position_by_its_metadata(tmp_path, version):
    folder = write_sequence(tmp_path / "sequence", version)
    assert values(scan(folder / "Pos1" / "metadata.txt")) == [100, 101, 110, 111]


def test_sequence_of_which_an_image_is_lost(tmp_path):
    folder = write_sequence(tmp_path / "sequence", 2)
    (folder / "Pos1" / "img_channel001_position001_time000000000_z000.tif").unlink()
    (folder / "Pos0" / "img_channel000_position000_time000000000_z001.tif").write_bytes(b"II*\0")
    result = scan(folder)
    missing = result.planes[result.planes["missing"]]
    assert missing[["site", "channel", "z"]].to_numpy().tolist() == [[1, "DAPI", 1], [2, "GFP", 0]]
    assert "1 image" in said(result, "unreadable")
    assert "2 of 8" in said(result, "missing")


def test_sequence_that_was_never_finished(tmp_path):
    folder = write_sequence(tmp_path / "sequence", 2)
    path = folder / "Pos0" / "metadata.txt"
    path.write_text(path.read_text().rstrip()[:-1] + ",\n")
    result = scan(folder)
    assert "never finished" in said(result, "incomplete")
    assert result.planes["stage_z_um"].notna().all()
    path.write_text(path.read_text()[:-40])
    assert "only the names" in said(scan(folder), "incomplete")


# -- NDTiff ---------------------------------------------------------------------------------


def test_ndtiff_by_names_of_axes(tmp_path):
    axes = [
        {"position": p, "time": t, "channel": c, "z": z}
        for p in ("A1", "B2")
        for t in (0, 1)
        for c in ("GFP", "DAPI")
        for z in (-1, 0)
    ]
    folder = write_ndtiff(tmp_path / "run", axes, {"ChNames": ["DAPI", "GFP"]})
    result = scan(folder / "NDTiff.index")
    assert [channel.name for channel in result.channels] == ["DAPI", "GFP"]
    assert result.sites_per_well == {"A01": 1, "B02": 1}
    rows = result.planes
    expected = [
        axes.index({"position": {"A01": "A1", "B02": "B2"}[r.well], "time": r.t,
                    "channel": r.channel, "z": r.z - 1})
        for r in rows.itertuples()
    ]  # fmt: skip
    assert values(result) == expected
    assert recognise(folder).name == "Micro-Manager"


def test_ndtiff_tiles_and_axes_of_its_user(tmp_path):
    axes = [{"row": r, "column": c} for r in (0, 1) for c in (0, 1)]
    result = scan(write_ndtiff(tmp_path / "tiles", axes))
    assert result.sites_per_well == {"A01": 4}
    assert result.oddities == ()
    views = scan(write_ndtiff(tmp_path / "views", [{"view": 0}, {"view": 1}]))
    assert views.sites_per_well == {"A01": 2}
    assert "['view']" in said(views, "doubtful")


def test_ndtiff_copies_for_viewing_are_set_aside(tmp_path):
    write_ndtiff(tmp_path / "run" / "Full resolution", [{"row": 0, "column": 0}])
    write_ndtiff(tmp_path / "run" / "Downsampled_x2", [{"row": 0, "column": 0}])
    result = scan(tmp_path / "run")
    assert len(result.planes) == 1
    assert "smaller copies" in said(result, "ignored")


def test_ndtiff_whose_images_are_lost_has_gaps(tmp_path):
    folder = write_ndtiff(tmp_path / "run", [{"z": 0}, {"z": 1}])
    (folder / "run_NDTiffStack.tif").unlink()
    result = scan(folder)
    assert result.planes["missing"].all()
    assert "run_NDTiffStack.tif" in said(result, "missing")


def test_ndtiff_cut_off_in_its_pixels(tmp_path):
    folder = write_ndtiff(tmp_path / "run", [{"z": 0}, {"z": 1}])
    path = folder / "run_NDTiffStack.tif"
    with tifffile.TiffFile(path) as file:
        cut = file.pages[1].dataoffsets[0] + 4
    path.write_bytes(path.read_bytes()[:cut])
    result = scan(folder)
    assert result.planes["missing"].tolist() == [False, True]
    assert values(result) == [0]


def test_ndtiff_whose_axes_make_no_sense(tmp_path):
    axes = [{"time": n, "z": n, "channel": n, "position": n} for n in range(40)]
    with pytest.raises(FormatError, match="40 images have little in common: 40 positions"):
        scan(write_ndtiff(tmp_path / "run", axes))


BROKEN = [
    pytest.param(b"", "lists no images", id="empty"),
    pytest.param(struct.pack("<I", 99), "damaged at byte", id="cut"),
    pytest.param(struct.pack("<I", 2) + b"[]" + struct.pack("<9I", *[0] * 9), "no axes", id="list"),
    pytest.param(
        struct.pack("<I", 2) + b"{}" + struct.pack("<9I", 0, 0, 0, 0, 77, 0, 0, 0, 0),
        "unknown type",
        id="pixels",
    ),
    pytest.param(
        struct.pack("<I", 9) + b'{"z":"a"}' + struct.pack("<9I", 0, 0, 6, 4, 1, 0, 0, 0, 0),
        "no number",
        id="z",
    ),
]


@pytest.mark.parametrize(("data", "message"), BROKEN)
def test_broken_index(tmp_path, data, message):
    (tmp_path / "NDTiff.index").write_bytes(data)
    with pytest.raises(FormatError, match=message):
        scan(tmp_path)


def test_stack_without_pages(tmp_path):
    path = tmp_path / "run_MMStack_Pos0.ome.tif"
    write_tiff(path, {}, [], "MMStack")
    with pytest.raises(FormatError, match="none of its images can be read"):
        scan(path)


def test_copies_of_other_programs_are_read_as_what_they_are(tmp_path):
    path = tmp_path / "MAX_run_MMStack_Pos0.ome.tif"
    tifffile.imwrite(path, np.zeros((2, 4, 6), np.uint16), ome=True, metadata={"axes": "ZYX"})
    assert recognise(path).name == "OME-TIFF"
    assert len(scan(path).planes) == 2


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_bytes_give_only_our_own_errors(tmp_path, data):
    folder = tmp_path / "run"
    shutil.rmtree(folder, ignore_errors=True)
    write_ndtiff(folder, [{"position": "A1", "z": 0}, {"position": "A1", "z": 1}], {"Frames": 2})
    path = folder / data.draw(st.sampled_from(["NDTiff.index", "run_NDTiffStack.tif"]))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    with suppress(TmapsError):
        scan(folder, vendor="Micro-Manager")


# -- real files -----------------------------------------------------------------------------

REAL = [
    pytest.param("labeled_positions_1", (3, 1, 1, 1), ["DAPI"], 3, id="labelled"),
    pytest.param("ndtiff3.2_multichannel", (1, 8, 2, 16), ["DAPI", "FITC"], 256, id="channels"),
    pytest.param("mm_mda_tcz_15", (1, 8, 2, 7), ["C01", "C02"], 0, id="index-only"),
]


@pytest.mark.parametrize(("name", "sizes", "channels", "there"), REAL)
def test_real_ndtiff(shared_data, name, sizes, channels, there):
    result = scan(shared_data / "micromanager_ndtiff" / "v3" / name)
    summary = result.summary()
    found = (sum(result.sites_per_well.values()), summary["size_t"], len(result.channels),
             summary["size_z"])  # fmt: skip
    assert found == sizes
    assert summary["channels"] == channels
    assert summary["planes"] == there


def test_real_pixels_are_those_of_tifffile(shared_data):
    folder = shared_data / "micromanager_ndtiff" / "v3" / "ndtiff3.2_multichannel"
    result = scan(folder)
    path = folder / "NDTiff3.2_multichannel_NDTiffStack.tif"
    with tifffile.TiffFile(path) as file:
        expected = file.series[0].asarray().reshape(8, 2, 16, 64, 64)
    reader = PlaneReader(result.root, result.reader)
    for row in result.planes.itertuples():
        c = ["DAPI", "FITC"].index(row.channel)
        pixels = reader.read(row.path, row.series, row.page)
        np.testing.assert_array_equal(pixels, expected[row.t, c, row.z])
    reader.close()
