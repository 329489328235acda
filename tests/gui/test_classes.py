"""Selections by clicks, and the classifier that learns from them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from tests.gui.objects import beside_experiment, make_objects, write_features, write_objects

from napari_tmaps.gui.classes_widget import ClassesWidget
from napari_tmaps.gui.map_picture import Place
from napari_tmaps.gui.map_status import PickedObject
from napari_tmaps.gui.object_marks import LAYER
from napari_tmaps.gui.state import Choice
from napari_tmaps.gui.training import TrainingChoice, class_rows
from napari_tmaps.store.gates import RangeGate
from napari_tmaps.tools.population import Population
from napari_tmaps.tools.run import model_of


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_objects(tmp_path_factory.mktemp("objects"))


@pytest.fixture
def widget(made: Path, tmp_path: Path, qtbot: Any) -> Iterator[Any]:
    path = shutil.copytree(made, tmp_path / "screen.tmaps")
    with beside_experiment(ClassesWidget, path, qtbot) as widget:
        widget.show()
        yield widget
        wait(widget, qtbot)


def wait(widget: Any, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: not widget.is_busy)


def click(widget: Any, well: str, site: int, label: int, object_type: str = "Blocks") -> None:
    """As the Experiment widget tells of a click on the map."""
    widget.book.desk.pick(PickedObject(Place("P1", well, site), object_type, label))


def new(widget: Any, name: str, *objects: tuple[str, int, int]) -> None:
    """A selection of some objects, by clicks."""
    widget.selections.buttons["New"].click()
    items = widget.selections.list
    items.topLevelItem(items.topLevelItemCount() - 1).setText(0, name)
    widget.selections.setValue(name)
    for one in objects:
        click(widget, *one)


ROUND = [("B02", 1, 1), ("B02", 2, 1), ("B03", 1, 1)]
LONG = [("B02", 1, 2), ("B02", 2, 2), ("C03", 4, 2)]


def labels(widget: Any, name: str) -> list[int]:
    found: list[int] = widget.book.selections[name].objects["label"].tolist()
    return found


def test_clicks_add_and_remove_and_are_saved_at_once(widget: Any) -> None:
    assert "No selections yet" in widget.selections._hint.text()
    new(widget, "round", ("B02", 1, 1), ("B02", 1, 2))
    new(widget, "odd", ("B02", 1, 2))
    path = widget.book.desk.experiment.path / "selections" / "Blocks.parquet"
    frame = pd.read_parquet(path)  # any other program
    assert frame["selection"].tolist() == ["round", "round", "odd"]
    assert frame["label"].tolist() == [1, 2, 2]
    # Site 1 of B02 is shown; the object of two selections has two rings, that clicked last a frame.
    points = widget.viewer.layers[LAYER]
    np.testing.assert_allclose(points.data, [[7, 7], [23, 18], [23, 18], [23, 18]])
    assert not points.editable
    widget.selections.setValue("round")
    click(widget, "B02", 1, 2)
    assert (labels(widget, "round"), labels(widget, "odd")) == ([1], [2])
    widget.selections.buttons["Undo"].click()
    assert labels(widget, "round") == [1, 2]
    for _ in range(9):
        widget.book.undo()
    assert labels(widget, "odd") == []
    assert not widget.book.can_undo


def test_only_clicks_on_the_map_count_and_only_while_that_is_on(widget: Any) -> None:
    new(widget, "round", ("B02", 1, 1))
    widget.book.go(5)  # somebody chose a line of the table
    click(widget, "B02", 1, 1, "Cells")
    assert "one of the Cells" in widget.selections._hint.text()
    click(widget, "B02", 1, 99)
    assert "has no features" in widget.selections._hint.text()
    widget.selections.click_button.setChecked(False)
    click(widget, "B02", 2, 1)
    assert labels(widget, "round") == [1]


def test_nothing_is_selected_where_there_are_no_objects(widget: Any) -> None:
    assert widget.selections.buttons["New"].isEnabled()
    widget.book.open("")  # e.g. their table cannot be read
    assert not widget.selections.buttons["New"].isEnabled()
    widget.selections.buttons["New"].click()
    assert not widget.book.selections


def test_names(widget: Any) -> None:
    new(widget, "round", ("B02", 1, 1))
    new(widget, "odd")
    widget.selections.list.topLevelItem(1).setText(0, "round")
    assert list(widget.book.selections) == ["round", "odd"]
    assert "a selection 'round' already" in widget._message.text()
    widget.selections.setValue("round")
    widget.selections.buttons["Delete"].click()
    assert list(widget.book.selections) == ["odd"]


def test_the_row_of_a_selection_stays_while_its_name_changes(widget: Any) -> None:
    new(widget, "round", ("B02", 1, 1))
    row = widget.selections.list.topLevelItem(0)
    for text, name in (("oval", "oval"), (" ", "oval")):
        row.setText(0, text)  # Qt is not done with it when we are told
        assert list(widget.book.selections) == [name]
        assert widget.selections.list.indexOfTopLevelItem(row) == 0
        assert row.text(0) == name


def test_a_classifier_learns_while_one_clicks(widget: Any, qtbot: Any) -> None:
    new(widget, "round", *ROUND)
    assert "at least two" in widget.classifier.fault.text()
    new(widget, "long", LONG[0])
    assert "Add one more object to “long”" in widget.classifier.fault.text()
    assert not widget.classifier.buttons["Train"].isEnabled()
    widget.classifier.editors["folds"].setValue(2)
    with qtbot.waitSignal(widget.classifier.trained):
        click(widget, *LONG[1])
    wait(widget, qtbot)
    colours = widget.book.desk.colours
    assert [name for name, _ in colours.classes] == ["round", "long"]
    assert colours.values.to_numpy().tolist() == [0, 1] * 12
    assert "Blocks: classes" in widget.viewer.layers
    report = widget.classifier.result.result.report
    assert report["folds"] == 2
    matrix = widget.classifier.report.matrix
    called = [[int(matrix.item(n, m).text()) for m in range(2)] for n in range(2)]
    assert called == report["confusion"]
    assert np.trace(called) / 5 == report["accuracy"]
    with qtbot.waitSignal(widget.classifier.trained):
        click(widget, *LONG[2])
    wait(widget, qtbot)
    assert widget.classifier.result.result.report["training"] == {"round": 3, "long": 3}
    widget.classifier.show_uncertain()
    first = widget.classifier.result.uncertain[0]
    place = widget.book.data.table.index(np.array([first])).iloc[0]
    assert (widget.shown.value().well, widget.shown.value().site) == (place["well"], place["site"])


def test_a_result_is_kept_and_its_classifier_applied_elsewhere(
    widget: Any, qtbot: Any, tmp_path: Path
) -> None:
    new(widget, "round", *ROUND)
    new(widget, "long", *LONG)
    wait(widget, qtbot)
    widget.classifier.save("shapes")
    wait(widget, qtbot)
    experiment = widget.book.desk.experiment
    folder = experiment.path / "results" / "Blocks" / "shapes"
    frame = pd.read_parquet(folder / "plate=P1" / "B03.parquet", partitioning=None)
    assert frame["class"].tolist() == [0, 1] * 4
    assert widget.book.data.table.classes == {"shapes:class": ("round", "long")}
    widget.classifier.save("shapes")
    wait(widget, qtbot)
    assert "a result 'shapes' of 'Blocks' already" in widget.classifier.fault.text()
    model = model_of(experiment, "Blocks", "shapes")
    write_objects(experiment, "Dots")
    widget.book.open("Dots")
    widget.classifier.apply(model)
    wait(widget, qtbot)
    assert widget.book.desk.colours.object_type == "Dots"
    assert widget.book.desk.colours.values.to_numpy().tolist() == [0, 1] * 12
    frame = experiment.features.read("Dots").reset_index().drop(columns="Round")
    write_features(experiment, "Dots", frame)
    widget.book.open("Dots")
    widget.classifier.apply(model)
    wait(widget, qtbot)
    assert "lack 1 of them: 'Round'" in widget.classifier.fault.text()
    widget.classifier.apply(tmp_path / "gone.npz")
    wait(widget, qtbot)
    assert "There is no classifier" in widget.classifier.fault.text()


def test_what_was_learnt_is_not_kept_with_another_experiment(
    widget: Any, qtbot: Any, made: Path, tmp_path: Path
) -> None:
    another = shutil.copytree(made, tmp_path / "another.tmaps")
    new(widget, "round", *ROUND)
    new(widget, "long", *LONG)
    wait(widget, qtbot)
    assert widget.classifier.buttons["Save result…"].isEnabled()
    widget.classifier.train()  # ends when another is open
    widget.shown.setValue(Choice(str(another)))
    wait(widget, qtbot)
    assert widget.book.data.table.object_type == "Blocks"
    assert widget.classifier.result is None
    assert not widget.classifier.buttons["Save result…"].isEnabled()
    assert widget.book.desk.colours is None
    widget.classifier.save("shapes")
    wait(widget, qtbot)
    assert not (another / "results" / "Blocks").exists()


def test_gates_are_classes_too(widget: Any, qtbot: Any) -> None:
    book = widget.book
    book.save_gate("low", RangeGate(column="Round", low=0, high=0.5))
    book.save_gate("high", RangeGate(column="Round", low=0.5, high=1))
    choice = TrainingChoice((Population("gate", "low"), Population("gate", "high")), ("Round",))
    widget.classifier.setValue(choice)
    assert widget.classifier.value().classes == choice.classes
    assert widget.classifier.value().features == ("Round",)
    widget.classifier.train()
    wait(widget, qtbot)
    assert book.desk.colours.values.to_numpy().tolist() == [1, 0] * 12
    assert widget.classifier.result.result.report["training"] == {"low": 12, "high": 12}


def test_features_without_use_and_objects_that_are_gone(widget: Any, qtbot: Any) -> None:
    new(widget, "round", *ROUND)
    new(widget, "long", *LONG)
    wait(widget, qtbot)
    experiment = widget.book.desk.experiment
    frame = experiment.features.read("Blocks").reset_index()
    frame = frame[~((frame["well"] == "C03") & (frame["site"] == 4))]
    frame = frame.drop(columns="Area").assign(Round=0.5, Empty=np.nan)
    write_features(experiment, "Blocks", frame)
    widget.book.desk.tablesChanged.emit("Blocks")
    assert widget.selections.list.topLevelItem(1).text(1) == "2 (+1 gone)"
    widget.classifier.train()
    wait(widget, qtbot)
    told = widget.classifier.fault.text()
    assert "No feature of 2 can be used" in told
    assert "have no value at all were left out: 'Empty'" in told
    assert "are the same in all of them were left out: 'Round'" in told
    frame["Size"] = np.where(frame["label"] == 1, 3.0, 7.0)
    write_features(experiment, "Blocks", frame)
    widget.book.desk.tablesChanged.emit("Blocks")
    widget.classifier.train()
    wait(widget, qtbot)
    assert "1 of 3 objects of the selection 'long' are gone" in widget.classifier._text.text()


def test_f1_by_hand() -> None:
    report = {
        "classes": ["a", "b", "c"],
        "confusion": [[3, 1, 0], [0, 2, 0], [1, 0, 0]],
        "precision": [0.75, 2 / 3, None],
        "recall": [0.75, 1.0, 0.0],
    }
    rows = class_rows(report)
    assert [row.called for row in rows] == [(3, 1, 0), (0, 2, 0), (1, 0, 0)]
    assert [row.f1 for row in rows] == [pytest.approx(0.75), pytest.approx(0.8), None]
    assert class_rows({"accuracy": 1.0}) == []


def test_features_are_chosen_from_a_list(widget: Any) -> None:
    menu = widget.classifier.features
    menu.search.setText("rou")
    assert [menu.list.item(n).isHidden() for n in range(2)] == [True, False]
    menu.list.item(1).setCheckState(Qt.CheckState.Checked)
    assert widget.classifier.value().features == ("Round",)
    assert menu.text() == "1 chosen"
