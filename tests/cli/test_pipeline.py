"""`tmaps pipeline …`."""

from __future__ import annotations

import json

import imagecodecs
import jsonschema
import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.workflow.screen import PATTERN, name, plane
from typer.testing import CliRunner

from napari_tmaps.cli.commands import app
from napari_tmaps.pipeline import load_pipeline, ready_pipelines
from napari_tmaps.pipeline.figure import OUTLINE_RGB

runner = CliRunner()

SQUARES = """
name: squares
input: {channels: [{name: DAPI}]}
pipeline:
- name: threshold
  module: threshold_manual
  inputs: {image: DAPI}
  settings: {threshold: 100.0}
- name: register
  module: register_objects
  inputs: {mask: threshold.mask}
  outputs: {objects: Nuclei}
- name: brightness
  module: measure_intensity
  inputs: {extract_objects: Nuclei, assign_objects: Nuclei, intensity_image: DAPI}
output: {objects: [{name: Nuclei}]}
"""


def tmaps(*args, code=0):
    result = runner.invoke(app, ["pipeline", *(str(arg) for arg in args)])
    assert result.exit_code == code, result.output
    return result.stdout if "--json" in args else result.output


@pytest.fixture
def squares(tmp_path, monkeypatch):
    """A pipeline and an image with two squares, in the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "squares.yaml").write_text(SQUARES)
    image = np.full((40, 60), 10, np.uint16)
    image[5:15, 5:15] = 200
    image[20:30, 30:40] = 400
    tifffile.imwrite("dapi.tif", image)
    return image


def test_ready_pipelines_are_listed():
    rows = json.loads(tmaps("list", "--json"))
    assert [row["name"] for row in rows] == list(ready_pipelines())
    assert "nuclei_and_cells     DAPI, Actin -> Nuclei, Cells, Cytoplasm\n" in tmaps("list")


def test_check_finds_all_problems(squares, tmp_path):
    assert tmaps("check", "squares.yaml") == "'squares' can run: 3 steps.\n"
    text = SQUARES.replace("threshold_manual", "threshold_manuel").replace("100.0", "-1")
    (tmp_path / "bad.yaml").write_text(text.replace("mask: thr", "mask: xthr"))
    out = tmaps("check", "bad.yaml", code=1)
    assert "Did you mean 'threshold_manual'" in out
    found = json.loads(tmaps("check", "bad.yaml", "--json", code=1))
    assert [problem["step"] for problem in found["problems"]][:2] == [1, 2]
    assert json.loads(tmaps("check", "squares.yaml", "--json"))["problems"] == []
    assert "no pipeline file 'none.yaml'" in tmaps("check", "none.yaml", code=1)


def test_run_on_image_files(squares, tmp_path):
    out = tmaps("run", "squares.yaml", "DAPI=dapi.tif", "--out", "found")
    assert "Nuclei: 2 objects" in out
    labels = tifffile.imread(tmp_path / "found" / "Nuclei.tif")
    np.testing.assert_array_equal(labels > 0, squares > 100)
    table = pd.read_csv(tmp_path / "found" / "Nuclei.csv", index_col="label")
    assert table["Intensity_mean_DAPI"].tolist() == [200, 400]
    # A pipeline of one channel needs no name.
    found = json.loads(tmaps("run", "squares.yaml", "dapi.tif", "--json"))
    assert found["objects"] == {"Nuclei": 2}
    assert set(found["seconds"]) == {"threshold", "register", "brightness"}


def test_images_may_be_png_but_not_in_colour(squares, tmp_path):
    (tmp_path / "dapi.png").write_bytes(imagecodecs.png_encode(squares))
    assert "Nuclei: 2 objects" in tmaps("run", "squares.yaml", "dapi.png")
    colour = np.repeat(squares[..., None], 3, axis=2)
    (tmp_path / "rgb.png").write_bytes(imagecodecs.png_encode(colour))
    assert "is a colour picture" in tmaps("run", "squares.yaml", "rgb.png", code=1)
    tifffile.imwrite("rgb.tif", colour, photometric="rgb")
    assert "is a colour picture" in tmaps("run", "squares.yaml", "rgb.tif", code=1)


MISTAKES = [
    (["run", "squares.yaml", "none.tif"], "There is no file 'none.tif'"),
    (["run", "squares.yaml", "squares.yaml"], "cannot be read as an image"),
    (["run", "squares.yaml", "bad.png"], "cannot be read as an image"),
    (["run", "squares.yaml", "GFP=dapi.tif"], "no image of channel 'DAPI'"),
    (["run", "squares.yaml", "DAPI=dapi.tif", "DAPI=dapi.tif"], "'DAPI' is given twice"),
    (["run", "nuclei_and_cells", "dapi.tif"], "Say which channel 'dapi.tif' is"),
    (["import", "nowhere"], "no such file or folder"),
    (["import", "squares.yaml"], "a pipeline of napari-tmaps already"),
    (["check", "nuclei_and_cell"], "Did you mean 'nuclei_and_cells'?"),
    (["check", "none.yaml"], "There is no pipeline file 'none.yaml'."),
    (["import", "none.cppipe"], "There is no file 'none.cppipe'"),
    (["export", "squares.yaml", "--out", "dapi.tif"], "'dapi.tif' exists"),
]


@pytest.mark.parametrize(("command", "words"), MISTAKES, ids=[" ".join(c) for c, _ in MISTAKES])
def test_mistakes_get_one_clear_message(squares, tmp_path, command, words):
    (tmp_path / "bad.png").write_bytes(b"\x89PNG but not really")
    assert words in tmaps(*command, code=1)


def test_debug_shows_what_each_step_made(squares, tmp_path):
    tmaps("debug", "squares.yaml", "DAPI=dapi.tif", "--out", "looked")
    folder = tmp_path / "looked"
    assert sorted(path.name for path in folder.iterdir()) == [
        "01_threshold.mask.tif",
        "01_threshold.png",
        "02_Nuclei.tif",
        "02_register.png",
        "03_brightness.measurements.csv",
        "03_brightness.png",
        "Nuclei.csv",
        "Nuclei.tif",
        "log.json",
    ]
    mask = tifffile.imread(folder / "01_threshold.mask.tif")
    np.testing.assert_array_equal(mask, np.where(squares > 100, 255, 0))
    picture = imagecodecs.png_decode((folder / "02_register.png").read_bytes())
    assert picture.shape == (40, 60, 3)
    assert np.all(picture == OUTLINE_RGB, axis=2).sum() > 60
    log = json.loads((folder / "log.json").read_text())
    assert [step["name"] for step in log["steps"]] == ["threshold", "register", "brightness"]
    assert log["steps"][0]["settings"] == {"threshold": 100.0}
    assert log["steps"][0]["outputs"]["threshold.mask"]["foreground"] == pytest.approx(
        200 / 2400, abs=1e-6
    )
    assert log["steps"][1]["outputs"]["Nuclei"]["objects"] == 2
    assert log["steps"][2]["seconds"] >= 0


def test_debug_keeps_what_was_made_before_a_step_failed(squares, tmp_path):
    cut = "- name: cut\n  module: threshold_global\n  inputs: {image: DAPI}\n"
    cut += "  settings: {min_threshold: 500.0, max_threshold: 400.0}\n- name: brightness\n"
    (tmp_path / "fails.yaml").write_text(SQUARES.replace("- name: brightness\n", cut))
    assert "Step 3 ('cut'" in tmaps("debug", "fails.yaml", "DAPI=dapi.tif", code=1)
    log = json.loads((tmp_path / "debug" / "log.json").read_text())
    assert [step["name"] for step in log["steps"]] == ["threshold", "register"]
    assert log["error"].startswith("Step 3 ('cut', module threshold_global)")
    assert (tmp_path / "debug" / "02_register.png").is_file()
    assert "no image of channel 'DAPI'" in tmaps("debug", "fails.yaml", "GFP=dapi.tif", code=1)


@pytest.fixture
def experiment(tmp_path):
    """Two wells of two sites, converted."""
    images = tmp_path / "images"
    images.mkdir()
    for well in ("B02", "C03"):
        for site in (1, 2):
            image = plane(well, site, "DAPI", 0)
            tifffile.imwrite(images / name(well, site, "DAPI", 0), image)
    path = tmp_path / "screen.tmaps"
    for command in (
        ["create", path],
        ["add", path, images, "--pattern", PATTERN, "--plate", "plate01"],
        ["convert", path],
    ):
        result = runner.invoke(app, [str(part) for part in command])
        assert result.exit_code == 0, result.output
    return path


def test_debug_on_sites_of_an_experiment_writes_nothing_into_it(squares, experiment, tmp_path):
    before = {path: path.read_bytes() for path in experiment.rglob("*") if path.is_file()}
    sites = ["--site", "B02/2", "--site", "plate01/C03/1"]
    logs = json.loads(tmaps("debug", "squares.yaml", experiment, *sites, "--json"))
    assert [log["folder"] for log in logs] == ["debug/plate01_B02_2_t0", "debug/plate01_C03_1_t0"]
    mask = tifffile.imread(tmp_path / "debug" / "plate01_B02_2_t0" / "01_threshold.mask.tif")
    np.testing.assert_array_equal(mask > 0, plane("B02", 2, "DAPI", 0) > 100)
    after = {path: path.read_bytes() for path in experiment.rglob("*") if path.is_file()}
    assert {p: b for p, b in after.items() if p.suffix != ".db-shm"} == {
        p: b for p, b in before.items() if p.suffix != ".db-shm"
    }
    assert "Wrote 'debug/plate01_B02_1_t0'." in tmaps("debug", "squares.yaml", experiment)


def test_check_knows_the_channels_of_an_experiment(squares, experiment, tmp_path):
    assert "can run" in tmaps("check", "squares.yaml", "--experiment", experiment)
    (tmp_path / "gfp.yaml").write_text(SQUARES.replace("DAPI", "GFP"))
    assert "GFP" in tmaps("check", "gfp.yaml", "--experiment", experiment, code=1)
    (experiment / "pipelines").mkdir(exist_ok=True)
    (experiment / "pipelines" / "mine.yaml").write_text(SQUARES)
    rows = json.loads(tmaps("list", "--experiment", experiment, "--json"))
    assert (rows[-1]["name"], rows[-1]["where"]) == ("mine", "experiment")


SITES = [
    ("B02", "names no site"),
    ("B02/x", "names no site"),
    ("B02/9", "no B02 site '9'"),
    ("Z9/1", "no well 'Z09'"),
]


@pytest.mark.parametrize(("site", "words"), SITES, ids=[site for site, _ in SITES])
def test_sites_that_there_are_not(squares, experiment, site, words):
    assert words in tmaps("debug", "squares.yaml", experiment, "--site", site, code=1)


def test_an_experiment_without_images_has_no_sites(squares, tmp_path):
    runner.invoke(app, ["create", str(tmp_path / "empty.tmaps")])
    (tmp_path / "nothing.yaml").write_text("name: nothing\ninput: {channels: []}\n")
    assert "has no sites" in tmaps("debug", "nothing.yaml", "empty.tmaps", code=1)


def test_import_of_projects_and_of_cellprofiler(squares, tmp_path):
    tmaps("export", "nuclei", "--to", "jterator", "--out", "project")
    out = tmaps("import", "project")
    assert "figures: left out." in out
    assert "Wrote 'nuclei.yaml': " in out
    assert load_pipeline(tmp_path / "nuclei.yaml") == ready_pipelines()["nuclei"]
    assert "'nuclei.yaml' exists" in tmaps("import", "project", code=1)
    (tmp_path / "p.cppipe").write_text(
        "CellProfiler Pipeline: x\nVersion:5\n\nIdentifyPrimaryObjects:[enabled:True]\n"
        "    Select the input image:DAPI\n    Name the primary objects to be identified:Nuclei\n"
        "    Use advanced settings?:No\n    Typical diameter of objects:5,20\n\n"
        "TrackObjects:[enabled:True]\n    x:y\n"
    )
    found = json.loads(tmaps("import", "p.cppipe", "--white", "4095", "--out", "p.yaml", "--json"))
    assert [note["state"] for note in found["notes"]] == ["approximated", "left out"]
    assert found["problems"] == []
    assert "Nuclei: 2 objects" in tmaps("run", "p.yaml", "dapi.tif")


def test_an_import_that_cannot_run_says_so(squares, tmp_path):
    text = "input: {channels: [{name: DAPI}]}\npipeline:\n- source: odd.py\n  handles:\n"
    text += "    input: [{name: image, type: IntensityImage, key: DAPI}]\n"
    (tmp_path / "x.pipe.yaml").write_text(text)
    out = tmaps("import", "x.pipe.yaml")
    assert "odd (odd.py): left out. There is no module 'odd'" in out
    assert "It cannot run as it is:" in out


def test_export_as_script_and_notebook(squares, tmp_path):
    tmaps("export", "squares.yaml")
    space: dict[str, object] = {}
    exec((tmp_path / "squares.py").read_text(), space)
    _, tables = space["analyse"](squares)
    assert tables["Nuclei"]["Intensity_mean_DAPI"].tolist() == [200, 400]
    tmaps("export", "squares.yaml", "--to", "notebook", "--out", "s.ipynb")
    assert json.loads((tmp_path / "s.ipynb").read_text())["nbformat"] == 4


def test_the_schema_is_printed_or_written(squares, tmp_path):
    jsonschema.Draft202012Validator.check_schema(json.loads(tmaps("schema")))
    tmaps("schema", "--out", "schema.json")
    assert json.loads((tmp_path / "schema.json").read_text()) == json.loads(tmaps("schema"))
