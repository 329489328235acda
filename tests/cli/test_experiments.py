"""The user's list of experiments, and commands that take a name or a number of it."""

from __future__ import annotations

import json
import shutil

import pytest
from typer.testing import CliRunner

from napari_tmaps.cli.commands import app
from napari_tmaps.errors import InputError, NotFoundError
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.known import find_experiment, forget, known_experiments, remember

runner = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"})


@pytest.fixture(autouse=True)
def own_list(tmp_path, monkeypatch):
    monkeypatch.setenv("TMAPS_CONFIG", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


def tmaps(*args: object, code: int = 0) -> str:
    result = runner.invoke(app, [str(arg) for arg in args])
    assert result.exit_code == code, result.output
    return result.output


def make(path) -> Experiment:
    with Experiment.create(path) as experiment:
        remember(experiment)
    return experiment


def test_experiments_are_found_by_number_name_and_folder(tmp_path):
    assert "number 1" in tmaps("create", tmp_path / "a" / "one.tmaps")
    tmaps("create", tmp_path / "two.tmaps", "--name", "second screen")
    for text in ("2", "second screen", tmp_path / "two.tmaps", "two.tmaps"):
        assert json.loads(tmaps("info", text, "--json"))["name"] == "second screen"
    assert "Nothing was submitted" in tmaps("workflow", "one", "status")
    assert "not begun" in tmaps("metaextract", "1", "log", "-p", "collect", code=1)
    rows = json.loads(tmaps("experiments", "--json"))
    assert [(row["number"], row["name"], row["there"]) for row in rows] == [
        (1, "one", True),
        (2, "second screen", True),
    ]
    assert str(tmp_path / "two.tmaps") in tmaps("experiments")


def test_numbers_belong_to_one_folder_for_ever(tmp_path):
    first, second = make(tmp_path / "a.tmaps"), make(tmp_path / "b.tmaps")
    tmaps("experiments", "forget", "1")
    third = make(tmp_path / "c.tmaps")
    assert {row.name: row.number for row in known_experiments()} == {"b": 2, "c": 3}
    assert first.path.is_dir()
    assert "number 4" in tmaps("experiments", "add", first.path)
    assert [row.path for row in known_experiments()] == [
        str(each.path) for each in (first, third, second)
    ]
    tmaps("experiments", "forget", second.path)
    assert [row.name for row in known_experiments()] == ["a", "c"]


def test_a_name_of_several_experiments(tmp_path):
    make(tmp_path / "x" / "same.tmaps")
    make(tmp_path / "y" / "same.tmaps")
    with pytest.raises(InputError, match=r"2 experiments .* 2 in .*y.same"):
        find_experiment("same")
    assert "Use the number" in tmaps("info", "same", code=1)
    assert "Use the number" in tmaps("experiments", "forget", "same", code=1)


def test_an_experiment_that_is_gone(tmp_path):
    shutil.rmtree(make(tmp_path / "gone.tmaps").path)
    with pytest.raises(NotFoundError, match=r"no longer in .*forget 1"):
        find_experiment("gone")
    assert "no longer there" in tmaps("experiments")
    assert "off the list" in tmaps("experiments", "forget", "gone")
    assert "No experiment" in tmaps("experiments")
    assert "not on the list" in tmaps("experiments", "forget", "gone", code=1)


def test_unknown_names_tell_which_there_are(tmp_path):
    make(tmp_path / "screen.tmaps")
    with pytest.raises(NotFoundError, match=r"no experiment 'scren'.*1 \(screen\)"):
        find_experiment("scren")
    assert "1 (screen)" in tmaps("workflow", "7", "status", code=1)


def test_a_folder_comes_before_a_name(tmp_path):
    make(tmp_path / "elsewhere" / "plate.tmaps")
    (tmp_path / "plate").mkdir()
    assert "no experiment.db" in tmaps("info", "plate", code=1)


def test_a_damaged_list_counts_as_empty(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "experiments.json").write_text("{")
    assert known_experiments() == []
    assert make(tmp_path / "a.tmaps").name == "a"
    forget(tmp_path / "a.tmaps")
    assert known_experiments() == []
