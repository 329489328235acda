"""Sites that are excluded and objects that are corrected on a server, from afar."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.analysed import make_analysed
from tests.server.running import running, settings_with_users

from napari_tmaps.client import TmClient
from napari_tmaps.client.arrays import packed
from napari_tmaps.errors import InputError, NotFoundError, StorageError
from napari_tmaps.model.progress import finish
from napari_tmaps.pipeline.correcting import correct, redo, restore, undo
from napari_tmaps.store.corrections import Corrections, SiteObjects
from napari_tmaps.store.exclusions import exclude_or_include, excluded, history
from napari_tmaps.workflow.door import Experiment

PLACE = SiteObjects("Blocks", "P1", "B03", 2)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_analysed(tmp_path_factory.mktemp("by hand"))


@pytest.fixture
def there(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The experiment in the folder of a server; what is kept here goes elsewhere."""
    monkeypatch.setenv("TMAPS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TMAPS_CONFIG", str(tmp_path / "config"))
    return Path(shutil.copytree(made, tmp_path / "served" / "screen.tmaps"))


@pytest.fixture
def port(there: Path) -> Iterator[int]:
    with running(settings_with_users(there.parent)) as number:
        with TmClient("127.0.0.1", number, "demo", "XXX") as client:
            client.share_experiment("reader")
            client.share_experiment("writer", write_access=True)
        yield number


def opened(port: int, user: str, password: str) -> Experiment:
    return Experiment.open(f"http://{user}@127.0.0.1:{port}/screen", password=password)


@pytest.fixture
def far(port: int) -> Iterator[Experiment]:
    """As who may write sees it."""
    with opened(port, "writer", "www") as experiment:
        yield experiment


@pytest.fixture
def read_only(port: int) -> Iterator[Experiment]:
    with opened(port, "reader", "rrr") as experiment:
        yield experiment


def labels(experiment: Experiment) -> np.ndarray:
    return experiment.labels(*PLACE[1:4], PLACE.object_type)


def test_sites_are_excluded_by_who_may_write(far: Experiment, there: Path):
    sites = [("P1", "B02", 1), ("P1", "B02", 2)]
    exclude_or_include(far, "exclude", sites, "dust")
    exclude_or_include(far, "include", sites[:1], "looked again")
    assert excluded(far.catalogue) == {sites[1]: "dust"}
    with Experiment.open(there) as theirs:
        assert excluded(theirs.catalogue) == {sites[1]: "dust"}
        assert set(history(theirs.catalogue)["who"]) == {"writer"}
    with pytest.raises(NotFoundError, match="no site 99 of well B02"):
        exclude_or_include(far, "exclude", [("P1", "B02", 99)], "dust")


def test_objects_are_corrected_and_measured_by_who_may_write(far: Experiment, there: Path):
    before = labels(far)
    table = far.features.read_site("Blocks", *PLACE[1:4])
    after = np.where(before == 1, 0, before)
    edit = finish(correct(far, PLACE, before, after))
    assert edit is not None
    assert (edit.gone, edit.made, edit.who) == ((1,), (), "writer")
    np.testing.assert_array_equal(labels(far), after)
    assert len(far.features.read_site("Blocks", *PLACE[1:4])) == len(table) - 1
    with Experiment.open(there) as theirs:
        np.testing.assert_array_equal(labels(theirs), after)
        assert Corrections(theirs).edits() == Corrections(far).edits() == [edit]
    assert finish(correct(far, PLACE, after, after)) is None
    undone = finish(undo(far))
    assert undone is not None
    assert undone.is_undone
    np.testing.assert_array_equal(labels(far), before)
    assert finish(redo(far)) is not None
    np.testing.assert_array_equal(labels(far), after)
    assert finish(restore(far, PLACE)) is None, "nothing has replaced them"


def test_who_comes_later_is_told(far: Experiment, there: Path):
    before = labels(far)
    with Experiment.open(there) as theirs:
        Corrections(theirs).save(PLACE, before, np.where(before == 2, 0, before))
    with pytest.raises(InputError, match="changed by somebody else meanwhile"):
        finish(correct(far, PLACE, before, np.where(before == 2, 9, before)))
    with pytest.raises(InputError, match="cannot take the place"):
        finish(correct(far, PLACE, before, before[:, 1:]))


def test_who_may_read_is_told_why_nothing_is_changed(read_only: Experiment, there: Path):
    before = labels(read_only)
    said = "is shared with you to read. Ask its owner to share it with write access"
    with pytest.raises(StorageError, match=said):
        finish(correct(read_only, PLACE, before, np.where(before == 1, 0, before)))
    for change in (undo, redo):
        with pytest.raises(StorageError, match=said):
            finish(change(read_only))
    with pytest.raises(StorageError, match=said):
        exclude_or_include(read_only, "exclude", [("P1", "B02", 1)], "dust")
    with Experiment.open(there) as theirs:
        np.testing.assert_array_equal(labels(theirs), before)
        assert not excluded(theirs.catalogue)


WRONG = [
    pytest.param({"before": "?"}, "'before' is no array", id="no array"),
    pytest.param({"after": packed(np.zeros((1, 2)))}, "'after' must be whole", id="flat"),
    pytest.param({"after": packed(np.full((1, 2, 2), 2**40))}, "that no labels have", id="huge"),
    pytest.param({"corner": [0, 10**6, 0]}, "A part of shape", id="outside"),
    pytest.param({"after": packed(np.zeros((1, 3, 2), int))}, "A part of shape", id="shapes"),
    pytest.param({"after": packed(np.full((1, 2, 2), 70_000))}, "from 0 to 65,535", id="many"),
    pytest.param({"tpoint": 4}, "no time point 4", id="time"),
    pytest.param({"object_type": "Cells"}, "no object type 'Cells'", id="type"),
    pytest.param({"plate_name": "../P1"}, "no plate '../P1'", id="plate"),
    pytest.param({"extra": 1}, "extra: Extra inputs", id="more"),
]


@pytest.mark.parametrize(("change", "text"), WRONG)
def test_what_is_no_correction(far: Experiment, change: dict, text: str):
    body = {
        "object_type": "Blocks",
        "plate_name": "P1",
        "well_name": "B03",
        "site": 2,
        "corner": [0, 0, 0],
        "before": packed(np.zeros((1, 2, 2), np.int32)),
        "after": packed(np.full((1, 2, 2), 5, np.int32)),
        **change,
    }
    assert far.mirror is not None
    with pytest.raises((InputError, NotFoundError), match=text):
        far.mirror.ask("POST", "/corrections", body=body)
    assert far.mirror.ask("GET", "/corrections") == {"data": []}


def test_decisions_are_listed(far: Experiment):
    exclude_or_include(far, "exclude", [("P1", "B02", 1)], "dust")
    assert far.mirror is not None
    listed = far.mirror.ask("GET", "/exclusions")["data"]
    assert listed["excluded"] == [["P1", "B02", 1, "dust"]]
    assert [row["who"] for row in listed["history"]] == ["writer"]
