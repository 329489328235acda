"""Undo and redo without limit, across starts of the program and crashes."""

from __future__ import annotations

import pytest

from napari_tmaps.errors import StorageError
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.pipeline import history as history_module
from napari_tmaps.pipeline.history import History


def named(number):
    return PipelineDescription(name=f"p{number}")


def edited(journal=None, count=3):
    history = History(named(0), journal)
    for n in range(1, count + 1):
        history.edit(named(n), f"edit {n}")
    return history


def test_undo_and_redo():
    history = edited()
    assert (history.undoes, history.redoes) == ("edit 3", "")
    history.undo()
    history.undo()
    assert history.pipeline == named(1)
    assert (history.undoes, history.redoes) == ("edit 1", "edit 2")
    history.redo()
    assert history.pipeline == named(2)
    for _ in range(5):
        history.undo()
    assert (history.pipeline, history.undoes) == (named(0), "")
    for _ in range(5):
        history.redo()
    assert history.pipeline == named(3)


def test_a_new_edit_ends_redo():
    history = edited()
    history.undo()
    history.edit(named(9), "edit 9")
    assert history.redoes == ""
    history.undo()
    assert history.pipeline == named(2)


def test_a_slider_that_is_dragged_is_one_edit():
    history = edited(count=1)
    for n in range(2, 50):
        history.edit(named(n), "Set threshold", key="threshold")
    assert len(history.states) == 3
    history.undo()
    assert history.pipeline == named(1)


def test_a_value_that_is_set_later_is_an_edit_of_its_own(tmp_path, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(history_module, "time", lambda: now)
    journal = tmp_path / "journal.jsonl"
    history = History(named(0), journal)
    for number, seconds in ((1, 0.0), (2, 0.5), (3, 60.0)):  # dragged, and typed a minute later
        now = 1000.0 + seconds
        history.edit(named(number), "Set threshold", key="threshold")
    assert [state.pipeline for state in history.states] == [named(0), named(2), named(3)]
    history.undo()
    history.edit(named(4), "Set threshold", key="threshold")  # soon, but not of the same drag
    assert [state.pipeline for state in history.states] == [named(0), named(2), named(4)]
    assert History(named(0), journal).states == history.states


def test_nothing_changed_is_no_edit():
    history = edited(count=1)
    history.edit(named(1), "again")
    assert len(history.states) == 2


def test_found_again_after_a_start(tmp_path):
    journal = tmp_path / "journal" / "p.jsonl"
    history = edited(journal)
    history.undo()
    history.edit(named(7), "edit 7")
    history.undo()
    again = History(PipelineDescription(), journal)
    assert again.states == history.states
    assert again.at == history.at
    again.redo()
    assert History(PipelineDescription(), journal).pipeline == named(7)


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_crash_in_the_middle_of_a_line_costs_that_line(tmp_path, cut):
    journal = tmp_path / "p.jsonl"
    edited(journal)
    journal.write_bytes(journal.read_bytes()[:-cut])
    history = History(named(0), journal)
    assert history.pipeline == named(2)
    history.edit(named(5), "edit 5")
    again = History(named(0), journal)
    assert [state.pipeline for state in again.states] == [named(n) for n in (0, 1, 2, 5)]


def test_lines_of_others_are_left_out(tmp_path):
    journal = tmp_path / "p.jsonl"
    edited(journal)
    with journal.open("a") as file:
        file.write('\n[1]\n{"pipeline": {"nonsense": 1}}\n{"later": true}\n{"at": 99}')
    assert History(named(0), journal).pipeline == named(3)


def test_no_journal_is_made_before_the_first_edit(tmp_path):
    journal = tmp_path / "p.jsonl"
    History(named(0), journal)
    assert not journal.exists()


def test_a_disk_that_refuses_is_told_and_the_edit_stays(tmp_path):
    folder = tmp_path / "journals"
    history = History(named(0), folder / "p.jsonl")
    folder.write_text("a file where a folder should be")
    with pytest.raises(StorageError, match="could not be saved"):
        history.edit(named(1), "edit 1")
    assert history.pipeline == named(1)
    with pytest.raises(StorageError, match="cannot be read"):
        History(named(0), tmp_path)
