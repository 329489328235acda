"""A minute of random but legal actions in the real window leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.gui.plate import HAS_SCREEN

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "monkey.py"


@pytest.mark.skipif(not HAS_SCREEN, reason="needs a screen: run the tests with xvfb-run -a")
@pytest.mark.timeout(600)
def test_a_minute_of_a_restless_user() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--minutes", "1", "--seed", "1"],
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert int(done.stdout.split(" actions")[0].split()[-1]) > 5
