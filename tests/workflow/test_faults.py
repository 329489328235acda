"""What is disturbed and gone on with equals what was never disturbed, byte for byte."""

from __future__ import annotations

import hashlib
import os
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.workflow.screen import PATTERN, name, write_screen
from tests.workflow.test_analyse import discs
from tests.workflow.toys import DyingExtractor

from napari_tmaps.errors import StorageError
from napari_tmaps.model.progress import run
from napari_tmaps.pipeline import save_pipeline
from napari_tmaps.store.catalogue import Catalogue, database
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.vendors import scan
from napari_tmaps.workflow import analyse, convert
from napari_tmaps.workflow.batches import StepFolder
from napari_tmaps.workflow.engines import EngineChoice
from napari_tmaps.workflow.imextract import ImageExtractor, ImextractArguments
from napari_tmaps.workflow.phases import run_phases
from napari_tmaps.workflow.status import status
from napari_tmaps.workflow.submission import prepare, resume, submit

ROOT = Path(__file__).resolve().parents[2]
THREADS = EngineChoice(kind="threads", workers=2)


def contents(experiment: Experiment) -> dict[str, str]:
    """Digest of every file of plates and tables."""
    return {
        str(path.relative_to(experiment.path)): hashlib.sha1(path.read_bytes()).hexdigest()
        for room in ("plates", "features", "metadata")
        for path in sorted((experiment.path / room).rglob("*"))
        if path.is_file() and not path.name.endswith(".zip")
    }


def make_experiment(path: Path, folder: Path) -> Experiment:
    """An experiment of a screen, with the pipeline 'discs'."""
    experiment = Experiment.create(path)
    experiment.add(scan(folder, pattern=PATTERN), plate="plate01")
    (experiment.path / "pipelines").mkdir()
    save_pipeline(discs(), experiment.path / "pipelines" / "discs.yaml")
    return experiment


@pytest.fixture
def make(tmp_path, folder):
    """Makes experiments of the same screen."""
    opened = []

    def made(label: str) -> Experiment:
        opened.append(make_experiment(tmp_path / f"{label}.tmaps", folder))
        return opened[-1]

    yield made
    for experiment in opened:
        experiment.close()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """What a run that nothing disturbs gives."""
    parent = tmp_path_factory.mktemp("undisturbed")
    write_screen(parent / "microscope folder")
    with make_experiment(parent / "undisturbed.tmaps", parent / "microscope folder") as experiment:
        assert run(submit(experiment, prepare(experiment, engine=THREADS))) == []
        return contents(experiment)


def coordinator(experiment: Experiment, statements: str) -> subprocess.Popen[bytes]:
    """Another process that works on the experiment."""
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from napari_tmaps.store.experiment import Experiment\n"
        "from napari_tmaps.workflow.local import run_step\n"
        "from tests.workflow.toys import SlowRunner\n"
        f"experiment = Experiment.open({str(experiment.path)!r})\n{statements}"
    )
    return subprocess.Popen([sys.executable, "-c", script])


def wait_for(condition, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def test_worker_killed_in_the_middle_of_a_write(make, undisturbed):
    experiment = make("killed")
    run(submit(experiment, prepare(experiment, until="metaconfig", engine=THREADS)))
    with EngineChoice(kind="processes", workers=1).make() as engine:
        step = DyingExtractor(experiment)
        assert run(run_phases(step, ImextractArguments(), engine)) == []
    assert (experiment.path / "killed").exists()
    assert not list(experiment.path.rglob(".*.part"))
    run(submit(experiment, prepare(experiment, engine=THREADS)))
    assert contents(experiment) == undisturbed


def test_killed_coordinator(make, undisturbed):
    experiment = make("killed")
    run(convert(experiment))
    process = coordinator(
        experiment,
        "runner = SlowRunner(experiment)\n"
        "for event in run_step(runner, runner.Arguments(batch_size=1), workers=1): pass\n",
    )
    files = StepFolder(experiment.path, "jterator")
    wait_for(lambda: files.is_open() and len(files.finished()) >= 2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = len(files.finished())
    assert finished < 4
    assert files.is_open()
    events = list(submit(experiment, prepare(experiment, engine=THREADS)))
    assert f"{finished} jobs of an interrupted run are kept." in [e.message for e in events]
    assert len(files.jobs()) == 4 - finished
    assert contents(experiment) == undisturbed


def test_coordinator_killed_while_it_collects(make, undisturbed, monkeypatch):
    experiment = make("collecting")
    run(convert(experiment))

    def killed(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(Catalogue, "set_analysed", killed)
    with pytest.raises(KeyboardInterrupt):
        run(analyse(experiment, discs()))
    monkeypatch.undo()
    assert StepFolder(experiment.path, "jterator").is_open()
    events = list(submit(experiment, prepare(experiment, engine=THREADS)))
    assert any("interrupted run are kept" in event.message for event in events)
    assert any("analysed already" in event.message for event in events)
    assert contents(experiment) == undisturbed


def test_corrupted_source_then_repaired(make, undisturbed, folder):
    experiment = make("corrupted")
    path = folder / name("B02", 1, "GFP", 0)
    content = path.read_bytes()
    path.write_bytes(content[:100])
    failed = run(submit(experiment, prepare(experiment, engine=THREADS)))
    assert len(failed) == 2  # the image, and the site that needs it
    assert len(experiment.features.read("Discs")) == 6
    path.write_bytes(content)
    assert run(resume(experiment)) == []
    assert experiment.info()["missing"] == []
    again = contents(experiment)
    assert {k: v for k, v in again.items() if not k.startswith("metadata")} == {
        k: v for k, v in undisturbed.items() if not k.startswith("metadata")
    }


def test_source_that_was_damaged_when_it_was_added(make, undisturbed, folder):
    path = folder / name("B02", 1, "GFP", 0)
    content = path.read_bytes()
    path.write_bytes(content[:100])
    experiment = make("damaged")
    told = run(submit(experiment, prepare(experiment, engine=THREADS)))
    advice = shlex.join(["tmaps", "add", str(experiment.path), str(folder), "--plate", "plate01"])
    assert advice in told[0].message
    assert all("--update" in event.message for event in told)
    problems = {step["name"]: step["problems"] for step in status(experiment)["steps"]}
    assert problems["metaconfig"] == [told[0].message]
    assert problems["jterator"] == [told[1].message]
    path.write_bytes(content)
    experiment.add(scan(folder, pattern=PATTERN), plate="plate01", update=True)
    assert run(resume(experiment)) == []
    assert contents(experiment) == undisturbed


def test_what_was_cleaned_up_is_made_again(make, undisturbed):
    experiment = make("cleaned")
    run(submit(experiment, prepare(experiment, engine=THREADS)))
    ImageExtractor(experiment).delete_previous_job_output()
    experiment.catalogue.set_jobs("imextract", [])  # as cleanup does
    assert run(resume(experiment)) == []
    assert contents(experiment) == undisturbed


def test_database_locked_by_another_program(make, undisturbed, monkeypatch):
    monkeypatch.setattr(database, "WAIT_S", 0.1)
    path = make("locked").path
    with Experiment.open(path) as experiment:
        run(convert(experiment))
        request = prepare(experiment, engine=THREADS)
        other = sqlite3.connect(path / "experiment.db")
        other.execute("BEGIN IMMEDIATE")
        try:
            with pytest.raises(StorageError, match="locked"):
                run(submit(experiment, request))
        finally:
            other.rollback()
            other.close()
        assert run(submit(experiment, request)) == []
        assert contents(experiment) == undisturbed


def test_full_disk_while_batches_are_written(make, undisturbed, monkeypatch):
    experiment = make("full")
    run(convert(experiment))
    whole = Path.write_text

    def full(self, *args, **kwargs):
        if "run-000003" in self.name:
            raise OSError(28, "No space left on device")
        return whole(self, *args, **kwargs)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StorageError, match="disk is full"):
        run(submit(experiment, prepare(experiment, engine=THREADS)))
    monkeypatch.undo()
    assert experiment.catalogue.submissions().iloc[-1]["state"] == "FAILED"
    assert run(resume(experiment)) == []
    assert contents(experiment) == undisturbed


def test_ctrl_c_in_another_process(make, undisturbed):
    experiment = make("stopped")
    run(convert(experiment))
    process = coordinator(
        experiment,
        "runner = SlowRunner(experiment)\n"
        "try:\n"
        "    for event in run_step(runner, runner.Arguments(batch_size=1), workers=1): pass\n"
        "except KeyboardInterrupt: sys.exit(130)\n",
    )
    files = StepFolder(experiment.path, "jterator")
    wait_for(lambda: files.is_open() and len(files.finished()) >= 1)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(30) == 130
    assert not files.is_open()
    assert 0 < len(experiment.features.read("Discs")) < 8
    assert run(submit(experiment, prepare(experiment, engine=THREADS))) == []
    assert contents(experiment) == undisturbed
