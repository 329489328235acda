"""What `tmaps workflow … status` prints."""

from __future__ import annotations

import pytest

from napari_tmaps.cli.status import show_status

STEP = {"name": "jterator", "jobs": {}, "failed": [], "wells": {}}


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
