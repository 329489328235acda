"""A small screen: one TIFF a plane, the layout in the names."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.workflow.screen import PATTERN, write_screen

from napari_tmaps.store.experiment import Experiment
from napari_tmaps.vendors import scan


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of a screen; see `write_screen`."""
    target = tmp_path / "microscope folder"
    write_screen(target)
    return target


@pytest.fixture
def experiment(tmp_path: Path, folder: Path) -> Experiment:
    """The folder, added but not converted."""
    with Experiment.create(tmp_path / "screen.tmaps") as made:
        made.add(scan(folder, pattern=PATTERN), plate="plate01")
        yield made
