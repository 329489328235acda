"""How far each well is: while jobs run, afterwards, and when sites or jobs fail."""

from __future__ import annotations

import json

import pytest
from tests.workflow.screen import name
from tests.workflow.test_faults import make  # noqa: F401
from tests.workflow.toys import Toy, ToyArguments
from typer.testing import CliRunner

from napari_tmaps.cli.commands import app
from napari_tmaps.cli.status import well_map
from napari_tmaps.model.progress import run
from napari_tmaps.workflow import convert, phases
from napari_tmaps.workflow.engines import EngineChoice
from napari_tmaps.workflow.phases import run_phases
from napari_tmaps.workflow.status import status
from napari_tmaps.workflow.submission import prepare, submit
from napari_tmaps.workflow.wells import WellProgress, well_progress, work_at_hand

THREADS = EngineChoice(kind="threads", workers=1)
BOTH = ("plate01", "B02"), ("plate01", "C03")


@pytest.mark.parametrize(
    ("progress", "state"),
    [
        pytest.param(WellProgress(4), "waiting", id="waiting"),
        pytest.param(WellProgress(4, running=2), "running", id="running"),
        pytest.param(WellProgress(4, done=1), "running", id="begun"),
        pytest.param(WellProgress(4, done=3, failed=1), "failed", id="failed"),
        pytest.param(WellProgress(4, done=4), "done", id="done"),
    ],
)
def test_state_of_a_well(progress, state):
    assert progress.state == state


def test_wells_while_jobs_run_and_afterwards(make, folder, monkeypatch):  # noqa: F811
    monkeypatch.setattr(phases, "_FLUSH_S", 0.0)
    (folder / name("C03", 2, "GFP", 0)).write_bytes(b"broken")
    experiment = make("wells")
    seen = []
    for event in submit(experiment, prepare(experiment, engine=THREADS)):
        if event.stage == "jterator" and event.total:
            seen.append((event.done, work_at_hand(experiment)))
    halves = [(step, wells) for done, (step, wells) in seen if done == 2 and wells]
    assert halves, "nothing was told half-way"
    step, wells = halves[-1]
    assert step == "jterator"
    assert wells[BOTH[0]] == WellProgress(2, done=2)
    assert wells[BOTH[1]].state in ("waiting", "running")
    assert work_at_hand(experiment) == ("", {})
    assert well_progress(experiment, "jterator") == {
        BOTH[0]: WellProgress(2, done=2),
        BOTH[1]: WellProgress(2, done=1, failed=1),
    }
    assert well_progress(experiment, "metaextract") == {}
    row = status(experiment)["steps"][-1]
    assert row["wells"]["plate01"]["C03"] == {
        "state": "failed", "sites": 2, "done": 1, "failed": 1, "running": 0,
    }  # fmt: skip


class WellToy(Toy):
    """Each job has two sites of a well of its own."""

    @staticmethod
    def sites_of(batch):
        return [("p", f"A{batch['job']:02d}", site) for site in (1, 2)]


def test_wells_of_jobs_that_fail_or_are_stopped(experiment):
    arguments = ToyArguments(jobs=("ok", "raise", "ok", "ok", "ok"))
    with THREADS.make() as engine:
        events = run_phases(WellToy(experiment), arguments, engine)
        while next(events).done < 3:
            pass
        events.close()
    states = {well: row.state for (_, well), row in well_progress(experiment, "toy").items()}
    assert states.pop("A04") in ("waiting", "done")  # closing finishes what is under way
    assert states == {"A01": "done", "A02": "failed", "A03": "done", "A05": "waiting"}


def test_the_command_line_shows_wells(make):  # noqa: F811
    experiment = make("shown")
    run(convert(experiment))

    def tmaps(*args):
        done = CliRunner().invoke(app, ["status", str(experiment.path), *args])
        assert done.exit_code == 0, done.output
        return done.output

    text = tmaps("--wells")
    assert "plate01: 2 wells: 2 done" in text
    assert " B   ✓\n" in text
    assert json.loads(tmaps("--json"))["steps"][-1]["wells"]["plate01"]["B02"]["done"] == 2


def test_a_map_of_wells():
    states = {"B02": "done", "B03": "failed", "C02": "waiting", "D03": "running"}
    assert list(well_map(states)) == [
        "     2  3",
        " B   ✓  ✗",
        " C   ·",
        " D      ▸",
    ]
