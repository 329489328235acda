"""Corrected objects as training data, from Python and the command line."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.analysed import SIZE, analysed, analysed_once, image_of, squares  # noqa: F401
from typer.testing import CliRunner

from napari_tmaps.cli.commands import app
from napari_tmaps.errors import ExistsError, InputError, NotFoundError
from napari_tmaps.model.progress import finish
from napari_tmaps.modules.pixel_training import train_pixels
from napari_tmaps.store.corrections import Corrections, SiteObjects
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.export_training import CLASSES, strokes_of, write_training

PLACE = SiteObjects("Blocks", "P1", "B03", 2)
NAME = "P1_B03_s2_t0"


def corrected_labels():
    """The second square is gone."""
    labels = squares()
    labels[labels == 2] = 0
    return labels


@pytest.fixture
def experiment(analysed):  # noqa: F811
    with Experiment.open(analysed) as opened:
        before = opened.labels(*PLACE[1:4], "Blocks")
        Corrections(opened).save(PLACE, before, np.where(before == 2, 0, before))
        yield opened


def write(experiment, folder, **settings):
    return finish(write_training(experiment, "Blocks", folder, **settings))


def test_cellpose_finds_images_and_masks_by_their_names(experiment, tmp_path):
    assert write(experiment, tmp_path / "out", channels=("DAPI",)) == 1
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert files == [f"{NAME}.tif", f"{NAME}_masks.tif", "manifest.csv"]
    image = tifffile.imread(tmp_path / "out" / f"{NAME}.tif")
    masks = tifffile.imread(tmp_path / "out" / f"{NAME}_masks.tif")
    assert np.array_equal(image, image_of("B03", 2, "DAPI"))
    assert masks.dtype == np.uint16
    assert sorted(np.unique(masks)) == [0, 1, 2], "numbers without gaps"
    assert np.array_equal(masks > 0, corrected_labels() > 0)
    row = pd.read_csv(tmp_path / "out" / "manifest.csv").iloc[0]
    assert (row["image"], row["labels"]) == (f"{NAME}.tif", f"{NAME}_masks.tif")
    assert (row["well"], row["site"], row["objects"], row["channels"]) == ("B03", 2, 2, "DAPI")


def test_stardist_has_folders_and_channels_last(experiment, tmp_path):
    write(experiment, tmp_path / "out", program="stardist")
    image = tifffile.imread(tmp_path / "out" / "images" / f"{NAME}.tif")
    masks = tifffile.imread(tmp_path / "out" / "masks" / f"{NAME}.tif")
    assert image.shape == (SIZE, SIZE, 2)
    assert np.array_equal(image[..., 1], image_of("B03", 2, "Actin"))
    assert np.array_equal(masks > 0, corrected_labels() > 0)


def test_squares_lie_around_what_was_corrected(experiment, tmp_path):
    # The square that is gone lies at 40…53, 12…25: its middle is 47, 19.
    assert write(experiment, tmp_path / "out", channels=("DAPI",), crop_px=32) == 1
    row = pd.read_csv(tmp_path / "out" / "manifest.csv").iloc[0]
    assert (row["y"], row["x"]) == (47 - 16, 19 - 16)
    image = tifffile.imread(tmp_path / "out" / row["image"])
    assert np.array_equal(image, image_of("B03", 2, "DAPI")[31:63, 3:35])
    masks = tifffile.imread(tmp_path / "out" / row["labels"])
    assert np.array_equal(masks > 0, corrected_labels()[31:63, 3:35] > 0)


def test_what_is_larger_than_a_square_is_covered_by_several(experiment, tmp_path):
    before = experiment.labels(*PLACE[1:4], "Blocks")
    Corrections(experiment).save(PLACE, before, np.where(before == 3, 0, before))  # 50…85, 60…95
    assert write(experiment, tmp_path / "out", channels=("DAPI",), crop_px=32) == 1 + 4
    table = pd.read_csv(tmp_path / "out" / "manifest.csv")
    covered = np.zeros((SIZE, SIZE), bool)
    for y, x in zip(table["y"], table["x"], strict=True):
        covered[y : y + 32, x : x + 32] = True
    assert covered[50:86, 60:96].all()


def test_strokes_leave_the_edges_open_and_train_the_classifier_of_pixels(experiment, tmp_path):
    labels = np.zeros((6, 9), int)
    labels[1:4, 1:4], labels[1:4, 4:7] = 1, 2
    assert strokes_of(labels).tolist() == [
        [0, 0, 0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 0, 0, 1],
        [0, 0, 2, 0, 0, 2, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 0, 0, 1],
        [1, 1, 1, 1, 1, 1, 1, 1, 1],
    ]
    write(experiment, tmp_path / "out", program="pixels", channels=("DAPI",))
    image = tifffile.imread(tmp_path / "out" / "images" / f"{NAME}_DAPI.tif")
    strokes = tifffile.imread(tmp_path / "out" / "strokes" / f"{NAME}.tif")
    model = train_pixels([[image]], [strokes], classes=CLASSES, trees=3)
    assert model.about.classes == CLASSES


def test_planes_of_stacks_are_images_of_their_own_for_cellpose(experiment, tmp_path, monkeypatch):
    """Labels of two planes beside images of one, which is the same on each."""
    labels = np.stack([corrected_labels(), np.zeros((SIZE, SIZE), np.int32)])
    monkeypatch.setattr(Corrections, "truth", lambda *_: labels)
    assert write(experiment, tmp_path / "planes", channels=("DAPI",)) == 2
    names = [f"{NAME}_z{z}_masks.tif" for z in (0, 1)]
    objects = [tifffile.imread(tmp_path / "planes" / name).max() for name in names]
    assert objects == [2, 0]
    assert write(experiment, tmp_path / "whole", program="stardist", channels=("DAPI",)) == 1
    for kind in ("images", "masks"):
        stack = tifffile.imread(tmp_path / "whole" / kind / f"{NAME}.tif")
        assert stack.shape == (2, SIZE, SIZE)


def test_what_does_not_fit_is_said_and_nothing_is_written(experiment, tmp_path):
    with pytest.raises(InputError, match="No Rings are corrected yet"):
        finish(write_training(experiment, "Rings", tmp_path / "a"))
    with pytest.raises(InputError, match="for cellpose, stardist, pixels, not 'unet'"):
        write(experiment, tmp_path / "a", program="unet")
    with pytest.raises(InputError, match="5 pixels is too small"):
        write(experiment, tmp_path / "a", crop_px=5)
    with pytest.raises(NotFoundError, match="no channel 'GFP'"):
        write(experiment, tmp_path / "a", channels=("GFP",))
    assert not (tmp_path / "a").exists()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mine").touch()
    with pytest.raises(ExistsError, match="not empty"):
        write(experiment, tmp_path / "b")


def test_the_command_line_writes_the_same(experiment, tmp_path):
    write(experiment, tmp_path / "mine", channels=("DAPI",), crop_px=32)
    arguments = ["export", str(experiment.path), "Blocks", "--out", str(tmp_path / "theirs")]
    more = ["--training", "cellpose", "--channels", "DAPI", "--crops", "32"]
    done = CliRunner().invoke(app, arguments + more)
    assert done.exit_code == 0, done.output
    assert "Wrote 1 image of corrected Blocks for cellpose" in done.output
    mine, theirs = (sorted((tmp_path / name).iterdir()) for name in ("mine", "theirs"))
    assert [path.name for path in mine] == [path.name for path in theirs]
    for one, other in zip(mine, theirs, strict=True):
        assert one.read_bytes() == other.read_bytes()
    lost = CliRunner().invoke(app, ["export", str(experiment.path), "Blocks", *more])
    assert "Say where to write" in lost.output
