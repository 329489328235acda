"""Files and folders get their name only when they are whole."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from napari_tmaps.errors import StorageError
from napari_tmaps.streams import atomic

DISK = [
    pytest.param(errno.ENOSPC, "disk is full", id="full"),
    pytest.param(errno.EFBIG, "disk is full", id="file-too-large"),
    pytest.param(errno.EACCES, "No permission", id="forbidden"),
    pytest.param(errno.EROFS, "No permission", id="read-only"),
    pytest.param(errno.EIO, "Input/output error", id="broken"),
]


@pytest.mark.parametrize(("number", "words"), DISK)
def test_what_the_disk_says_names_path_and_cause(number, words):
    with pytest.raises(StorageError, match=words) as caught, atomic.disk_errors(Path("a/b.tif")):
        raise OSError(number, os.strerror(number))
    assert "b.tif" in str(caught.value)


def test_a_storage_error_is_not_told_twice():
    with pytest.raises(StorageError, match=r"^first$"), atomic.disk_errors(Path("x")):
        raise StorageError("first")


@pytest.mark.parametrize("before", [None, "old"], ids=["new", "replaced"])
def test_file_appears_whole(tmp_path, before):
    path = tmp_path / "deep" / "a.txt"
    if before:
        atomic.write_text(path, before)
    atomic.write_text(path, "µ new")
    assert path.read_text(encoding="utf-8") == "µ new"
    assert [entry.name for entry in path.parent.iterdir()] == ["a.txt"]


def test_folder_is_replaced_whole(tmp_path):
    path = tmp_path / "image"
    for content in ("one", "two"):
        with atomic.replacing(path) as temporary:
            temporary.mkdir()
            (temporary / content).touch()
    assert [entry.name for entry in path.iterdir()] == ["two"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["image"]


def test_an_error_leaves_the_old_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    atomic.write_json(path, {"a": 1})

    def fail(temporary):
        temporary.write_text("half")
        raise RuntimeError

    with pytest.raises(RuntimeError), atomic.replacing(path) as temporary:
        fail(temporary)
    assert json.loads(path.read_text()) == {"a": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_a_folder_that_cannot_be_put_in_place_stays_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "image"
    path.mkdir()
    (path / "old").touch()
    rename = Path.rename

    def refuse(self, target):
        if self.name.endswith(".part") and Path(target) == path and not (self / "old").exists():
            raise OSError(errno.EIO, "broken")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(StorageError, match="broken"), atomic.replacing(path) as temporary:
        temporary.mkdir()
    assert [entry.name for entry in path.iterdir()] == ["old"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["image"]


def test_a_file_never_replaces_a_folder(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(StorageError, match="folder"):
        atomic.write_text(path, "x")
    assert path.is_dir()


def test_a_file_in_the_way_of_the_folder(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(StorageError, match=r"b\.txt"):
        atomic.write_text(tmp_path / "a" / "b.txt", "x")
