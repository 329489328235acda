"""The programs of the steps and of the workflow, as a person calls them."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
import yaml
from tests.workflow.screen import PATTERN, name, plane
from tests.workflow.test_analyse import discs
from typer.testing import CliRunner

from napari_tmaps.cli import programs
from napari_tmaps.cli.commands import app
from napari_tmaps.cli.options import EngineKind
from napari_tmaps.model.workflow import SubmissionArguments
from napari_tmaps.pipeline import save_pipeline
from napari_tmaps.store.known import known_experiments
from napari_tmaps.workflow import submission
from napari_tmaps.workflow.engines import EngineChoice
from napari_tmaps.workflow.steps import STEPS

runner = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"})


def tmaps(*args: object, code: int = 0):
    result = runner.invoke(app, [str(arg) for arg in args])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def experiment(tmp_path):
    import tifffile

    folder = tmp_path / "images"
    folder.mkdir()
    for well in ("B02", "C03"):
        for channel in ("DAPI", "GFP"):
            tifffile.imwrite(folder / name(well, 1, channel, 0), plane(well, 1, channel, 0))
    path = tmp_path / "screen.tmaps"
    tmaps("create", path)
    tmaps("add", path, folder, "--pattern", PATTERN, "--plate", "plate01")
    (path / "pipelines").mkdir()
    save_pipeline(discs(), path / "pipelines" / "discs.yaml")
    return path


def test_every_step_is_a_program_with_all_its_arguments():
    assert list(programs.STEPS) == [step.name for step in STEPS]
    for step in STEPS:
        text = tmaps(step.name, "x", "init", "--help").output
        options = set(re.findall(r"--([a-z-]+)", text)) - {"help"}
        expected = {field.replace("_", "-") for field in step.Arguments.model_fields}
        if step.name == "align":  # what TissueMAPS calls the percentile
            expected.add("clip-percent")
        assert {option for option in options if not option.startswith("no-")} == expected
        verbs = tmaps(step.name, "--help").output
        for verb in ("init", "run", "collect", "submit", "resubmit", "info", "log", "cleanup"):
            assert f" {verb} " in verbs


def test_submission_arguments_and_short_options():
    text = tmaps("imextract", "x", "submit", "--help").output
    for field in SubmissionArguments.model_fields:
        assert f"--{field}" in text
    for short in ("-d", "-i"):
        assert re.search(rf"{short}\b", text)
    assert "-b" in tmaps("imextract", "x", "init", "--help").output
    for verb in ("info", "log"):
        text = tmaps("metaextract", "x", verb, "--help").output
        assert "-j" in text
        assert "-p" in text


def test_engines_are_those_of_the_workflow():
    kinds = EngineChoice.model_fields["kind"].annotation
    assert {kind.value for kind in EngineKind} == set(kinds.__args__)


def test_the_phases_of_a_step(experiment):
    assert "1 job for" in tmaps("metaextract", experiment, "init", "-b", 10).output
    batch = json.loads(tmaps("metaextract", experiment, "info", "-j", 1).output)
    assert len(batch["planes"]["path"]) == 4
    collect = json.loads(tmaps("metaextract", experiment, "info", "-p", "collect").output)
    assert collect["args"] == {"batch_size": 10}
    done = tmaps("metaextract", experiment, "run", "-j", 1, "--assume-clean-state")
    assert "Job 1 of metaextract is done" in done.output
    tmaps("metaextract", experiment, "collect")
    log = tmaps("metaextract", experiment, "log", "-p", "collect").output
    assert "metaextract is collected." in log
    assert "JOB COMPLETED" in tmaps("metaextract", experiment, "log", "-j", 1).output
    assert "1 job for" in tmaps("metaextract", experiment, "log", "-p", "init").output
    tmaps("metaconfig", experiment, "init", "--stitch-layout", "vertical", "--mip")
    tmaps("metaconfig", experiment, "collect")
    tmaps("imextract", experiment, "init")
    out = tmaps("imextract", experiment, "submit", "--engine", "threads", "--duration", "0:10:00")
    assert "imextract" in out.output
    assert len(list((experiment / "plates").rglob("0/zarr.json"))) == 2
    tmaps("imextract", experiment, "resubmit", "--engine", "threads")
    text = tmaps("imextract", experiment, "cleanup").output
    assert "removed" in text
    assert not (experiment / "plates" / "plate01.ome.zarr").exists()
    script = ("imextract", experiment, "submit", "--print-script", "slurm")
    assert "Make them first" in tmaps(*script, code=1).output
    tmaps("imextract", experiment, "init")
    text = tmaps(*script, "--memory", 500, "--cores", 2).output
    assert "#SBATCH --array=1-2\n" in text
    assert "--mem=500M" in text
    assert text.rstrip().endswith('run --job "$SLURM_ARRAY_TASK_ID" --assume-clean-state')
    path = experiment.parent / "job.sh"
    path.write_text(text)
    for job in ("1", "2"):
        env = {"SLURM_ARRAY_TASK_ID": job, "PATH": "/usr/bin:/bin"}
        subprocess.run(["sh", str(path)], check=True, env=env, capture_output=True)
    tmaps("imextract", experiment, "collect")
    assert len(list((experiment / "plates").rglob("0/zarr.json"))) == 2


def test_lines_of_the_documentation_of_tissuemaps(experiment, monkeypatch):
    """As written there: -vv before the number of the experiment, and --batch_size."""

    def program(line: str) -> int:
        monkeypatch.setattr(sys, "argv", line.split())
        with pytest.raises(SystemExit) as ended:
            (programs.workflow_main if line.startswith("tm_") else programs.step_main)()
        return int(ended.value.code or 0)

    number = next(row.number for row in known_experiments() if row.path == str(experiment))
    for line in (
        "metaextract -vv {n} init --batch_size 5",
        "metaextract -vv {n} init -b 5",
        "metaextract -vv {n} run -j 1",
        "metaextract -vv {n} info --phase run --job 1",
        "metaextract -vv {n} log --phase run --job 1",
        "metaextract -vv {n} log --phase init",
        "metaextract -vv {n} submit --depth 0 --interval 1 --engine threads",
        "metaextract {n} submit --cores 1 --duration 00:10:00 --memory 2147 --engine threads",
        "metaconfig {n} init --stitch_layout zigzag_horizontal --n_vertical 1",
        "metaconfig {n} collect",
        "imextract {n} init --delete -b 7",
        "imextract {n} resubmit -d 1 -i 5 --engine threads",
        "imextract {n} cleanup",
        "tm_workflow -vv {n} submit --engine threads",
        "tm_workflow -vv {n} resubmit --stage image_conversion",
        "tm_workflow -vv {n} status",
    ):
        assert program(line.format(n=number)) == 0, line


MISTAKES = [
    pytest.param(["metaextract", "{e}", "run", "-j", "1"], "Make them first", id="run-first"),
    pytest.param(["metaextract", "{e}", "collect"], "Make them first", id="collect-first"),
    pytest.param(["metaextract", "{e}", "submit"], "Make them first", id="submit-first"),
    pytest.param(["metaextract", "{e}", "resubmit"], "Make them first", id="resubmit-first"),
    pytest.param(["metaextract", "{e}", "log", "-j", "1"], "has not begun", id="no-log"),
    pytest.param(["metaextract", "{e}", "log"], "--job N", id="which-log"),
    pytest.param(["metaextract", "nowhere", "run", "-j", "1"], "no experiment", id="nowhere"),
    pytest.param(["metaextract", "{e}", "init", "-b", "0"], "--batch-size is 0", id="argument"),
    pytest.param(["metaextract", "{e}", "submit", "--duration", "1h"], "--duration", id="time"),
    pytest.param(
        ["metaextract", "{e}", "submit", "--print-script", "pbs"], "only for slurm", id="script"
    ),
    pytest.param(["corilla", "{e}", "init"], "Convert it first", id="no-layout"),
    pytest.param(["illuminati", "{e}", "init", "-c"], "Convert it first", id="no-map"),
    pytest.param(["jterator", "{e}", "init"], "Convert it first", id="order"),
    pytest.param(
        ["jterator", "{e}", "init", "--pipeline", "x"],
        "no pipeline 'x'. There are: ",
        id="pipeline",
    ),
    pytest.param(["workflow", "{e}", "resume"], "no submission yet", id="resume"),
    pytest.param(["workflow", "{e}", "kill"], "Nothing is at work", id="kill"),
    pytest.param(["workflow", "{e}", "log"], "into the background", id="log"),
    pytest.param(["workflow", "{e}", "log", "--step", "x"], "no step 'x'", id="log-step"),
    pytest.param(["workflow", "{e}", "submit", "--sites", "x"], "must be numbers", id="sites"),
    pytest.param(["workflow", "{e}", "resubmit", "-s", "x"], "no submission yet", id="resubmit"),
    pytest.param(["workflow", "{e}", "upload", "-f", "no.yaml"], "no workflow file", id="upload"),
]


@pytest.mark.parametrize(("command", "words"), MISTAKES)
def test_mistakes_get_one_clear_message(experiment, command, words):
    result = tmaps(*[arg.format(e=experiment) for arg in command], code=1)
    assert words in result.output
    assert "Traceback" not in result.output


def test_collect_waits_for_all_jobs(experiment):
    tmaps("metaextract", experiment, "init", "-b", 2)
    assert "JOB COMPLETED" not in tmaps("metaextract", experiment, "run", "-j", 1).output
    assert "JOB COMPLETED" in tmaps("metaextract", "-vv", experiment, "run", "-j", 1).output
    assert "1 of 2 jobs" in tmaps("metaextract", experiment, "collect", code=1).output


def test_a_failing_job_tells(experiment, tmp_path):
    for path in (tmp_path / "images").glob("B02*"):
        path.write_bytes(b"broken")
    run = ("workflow", experiment, "submit", "--engine", "threads")
    assert "problems" in tmaps(*run, code=1).output
    tmaps("imextract", experiment, "init")
    tmaps("imextract", experiment, "run", "-j", 1)
    assert "B02 site 1" in tmaps("imextract", experiment, "log", "-j", 1).output
    assert "with 1 problem" in tmaps("imextract", experiment, "collect", code=1).output


def test_the_workflow(experiment, tmp_path):
    assert "Nothing was submitted" in tmaps("workflow", experiment, "status").output
    plan = tmaps("workflow", experiment, "submit", "--dry-run").output
    assert re.search(r"metaextract +1 job, 4 files or sites: about [0-9.]+ s of one worker", plan)
    assert re.search(r"In all about .* with \d+ workers, \d+ MB of memory, \d+ MB on disk", plan)
    plan = json.loads(tmaps("workflow", experiment, "submit", "--dry-run", "--json").output)
    assert plan["steps"][0]["units"] == 4
    tmaps("workflow", experiment, "submit", "--engine", "threads", "--wells", "B02", "-d", 0)
    state = json.loads(tmaps("workflow", experiment, "status", "--json").output)
    assert state["submission"]["state"] == "TERMINATED"
    assert [row["total"] for row in state["steps"]] == [4, 0, 1, 1]
    assert "jterator" in tmaps("workflow", experiment, "status").output
    tmaps("workflow", experiment, "submit", "--engine", "threads", "--pipeline", "discs")
    info = json.loads(tmaps("info", experiment, "--json").output)
    assert info["objects"] == {"Discs": 4}
    tmaps("workflow", experiment, "resubmit", "--stage", "image_analysis")
    text = tmaps("corilla", experiment, "cleanup").output
    assert "What these steps made stays, but is stale if it used it: jterator." in text
    assert "labels and features: Discs" in tmaps("jterator", experiment, "cleanup").output
    tmaps("workflow", experiment, "resubmit", "--stage", "image_analysis")
    assert "Stale now, to be made again: Discs" in tmaps("imextract", experiment, "cleanup").output
    tmaps("workflow", experiment, "resume")
    assert "JOB COMPLETED" in tmaps("workflow", experiment, "log", "--step", "metaextract").output
    file = tmp_path / "w.yaml"
    tmaps("workflow", experiment, "download", "--file", file)
    content = yaml.safe_load(file.read_text())
    content["stages"][0]["steps"][2]["batch_args"] = [{"name": "batch_size", "value": 7}]
    file.write_text(yaml.safe_dump(content))
    tmaps("workflow", experiment, "upload", "--file", file)
    assert (experiment / "workflow.yaml").read_text() == file.read_text()


def test_a_workflow_in_the_background(experiment):
    out = tmaps("workflow", experiment, "submit", "--engine", "threads", "--detach").output
    assert "in the background" in out
    tmaps("workflow", experiment, "status", "--watch", "--interval", 0.2)
    assert "Ended well." in tmaps("workflow", experiment, "log").output


def test_programs_have_the_names_of_the_steps(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/imextract", "x", "init", "--help"])
    with pytest.raises(SystemExit) as ended:
        programs.step_main()
    assert ended.value.code == 0
    assert "--batch-size" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["tm_workflow", "-vv", "x", "submit", "--help"])
    with pytest.raises(SystemExit) as ended:
        programs.workflow_main()
    assert ended.value.code == 0
    assert "--dry-run" in capsys.readouterr().out


def test_starting_stays_quick():
    """Steps are not loaded before one is called."""
    code = (
        "import sys; from napari_tmaps.cli.commands import app\n"
        "print([m for m in ('pandas', 'pydantic', 'numpy', 'distributed') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_kill_waits_until_it_has_stopped(experiment):
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from napari_tmaps.workflow.lock import coordinating, is_asked_to_stop\n"
        "folder = Path(sys.argv[1])\n"
        "with coordinating(folder, 'a workflow'):\n"
        "    while not is_asked_to_stop(folder): time.sleep(0.05)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(experiment)])
    lock = experiment / "workflow" / "coordinator.json"
    while not lock.exists():
        assert process.poll() is None
    text = tmaps("convert", experiment, code=1).output
    assert f"process {process.pid}" in text
    assert "kill" in text
    assert "has stopped" in tmaps("workflow", experiment, "kill").output
    assert process.wait(10) == 0
    assert not (experiment / "workflow" / "kill").exists()


def test_a_workflow_that_was_stopped_is_no_problem(experiment, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(submission, "is_asked_to_stop", lambda folder: True)
        said = tmaps("workflow", experiment, "submit", "--engine", "threads", code=1).output
    assert f"It was stopped. 'tmaps workflow {experiment} resume' goes on." in said
    assert "problem" not in said
    assert "STOPPED" in tmaps("workflow", experiment, "status").output
    tmaps("workflow", experiment, "resume")
