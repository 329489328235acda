"""Tools on an experiment of a server: they run there, their results are read here."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.analysed import make_analysed
from tests.server.running import opened_from_afar

from napari_tmaps.errors import InputError, NotFoundError, StorageError
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.tools.run import iter_tool, keep_result, open_data, results_of, run_tool
from napari_tmaps.tools.values import ToolResult

SETTINGS = {"clusters": 2, "features": ["Morphology_Area"]}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_analysed(tmp_path_factory.mktemp("far"))


@pytest.fixture
def far(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "served" / "screen.tmaps"))


@pytest.fixture
def ours(far: Path, tmp_path: Path) -> Iterator[Experiment]:
    with opened_from_afar(far, tmp_path) as opened:
        yield opened


def test_a_tool_runs_there(ours: Experiment, far: Path):
    about = run_tool(ours, "cluster", "Blocks", SETTINGS, name="groups")
    assert (about.name, about.tool) == ("groups", "cluster")
    with Experiment.open(far) as theirs:
        assert results_of(theirs).about("Blocks", "groups") == about
        column = f"groups:{about.columns[0]}"
        found, expected = (
            open_data(each, "Blocks").table.column(column).codes for each in (ours, theirs)
        )
    assert len(set(found)) == 2
    np.testing.assert_array_equal(found, expected)
    results_of(ours).rename("Blocks", "groups", "two")
    assert results_of(ours).names("Blocks") == ["two"]
    results_of(ours).remove("Blocks", "two")
    assert results_of(ours).names("Blocks") == []
    assert not list((far / "results" / "Blocks").glob("*/result.json"))
    with pytest.raises(NotFoundError, match="two"):
        results_of(ours).remove("Blocks", "two")


def test_what_fails_there_is_told(ours: Experiment):
    with pytest.raises(InputError, match="clusters"):
        run_tool(ours, "cluster", "Blocks", {"clusters": -1})
    with pytest.raises(NotFoundError, match="Nobody"):
        run_tool(ours, "cluster", "Nobody", SETTINGS)
    with pytest.raises(InputError, match="no such thing"):
        run_tool(ours, "cluster", "Blocks", {"features": ["no such thing"]})


def test_a_result_that_was_seen_here_is_made_there(ours: Experiment, far: Path):
    data = open_data(ours, "Blocks")
    steps = iter_tool(ours, "cluster", "Blocks", SETTINGS, name="asked")
    next(steps)
    kept = keep_result(ours, data, ToolResult(), "cluster", SETTINGS, "seen")
    assert kept.name == "seen"
    assert (far / "results" / "Blocks" / "seen" / "result.json").is_file()
    with pytest.raises(StorageError, match=r"classifier 'mine.npz' is a file here"):
        keep_result(ours, data, ToolResult(), "classify", {"model": "mine.npz"})
