from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.workflow.screen import PATTERN, name, plane
from tests.workflow.test_analyse import discs
from typer.testing import CliRunner

from napari_tmaps.cli.commands import app
from napari_tmaps.model.version import __version__
from napari_tmaps.pipeline import save_pipeline
from napari_tmaps.store.experiment import Experiment

runner = CliRunner()


def tmaps(*args: object, code: int = 0):
    result = runner.invoke(app, [str(arg) for arg in args])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def folder(tmp_path):
    target = tmp_path / "images of today"
    target.mkdir()
    for well in ("B02", "C03"):
        for site in (1, 2):
            for channel in ("DAPI", "GFP"):
                path = target / name(well, site, channel, 0)
                tifffile.imwrite(path, plane(well, site, channel, 0))
    return target


@pytest.fixture
def experiment(tmp_path, folder):
    path = tmp_path / "screen.tmaps"
    tmaps("create", path)
    tmaps("add", path, folder, "--pattern", PATTERN, "--plate", "plate01")
    return path


@pytest.fixture
def pipeline(tmp_path):
    path = tmp_path / "discs.yaml"
    save_pipeline(discs(), path)
    return path


def test_the_whole_way(experiment, pipeline, tmp_path):
    tmaps("convert", experiment)
    out = tmaps("analyse", experiment, "--pipeline", pipeline).output
    assert "Discs: 8 objects" in out
    for ending, read in (("csv", pd.read_csv), ("parquet", pd.read_parquet)):
        path = tmp_path / f"discs.{ending}"
        tmaps("features", experiment, "Discs", "--out", path)
        table = read(path)
        assert len(table) == 8
        assert table["well"].tolist() == ["B02"] * 4 + ["C03"] * 4
    written = tmaps(
        "save", experiment, "--well", "C3", "--site", 2, "--out", tmp_path / "one.ome.tiff"
    )
    assert "one.ome.tiff" in written.output
    image = tifffile.imread(tmp_path / "one.ome.tiff")
    assert np.array_equal(image[1], plane("C03", 2, "GFP", 0))
    folder = tmp_path / "plate.ome.zarr"
    asked = ("save", experiment, "--out", folder, "--version", "0.4", "--verify")
    assert "planes are the same when read again" in tmaps(*asked).output
    assert "is there already" in tmaps(*asked, code=1).output
    info = json.loads(tmaps("info", experiment, "--json").stdout)
    assert info["objects"] == {"Discs": 8}
    assert info["jobs"]["TERMINATED"] >= 1
    text = tmaps("info", experiment).output
    assert "Discs: 8 objects" in text
    assert "DAPI, GFP" in text


def test_scan_prints_the_documented_json(folder):
    found = json.loads(tmaps("scan", folder, "--pattern", PATTERN, "--json").stdout)
    assert found["wells"] == ["B02", "C03"]
    assert found["sites_per_well"] == {"B02": 2, "C03": 2}
    assert found["channels"] == ["DAPI", "GFP"]
    assert found["image_size"] == [64, 80]
    assert found["planes"] == 8
    assert set(found) == {
        "vendor", "plates", "wells", "sites_per_well", "channels", "size_z", "size_t", "z_planes",
        "time_points", "cycles", "image_size", "dtype", "pixel_size_um", "z_step_um", "planes",
        "oddities",
    }  # fmt: skip


def test_patterns_are_tried_on_names(folder):
    found = tmaps("scan", folder, "--try", "--pattern", PATTERN).output
    assert "8 of 8 names match." in found
    assert "well: 2 (B02, C03)" in found
    typed = r"_s(?P<site>\d" + "\n" + r"C03_s(?P<site>\d)" + "\n\n"
    told = runner.invoke(app, ["scan", str(folder), "--try"], input=typed).output
    assert "is no regular expression: missing )" in told
    assert "4 of 8 names match." in told
    assert "would be the same plane" in told
    assert "Not matched, e.g. B02_s1" in told


def test_info_has_the_keys_of_scan_and_its_own(experiment):
    info = json.loads(tmaps("info", experiment, "--json").stdout)
    assert {"vendor", "plates", "wells", "sites_per_well", "channels", "size_z", "size_t",
            "z_planes", "time_points", "cycles", "image_size", "dtype", "pixel_size_um",
            "z_step_um", "planes", "oddities", "objects", "features", "jobs",
            "stale"} <= set(info)  # fmt: skip


def test_scan_of_a_real_screen(shared_data):
    found = json.loads(tmaps("scan", shared_data / "yokogawa_cv8000_faim", "--json").stdout)
    assert found["wells"] == ["D08", "E03", "F08"]
    assert set(found["sites_per_well"].values()) == {4}
    assert (found["size_z"], found["z_step_um"]) == (4, 3.0)
    assert found["pixel_size_um"] == [0.325, 0.325]
    assert found["image_size"] == [2000, 2000]
    assert len(found["channels"]) == 2
    assert found["planes"] == 96


MISTAKES = [
    pytest.param(["scan", "{tmp}/nowhere"], "nowhere", id="no-folder"),
    pytest.param(["scan", "{tmp}/empty"], "empty", id="empty-folder"),
    pytest.param(["scan", "{folder}", "--pattern", "(?P<well>X)"], "(?P<well>X)", id="no-match"),
    pytest.param(["scan", "{folder}", "--pattern", "(?P<wel>.)"], "wel", id="unknown-group"),
    pytest.param(["scan", "{folder}", "--pattern", "(?P<well>"], "pattern", id="broken-regex"),
    pytest.param(["create", "{experiment}"], "an experiment already", id="experiment-there"),
    pytest.param(["create", "{folder}"], "not empty", id="folder-not-empty"),
    pytest.param(["info", "{folder}"], "no experiment", id="info-of-no-experiment"),
    pytest.param(["add", "{experiment}", "{tmp}/empty"], "empty", id="add-nothing"),
    pytest.param(
        ["add", "{experiment}", "{folder}", "--pattern", PATTERN, "--plate", "plate01"],
        "--acquisition", id="add-twice",
    ),
    pytest.param(
        ["add", "{experiment}", "{folder}", "--pattern", PATTERN, "--plate", "p",
         "--plate-format", "1"],
        "B02 does not fit", id="well-off-plate",
    ),
    pytest.param(
        ["add", "{experiment}", "{folder}", "--pattern", PATTERN, "--plate", "p",
         "--plate-format", "97"],
        "96", id="no-such-plate",
    ),
    pytest.param(
        ["analyse", "{experiment}", "--pipeline", "nope"], "nuclei_and_cells", id="no-pipeline"
    ),
    pytest.param(
        ["analyse", "{experiment}", "--pipeline", "{pipeline}"], "Convert it", id="not-converted"
    ),
    pytest.param(
        ["features", "{experiment}", "Nuclei", "--out", "{tmp}/x.csv"], "Nuclei", id="no-objects"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("command", "words"), MISTAKES)
def test_mistakes_get_one_clear_message(command, words, tmp_path, folder, experiment, pipeline):
    (tmp_path / "empty").mkdir()
    places = {"tmp": tmp_path, "folder": folder, "experiment": experiment, "pipeline": pipeline}
    filled = [
        arg if arg.startswith("(") or "(?P" in arg else arg.format(**places) for arg in command
    ]
    result = tmaps(*filled, code=1)
    assert words in result.output
    assert result.output.count("Error:") == 1
    assert "Traceback" not in result.output
    assert not list(tmp_path.rglob("x.csv"))


def test_traceback_only_when_asked_for(tmp_path):
    result = runner.invoke(app, ["scan", str(tmp_path / "nowhere"), "--verbose"])
    assert result.exit_code == 1
    assert result.output.index("Traceback") < result.output.index("\nError: ")


def test_a_gap_is_shown(folder, tmp_path):
    (folder / name("C03", 2, "GFP", 0)).unlink()
    path = tmp_path / "gap.tmaps"
    tmaps("create", path)
    tmaps("add", path, folder, "--pattern", PATTERN, "--plate", "plate01")
    tmaps("convert", path)
    text = tmaps("info", path).output
    assert "plate01 C03 site 2 GFP z 0 t 0" in text


def test_a_damaged_image_gives_exit_code_1_and_the_rest_is_done(experiment, folder):
    path = folder / name("B02", 1, "GFP", 0)
    path.write_bytes(path.read_bytes()[:300])
    result = tmaps("convert", experiment, code=1)
    assert path.name in result.output
    info = json.loads(tmaps("info", experiment, "--json").stdout)
    assert len(info["missing"]) == 1


def test_an_image_damaged_before_the_scan_is_named_at_each_step(folder, tmp_path):
    path = folder / name("B02", 1, "GFP", 0)
    path.write_bytes(path.read_bytes()[:300])
    assert path.name in tmaps("scan", folder, "--pattern", PATTERN, code=1).output
    experiment = tmp_path / "damaged.tmaps"
    tmaps("create", experiment)
    added = tmaps("add", experiment, folder, "--pattern", PATTERN, "--plate", "plate01")
    assert path.name in added.output
    assert path.name in tmaps("convert", experiment, code=1).output
    (gap,) = json.loads(tmaps("info", experiment, "--json").stdout)["missing"]
    assert (gap["well"], gap["channel"]) == ("B02", "GFP")


def test_unknown_channel_in_a_pipeline(experiment, tmp_path):
    tmaps("convert", experiment)
    path = tmp_path / "wrong.yaml"
    save_pipeline(discs(channels=("DAPI", "RFP")), path)
    result = tmaps("analyse", experiment, "--pipeline", path, code=1)
    assert "'RFP'" in result.output


def test_wells_can_be_chosen(experiment, pipeline):
    tmaps("convert", experiment)
    assert (
        "Discs: 4 objects"
        in tmaps("analyse", experiment, "--pipeline", pipeline, "--wells", "c3").output
    )
    result = tmaps("analyse", experiment, "--pipeline", pipeline, "--wells", "D01", code=1)
    assert "'D01'" in result.output


def test_report_and_table_of_a_scan(folder, tmp_path):
    (folder / name("C03", 2, "GFP", 0)).unlink()
    scan = ("scan", folder, "--pattern", PATTERN)
    tmaps(*scan, "--report", tmp_path / "r.json", "--table", tmp_path / "planes.csv")
    report = json.loads((tmp_path / "r.json").read_text())
    assert [(row["well"], row["site"], row["channel"]) for row in report["missing"]] == [
        ("C03", 2, "GFP")
    ]
    assert len(pd.read_csv(tmp_path / "planes.csv")) == 8
    tmaps(*scan, "--report", tmp_path / "r.txt")
    assert "C03 site 2 GFP" in (tmp_path / "r.txt").read_text()
    assert ".json or .txt" in tmaps(*scan, "--report", tmp_path / "r.pdf", code=1).output


def test_import_profile(folder, tmp_path):
    profile = tmp_path / "profile.yaml"
    profile.write_text(
        f"pattern: '{PATTERN}'\nplate: P7\npixel_size_um: 0.5\n"
        "channels: {GFP: Tubulin}\nexclude: [well=C03]\n"
    )
    found = json.loads(tmaps("scan", folder, "--profile", profile, "--json").stdout)
    assert found["plates"] == ["P7"]
    assert found["wells"] == ["B02"]
    assert found["channels"] == ["DAPI", "Tubulin"]
    assert found["pixel_size_um"] == [0.5, 0.5]
    path = tmp_path / "profiled.tmaps"
    tmaps("create", path)
    tmaps("add", path, folder, "--profile", profile)
    tmaps("convert", path)
    assert json.loads(tmaps("info", path, "--json").stdout)["channels"] == ["DAPI", "Tubulin"]
    profile.write_text(
        f"pattern: '{PATTERN}'\ngrid: {{stitch_layout: vertical, n_vertical: 2, n_horizontal: 1}}\n"
    )
    path = tmp_path / "grid.tmaps"
    tmaps("create", path)
    tmaps("add", path, folder, "--profile", profile, "--plate", "p")
    tmaps("convert", path)
    with Experiment.open(path) as opened:
        assert opened.sites("p", "B02")[["y", "x"]].to_numpy().tolist() == [[0, 0], [1, 0]]
    profile.write_text("exclude: [well=H12]\n")
    assert "H12" in tmaps("scan", folder, "--profile", profile, code=1).output


def test_strict_scan(tmp_path, folder):
    tmaps("scan", folder, "--pattern", PATTERN)
    tmaps("scan", folder, "--pattern", PATTERN, "--strict", code=1)


def test_help_and_version():
    text = tmaps("--help").output
    for command in ("demo", "scan", "create", "add", "convert", "analyse", "features", "info"):
        assert command in text
    assert __version__ in tmaps("--version").output


def test_ready_pipelines_are_listed():
    assert "nuclei_and_cells" in tmaps("pipelines").output


@pytest.mark.parametrize("module", ["napari_tmaps", "napari_tmaps.cli.commands"])
def test_nothing_heavy_is_imported_at_start(module):
    code = (
        f"import sys, {module}\n"
        "heavy = {'numpy', 'pandas', 'zarr', 'numba', 'skimage', 'napari', 'sqlalchemy', 'qtpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
