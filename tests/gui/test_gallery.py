"""The gallery: which objects, what a picture looks like, and sorting them into classes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QDropEvent
from tests.gui.objects import beside_experiment, make_objects, write_features
from tests.gui.plate import plane_of

from napari_tmaps.gui.class_bar import ClassBar
from napari_tmaps.gui.gallery_state import GalleryChoice, Look, choose, fitting_size, render
from napari_tmaps.gui.gallery_widget import GalleryWidget
from napari_tmaps.store.crops import OUTSIDE, Crop
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.gates import RangeGate
from napari_tmaps.tools.population import Population
from napari_tmaps.tools.run import open_data


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_objects(tmp_path_factory.mktemp("objects"))


@pytest.fixture
def widget(made: Path, tmp_path: Path, qtbot: Any) -> Iterator[Any]:
    path = shutil.copytree(made, tmp_path / "screen.tmaps")
    with beside_experiment(GalleryWidget, path, qtbot) as widget:
        widget.resize(420, 700)
        widget.show()
        wait(widget, qtbot)
        yield widget
        wait(widget, qtbot)


def wait(widget: Any, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: not (widget.is_busy or widget._repaint.isActive()))


CHOSEN = [
    pytest.param(GalleryChoice(Population("filter", "Area > 210")), {21, 22, 23}, id="filter"),
    pytest.param(GalleryChoice(sort="Area", descending=True, number=2), [23, 22], id="largest"),
    pytest.param(GalleryChoice(sort="Round", number=3), [1, 3, 5], id="by another"),
]


@pytest.mark.parametrize(("choice", "expected"), CHOSEN)
def test_which_objects(made: Path, choice: GalleryChoice, expected: Any) -> None:
    with Experiment.open(made) as experiment:
        data = open_data(experiment, "Blocks")
        found = choose(data, choice).rows.tolist()
        assert type(expected)(found) == expected
        assert choose(data, choice).rows.tolist() == found, "the same each time"
        assert fitting_size(data.table) == 64, "nothing tells how large they are"


def test_a_picture() -> None:
    labels = np.array([[1, 1, 2], [0, 0, 2], [OUTSIDE] * 3], np.int32)
    pixels = np.array([[[10, 20, 20], [20, 0, 30], [0, 0, 0]]], np.uint16)
    crop = Crop(0, 1, pixels, labels)
    looks = [Look("DAPI", (1.0, 0.5, 0.0), 10, 20)]
    plain = render(crop, looks, outline=None)
    assert plain[0].tolist() == [[0, 0, 0], [255, 127, 0], [89, 44, 0]], "a neighbour is dimmed"
    assert plain[1].tolist() == [[153, 76, 0], [0, 0, 0], [89, 44, 0]], "so is the background"
    assert not plain[2].any(), "beyond the site"
    framed = render(crop, looks)
    white = (framed == 255).all(axis=2)
    assert white.tolist() == [[False, False, True], [True, True, False], [False] * 3]
    assert render(crop, [replace(looks[0], gamma=2.0, high=30)], None)[0, 1, 0] == 63


def test_pictures_are_as_the_layers_show_them(widget: Any, qtbot: Any) -> None:
    widget.setValue(GalleryChoice(sort="Area", number=5, size_px=24))
    wait(widget, qtbot)
    assert widget.rows.tolist() == [0, 1, 2, 3, 4]
    assert widget.note.text() == "5 of 24"
    assert sorted(widget._crops) == [0, 1, 2, 3, 4]
    dapi = plane_of("B02", 1, "DAPI")[2:26, 2:26]
    np.testing.assert_array_equal(widget._crops[0].pixels[0], dapi)
    layer = widget.viewer.layers["DAPI"]
    layer.contrast_limits, layer.colormap = (0, 400), "red"
    widget.viewer.layers["Actin"].visible = False
    wait(widget, qtbot)
    picture = widget.wall.tiles.picture(2).toImage()
    # Site 2 of B02 is 200 everywhere but for a ramp of 0 … 7: half red in the middle.
    middle = picture.pixelColor(12, 12)
    assert (middle.red(), middle.green(), middle.blue()) == (128, 0, 0)


def test_sorting_with_the_keys(widget: Any, qtbot: Any) -> None:
    widget.setValue(GalleryChoice(sort="Area", number=6))
    wait(widget, qtbot)
    wall = widget.wall
    wall.setCurrentIndex(wall.tiles.index(0))
    widget._on_new_class()
    widget._on_new_class()
    qtbot.keyClick(wall, Qt.Key.Key_1)
    qtbot.keyClick(wall, Qt.Key.Key_Right)
    qtbot.keyClick(wall, Qt.Key.Key_2)
    labels = {name: one.objects["label"].tolist() for name, one in widget.book.selections.items()}
    assert labels == {"class 1": [1], "class 2": [2]}
    assert [wall.tiles.tile(n).colors for n in (0, 1, 2)] == [("#e69f00",), ("#56b4e9",), ()]
    qtbot.keyClick(wall, Qt.Key.Key_1)
    assert widget.book.selections["class 1"].objects["label"].tolist() == [1, 2]
    assert len(widget.book.selections["class 2"].objects) == 0
    widget.book.undo()
    widget.book.undo()
    assert widget.book.selections["class 2"].objects["label"].tolist() == [2]
    qtbot.keyClick(wall, Qt.Key.Key_0)
    qtbot.keyClick(wall, Qt.Key.Key_9)  # there is no such class
    assert len(widget.book.selections["class 2"].objects) == 0
    wall.setCurrentIndex(wall.tiles.index(5))
    qtbot.keyClick(wall, Qt.Key.Key_Return)
    assert (widget.shown.value().well, widget.shown.value().site) == ("B02", 3)


def test_dragging_to_a_class(widget: Any, qtbot: Any) -> None:
    widget.setValue(GalleryChoice(sort="Area", number=6))
    wait(widget, qtbot)
    widget._on_new_class()
    tiles = widget.wall.tiles
    carried = tiles.mimeData([tiles.index(4), tiles.index(5)])
    place = QPointF(QPoint(3, 3)), Qt.DropAction.CopyAction
    held = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    widget.class_bar.buttons[0].dropEvent(QDropEvent(*place, carried, *held))
    objects = widget.book.selections["class 1"].objects
    assert objects[["well", "site", "label"]].to_numpy().tolist() == [["B02", 3, 1], ["B02", 3, 2]]
    assert widget.class_bar.buttons[0].text() == "1 class 1 (2)"
    carried = tiles.mimeData([tiles.index(0)])
    widget.setValue(GalleryChoice(sort="Area", descending=True, number=6))  # on its way
    widget.class_bar.buttons[0].dropEvent(QDropEvent(*place, carried, *held))
    assert len(widget.book.selections["class 1"].objects) == 2
    assert "drag again" in widget.fault.text()
    wait(widget, qtbot)


def test_many_classes_are_read_at_the_width_of_a_dock(qtbot: Any) -> None:
    bar = ClassBar()
    qtbot.addWidget(bar)
    names = ["a class of a long name", *(f"class {n}" for n in range(2, 10))]
    bar.setClasses(dict.fromkeys(names, ("#ff0000", 10)))
    assert bar.buttons[0].text() == "1 a class of … (10)"
    assert "“a class of a long name”" in bar.buttons[0].toolTip()
    for button in bar.buttons:
        words = button.fontMetrics().horizontalAdvance(button.text())
        assert words + button.iconSize().width() < 396 / 3
    with qtbot.waitSignal(bar.chosen) as told:
        bar.buttons[8].click()
    assert told.args == ["class 9"]


def test_populations(widget: Any, qtbot: Any) -> None:
    widget.book.save_gate("low", RangeGate(column="Area", low=0, high=30))
    names = [widget.population.itemText(n) for n in range(widget.population.count())]
    assert names == ["All objects", "Gate low", "Filter …"]
    widget.setValue(GalleryChoice(Population("gate", "low"), sort="Area"))
    wait(widget, qtbot)
    assert widget.rows.tolist() == [0, 1, 2]
    assert widget.population.currentText() == "Gate low"
    widget.setValue(GalleryChoice(Population("filter", "Area > 1000")))
    assert "there are no objects in it" in widget.fault.text()
    widget.setValue(GalleryChoice(Population("filter", "Gone > 1000")))
    assert "no column 'Gone'" in widget.fault.text()
    widget.book.offered.emit(np.array([7, 3]), "least sure")
    wait(widget, qtbot)
    assert widget.rows.tolist() == [7, 3]
    assert widget.note.text() == "least sure"


def test_objects_that_are_no_more(widget: Any, qtbot: Any) -> None:
    experiment = widget.book.desk.experiment
    frame = experiment.features.read("Blocks").reset_index()
    frame.loc[:1, "label"] += 50
    write_features(experiment, "Blocks", frame)
    widget.book.desk.tablesChanged.emit("Blocks")
    widget.setValue(GalleryChoice(sort="Area", number=4))
    wait(widget, qtbot)
    assert "2 of these objects are not in the labels any more" in widget.fault.text()
    assert sorted(widget._crops) == [2, 3]


def test_behind_another_tab_it_hears_of_new_classes(
    widget: Any, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    assert len(widget.rows)
    with monkeypatch.context() as behind:
        behind.setattr(widget._sight, "waits", lambda: True)
        widget.refresh()
        assert not len(widget.rows)
        widget.class_bar.newRequested.emit()
        assert list(widget.book.selections) == ["class 1"]
    widget.refresh()
    assert len(widget.rows) == widget.wall.tiles.rowCount()
    wait(widget, qtbot)
