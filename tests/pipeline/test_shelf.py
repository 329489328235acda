"""Pipelines in a folder, with their histories."""

from __future__ import annotations

import os
import time

import pytest

from napari_tmaps.errors import InputError, NotFoundError, PipelineError, StorageError
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.pipeline import load_pipeline, ready_pipelines
from napari_tmaps.pipeline.shelf import Shelf


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path / "pipelines")


@pytest.fixture
def edited(shelf):
    """A pipeline with two edits, the first of them saved."""
    name, history = shelf.start(ready_pipelines()["nuclei"])
    history.edit(history.pipeline.model_copy(update={"description": "one"}), "one")
    shelf.save(name, history.pipeline)
    history.edit(history.pipeline.model_copy(update={"description": "two"}), "two")
    return history


def test_nothing_is_written_before_the_first_edit(shelf):
    name, history = shelf.start(ready_pipelines()["nuclei"])
    assert (name, history.pipeline.name) == ("nuclei", "nuclei")
    assert shelf.names() == ()
    assert not shelf.folder.exists()


def test_a_crash_before_saving_loses_nothing(shelf, edited):
    again = shelf.open("nuclei")
    assert again.pipeline.description == "two"
    again.undo()
    assert again.pipeline.description == "one"


def test_edited_but_never_saved(shelf):
    name, history = shelf.start(PipelineDescription(name="mine"))
    history.edit(PipelineDescription(name="mine", description="x"), "x")
    assert shelf.names() == ("mine",)
    assert shelf.open(name).pipeline.description == "x"


def test_a_file_changed_by_other_means_is_an_edit(shelf, edited):
    path = shelf.path("nuclei")
    path.write_text(path.read_text().replace("one", "by hand"))
    later = time.time() + 5
    os.utime(path, (later, later))
    history = shelf.open("nuclei")
    assert history.pipeline.description == "by hand"
    assert history.undoes == "Change of the file"
    history.undo()
    assert history.pipeline.description == "two"


def test_saved_pipelines_are_plain_files(shelf, edited):
    shelf.save("nuclei", edited.pipeline)
    assert load_pipeline(shelf.path("nuclei")) == edited.pipeline


def test_names(shelf, edited):
    with pytest.raises(InputError, match="already"):
        shelf.start(edited.pipeline, "Nuclei")
    name, _ = shelf.start(edited.pipeline)
    assert name == "nuclei_2"
    for wrong in ("../x", "", ".hidden", "a/b", "x" * 81):
        with pytest.raises(InputError, match="cannot be the name"):
            shelf.path(wrong)
    with pytest.raises(NotFoundError, match="nuclei"):
        shelf.open("nothing")


def test_a_broken_file_is_told(shelf, edited):
    shelf.path("nuclei").write_text("pipeline: [")
    with pytest.raises(PipelineError):
        shelf.open("nuclei")


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "pipelines").write_text("a file")
    with pytest.raises(StorageError, match="pipelines"):
        Shelf(tmp_path / "pipelines").save("nuclei", ready_pipelines()["nuclei"])
