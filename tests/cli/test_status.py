"""What `tmaps workflow … status` prints."""

from __future__ import annotations

import pytest

from napari_tmaps.cli.status import show_status

STEP = {"name": "jterator", "jobs": {}, "failed": [], "problems": [], "wells": {}}


@pytest.mark.parametrize(
    ("state", "done", "total", "filled"),
    [
        pytest.param("RUNNING", 0, 0, 0, id="begins"),
        pytest.param("RUNNING", 9, 36, 5, id="quarter"),
        pytest.param("TERMINATED", 0, 0, 20, id="nothing-to-do"),
        pytest.param("NEW", 0, 0, 0, id="new"),
    ],
)
def test_the_bar_is_full_only_when_a_step_is_through(capsys, state, done, total, filled):
    step = {**STEP, "state": state, "done": done, "total": total}
    show_status({"submission": None, "steps": [step]})
    assert capsys.readouterr().out.count("█") == filled


def test_the_first_problems_are_printed(capsys):
    sites = [f"p B02 site {number}: no image" for number in range(7)]
    step = {**STEP, "state": "FAILED", "done": 7, "total": 7, "problems": sites}
    show_status({"submission": None, "steps": [step]})
    said = capsys.readouterr().out
    assert "site 4: no image" in said
    assert "site 5" not in said
    assert "more: tmaps info" in said
