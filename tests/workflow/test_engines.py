"""Every engine runs the same jobs with the same results, and survives what jobs do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import tracemalloc
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest
from tests.workflow.toys import Toy, ToyArguments, begun

from napari_tmaps.errors import FormatError, InputError, NotFoundError
from napari_tmaps.model.progress import Progress
from napari_tmaps.model.workflow import SubmissionArguments
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.workflow.batches import StepFolder
from napari_tmaps.workflow.engines import EngineChoice
from napari_tmaps.workflow.job import TIMED_OUT, JobCall, Outcome, stopped_by_limit
from napari_tmaps.workflow.phases import collect_step, init_step, run_jobs, run_phases

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def empty(tmp_path):
    with Experiment.create(tmp_path / "empty.tmaps") as experiment:
        yield experiment


@pytest.fixture(scope="module")
def processes():
    with EngineChoice(kind="processes", workers=2).make() as engine:
        yield engine


@pytest.fixture(scope="module")
def dask():
    with EngineChoice(kind="dask", workers=2).make() as engine:
        yield engine


@pytest.fixture(params=["threads", "processes", "dask"])
def engine(request):
    if request.param == "threads":
        return EngineChoice(kind="threads", workers=2).make()
    return request.getfixturevalue(request.param)


def toy(experiment, engine, *jobs, **limits):
    arguments = SubmissionArguments(**limits)
    events = list(run_phases(Toy(experiment), ToyArguments(jobs=jobs), engine, arguments))
    return [event.message for event in events if event.failed], events


def jobs_of(experiment):
    table = experiment.catalogue.jobs()
    return table[table["phase"] == "run"].set_index("job")


def test_all_jobs_are_done_and_told(empty, engine):
    failed, events = toy(empty, engine, *["ok"] * 5)
    assert failed == []
    assert "total 55" in [event.message for event in events]
    assert (events[-2].done, events[-2].total) == (5, 5)
    table = jobs_of(empty)
    assert table["state"].tolist() == ["TERMINATED"] * 5
    assert table["exitcode"].tolist() == [0] * 5
    assert (table["seconds"] >= 0).all()
    assert (table["memory_mb"] > 10).all()
    assert "JOB COMPLETED" in (empty.path / "logs/toy/run-000003.log").read_text()


def test_one_bad_job_stops_no_other(empty, engine):
    failed, events = toy(empty, engine, "ok", "raise", "fail", "ok")
    assert sorted(failed) == ["Job 2: RuntimeError: the toy is broken", "p A01 site 3: no image"]
    assert "total 17" in [event.message for event in events]
    assert jobs_of(empty)["exitcode"].tolist() == [0, 1, 0, 0]
    log = (empty.path / "logs/toy/run-000002.log").read_text()
    assert "Traceback" in log
    assert "JOB FAILED" in log


def test_a_step_without_jobs(empty, engine):
    (empty.path / "toys").mkdir()
    assert toy(empty, engine)[0] == []
    assert len(jobs_of(empty)) == 0


@pytest.mark.parametrize("name", ["processes", "dask"])
def test_a_killed_worker_begins_its_job_again(empty, name, request):
    failed, events = toy(empty, request.getfixturevalue(name), "ok", "die once", "ok", "ok")
    assert failed == []
    assert "total 30" in [event.message for event in events]
    assert begun(empty.path, 2) == 2
    assert begun(empty.path, 3) == 1


def test_jobs_that_were_sent_ahead_are_not_lost_with_a_killed_worker(empty, processes):
    """Nor do they count as begun: one of them may kill its worker itself, three times."""
    words = ["ok"] * 40
    words[15] = words[30] = "die once"
    words[16] = "die"
    failed, _ = toy(empty, processes, *words)
    assert len(failed) == 1
    assert "Job 17: its process died 3 times" in failed[0]
    counts = [begun(empty.path, job) for job in range(1, 41)]
    assert [counts[15], counts[16], counts[30]] == [2, 3, 2]
    assert counts.count(1) == 37
    assert jobs_of(empty)["exitcode"].value_counts().to_dict() == {0: 39, 137: 1}


def test_a_killed_worker_leaves_no_lock_to_be_warned_of(empty):
    init_step(Toy(empty), ToyArguments(jobs=("lock and die once",)))
    code = (
        "import sys\n"
        "from tests.workflow.toys import Toy\n"
        "from napari_tmaps.workflow.engine_processes import Processes\n"
        "from napari_tmaps.workflow.job import JobCall\n"
        "if __name__ == '__main__':\n"
        "    with Processes(1) as engine:\n"
        "        outcomes = [*filter(None, engine.outcomes([JobCall(sys.argv[1], Toy, 1)]))]\n"
        "        assert outcomes[0].exitcode == 0\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(empty.path)], cwd=ROOT, check=False, capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert begun(empty.path, 1) == 2


@pytest.mark.parametrize("name", ["processes", "dask"])
def test_a_job_that_kills_every_worker_is_given_up(empty, name, request):
    failed, events = toy(empty, request.getfixturevalue(name), "die", "ok", "ok")
    assert len(failed) == 1
    assert "died" in failed[0]
    assert begun(empty.path, 1) == 3
    assert "total 13" in [event.message for event in events]


@pytest.mark.parametrize("name", ["processes", "dask"])
def test_a_hanging_job_is_stopped_when_its_time_is_up(empty, name, request):
    failed, events = toy(empty, request.getfixturevalue(name), "hang", "ok", duration="0:00:08")
    assert len(failed) == 1
    assert "longer than 8 s" in failed[0]
    assert begun(empty.path, 1) == 1
    assert "total 4" in [event.message for event in events]
    assert jobs_of(empty)["exitcode"].tolist() == [TIMED_OUT, 0]
    assert "_sleep_for_ever" in (empty.path / "logs/toy/run-000001.log").read_text()


@pytest.mark.parametrize("name", ["processes", "dask"])
def test_a_job_that_needs_too_much_memory_is_stopped(empty, name, request):
    failed, events = toy(empty, request.getfixturevalue(name), "eat", "ok", memory=450)
    assert len(failed) == 1
    assert "more than the 450 MB" in failed[0]
    assert "total 4" in [event.message for event in events]


def test_cancelling_keeps_what_is_finished(empty, processes):
    arguments = ToyArguments(jobs=("ok", "hang", "hang"))
    events = run_phases(Toy(empty), arguments, processes)
    for event in events:
        if event.done == 1:
            break
    events.close()
    assert (empty.path / "toys" / "total").read_text() == "1"
    assert jobs_of(empty)["state"].tolist() == ["TERMINATED", "STOPPED", "STOPPED"]


def test_ctrl_c_stops_and_keeps_what_is_finished(empty, processes):
    is_told = threading.Event()

    def interrupt() -> None:
        is_told.wait()
        os.kill(os.getpid(), signal.SIGINT)

    def follow(events) -> None:
        for event in events:
            if event.done == 1:
                is_told.set()

    threading.Thread(target=interrupt).start()
    with (
        closing(
            run_phases(Toy(empty), ToyArguments(jobs=("ok", "hang", "hang")), processes)
        ) as events,
        pytest.raises(KeyboardInterrupt),
    ):
        follow(events)
    assert (empty.path / "toys" / "total").read_text() == "1"
    assert jobs_of(empty)["state"].tolist() == ["TERMINATED", "STOPPED", "STOPPED"]


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        pytest.param({"kind": "threads", "scheduler": "tcp://x"}, "goes with", id="no-dask"),
        pytest.param({"scheduler": "tcp://x", "cluster": "y"}, "not both", id="both"),
        pytest.param({"scheduler": "nonsense://x"}, "No dask scheduler", id="no-address"),
    ],
)
def test_engines_that_do_not_fit(choice, words):
    with pytest.raises(InputError, match=words):
        EngineChoice(**choice).make()


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        pytest.param(None, NotFoundError, "no cluster file", id="missing"),
        pytest.param("kind: [", FormatError, "no YAML", id="no-yaml"),
        pytest.param("kind: cray", FormatError, "slurm", id="unknown-kind"),
        pytest.param("- slurm", FormatError, "kind", id="list"),
        pytest.param("{kind: slurm, jobs: none}", FormatError, "jobs", id="jobs"),
        pytest.param("kind: slurm", InputError, "dask-jobqueue", id="not-installed"),
    ],
)
def test_cluster_files_that_do_not_fit(tmp_path, monkeypatch, text, error, words):
    import sys

    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)
    path = tmp_path / "cluster.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(error, match=words):
        EngineChoice(cluster=str(path)).make()


def test_thousands_of_jobs_and_their_states(empty):
    """States are stored now and then, not one by one; the last ones are not forgotten."""
    with EngineChoice(kind="threads", workers=2).make() as engine:
        failed, _ = toy(empty, engine, *["nothing"] * 300, "raise")
    assert len(failed) == 1
    table = jobs_of(empty)
    assert table["state"].value_counts().to_dict() == {"TERMINATED": 301}
    assert table.loc[301, "exitcode"] == 1


def test_a_straggler_of_an_earlier_round_disturbs_nobody(empty):
    """A job that was sent off before a new init, and ends after it, is not taken for a new one."""
    files = StepFolder(empty.path, "toy")
    init_step(Toy(empty), ToyArguments(jobs=("ok",)))
    old = files.batch(1)
    init_step(Toy(empty), ToyArguments(jobs=("ok", "ok")))
    files.write_result(old, {"outcome": {"job": 1}, "facts": {"squared": 1000}})
    assert files.finished() == []
    (note,) = collect_step(empty, Toy)
    assert note.message == "total 0"


def test_limits_hold_for_each_job_of_a_process(empty):
    """As on another's dask cluster, whose workers have several threads: one job ends, one hangs."""
    step = Toy(empty)
    init_step(step, ToyArguments(jobs=("hang", "ok")))
    code = (
        "import sys, threading, time\n"
        "from tests.workflow.toys import Toy, begun\n"
        "from napari_tmaps.workflow.job import JobCall, run_job\n"
        "call = lambda job, limit: run_job(JobCall(sys.argv[1], Toy, job, limit))\n"
        "thread = threading.Thread(target=call, args=(1, 2))\n"
        "thread.start()\n"
        "while not JobCall(sys.argv[1], Toy, 1).files.begun(): time.sleep(0.01)\n"
        "call(2, 60)\n"
        "thread.join(20)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(empty.path)], cwd=ROOT, check=False)
    assert done.returncode == 1
    files = StepFolder(empty.path, "toy")
    assert files.finished() == [2]
    assert stopped_by_limit(JobCall(str(empty.path), Toy, 1, 2)).exitcode == TIMED_OUT


def test_cancelling_asks_jobs_that_cannot_be_ended(empty):
    """A job in a thread, or on another's cluster, ends by itself at its next site."""
    with EngineChoice(kind="threads", workers=1).make() as engine:
        events = run_phases(Toy(empty), ToyArguments(jobs=("sites", "ok")), engine)
        while begun(empty.path, 1) == 0:
            next(events)
        events.close()
    assert jobs_of(empty)["state"].tolist() == ["STOPPED", "STOPPED"]
    assert "JOB STOPPED" in (empty.path / "logs/toy/run-000001.log").read_text()


@pytest.mark.parametrize(
    ("kind", "limits", "expected"),
    [
        pytest.param("threads", {}, "threads", id="no-limits"),
        pytest.param("threads", {"memory": 500}, "processes", id="memory"),
        pytest.param("threads", {"duration": "0:10:00"}, "processes", id="duration"),
        pytest.param("dask", {"memory": 500}, "dask", id="dask"),
    ],
)
def test_limits_need_processes(kind, limits, expected):
    choice = EngineChoice(kind=kind, workers=3).within([SubmissionArguments(**limits)])
    assert (choice.kind, choice.workers) == (expected, 3)


def test_errors_of_dask_are_seen_and_its_chatter_is_not(empty, capfd):
    with EngineChoice(kind="dask", workers=1).make() as engine:
        toy(empty, engine, "complain", "die once", "lose a heartbeat")
    said = capfd.readouterr().err
    assert "the toy is lost" in said
    assert "heartbeat" not in said
    assert "the toy is slow" not in said
    assert "Restarting worker" not in said


@pytest.mark.usefixtures("dask")
def test_what_others_compute_with_dask_stays_with_them():
    """E.g. napari's own layers, whose arrays would travel, and could not once we have ended."""
    import dask.config
    from distributed import default_client

    assert dask.config.get("scheduler", None) is None
    with pytest.raises(ValueError, match="No client"):
        default_client()


def test_cancelling_on_dask_ends_the_cluster(empty):
    with EngineChoice(kind="dask", workers=1).make() as engine:
        events = run_phases(Toy(empty), ToyArguments(jobs=("hang", "ok")), engine)
        while begun(empty.path, 1) == 0:
            next(events)
        events.close()
    assert jobs_of(empty)["state"].tolist() == ["STOPPED", "STOPPED"]


class ManySites(Toy):
    """Each job has a hundred sites."""

    @staticmethod
    def sites_of(batch):
        return [("p", f"A{batch['job'] % 24 + 1:02d}", site) for site in range(100)]


class Pretended:
    """An engine whose jobs have all ended well at once: only the coordinator works."""

    def outcomes(self, calls):
        for call in calls:
            yield Outcome(call.job, 0, "", 0.1, 0.1, 100.0)


def coordinator_memory_mb(experiment, jobs: int) -> float:
    """Most memory that the objects of the coordinator take at a time."""
    tracemalloc.start()
    try:
        init_step(ManySites(experiment), ToyArguments(jobs=("nothing",) * jobs))
        for _ in run_jobs(experiment, ManySites, Pretended()):
            pass
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


class Talkative(Toy):
    """Its jobs have much to say, which collect goes through twice."""

    def collect_job_output(self, batch, results):
        letters = sum(len(result.facts["text"]) for result in results)
        return [Progress("toy", 0, 0, f"{letters} of {sum(1 for _ in results)} jobs")]


def collecting_memory_mb(experiment, jobs: int) -> float:
    """Most memory that collect takes at a time."""
    init_step(Talkative(experiment), ToyArguments(jobs=("nothing",) * jobs))
    files = StepFolder(experiment.path, "toy")
    for job in range(1, jobs + 1):
        result = {"outcome": asdict(Outcome(job)), "facts": {"text": "x" * 100_000}}
        files.write_result(files.batch(job), result)
    tracemalloc.start()
    try:
        (note,) = collect_step(experiment, Talkative)
        assert note.message == f"{jobs * 100_000} of {jobs} jobs"
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def test_collect_takes_one_result_at_a_time(empty):
    few = collecting_memory_mb(empty, 1)
    assert collecting_memory_mb(empty, 100) < few + 2  # not the 10 MB that they are


def test_the_coordinator_needs_hardly_more_for_a_hundred_thousand_sites(empty):
    few = coordinator_memory_mb(empty, 1)
    assert coordinator_memory_mb(empty, 1000) < few + 10
    table = jobs_of(empty)
    assert table["state"].tolist() == ["TERMINATED"] * 1000
