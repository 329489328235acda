"""`tmaps modules` and `tmaps train-pixels`."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from tests.modules.test_own import DOUBLE
from typer.testing import CliRunner

from napari_tmaps.cli.commands import app
from napari_tmaps.modules import MODULES, classify_pixels, own
from napari_tmaps.modules.userconfig import read_config

runner = CliRunner()


@pytest.fixture(autouse=True)
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_TMAPS_CONFIG", str(tmp_path / "config.json"))
    monkeypatch.setenv(own.FOLDERS, "")


def tmaps(*args, code=0):
    result = runner.invoke(app, [str(arg) for arg in args])
    assert result.exit_code == code, result.output
    return result.output


def test_all_modules_are_listed_by_category():
    out = tmaps("modules")
    assert all(f"\n  {name}" in out for name in MODULES)
    assert out.startswith("image\n")


def test_one_module_is_explained():
    out = tmaps("modules", "threshold_otsu")
    assert out.startswith("threshold_otsu (threshold)\n  Make a mask of the bright objects")
    assert "setting correction_factor (0.01 … 100; default 1.0)" in out
    assert "output mask (MaskImage)" in out
    assert "Did you mean 'smooth'" in tmaps("modules", "smoth", code=1)


def test_what_is_missing_is_said_with_the_help():
    assert "No classifier is named" in tmaps("modules", "classify_pixels")


def test_own_modules_are_allowed_shown_and_forgotten(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "times.py").write_text(DOUBLE)
    (folder / "broken.py").write_text("def (\n")
    assert "times" not in tmaps("modules")
    assert "own\n  times  Make an image brighter." in tmaps("--modules", folder, "modules")
    own.os.environ[own.FOLDERS] = ""
    tmaps("modules", "--add", folder)
    out = tmaps("modules")
    assert "own\n  times  Make an image brighter." in out
    assert "broken.py', line 1: invalid syntax" in out
    tmaps("modules", "--remove", folder)
    assert "times" not in tmaps("modules")
    assert "no allowed folder" in tmaps("modules", "--remove", folder, code=1)
    assert "There is no folder" in tmaps("modules", "--add", tmp_path / "nowhere", code=1)
    assert "There is no folder" in tmaps("--modules", tmp_path / "no", "modules", code=1)


def test_the_python_of_a_package():
    tmaps("modules", "--python", "cellpose=/opt/python")
    assert read_config().python == {"cellpose": "/opt/python"}
    tmaps("modules", "--python", "cellpose=")
    assert read_config().python == {}
    assert "names no package" in tmaps("modules", "--python", "pose=/x", code=1)


def test_a_classifier_is_trained_from_files(tmp_path):
    image = np.zeros((40, 50), np.uint16)
    image[10:30, 10:30] = 500
    strokes = np.zeros(image.shape, np.uint8)
    strokes[12:20, 12:20], strokes[32:38] = 2, 1
    tifffile.imwrite(tmp_path / "a.tif", image)
    tifffile.imwrite(tmp_path / "s.tif", strokes)
    files = ["--image", tmp_path / "a.tif", "--strokes", tmp_path / "s.tif"]
    model = tmp_path / "m.npz"
    out = tmaps("train-pixels", model, *files, "--classes", "rest,spot", "--sigmas", "1,2")
    assert "rest: 300 painted pixels, spot: 64 painted pixels" in out
    found = classify_pixels(image, model=str(model), foreground="spot")
    assert found.mask[20, 20]
    assert not found.mask[35, 40]
    assert "should be numbers" in tmaps("train-pixels", model, *files, "--sigmas", "x", code=1)
    assert "up to 32" in tmaps("train-pixels", model, *files, "--sigmas", "99", code=1)
    tifffile.imwrite(tmp_path / "s.tif", strokes * 0)
    assert "image 1 has no strokes" in tmaps("train-pixels", model, *files, code=1)
    (tmp_path / "s.tif").write_text("no")
    assert "cannot be read as TIFF" in tmaps("train-pixels", model, *files, code=1)
    (tmp_path / "s.tif").unlink()
    assert "There is no file" in tmaps("train-pixels", model, *files, code=1)
