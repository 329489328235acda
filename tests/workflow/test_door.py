"""The workflow from Python, and what a submission would need before it is sent."""

from __future__ import annotations

import json
import subprocess
import sys
import threading

import pytest
from tests.workflow.screen import name
from tests.workflow.test_faults import make  # noqa: F401

import napari_tmaps
from napari_tmaps.errors import InputError, NotFoundError
from napari_tmaps.model.progress import run
from napari_tmaps.workflow.description import with_argument
from napari_tmaps.workflow.door import Workflow
from napari_tmaps.workflow.engines import EngineChoice

THREADS = EngineChoice(kind="threads", workers=2)


@pytest.fixture
def flow(make):  # noqa: F811
    path = make("door").path
    with napari_tmaps.Experiment.open(path) as experiment:
        yield experiment.workflow


def everything(path):
    return {
        each: each.stat().st_mtime_ns
        for each in path.rglob("*")
        if "experiment.db" not in each.name and each != path
    }


def test_submit_resume_resubmit_status(flow):
    stages = {event.stage for event in flow.submit(engine=THREADS, wells=["B02"])}
    assert {"metaextract", "imextract", "jterator"} <= stages
    assert len(flow.experiment.features.read("Discs")) == 4
    assert flow.status()["submission"]["state"] == "TERMINATED"
    assert run(flow.resume()) == []
    assert any("already" in event.message for event in flow.resubmit("image_analysis"))
    assert [step.name for step in flow.description.active()][-1] == "jterator"
    assert run(flow.submit(engine=THREADS, stage="jterator", pipeline="discs")) == []
    assert len(flow.experiment.features.read("Discs")) == 8


def test_what_cannot_run_is_told_at_once(flow):
    with pytest.raises(NotFoundError, match="nope"):
        flow.submit(pipeline="nope")
    with pytest.raises(InputError, match="needs 'metaextract'"):
        flow.submit(stage="metaconfig", until="metaconfig")
    with pytest.raises(NotFoundError, match="Nothing is at work"):
        flow.kill()


def test_kill_from_another_thread(flow):
    killed = []
    events = flow.submit(engine=THREADS)
    next(events)
    thread = threading.Thread(target=lambda: killed.append(flow.kill(20)))
    thread.start()
    last = [*events][-1]
    thread.join()
    assert killed == [True]
    assert "Stopped" in last.message
    assert run(flow.resume()) == []


def test_kill_does_not_wait_for_ever(flow):
    events = flow.submit(engine=THREADS)
    next(events)
    assert flow.kill(0.2) is False
    events.close()


def test_a_dry_run_writes_nothing_and_tries_one_site(flow):
    path = flow.experiment.path
    before = everything(path)
    plan = flow.dry_run()
    assert everything(path) == before
    rows = {row["step"]: row for row in plan["steps"]}
    units = {step: row["units"] for step, row in rows.items()}
    assert units["metaextract"] == 8
    assert units["imextract"] == units["jterator"] == 4
    for step in ("metaextract", "imextract", "jterator"):
        assert rows[step]["seconds"] > 0
        assert rows[step]["memory_mb"] > 50
        assert rows[step]["note"] == ""
    sites = sum(each.stat().st_size for each in (path.parent / "microscope folder").iterdir())
    assert 0 < rows["imextract"]["disk_mb"] < 3 * sites / 1e6
    assert plan["seconds"] * plan["workers"] >= rows["jterator"]["seconds"]
    assert plan["disk_mb"] < plan["free_mb"]
    json.dumps(plan)


def test_a_dry_run_of_a_file_of_tissuemaps(flow):
    """Its unused arguments, which mean nothing here, are left out as by a submission."""
    description = with_argument(flow.description, "jterator", "plot", False)
    rows = flow.dry_run(flow.request(description), probe=False)["steps"]
    assert [row["step"] for row in rows] == ["metaextract", "metaconfig", "imextract", "jterator"]


def test_a_dry_run_knows_what_is_done(flow):
    run(flow.submit(engine=THREADS, until="imextract"))
    before = everything(flow.experiment.path)
    plan = flow.dry_run()
    assert everything(flow.experiment.path) == before
    rows = {row["step"]: row for row in plan["steps"]}
    assert [rows[step]["jobs"] for step in ("metaextract", "metaconfig", "imextract")] == [0, 0, 0]
    assert rows["jterator"]["units"] == 4
    assert rows["jterator"]["seconds"] > 0
    run(flow.submit(engine=THREADS))
    (row,) = flow.dry_run(flow.request(stage="jterator"))["steps"]
    assert (row["jobs"], row["seconds"]) == (0, None)
    quick = flow.dry_run(flow.request(wells=["B02"]), probe=False)
    assert quick["seconds"] is None


def test_a_dry_run_on_a_bad_site_says_so(flow, folder):
    run(flow.submit(engine=THREADS, until="metaconfig"))
    for site in (1, 2):
        (folder / name("C03", site, "DAPI", 0)).write_bytes(b"broken")
    plan = flow.dry_run(flow.request(wells=["C03"]))
    row = next(row for row in plan["steps"] if row["step"] == "imextract")
    assert "The probe failed: plate01 C03 site 2" in row["note"]
    assert row["units"] == 2
    assert row["seconds"] is None


def test_the_class_for_experiments_of_the_store(make):  # noqa: F811
    assert Workflow(make("store")).status()["submission"] is None


@pytest.mark.parametrize("kind", ["processes", "dask"])
def test_a_script_needs_no_guard(flow, tmp_path, kind):
    """Workers do not run it again, though it has no `if __name__ == "__main__":`."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from napari_tmaps import Experiment\n"
        "from napari_tmaps.workflow.engines import EngineChoice\n"
        "print('begun')\n"
        "with Experiment.open(sys.argv[1]) as experiment:\n"
        f"    choice = EngineChoice(kind={kind!r}, workers=1)\n"
        "    failed = [e for e in experiment.workflow.submit(engine=choice) if e.failed]\n"
        "print(len(failed), 'failed')\n"
    )
    command = [sys.executable, str(script), str(flow.experiment.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split("\n") == ["begun", "0 failed", ""]
