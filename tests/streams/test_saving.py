"""Frames and their metadata: an OME-TIFF and a metadata.json."""

from __future__ import annotations

import errno
import json
from datetime import date, datetime
from enum import Enum
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import tifffile
from lxml import etree
from pydantic import ValidationError

from napari_tmaps.errors import FormatError, InputError, NotFoundError, StorageError
from napari_tmaps.model.channels import Channel
from napari_tmaps.streams.ometiff import read_ometiff, write_ometiff
from napari_tmaps.streams.plainjson import plain
from napari_tmaps.streams.saving import (
    MetaData,
    OutputParameters,
    read_metadata,
    save_config_frames,
)


def test_the_documented_example(tmp_path, monkeypatch, ome_schema):
    monkeypatch.chdir(tmp_path)
    config = MetaData(axes="TYX", notes="Example metadata")
    frames = np.random.rand(10, 256, 256)  # noqa: NPY002 (as documented)
    outputparams = OutputParameters(output_path="./output", output_name="example")

    save_config_frames(config, frames, outputparams)

    assert sorted(p.name for p in Path("output").iterdir()) == ["example.ome.tiff", "metadata.json"]
    with tifffile.TiffFile("output/example.ome.tiff") as file:
        assert file.is_bigtiff
        assert file.series[0].axes == "TYX"
        np.testing.assert_array_equal(file.asarray(), frames)
        assert "Example metadata" not in file.ome_metadata
        ome_schema.assertValid(etree.fromstring(file.ome_metadata.encode()))
    saved = json.loads(Path("output/metadata.json").read_text(encoding="utf-8"))
    assert saved == config.model_dump(mode="json")
    assert (saved["axes"], saved["notes"]) == ("TYX", "Example metadata")


def full_config() -> MetaData:
    return MetaData(
        axes="ctyx",
        notes=["told to nobody"],
        name="day 3/µ",
        description="a <b>",
        PhysicalSizeX=500,
        PhysicalSizeXUnit="nm",
        physical_size_y=0.25,
        physical_size_y_unit="um",
        channels=["DAPI", {"name": "GFP", "color": "#00FF00", "exposure_ms": 20}],
        time_increment=2,
        time_increment_unit="min",
        exposure_time=0.05,
        exposure_time_unit="s",
        acquisition_date="2026-01-02T03:04:05",
        temperature=np.float32(37.5),
        stage={"x": np.array([1, 2])},
        text="3",
        drift=float("nan"),
    )


def test_everything_but_the_notes_is_in_the_image(tmp_path, ome_schema):
    config = full_config()
    frames = np.arange(2 * 3 * 4 * 5, dtype=np.uint16).reshape(2, 3, 4, 5)
    save_config_frames(config, frames, OutputParameters(output_path=tmp_path, output_name="a"))

    pixels, facts = read_ometiff(tmp_path / "a.ome.tiff")
    np.testing.assert_array_equal(pixels[:, :, 0], frames.transpose(1, 0, 2, 3))
    assert (facts.name, facts.description) == ("day 3/µ", "a <b>")
    assert facts.pixel_size_um == (None, 0.25, 0.5)
    assert facts.time_step_s == 120.0
    assert facts.acquired == datetime(2026, 1, 2, 3, 4, 5)
    assert [(c.name, c.color, c.exposure_ms) for c in facts.channels] == [
        ("DAPI", None, 50.0),
        ("GFP", "#00FF00", 20.0),
    ]

    xml = tifffile.tiffcomment(tmp_path / "a.ome.tiff")
    ome_schema.assertValid(etree.fromstring(xml.encode()))
    assert "told to nobody" not in xml
    read = read_metadata(tmp_path / "a.ome.tiff")
    expected = plain(config.model_dump(exclude={"notes"}), "")
    assert plain(read.model_dump(exclude={"notes"}), "") == expected
    assert read.notes is None
    assert (read.temperature, read.stage, read.text) == (37.5, {"x": [1, 2]}, "3")


def test_the_json_is_complete_and_strict(tmp_path):
    save_config_frames(
        full_config(),
        np.zeros((2, 3, 4, 5), np.uint8),
        OutputParameters(output_path=tmp_path / "new" / "folder", output_name="a"),
    )

    def refuse(constant):
        raise AssertionError(constant)

    text = (tmp_path / "new" / "folder" / "metadata.json").read_text(encoding="utf-8")
    saved = json.loads(text, parse_constant=refuse)
    assert saved["notes"] == ["told to nobody"]
    assert saved["physical_size_x"] == 500
    assert saved["physical_size_y_unit"] == "µm"
    assert saved["temperature"] == 37.5
    assert saved["drift"] == "NaN"
    assert saved["stage"] == {"x": [1, 2]}
    assert saved["channels"][1]["exposure_ms"] == 20


def test_rgb_and_lazy_frames(tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (2, 40, 30, 3), np.uint8)
    save_config_frames(
        MetaData(axes="TYXS"),
        da.from_array(frames, chunks=(1, 20, 30, 3)),
        OutputParameters(output_path=tmp_path, output_name="rgb.ome.tiff"),
    )
    pixels, facts = read_ometiff(tmp_path / "rgb.ome.tiff")
    np.testing.assert_array_equal(pixels[:, 0, 0], frames)
    assert (facts.samples, facts.name) == (3, "rgb")


FRAMES = [
    pytest.param(
        MetaData(axes="TYX"), np.zeros((4, 5)), "3, but the image has 2 dimensions", id="axes"
    ),
    pytest.param(MetaData(axes="YX"), np.zeros((0, 5)), "empty", id="empty"),
    pytest.param(MetaData(axes="YX"), np.zeros((4, 5), np.float16), "float32", id="float16"),
    pytest.param(
        MetaData(axes="CYX", channels=["a"]),
        np.zeros((2, 4, 5)),
        "2 channels, but 1",
        id="channels",
    ),
    pytest.param(
        MetaData(axes="YX", camera=object()), np.zeros((4, 5)), "metadata.camera", id="object"
    ),
]


@pytest.mark.parametrize(("config", "frames", "words"), FRAMES)
def test_frames_that_do_not_fit(tmp_path, config, frames, words):
    target = OutputParameters(output_path=tmp_path, output_name="a")
    with pytest.raises(InputError, match=words):
        save_config_frames(config, frames, target)
    assert not list(tmp_path.iterdir())


CONFIGS = [
    pytest.param({"axes": "TQYX"}, "no axes of an image", id="letter"),
    pytest.param({"axes": "TZ"}, "needs Y and X", id="no-plane"),
    pytest.param({}, "axes", id="no-axes"),
    pytest.param({"axes": "YX", "physical_size_x": 0}, "greater than 0", id="size"),
    pytest.param({"axes": "YX", "physical_size_x_unit": "furlong"}, "no unit", id="unit"),
    pytest.param({"axes": "YX", "channels": [""]}, "not empty", id="channel"),
]


@pytest.mark.parametrize(("fields", "words"), CONFIGS)
def test_metadata_that_make_no_sense(fields, words):
    with pytest.raises(ValidationError, match=words):
        MetaData(**fields)


@pytest.mark.parametrize("name", ["", " . ", "a/b", "..\\b", "a\0b", "what?"])
def test_names_that_are_no_names(name):
    with pytest.raises(ValidationError, match="cannot be the name of a file"):
        OutputParameters(output_path=".", output_name=name)


def test_a_full_disk_leaves_what_was_there(tmp_path, full_disk):
    target = OutputParameters(output_path=tmp_path, output_name="a")
    save_config_frames(MetaData(axes="YX"), np.ones((4, 5)), target)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    noise = np.random.default_rng(0).random((2, 300, 300))
    with full_disk(20000), pytest.raises(StorageError, match="disk is full"):
        save_config_frames(MetaData(axes="TYX"), noise, target)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_folder_that_may_not_be_made(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    target = OutputParameters(output_path=tmp_path / "x", output_name="a")
    with pytest.raises(StorageError, match="No permission"):
        save_config_frames(MetaData(axes="YX"), np.ones((4, 5)), target)


def test_metadata_of_other_programs(tmp_path):
    write_ometiff(tmp_path / "a.ome.tiff", np.zeros((4, 5), np.uint8), "YX")
    with pytest.raises(FormatError, match="another program"):
        read_metadata(tmp_path / "a.ome.tiff")
    with pytest.raises(NotFoundError):
        read_metadata(tmp_path / "b.ome.tiff")


class Colour(Enum):
    RED = "red"


VALUES = [
    pytest.param(np.int64(3), 3, id="numpy"),
    pytest.param(np.array([[1.5, np.inf]]), [[1.5, "Infinity"]], id="array"),
    pytest.param(-np.inf, "-Infinity", id="infinity"),
    pytest.param(date(2026, 1, 2), "2026-01-02", id="date"),
    pytest.param(Path("a") / "b", str(Path("a") / "b"), id="path"),
    pytest.param((1, None, True, "µ"), [1, None, True, "µ"], id="tuple"),
    pytest.param({1: Colour.RED, "s": {4}}, {"1": "red", "s": [4]}, id="mapping"),
    pytest.param(Channel, None, id="class"),
]


@pytest.mark.parametrize(("value", "expected"), VALUES)
def test_plain_values(value, expected):
    if expected is None:
        with pytest.raises(InputError, match=r"'a\.b\[0\]' is a type"):
            plain({"b": [value]}, "a")
    else:
        assert plain(value, "a") == expected
