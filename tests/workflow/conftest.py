"""A small screen: one TIFF a plane, the layout in the names."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import tifffile
from tests.workflow.screen import PATTERN, name, plane

from napari_tmaps.store.experiment import Experiment
from napari_tmaps.vendors import scan


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Wells B02 and C03 × 2 sites × 2 channels × 1 z."""
    target = tmp_path / "microscope folder"
    target.mkdir()
    for key in itertools.product(("B02", "C03"), (1, 2), ("DAPI", "GFP"), (0,)):
        tifffile.imwrite(target / name(*key), plane(*key))
    return target


@pytest.fixture
def experiment(tmp_path: Path, folder: Path) -> Experiment:
    """The folder, added but not converted."""
    with Experiment.create(tmp_path / "screen.tmaps") as made:
        made.add(scan(folder, pattern=PATTERN), plate="plate01")
        yield made
