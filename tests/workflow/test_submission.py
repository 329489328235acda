"""Submissions: the same result from every engine, parts of plates, stopping and going on."""

from __future__ import annotations

import json
import subprocess
import sys

import psutil
import pytest
from tests.workflow.screen import name
from tests.workflow.test_faults import contents, coordinator, make, undisturbed, wait_for  # noqa: F401

from napari_tmaps.errors import ExistsError, InputError, NotFoundError, StorageError
from napari_tmaps.model.progress import run
from napari_tmaps.workflow import convert, detached
from napari_tmaps.workflow.batches import StepFolder
from napari_tmaps.workflow.description import default_description, save_workflow, with_argument
from napari_tmaps.workflow.engines import EngineChoice
from napari_tmaps.workflow.lock import WORKFLOW, ask_to_stop, coordinating
from napari_tmaps.workflow.lock import coordinator as at_work
from napari_tmaps.workflow.status import status
from napari_tmaps.workflow.submission import (
    Subset,
    last_submission,
    prepare,
    resume,
    submit,
)

THREADS = EngineChoice(kind="threads", workers=2)


def through_files(experiment):
    """init, run --job N and collect; some jobs in a process of their own, which knows nothing."""
    from typer.testing import CliRunner

    from napari_tmaps.cli.steps import step_app

    folder = str(experiment.path)
    for step in ("metaextract", "metaconfig", "imextract", "jterator"):
        app = step_app(step)

        def tmaps(*args, app=app):
            done = CliRunner().invoke(app, [folder, *args])
            assert done.exit_code == 0, done.output

        tmaps("init")
        for job in StepFolder(experiment.path, step).jobs():
            args = ["run", "--job", str(job), "--assume-clean-state"]
            if job == 2:
                command = [sys.executable, "-m", "napari_tmaps.cli", step, folder, *args]
                subprocess.run(command, check=True, capture_output=True)
            else:
                tmaps(*args)
        tmaps("collect")


def test_threads_where_the_jobs_free_the_interpreter(make, undisturbed, monkeypatch):  # noqa: F811
    from napari_tmaps.workflow import engine_dask

    used = []
    start = engine_dask.start_local

    def watched(workers, *, threads=False):
        used.append(threads)
        return start(workers, threads=threads)

    monkeypatch.setattr(engine_dask, "start_local", watched)
    experiment = make("interpreter")
    choice = EngineChoice(workers=2)
    assert run(submit(experiment, prepare(experiment, until="imextract", engine=choice))) == []
    assert run(submit(experiment, prepare(experiment, start="jterator", engine=choice))) == []
    assert used == [False, True]  # reading and writing files is Python; modules are not
    assert contents(experiment) == undisturbed


@pytest.mark.parametrize("kind", ["processes", "dask", "scheduler", "files"])
def test_every_engine_gives_the_same_tables_and_pixels(kind, make, undisturbed):  # noqa: F811
    experiment = make(kind)
    if kind == "files":
        through_files(experiment)
    elif kind == "scheduler":
        from distributed import LocalCluster

        with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0") as cluster:
            choice = EngineChoice(scheduler=cluster.scheduler_address)
            assert run(submit(experiment, prepare(experiment, engine=choice))) == []
    else:
        choice = EngineChoice(kind=kind, workers=2)
        assert run(submit(experiment, prepare(experiment, engine=choice))) == []
    assert contents(experiment) == undisturbed


def test_a_cluster_with_a_queue(make, undisturbed, tmp_path, monkeypatch):  # noqa: F811
    """dask-jobqueue is stood in for by a local cluster that takes its words."""
    import types

    from distributed import LocalCluster

    asked = {}

    class Queue(LocalCluster):
        def __init__(self, queue, cores, processes):
            asked["options"] = (queue, cores, processes)
            super().__init__(n_workers=0, threads_per_worker=1, dashboard_address=":0")

        def scale(self, jobs):
            asked.setdefault("jobs", jobs)  # closing scales to none
            super().scale(jobs)

    monkeypatch.setitem(sys.modules, "dask_jobqueue", types.SimpleNamespace(SLURMCluster=Queue))
    path = tmp_path / "slurm.yaml"
    path.write_text("{kind: slurm, queue: short, cores: 2, jobs: 1}")
    experiment = make("queue")
    choice = EngineChoice(cluster=str(path))
    assert run(submit(experiment, prepare(experiment, engine=choice))) == []
    assert asked == {"options": ("short", 2, 2), "jobs": 1}  # one job a process
    assert contents(experiment) == undisturbed


def test_second_run_skips_all_and_says_so(make):  # noqa: F811
    experiment = make("twice")
    run(submit(experiment, prepare(experiment, engine=THREADS)))
    messages = [e.message for e in submit(experiment, prepare(experiment, engine=THREADS))]
    assert "All images are there already." in messages
    assert "All sites are analysed already." in messages


@pytest.mark.parametrize(
    ("subset", "sites"),
    [
        pytest.param({"wells": ("b2",)}, {("B02", 1), ("B02", 2)}, id="wells"),
        pytest.param({"sites": (2,)}, {("B02", 2), ("C03", 2)}, id="sites"),
        pytest.param({"wells": ("C03",), "sites": (1,)}, {("C03", 1)}, id="both"),
    ],
)
def test_parts_of_a_plate(make, subset, sites):  # noqa: F811
    experiment = make("part")
    run(submit(experiment, prepare(experiment, subset=Subset(**subset), engine=THREADS)))
    table = experiment.features.read("Discs").reset_index()
    assert set(zip(table["well"], table["site"], strict=True)) == sites
    written = {
        (well, site)
        for well in ("B02", "C03")
        for site in (1, 2)
        if experiment.plate("plate01").image_path(well, site).exists()
    }
    assert written == sites


def test_random_sites_are_always_the_same(make):  # noqa: F811
    experiment = make("random")
    run(convert(experiment))
    sites = experiment.catalogue.sites()
    chosen = Subset(random=3).choose(sites)
    assert len(set(chosen)) == 3
    assert chosen == Subset(random=3).choose(sites)
    assert len(Subset(random=9).choose(sites)) == 4
    for wrong in (Subset(wells=("A01",)), Subset(sites=(7,))):
        with pytest.raises(NotFoundError, match="There are"):
            wrong.choose(sites)


def test_failed_sites_are_tried_again(make, folder):  # noqa: F811
    experiment = make("again")
    path = folder / name("C03", 1, "DAPI", 0)
    content = path.read_bytes()
    path.write_bytes(b"nothing")
    failed = run(submit(experiment, prepare(experiment, engine=THREADS)))
    assert all("C03 site 1" in event.message for event in failed)
    assert last_submission(experiment)[2]["imextract"] == "FAILED"
    path.write_bytes(content)
    assert run(resume(experiment)) == []
    assert set(last_submission(experiment)[2].values()) == {"TERMINATED"}
    assert len(experiment.features.read("Discs")) == 8


def test_second_submission_is_refused(make):  # noqa: F811
    experiment = make("busy")
    events = submit(experiment, prepare(experiment, engine=THREADS))
    next(events)
    with pytest.raises(
        ExistsError, match=r"a workflow \(metaextract: 0 of 1 jobs are done\), process"
    ):
        run(submit(experiment, prepare(experiment, engine=THREADS)))
    with pytest.raises(ExistsError, match="workflow"):
        run(convert(experiment))
    events.close()
    assert at_work(experiment.path) is None
    assert run(submit(experiment, prepare(experiment, engine=THREADS))) == []


def test_stop_and_go_on(make):  # noqa: F811
    experiment = make("stop")
    for event in submit(experiment, prepare(experiment, engine=THREADS)):
        if event.stage == "imextract":
            ask_to_stop(experiment.path)
        last = event
    assert last.failed
    assert "Stopped" in last.message
    state = status(experiment)
    assert state["submission"]["state"] == "STOPPED"
    assert "Discs" not in experiment.info()["objects"]
    with coordinating(experiment.path, WORKFLOW):  # who goes on has not told of it yet
        assert status(experiment)["submission"]["state"] == "SUBMITTED"
    assert run(resume(experiment)) == []
    state = status(experiment)
    assert state["submission"]["state"] == "TERMINATED"
    assert [row["name"] for row in state["steps"]] == [
        "metaextract", "metaconfig", "imextract", "jterator",
    ]  # fmt: skip
    assert {row["state"] for row in state["steps"]} == {"TERMINATED"}
    assert state["steps"][-1]["done"] == state["steps"][-1]["total"] == 4
    json.dumps(state)


def test_the_lock_of_a_dead_process_does_not_hold(make):  # noqa: F811
    experiment = make("dead")
    process = coordinator(
        experiment,
        "from napari_tmaps.workflow.lock import coordinating\nimport time\n"
        "with coordinating(experiment.path, 'sleep'): time.sleep(60)\n",
    )
    wait_for(lambda: at_work(experiment.path) is not None)
    with pytest.raises(ExistsError, match="sleep"), coordinating(experiment.path, "mine"):
        pass
    process.kill()
    wait_for(lambda: at_work(experiment.path) is None)  # though it is not waited for yet
    process.wait()
    with coordinating(experiment.path, "mine"):
        assert at_work(experiment.path)["what"] == "mine"


def test_who_is_refused_hears_how_far_the_other_is(make):  # noqa: F811
    experiment = make("refused")
    events = submit(experiment, prepare(experiment, engine=THREADS))
    while (event := next(events)).stage != "jterator" or event.done == 0:
        pass
    with pytest.raises(ExistsError, match=r"a workflow \(jterator: \d of 4 jobs are done\), proc"):
        next(submit(experiment, prepare(experiment, engine=THREADS)))
    events.close()


def test_a_workflow_that_begins_while_somebody_looks(make, monkeypatch):  # noqa: F811
    experiment = make("begins")
    events = submit(experiment, prepare(experiment, engine=THREADS))
    next(events)
    answers = iter([None, at_work(experiment.path)])
    monkeypatch.setattr("napari_tmaps.workflow.status.coordinator", lambda _: next(answers))
    assert status(experiment)["submission"]["state"] == "RUNNING"
    events.close()


def test_a_silent_machine_is_dead(make, monkeypatch):  # noqa: F811
    import os
    import time

    experiment = make("far")
    with coordinating(experiment.path, "mine"):
        path = experiment.path / "workflow" / "coordinator.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "host": "elsewhere"}))
        assert at_work(experiment.path)["host"] == "elsewhere"
        os.utime(path, (0, time.time() - 1000))
        assert at_work(experiment.path) is None


def test_a_process_of_somebody_else_is_at_work(make, monkeypatch):  # noqa: F811
    def refuse(pid):
        raise psutil.AccessDenied(pid)

    experiment = make("theirs")
    with coordinating(experiment.path, "theirs"):
        monkeypatch.setattr(psutil, "Process", refuse)
        assert at_work(experiment.path)["what"] == "theirs"


def test_a_detached_submission_goes_on_alone(make, undisturbed):  # noqa: F811
    experiment = make("detached")
    process = detached.start(experiment.path, prepare(experiment, engine=THREADS))
    assert process > 0
    wait_for(lambda: at_work(experiment.path) is None, 60)
    wait_for(lambda: "Ended well." in detached.log_path(experiment.path).read_text(), 60)
    assert status(experiment)["submission"]["state"] == "TERMINATED"
    assert contents(experiment) == undisturbed
    detached.start(experiment.path, None)
    wait_for(lambda: at_work(experiment.path) is None, 60)


def test_a_detached_submission_that_cannot_start_says_why(make):  # noqa: F811
    experiment = make("nothing")
    with pytest.raises(StorageError, match="no submission yet"):
        detached.start(experiment.path, None)


def test_what_cannot_run_is_refused_before_anything_runs(make):  # noqa: F811
    experiment = make("refused")
    plain = default_description()
    wrong = with_argument(plain, "jterator", "pipeline", "nope")
    with pytest.raises(NotFoundError, match="nope"):
        prepare(experiment, wrong)
    with pytest.raises(InputError, match="type 'multiplexing'"):
        prepare(experiment, default_description("multiplexing"))
    with pytest.raises(InputError, match="needs 'metaextract'"):
        prepare(experiment, start="metaconfig", until="metaconfig")
    with pytest.raises(NotFoundError, match="image_analysis"):
        prepare(experiment, start="image_analysys")
    with pytest.raises(InputError, match="nothing to do"):
        prepare(experiment, start="corilla", until="corilla")
    content = plain.model_dump(mode="json")
    content["stages"][1]["steps"][0] |= {"active": True, "batch_args": {"method": "images"}}
    with pytest.raises(InputError, match="needs flat_image"):
        prepare(experiment, type(plain).model_validate(content))
    with pytest.raises(NotFoundError, match="no submission"):
        run(resume(experiment))
    assert not (experiment.path / "workflow" / "metaextract").exists()


def test_the_file_of_the_experiment_counts(make):  # noqa: F811
    experiment = make("file")
    changed = with_argument(default_description(), "imextract", "batch_size", 1)
    save_workflow(changed, experiment.path / "workflow.yaml")
    run(submit(experiment, prepare(experiment, until="imextract", engine=THREADS)))
    assert len(StepFolder(experiment.path, "imextract").jobs()) == 4
