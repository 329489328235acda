"""Plates and acquisitions as a tree: what it says, and what it lets be done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QInputDialog, QMessageBox
from tests.gui.plate import make_experiment, make_scan

from napari_tmaps.gui.experiment_widget import ExperimentWidget
from napari_tmaps.gui.plates_state import AcquisitionRow, Status, plate_rows
from napari_tmaps.gui.plates_tree import PlatesTree, read_plates
from napari_tmaps.gui.state import Choice
from napari_tmaps.model.progress import run
from napari_tmaps.store import known
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.workflow import convert
from napari_tmaps.workflow.door import Experiment as Door
from napari_tmaps.workflow.lock import coordinating

PLATES = pd.DataFrame({"name": ["P1"], "description": [""]})
ACQUISITIONS = pd.DataFrame(
    {"id": [1, 2], "plate": ["P1", "P1"], "name": ["a", "b"], "root": ["/x", "/y"]}
)
ACQUIRED = pd.DataFrame(
    [(1, "A01", 1, 0, 3), (1, "A01", 2, 0, 3), (2, "A01", 1, 1, 5)],
    columns=["acquisition_id", "well", "site", "cycle", "planes"],
)
A = {("P1", "A01", 1, 0), ("P1", "A01", 2, 0)}


@pytest.mark.parametrize(
    ("facts", "of_a", "of_plate"),
    [
        ({}, Status.WAITING, Status.WAITING),
        ({"importing": True}, Status.IMPORTING, Status.IMPORTING),
        ({"laid_out": {1}, "converted": A}, Status.COMPLETE, Status.WAITING),
        ({"laid_out": {1}}, Status.IN_PLACE, Status.WAITING),
        # Half a conversion is not complete, and not in place either.
        ({"laid_out": {1}, "converted": {("P1", "A01", 1, 0)}}, Status.WAITING, Status.WAITING),
        (
            {"laid_out": {1}, "converted": A, "failed": {("P1", "A01", 2)}},
            Status.FAILED,
            Status.FAILED,
        ),
    ],
)
def test_status(facts: dict[str, Any], of_a: Status, of_plate: Status) -> None:
    (plate,) = plate_rows(PLATES, ACQUISITIONS, ACQUIRED, **facts)
    first, second = plate.acquisitions
    assert (first.status, plate.status) == (of_a, of_plate)
    assert (first.images, second.images, plate.images) == (6, 5, 11)
    assert bool(first.kept) == (1 in facts.get("laid_out", ()))
    assert second.kept == ""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A converted plate, and a second acquisition and plate that nothing was made of."""
    path = make_experiment(tmp_path, lost=(("B02", 2, "Actin"),))
    with Experiment.open(path) as experiment:
        experiment.add(make_scan(tmp_path / "again"), acquisition="again")
        experiment.add(make_scan(tmp_path / "more"), plate="P2")
    return path


@pytest.fixture
def widget(path: Path, qtbot: Any) -> Iterator[ExperimentWidget]:
    widget = ExperimentWidget(ViewerModel())
    qtbot.addWidget(widget)
    widget.show()
    widget.setValue(Choice(str(path)))
    widget.plates_button.click()
    yield widget
    widget.close_experiment()


def choose(tree: PlatesTree, *names: str) -> None:
    """Choose a plate, or an acquisition of a plate."""
    item = tree.tree.topLevelItem(0)
    for name in names:
        item = next(
            item.child(n) for n in range(item.childCount()) if item.child(n).text(0) == name
        )
    tree.tree.setCurrentItem(item)


def test_the_tree_of_an_experiment(widget: ExperimentWidget, path: Path) -> None:
    assert widget.plates_tree.isVisible()
    assert not widget.site_page.isVisible()
    with Experiment.open(path) as experiment:
        first, second = read_plates(experiment)
    assert [(row.name, row.status, row.images) for row in first.acquisitions] == [
        ("acquisition01", Status.COMPLETE, 23),  # 3 wells, 4 sites, 2 channels, one lost
        ("again", Status.WAITING, 24),
    ]
    assert [(row.status, row.images) for row in second.acquisitions] == [(Status.WAITING, 24)]
    choose(widget.plates_tree, "P1", "again")
    assert isinstance(widget.plates_tree.chosen(), AcquisitionRow)
    widget.plates_tree.back_button.click()
    assert widget.site_page.isVisible()


def test_only_what_nothing_was_made_of_is_removed(
    widget: ExperimentWidget, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = widget.plates_tree
    answer = QMessageBox.StandardButton.No
    monkeypatch.setattr(QMessageBox, "question", lambda *_: answer)
    for names in ((), ("P1",), ("P1", "acquisition01")):
        choose(tree, *names)
        assert not tree.remove_button.isEnabled()
    assert "share tables" in tree._about.text()
    choose(tree, "P2")
    tree.remove_button.click()
    assert widget.experiment.plate_names() == ["P1", "P2"]
    answer = QMessageBox.StandardButton.Yes
    with coordinating(path, "a test"):  # not while somebody works on it
        tree.remove_button.click()
    assert "is being worked on" in tree._fault.text()
    assert widget.experiment.plate_names() == ["P1", "P2"]
    tree.remove_button.click()
    assert widget.experiment.plate_names() == ["P1"]
    choose(tree, "P1", "again")
    tree.remove_button.click()
    assert list(widget.experiment.catalogue.acquisitions()["name"]) == ["acquisition01"]
    # The microscope's files are there, and the rest of the plate is as it was.
    assert len(list((tmp_path / "again").iterdir())) == 24
    assert len(list((tmp_path / "more").iterdir())) == 24
    assert len(widget.experiment.catalogue.sites()) == 12
    # It can be added again, and converted.
    widget.experiment.add(make_scan(tmp_path / "more"), plate="P2")
    assert run(convert(widget.experiment)) == []
    assert [row.status for row in read_plates(widget.experiment)] == [Status.COMPLETE] * 2


def test_the_only_acquisition_is_removed(
    tmp_path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    with Experiment.create(tmp_path / "new.tmaps") as experiment:
        experiment.add(make_scan(tmp_path / "raw"))
    widget = ExperimentWidget(ViewerModel())
    qtbot.addWidget(widget)
    widget.show()
    widget.setValue(Choice(str(tmp_path / "new.tmaps")))
    widget.show_plates()
    choose(widget.plates_tree, "P1")
    widget.plates_tree.remove_button.click()
    assert widget.experiment.plate_names() == []
    assert widget.value().plate == ""
    assert widget.plates_tree.isVisible()
    assert widget.plates_tree.add_button.isEnabled()
    widget.close_experiment()


def test_rename_and_describe(
    widget: ExperimentWidget, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = widget.plates_tree
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: ("  Second screen ", True))
    tree.rename_button.click()
    assert widget._title.text() == "Second screen"
    assert tree.tree.topLevelItem(0).text(0) == "Second screen"
    assert known.known_experiments()[0].name == "Second screen"
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: (" ", True))
    tree.rename_button.click()
    assert "cannot be empty" in tree._fault.text()
    monkeypatch.setattr(QInputDialog, "getMultiLineText", lambda *_: ("HeLa, 24 h", True))
    choose(tree, "P2")
    tree.describe_button.click()
    assert tree._about.text() == "P2\n\nHeLa, 24 h"
    choose(tree)
    tree.describe_button.click()
    choose(tree, "P2", "acquisition01")
    assert not tree.describe_button.isEnabled()
    with Experiment.open(path) as experiment:
        assert experiment.name == "Second screen"
        assert experiment.path == path
        assert experiment.catalogue.get("description") == "HeLa, 24 h"
        assert list(experiment.catalogue.plates()["description"]) == ["", "HeLa, 24 h"]


def test_plates_and_acquisitions_are_renamed(
    widget: ExperimentWidget, path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = widget.plates_tree

    def name(new: str) -> None:
        monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: (new, True))
        # From the menu, as a person finds it.
        next(each for each in tree.menu().actions() if each.text() == "Rename…").trigger()
        assert not tree.rename_button.isEnabled()
        qtbot.waitUntil(lambda: tree.rename_button.isEnabled())

    choose(tree, "P1")
    name("P2")
    assert "There is a plate 'P2' already" in tree._fault.text()
    name(" Plate 1 ")
    assert widget.experiment.plate_names() == ["Plate 1", "P2"]
    assert widget.value().plate == "Plate 1"
    assert tree.isVisible()
    choose(tree, "Plate 1", "again")
    name("day 2")
    choose(tree, "Plate 1", "day 2")
    with Experiment.open(path) as experiment:
        image = experiment.image("Plate 1", "B02", 1, "Actin")
        assert image.any()
        assert set(experiment.catalogue.acquisitions()["name"]) == {"acquisition01", "day 2"}
    tree.setBusy(True, importing=False)
    states = {each.text(): each.isEnabled() for each in tree.menu().actions()}
    assert not states["Rename…"]


def test_a_plate_that_is_renamed_while_another_experiment_is_opened(
    widget: ExperimentWidget,
    path: Path,
    experiment_path: Path,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ends = threading.Event()
    rename = Door.rename_plate

    def slow(self: Door, old: str, new: str) -> None:
        ends.wait()
        rename(self, old, new)

    monkeypatch.setattr(Door, "rename_plate", slow)
    tree = widget.plates_tree
    for new in ("Plate 1", "P2"):  # the second is taken
        widget.setValue(Choice(str(path)))
        widget.show_plates()
        monkeypatch.setattr(QInputDialog, "getText", lambda *_, new=new, **__: (new, True))
        choose(tree, widget.experiment.plate_names()[0])
        ends.clear()
        tree.rename_button.click()
        widget.setValue(Choice(str(experiment_path), "P1", "B03", 2))
        before, opened = widget.value(), widget.experiment
        ends.set()
        qtbot.waitUntil(lambda: not tree._renaming.is_running)
        assert (widget.value(), widget.experiment) == (before, opened)
        assert widget.site_page.isVisible()
    assert tree._fault.text().startswith("⚠ screen.tmaps: There is a plate 'P2' already")
