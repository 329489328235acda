"""OME metadata of an acquisition: the tree, the search, the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ome_types
import pytest
from qtpy.QtWidgets import QTreeWidgetItem
from tests.gui.plate import make_experiment

from napari_tmaps.gui.ome_dialog import OmeDialog
from napari_tmaps.gui.plates_tree import PlatesTree
from napari_tmaps.store.experiment import Experiment


@pytest.fixture
def experiment(tmp_path: Path) -> Iterator[Experiment]:
    with Experiment.open(make_experiment(tmp_path)) as experiment:
        yield experiment


@pytest.fixture
def dialog(experiment: Experiment, qtbot: Any) -> OmeDialog:
    dialog = OmeDialog(experiment, "P1", "acquisition01")
    qtbot.addWidget(dialog)
    qtbot.waitUntil(lambda: not dialog.is_busy and dialog.tree.topLevelItemCount() == 1)
    return dialog


def rows(item: QTreeWidgetItem) -> list[tuple[str, str]]:
    children = [item.child(n) for n in range(item.childCount())]
    return [(child.text(0), child.text(1)) for child in children if child is not None]


def test_elements_and_attributes_are_shown_as_they_are_opened(dialog: OmeDialog) -> None:
    top = dialog.tree.topLevelItem(0)
    assert top is not None
    assert top.text(0) == "OME"
    images = [at for at, row in enumerate(rows(top)) if row[0] == "Image"]
    assert len(images) == len(ome_types.from_xml(dialog._text).images)
    image = top.child(images[0])
    assert image is not None
    assert image.childCount() == 0  # nobody has looked
    image.setExpanded(True)
    assert ("Pixels", "Pixels:0") in rows(image)


def test_the_search_goes_from_one_element_to_the_next_and_around(dialog: OmeDialog) -> None:
    assert dialog.go_to("actin")
    first = dialog.tree.currentItem()
    assert first is not None
    assert (first.text(0), first.text(1)) == ("Channel", "Actin")
    number = len(ome_types.from_xml(dialog._text).images)
    assert dialog.message.text() == f"1 of {number} elements"
    seen = [first]
    for _ in range(number):
        assert dialog.go_to("actin")
        seen.append(dialog.tree.currentItem())
    assert seen[-1] is first
    assert len({id(item) for item in seen[:-1]}) == number
    assert not dialog.go_to("phalloidin 999")
    assert "phalloidin 999" in dialog.message.text()


def test_entries_of_annotations_are_called_by_their_keys(dialog: OmeDialog) -> None:
    assert dialog.go_to("test microscope")
    item = dialog.tree.currentItem()
    assert item is not None
    assert (item.text(0), item.text(1)) == ("format", "Test microscope")


def test_what_is_saved_is_valid_ome_xml(dialog: OmeDialog, tmp_path: Path) -> None:
    dialog.save(tmp_path / "a.ome.xml")
    text = (tmp_path / "a.ome.xml").read_text(encoding="utf-8")
    found = ome_types.from_xml(text, validate=True)
    assert [c.name for c in found.images[0].pixels.channels] == ["DAPI", "Actin"]
    (tmp_path / "file").touch()
    dialog.save(tmp_path / "file" / "a.ome.xml")
    assert "Wrote" not in dialog.message.text()


def test_an_acquisition_that_is_not_there_is_told(experiment: Experiment, qtbot: Any) -> None:
    dialog = OmeDialog(experiment, "P1", "again")
    qtbot.addWidget(dialog)
    qtbot.waitUntil(lambda: "P1/again" in dialog.message.text())
    assert not dialog.save_button.isEnabled()
    assert not dialog.go_to("Image")


def test_it_is_offered_for_acquisitions(experiment: Experiment, qtbot: Any) -> None:
    tree = PlatesTree()
    qtbot.addWidget(tree)
    tree.show()
    tree.setExperiment(experiment)
    assert not tree.metadata_button.isEnabled()
    plate = tree.tree.topLevelItem(0).child(0)  # type: ignore[union-attr]
    assert plate is not None
    tree.tree.setCurrentItem(plate.child(0))
    tree.metadata_button.click()
    (dialog,) = tree.findChildren(OmeDialog)
    qtbot.waitUntil(lambda: dialog.tree.topLevelItemCount() == 1)
    dialog.reject()
