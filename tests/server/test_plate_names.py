"""Other names for plates and acquisitions, wherever an experiment has them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import zarr
from tests.server.running import make_screen, opened_from_afar, running, settings_with_users
from tests.workflow.rounds import make_experiment
from tests.workflow.screen import PATTERN, plane, write_screen
from tests.workflow.test_analyse import discs
from typer.testing import CliRunner

from napari_tmaps.cli.commands import app
from napari_tmaps.client import TmClient
from napari_tmaps.client.program import main
from napari_tmaps.errors import ExistsError, InputError, NotFoundError
from napari_tmaps.pipeline.shelf import Shelf
from napari_tmaps.store import exclusions
from napari_tmaps.store.corrections import Corrections, SiteObjects
from napari_tmaps.store.maps import open_map
from napari_tmaps.store.plate_map import PlateMap, load_plate_map, save_plate_map
from napari_tmaps.store.selections import Selection, SelectionStore
from napari_tmaps.vendors import scan
from napari_tmaps.workflow import analyse, convert
from napari_tmaps.workflow.align import AlignArguments, ImageRegistrator
from napari_tmaps.workflow.corilla import CorillaArguments, IlluminationCalculator
from napari_tmaps.workflow.description import with_argument
from napari_tmaps.workflow.door import Experiment
from napari_tmaps.workflow.illuminati import IlluminatiArguments, PyramidBuilder
from napari_tmaps.workflow.local import run_step
from napari_tmaps.workflow.lock import coordinating

OLD, NEW = "plate01", "Plate A"
ALIGN = AlignArguments(ref_wavelength="DAPI")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiment with all that can have the name of a plate."""
    path = make_screen(tmp_path_factory.mktemp("whole"))
    with Experiment.open(path) as experiment:
        step = IlluminationCalculator(experiment)
        list(run_step(step, CorillaArguments(by="plate")))
        place = SiteObjects("Discs", OLD, "C03", 2)
        labels = experiment.labels(OLD, "C03", 2, "Discs")
        Corrections(experiment).save(place, labels, np.where(labels == 1, 0, labels))
        list(run_step(PyramidBuilder(experiment), IlluminatiArguments()))
        one = experiment.features.read("Discs").reset_index().iloc[:1]
        SelectionStore(path / "selections").save("Discs", {"mine": Selection(one, "#ff0000")})
        exclusions.change(experiment.catalogue, "exclude", [(OLD, "B02", 1)], "dust", "anna")
        wells = pd.DataFrame({"plate": [OLD], "well": ["B02"], "treatment": ["DMSO"]})
        save_plate_map(PlateMap(wells), path, [OLD], "anna")
        (path / "uploads" / ".about" / OLD).mkdir(parents=True)
        (path / "uploads" / OLD / "later").mkdir(parents=True)
    with served(path) as client:
        client.run_tool("cluster", "Discs", {"clusters": 2}, result="groups")
    return path


@contextmanager
def served(path: Path) -> Iterator[TmClient]:
    with (
        running(settings_with_users(path.parent)) as port,
        TmClient("127.0.0.1", port, "demo", "XXX", "test") as client,
    ):
        yield client


@pytest.fixture
def own(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "served" / "test.tmaps"))


def places_of(path: Path, name: str) -> list[str]:
    """Files and folders with a name, and files that say it; logs tell what was."""
    found = []
    for each in path.rglob("*"):
        here = each.relative_to(path).as_posix()
        if here.startswith(("logs", "workflow", "tools", "experiment.db")):
            continue
        if name in here or (each.is_file() and name.encode() in each.read_bytes()):
            found.append(here)
    return found


def test_a_plate_has_its_new_name_everywhere(own: Path) -> None:
    assert len(places_of(own, OLD)) > 20
    with Experiment.open(own) as experiment:
        before = experiment.features.read("Discs").reset_index()
        illuminated = experiment.illumination.find("DAPI", OLD, "B02", 1, 0, 0)
        experiment.rename_plate(OLD, NEW)
        assert places_of(own, OLD) == []
        assert experiment.plate_names() == [NEW]
        after = experiment.features.read("Discs").reset_index()
        pd.testing.assert_frame_equal(after.assign(plate=OLD), before.assign(plate=OLD))
        assert set(after["plate"]) == {NEW}
        assert experiment.illumination.find("DAPI", NEW, "B02", 1, 0, 0).key == illuminated.key
        (edit,) = Corrections(experiment).edits()
        assert edit.place == SiteObjects("Discs", NEW, "C03", 2)
        (mine,) = SelectionStore(own / "selections").load("Discs").values()
        assert set(mine.objects["plate"]) == {NEW}
        assert exclusions.excluded(experiment.catalogue) == {(NEW, "B02", 1): "dust"}
        assert load_plate_map(own, [NEW]).wells["treatment"].tolist() == ["DMSO"]
        assert {row["plate"] for row in experiment.catalogue.acquisitions().to_dict("records")} == {
            NEW
        }
        # By another program:
        group = zarr.open_group(own / "plates" / f"{NEW}.ome.zarr", mode="r")
        assert group.attrs["ome"]["plate"]["name"] == NEW
        pixels = np.asarray(group["C/03/2/0"])[0, 1, 0]
        np.testing.assert_array_equal(pixels, plane("C03", 2, "GFP", 0))


def test_nothing_is_made_anew(own: Path) -> None:
    with Experiment.open(own) as experiment:
        experiment.rename_plate(OLD, NEW)
        built = open_map(experiment, NEW)
        assert built.built
        assert built.stale_wells() == {}
        kept = [*own.glob("plates/**/c/**/*"), *own.glob("illumination/*/*.tif")]
        kept += own.glob("features/*/*/*.parquet")
        written = {path: path.stat().st_mtime_ns for path in kept if path.is_file()}
        list(convert(experiment, workers=1))
        corilla = IlluminationCalculator(experiment)
        list(run_step(corilla, CorillaArguments(by="plate")))
        assert (
            list(
                IlluminationCalculator(experiment).create_run_batches(CorillaArguments(by="plate"))
            )
            == []
        )
        list(analyse(experiment, discs(), workers=1))
        assert {path: path.stat().st_mtime_ns for path in written} == written
        assert not experiment.catalogue.object_types()["stale"].any()
        assert open_map(experiment, NEW).stale_wells() == {}
        experiment.rename_plate(NEW, OLD)
        assert experiment.catalogue.first_names() == {}
        assert open_map(experiment, OLD).stale_wells() == {}


def test_a_plate_of_the_first_name_comes_later(own: Path) -> None:
    with Experiment.open(own) as experiment:
        experiment.rename_plate(OLD, NEW)
        with pytest.raises(NotFoundError, match=f"no plate '{OLD}'"):
            experiment.plate(OLD)
        (own / "uploads" / OLD).mkdir()
        experiment.rename_plate(OLD, "third")  # one that was only declared
        assert not (own / "uploads" / OLD).exists()
        assert (own / "uploads" / "third").is_dir()
        assert experiment.catalogue.first_names() == {NEW: OLD}, "no digest has that of the third"
        assert experiment.plate_names() == [NEW]


class PowerCut(BaseException):
    """Nothing goes on after that."""


def test_a_power_cut_at_any_moment(own: Path, tmp_path: Path, monkeypatch) -> None:
    """Before the n-th file takes its name, for each n: who opens the experiment goes on."""
    replace, steps = os.replace, 0

    def counted(*paths: Any) -> None:
        nonlocal steps
        steps += 1
        if steps == most:
            raise PowerCut
        replace(*paths)

    most, cuts = 0, 0
    with Experiment.open(own) as experiment:
        features = experiment.features.read("Discs").reset_index().drop(columns="plate")
    while True:
        most, steps = most + 1, 0
        path = Path(shutil.copytree(own, tmp_path / "cut" / f"{most}.tmaps"))
        with Experiment.open(path) as experiment:
            monkeypatch.setattr(os, "replace", counted)
            try:
                experiment.rename_plate(OLD, NEW)
                break
            except PowerCut:
                cuts += 1
            finally:
                monkeypatch.setattr(os, "replace", replace)
        with Experiment.open(path) as experiment:
            assert experiment.plate_names() == [NEW]
            assert places_of(path, OLD) == []
            assert open_map(experiment, NEW).stale_wells() == {}
            after = experiment.features.read("Discs").reset_index()
            assert set(after["plate"]) == {NEW}
            pd.testing.assert_frame_equal(after.drop(columns="plate"), features)
            image = experiment.image(NEW, "C03", 2, "GFP")
            np.testing.assert_array_equal(image[0], plane("C03", 2, "GFP", 0))
        shutil.rmtree(path)
    assert cuts > 12


def test_a_process_that_is_killed(own: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "from napari_tmaps.store import plate_names\n"
        "from napari_tmaps.workflow.door import Experiment\n"
        "plate_names._in_csv = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"Experiment.open(sys.argv[1]).rename_plate({OLD!r}, {NEW!r})\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(own)], check=False)
    assert done.returncode == -signal.SIGKILL
    with Experiment.open(own) as experiment:
        assert experiment.plate_names() == [NEW]
        assert places_of(own, OLD) == []
        experiment.rename_plate(NEW, OLD)  # the dead process holds nothing up


def test_staining_rounds_stay_aligned(tmp_path: Path) -> None:
    with make_experiment(tmp_path) as made:
        list(run_step(ImageRegistrator(made), ALIGN))
        before = {site: made.shifts.window("p", "B02", site) for site in (1, 2)}
        path = made.path
    with Experiment.open(path) as experiment:
        experiment.rename_plate("p", "q")
        assert {site: experiment.shifts.window("q", "B02", site) for site in (1, 2)} == before
        assert list(ImageRegistrator(experiment).create_run_batches(ALIGN)) == []


@pytest.mark.parametrize("step", ["imextract", "jterator"])
def test_a_run_that_was_stopped_goes_on_under_the_new_name(tmp_path: Path, step: str) -> None:
    write_screen(tmp_path / "microscope")
    path = tmp_path / "e.tmaps"
    with Experiment.create(path) as experiment:
        experiment.add(scan(tmp_path / "microscope", pattern=PATTERN), plate=OLD)
        Shelf(path / "pipelines").save("discs", discs())
        description = experiment.workflow.description
        for each in ("imextract", "jterator"):
            description = with_argument(description, each, "batch_size", 1)
        events = experiment.workflow.submit(description, pipeline="discs")
        half = next(event for event in events if event.stage == step and event.done == 2)
        assert half.total == 4
        events.close()
        experiment.rename_plate(OLD, NEW)
        assert [event for event in experiment.workflow.resume() if event.failed] == []
        assert len(experiment.features.read("Discs")) == 8
    assert places_of(path, OLD) == []


def test_acquisitions(own: Path) -> None:
    with Experiment.open(own) as experiment:
        experiment.rename_acquisition(OLD, "acquisition01", "day 1")
        experiment.rename_acquisition(OLD, "later", "day 2")
        assert experiment.catalogue.acquisitions()["name"].tolist() == ["day 1"]
        assert (own / "metadata" / OLD / "day 1").is_dir()
        assert (own / "uploads" / OLD / "day 2").is_dir()
        assert places_of(own, "acquisition01") == places_of(own, "later") == []
        with pytest.raises(NotFoundError, match="no acquisition of plate 'plate01' 'later'"):
            experiment.rename_acquisition(OLD, "later", "x")
        with pytest.raises(ExistsError, match="There is an acquisition of plate"):
            experiment.rename_acquisition(OLD, "day 1", "day 2")
        with pytest.raises(NotFoundError, match="no plate 'none'"):
            experiment.rename_acquisition("none", "a", "b")


def test_files_that_were_sent_are_found_again(tmp_path: Path) -> None:
    screen = make_screen(tmp_path)
    source = sorted((tmp_path / "microscope").iterdir())
    with served(screen) as client:
        client.create_plate("sent")
        client.create_acquisition("sent", "first", pattern=PATTERN)
        client.upload_microscope_files("sent", "first", tmp_path / "microscope")
        client.rename_plate("sent", "posted")
        client.rename_acquisition("posted", "first", "one")
        rows = client.get_microscope_files("posted", "one")
        assert len(rows) == len(source)
        assert {row["status"] for row in rows} == {"COMPLETE"}
        assert client.upload_microscope_files("posted", "one", tmp_path / "microscope") == []


@pytest.mark.parametrize(
    ("old", "new", "kind", "text"),
    [
        ("none", "x", NotFoundError, "no plate 'none'"),
        (OLD, "a/b", InputError, "cannot be the name of a plate"),
        (OLD, "..", InputError, "cannot be the name of a plate"),
        (OLD, "other", ExistsError, "There is a plate 'other' already"),
        (OLD, "left", ExistsError, "is there already, of something that had that name"),
    ],
)
def test_names_that_plates_cannot_have(own: Path, old, new, kind, text) -> None:
    (own / "uploads" / "other").mkdir()
    (own / "maps" / "left").mkdir()
    with Experiment.open(own) as experiment:
        before = experiment.catalogue.plates()
        with pytest.raises(kind, match=text):
            experiment.rename_plate(old, new)
        pd.testing.assert_frame_equal(experiment.catalogue.plates(), before)
        assert experiment.catalogue.planned_name() is None


def test_not_while_something_is_at_work(own: Path) -> None:
    with (
        coordinating(own, "a workflow"),
        Experiment.open(own) as experiment,
        pytest.raises(ExistsError, match="is being worked on"),
    ):
        experiment.rename_plate(OLD, NEW)


def test_by_all_doors(own: Path, tmp_path: Path) -> None:
    named = CliRunner().invoke(app, ["rename-plate", str(own), OLD, "B"])
    assert named.exit_code == 0, named.output
    assert "The plate 'plate01' is called 'B'." in named.output
    named = CliRunner().invoke(app, ["rename-acquisition", str(own), "B", "acquisition01", "one"])
    assert named.exit_code == 0, named.output
    with served(own) as client:
        start = ["-P", str(client.session.port), "-u", "demo", "-p", "XXX"]
        words = ["plate", "-e", "test", "rename", "-n", "B", "--new-name", "C"]
        assert main([*start, *words]) == 0
        words = ["acquisition", "-e", "test", "rename", "-p", "C", "-n", "one", "--new-name", "two"]
        assert main([*start, *words]) == 0
        assert [row["name"] for row in client.get_plates()] == ["C"]
        assert "two" in [row["name"] for row in client.get_acquisitions("C")]
    far = Path(shutil.copytree(own, tmp_path / "far" / "test.tmaps"))
    with opened_from_afar(far, tmp_path / "here") as experiment:
        experiment.rename_plate("C", "D")
        experiment.rename_acquisition("D", "two", "three")
        assert experiment.plate_names() == ["D"]
        image = experiment.image("D", "B02", 1, "GFP")
        np.testing.assert_array_equal(image[0], plane("B02", 1, "GFP", 0))
