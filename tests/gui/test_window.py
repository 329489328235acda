"""The picture of the window, drawn by a process of its own as the demo does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.gui.plate import HAS_SCREEN

COMMAND = [sys.executable, "-m", "napari_tmaps.gui.window"]


@pytest.mark.skipif(not HAS_SCREEN, reason="needs a screen: run the tests with xvfb-run -a")
def test_picture(experiment_path: Path, tmp_path: Path) -> None:
    from skimage.io import imread

    picture = tmp_path / "pictures" / "napari.png"
    done = subprocess.run(
        [*COMMAND, str(experiment_path), "--picture", str(picture)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    drawn = imread(picture)
    assert drawn.shape[0] >= 500
    assert len(set(map(tuple, drawn[::20, ::20].reshape(-1, drawn.shape[2])))) > 10


def test_no_experiment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from napari_tmaps.gui.window import main

    assert main([str(tmp_path), "--picture", str(tmp_path / "x.png")]) == 1
    assert "is no experiment" in capsys.readouterr().err
