"""What is shown of a workflow follows from its description and its status alone."""

from __future__ import annotations

from typing import Any

import pytest

from napari_tmaps.gui.flow_state import estimate_text, flow_state, with_step
from napari_tmaps.workflow.description import default_description

DEFAULT = default_description()
ROW = {"jobs": {}, "done": 0, "total": 0, "failed": [], "seconds": 0.0, "cpu_s": 0.0} | {
    "memory_mb": None,
    "wells": {},
}
SUBMITTED = {"id": 3, "created": "2026-01-02 03:04:05", "state": "TERMINATED", "message": ""}
WELLS = {
    "P1": {"B02": {"state": "done", "failed": 0}, "B03": {"state": "running", "failed": 0}},
    "P2": {"B02": {"state": "failed", "failed": 1}},
}
BAD = [{"job": 2, "exitcode": 1, "message": "no disk"}]


def state(
    *rows: dict[str, Any], coordinator: Any = None, submission: Any = None, **facts: bool
) -> Any:
    status = {
        "steps": [ROW | row for row in rows],
        "coordinator": coordinator,
        "submission": submission,
    }
    return flow_state(DEFAULT, status, **{"is_right": True, "starting": False, **facts})


def test_nothing_submitted() -> None:
    found = state()
    assert found.headline == "Nothing was submitted yet."
    assert (found.can_submit, found.can_resume, found.can_stop) == (True, False, False)
    assert found.step("metaextract").standing == "new"
    assert found.step("corilla").standing == "inactive"
    assert found.stage("image_conversion") == "new"
    assert found.stage("image_preprocessing") == "inactive"


@pytest.mark.parametrize(
    ("row", "standing", "text"),
    [
        pytest.param({"state": "RUNNING"}, "running", "starting", id="begins"),
        pytest.param({"state": "RUNNING", "done": 3, "total": 9}, "running", "3 of 9", id="runs"),
        pytest.param(
            {"state": "RUNNING", "done": 3, "total": 9, "wells": WELLS},
            "running",
            "3 of 9 · 2 of 3 wells · 1 site failed",
            id="runs-by-wells",
        ),
        pytest.param({"state": "TERMINATED", "done": 9, "total": 9}, "done", "9 of 9", id="done"),
        pytest.param(
            {"state": "TERMINATED", "done": 9, "total": 9, "failed": BAD, "seconds": 180.0},
            "failed",
            "9 of 9 · 1 job failed · 3.0 minutes",
            id="failed-jobs",
        ),
        pytest.param({"state": "FAILED"}, "failed", "", id="failed"),
        pytest.param(
            {"state": "STOPPED", "done": 1, "total": 2}, "stopped", "1 of 2", id="stopped"
        ),
        pytest.param({"state": "NEW"}, "waiting", "", id="waits"),
    ],
)
def test_standing_of_a_step(row: dict[str, Any], standing: str, text: str) -> None:
    step = state({"name": "imextract", **row}).step("imextract")
    assert (step.standing, step.text) == (standing, text)


def test_a_failed_step_colours_its_stage_while_others_run() -> None:
    found = state(
        {"name": "metaextract", "state": "TERMINATED", "failed": BAD},
        {"name": "imextract", "state": "RUNNING"},
        coordinator={"what": "a workflow", "since": "now"},
        submission=SUBMITTED,
    )
    assert found.stage("image_conversion") == "failed"
    assert (found.can_submit, found.can_resume, found.can_stop) == (False, False, True)
    assert found.headline == "A workflow is at work since now."


def test_failed_jobs_can_be_resumed() -> None:
    found = state({"name": "imextract", "state": "FAILED", "failed": BAD}, submission=SUBMITTED)
    assert found.can_resume
    assert "1 job failed in imextract; Resume tries again." in found.headline
    wells = {"P1": {"B02": {"failed": 2}, "B03": {"failed": 0}}}
    found = state({"name": "imextract", "state": "FAILED", "wells": wells}, submission=SUBMITTED)
    assert found.can_resume
    assert "2 sites failed in imextract" in found.headline
    assert found.step("imextract").failed == 2
    assert not state(submission=SUBMITTED).can_resume


def test_faults_and_starting_bar_sending() -> None:
    assert not state(is_right=False).can_submit
    assert not state(starting=True).can_submit
    assert state(starting=True).headline == "Starting …"


def test_an_active_step_activates_its_stage() -> None:
    off = DEFAULT.model_copy(
        update={
            "stages": tuple(stage.model_copy(update={"active": False}) for stage in DEFAULT.stages)
        }
    )
    on = with_step(off, "corilla", active=True)
    assert [step.name for step in on.active()] == ["corilla"]
    assert with_step(on, "corilla", active=False).active() == ()


def test_estimate() -> None:
    row = {
        "jobs": 2,
        "units": 40,
        "seconds": 600.0,
        "memory_mb": 300.0,
        "disk_mb": 90.0,
        "note": "",
    }
    found = {"steps": [{"step": "jterator", **row}], "workers": 2, "seconds": 310.0}
    found |= {"memory_mb": 600.0, "disk_mb": 90.0, "free_mb": 50.0}
    lines = estimate_text(found).splitlines()
    assert lines[0] == "jterator: 40 units in 2 jobs, about 10 minutes of one worker."
    assert lines[1] == (
        "All together about 5.2 minutes on 2 workers, 0.6 GB of memory, 0.09 GB of disk; 0 GB are "
        "free."
    )
    assert lines[2].startswith("⚠ The disk will be full")
