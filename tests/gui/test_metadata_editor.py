"""Metadata corrected in the window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLineEdit, QMessageBox, QTreeWidgetItem
from tests.gui.plate import make_experiment

from napari_tmaps.errors import StorageError
from napari_tmaps.gui.metadata_editor import MetadataEditor
from napari_tmaps.gui.metadata_state import Reach, edits_of, faults, read_values
from napari_tmaps.gui.ome_dialog import OmeDialog
from napari_tmaps.store.edited_values import edited
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.workflow.lock import coordinating

SIZE = ("", "pixel_size_um")
EXPOSURE = ("DAPI", "exposure_ms")


@pytest.fixture
def experiment(tmp_path: Path) -> Iterator[Experiment]:
    with Experiment.open(make_experiment(tmp_path)) as experiment:
        yield experiment


@pytest.fixture
def editor(experiment: Experiment, qtbot: Any) -> MetadataEditor:
    editor = MetadataEditor(experiment, "P1", "acquisition01")
    qtbot.addWidget(editor)
    editor.show()
    return editor


def item_of(editor: MetadataEditor, key: tuple[str, str]) -> QTreeWidgetItem:
    return editor._items()[key]


def settled(editor: MetadataEditor, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: not editor.is_busy)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0.65", [0.65, 0.65]),
        ("0,65", [0.65, 0.65]),
        ("0.65 × 0.6", [0.65, 0.6]),
        ("0.65x0.6", [0.65, 0.6]),
        ("0.65, 0.6", [0.65, 0.6]),
        ("0.65 0.6", [0.65, 0.6]),
        ("", None),
    ],
)
def test_sizes_as_people_write_them(text: str, size: list[float] | None) -> None:
    edits = edits_of({SIZE: text}, Reach.PLATE, "P1", "a")
    assert edits.of_acquisitions() == {"pixel_size_um": size}
    assert (edits.plate, edits.acquisition) == ("P1", "")


def test_what_does_not_fit_is_told_at_its_field() -> None:
    found = faults({SIZE: "wide", EXPOSURE: "5", ("DAPI", "color"): "blue"})
    assert list(found) == [SIZE, ("DAPI", "color")]
    assert "'wide' is no pixel size" in found[SIZE]
    assert edits_of({EXPOSURE: "5"}, Reach.EXPERIMENT, "P1", "a").plate == ""
    assert edits_of({EXPOSURE: "5"}, Reach.ACQUISITION, "P1", "a").acquisition == "a"


def test_a_value_is_typed_marked_and_applied(
    editor: MetadataEditor, experiment: Experiment, qtbot: Any
) -> None:
    assert [value.key for value in read_values(experiment, "P1", "acquisition01")][:2] == [
        SIZE,
        ("", "objective"),  # there is no stack, so no z step
    ]
    item = item_of(editor, SIZE)
    recorded = item.text(2)
    assert item.text(1) == recorded
    assert not editor.apply_button.isEnabled()
    item.setText(1, "0.25")  # what the editor of the cell does
    assert editor.value() == {SIZE: "0.25"}
    settled(editor, qtbot)
    assert item.text(0).endswith("•")
    assert editor.outlook.text().startswith("If applied:")
    with qtbot.waitSignal(editor.applied):
        editor.apply_button.click()
    assert experiment.info()["pixel_size_um"] == [0.25, 0.25]
    item = item_of(editor, SIZE)
    assert (item.text(1), item.text(2)) == ("0.25", recorded)
    assert item.font(1).bold()
    assert editor.value() == {}
    editor.tree.setCurrentItem(item)
    editor.recorded_button.click()
    assert editor.value() == {SIZE: ""}
    assert item.text(1) == recorded
    settled(editor, qtbot)
    with qtbot.waitSignal(editor.applied):
        editor.apply_button.click()
    assert edited(experiment) == []


def test_what_is_wrong_cannot_be_applied(editor: MetadataEditor, qtbot: Any) -> None:
    item = item_of(editor, EXPOSURE)
    item.setText(1, "-3")
    assert "Channel 'DAPI': -3" in editor.fault.text()
    assert "Channel 'DAPI': -3" in item.toolTip(1)
    assert not editor.apply_button.isEnabled()
    editor.reset_button.click()
    assert not editor.fault.text()
    assert item.text(1) == item.text(2)
    item.setText(1, item.text(1))  # nothing is typed by opening and leaving the cell
    assert editor.value() == {}
    settled(editor, qtbot)


def test_a_double_click_edits_values_only(editor: MetadataEditor, qtbot: Any) -> None:
    item = item_of(editor, EXPOSURE)
    assert item.text(1) == "not known"
    viewport = editor.tree.viewport()
    for column, opened in ((2, 0), (1, 1)):
        editor.tree.scrollToItem(item)
        at = editor.tree.visualRect(editor.tree.indexFromItem(item, column)).center()
        qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=at)
        qtbot.mouseDClick(viewport, Qt.MouseButton.LeftButton, pos=at)
        assert len(viewport.findChildren(QLineEdit)) == opened
    (line,) = viewport.findChildren(QLineEdit)
    assert line.text() == ""
    qtbot.keyClicks(line, "40")
    qtbot.keyClick(line, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: editor.value() == {EXPOSURE: "40"})
    settled(editor, qtbot)


def test_doubtful_values_are_asked_about(
    editor: MetadataEditor, experiment: Experiment, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    answers = [QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes]

    def answer(_parent: object, _title: str, text: str) -> Any:
        asked.append(text)
        return answers[len(asked) - 1]

    monkeypatch.setattr(QMessageBox, "question", answer)
    editor.setValue({SIZE: "650"})
    settled(editor, qtbot)
    editor.apply()
    assert edited(experiment) == []
    with qtbot.waitSignal(editor.applied):
        editor.apply()
    assert "nanometres" in asked[0]
    assert experiment.info()["pixel_size_um"] == [650, 650]


def test_while_something_is_at_work(
    editor: MetadataEditor, experiment: Experiment, qtbot: Any
) -> None:
    editor.setValue({SIZE: "0.25"})
    settled(editor, qtbot)
    with coordinating(experiment.path, "a workflow"):
        editor.apply()
        settled(editor, qtbot)
    assert "is being worked on" in editor.fault.text()
    assert editor.value() == {SIZE: "0.25"}
    assert edited(experiment) == []
    with qtbot.waitSignal(editor.applied):
        editor.apply_button.click()  # nothing needs to be typed again
    assert len(edited(experiment)) == 1


def test_what_cannot_be_read_is_told(
    editor: MetadataEditor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Any:
        raise StorageError("The catalogue cannot be used.")

    monkeypatch.setattr("napari_tmaps.gui.metadata_editor.read_values", refuse)
    editor.reload()
    assert editor.fault.text().endswith("The catalogue cannot be used.")
    assert editor.tree.topLevelItemCount() == 0


def test_the_dialog_shows_the_corrected_document(experiment: Experiment, qtbot: Any) -> None:
    dialog = OmeDialog(experiment, "P1", "acquisition01")
    qtbot.addWidget(dialog)
    qtbot.waitUntil(lambda: not dialog.is_busy and dialog.tree.topLevelItemCount() == 1)
    dialog.editor.setValue({SIZE: "0.25"})
    settled(dialog.editor, qtbot)
    with qtbot.waitSignal(dialog.applied):
        dialog.editor.apply()
    qtbot.waitUntil(lambda: 'PhysicalSizeX="0.25"' in dialog._text)
    dialog.reject()
