"""The table, the plots and the gates of objects, driven as a person would."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from tests.gui.objects import make_objects, write_features, write_objects

from napari_tmaps.errors import InputError
from napari_tmaps.gui.desk import desk_of
from napari_tmaps.gui.experiment_widget import ExperimentWidget
from napari_tmaps.gui.gate_list import gate_rows
from napari_tmaps.gui.latest import Latest
from napari_tmaps.gui.map_picture import Place
from napari_tmaps.gui.map_status import PickedObject
from napari_tmaps.gui.object_marks import LAYER, marks
from napari_tmaps.gui.object_rows import RowChoice, Rows, choose_rows, find
from napari_tmaps.gui.objects_widget import ObjectsWidget
from napari_tmaps.gui.plot_state import (
    Group,
    PlotChoice,
    PlotKind,
    complete,
    gate_of,
    outline_of,
    plot,
)
from napari_tmaps.gui.plot_view import Hand
from napari_tmaps.gui.state import Choice, View
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.feature_table import FeatureTable
from napari_tmaps.store.gates import CombinedGate, FilterGate, RangeGate
from napari_tmaps.store.selections import Selection
from napari_tmaps.tools.values import ToolData


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_objects(tmp_path_factory.mktemp("objects"))


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    copied: Path = shutil.copytree(made, tmp_path / "screen.tmaps")
    return copied


@pytest.fixture
def table(made: Path) -> Iterator[FeatureTable]:
    with Experiment.open(made) as experiment:
        yield FeatureTable(experiment.features, "Blocks")


@pytest.fixture
def shown(qtbot: Any) -> Iterator[Any]:
    """The Experiment widget of a viewer without a window."""
    viewer = ViewerModel()
    widget = ExperimentWidget(viewer)  # type: ignore[arg-type]
    widget.viewer = viewer  # type: ignore[attr-defined]
    qtbot.addWidget(widget)
    yield widget
    widget.close_experiment()


@pytest.fixture
def widget(shown: Any, path: Path, qtbot: Any) -> Iterator[ObjectsWidget]:
    shown.setValue(Choice(str(path)))
    widget = ObjectsWidget(shown.viewer)
    qtbot.addWidget(widget)
    widget.show()
    wait(widget, qtbot)
    yield widget
    wait(widget, qtbot)


def wait(widget: ObjectsWidget, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: not widget.is_busy)


# -- rows -----------------------------------------------------------------------------------------

ROWS = [
    pytest.param(RowChoice(), None, id="all"),
    pytest.param(RowChoice("Area > 200 and label == 2"), [21, 23], id="filter"),
    pytest.param(RowChoice("Area <= 30", "Area", True), [2, 1, 0], id="sorted"),
    pytest.param(RowChoice("Area <= 40", "Round"), [1, 3, 0, 2], id="by another"),
]


def rows_of(table: FeatureTable, choice: RowChoice) -> Rows:
    events = choose_rows(ToolData(table), choice)
    while True:
        try:
            next(events)
        except StopIteration as stop:
            found: Rows = stop.value
            return found


@pytest.mark.parametrize(("choice", "expected"), ROWS)
def test_rows(table: FeatureTable, choice: RowChoice, expected: list[int] | None) -> None:
    rows = rows_of(table, choice)
    if expected is None:
        assert (rows.numbers, rows.mask, len(rows)) == (None, None, 24)
        assert rows.line_of(7) == 7
    else:
        assert rows.numbers is not None
        assert rows.numbers.tolist() == expected
        assert rows.line_of(expected[-1]) == len(expected) - 1
        assert rows.line_of(12) == -1


def test_find(table: FeatureTable) -> None:
    assert find(table, "B03 2 1").tolist() == [10]
    assert find(table, "b3/2").tolist() == [10, 11]
    assert len(find(table, "C03")) == 8
    assert find(table, "H12").tolist() == []
    for text in ("mitotic", "B03 x", "B03 1 2 3", ""):
        with pytest.raises(InputError, match="B03 2 17"):
            find(table, text)


# -- plots ----------------------------------------------------------------------------------------


def test_plots(table: FeatureTable, monkeypatch: pytest.MonkeyPatch) -> None:
    choice = complete(table, PlotChoice(x="gone"))
    assert (choice.x, choice.y) == ("Area", "Round")
    mask = np.asarray(table.numbers("label")) == 1
    assert plot(table, choice, mask).bars[0].counts.sum() == 12
    scatter = plot(table, replace(choice, kind=PlotKind.SCATTER, log_x=True), mask)
    assert scatter.points[0].shape == (12, 2)
    assert scatter.points[0][0].tolist() == pytest.approx([1.0, 0.9])
    monkeypatch.setattr("napari_tmaps.gui.plot_state.MOST_POINTS", 10)
    many = plot(table, replace(choice, kind=PlotKind.SCATTER), mask)
    assert many.picture is not None
    assert many.picture.counts.sum() == 12
    # Few objects are drawn over the picture of many, e.g. those of the site that is looked at.
    few, lot = mask & (np.arange(len(mask)) < 8), mask.copy()
    groups = [Group("here", "#e6e600", few), Group("lot", "#e6e600", lot)]
    many = plot(table, replace(choice, kind=PlotKind.SCATTER), mask, groups)
    assert [len(points) for points in many.points] == [0, 4, 0]
    boxes = plot(table, complete(table, replace(choice, kind=PlotKind.BOXES)), None)
    assert [(box.name, box.median) for box in boxes.boxes] == [
        ("B02", 45),
        ("B03", 125),
        ("C03", 205),
    ]


DRAWN = [
    pytest.param(PlotChoice(x="Area"), [(3, 9), (1, 2)], False, [(1, 0), (3, 0)], id="range"),
    pytest.param(
        PlotChoice(PlotKind.SCATTER, "Area", "Round", log_x=True),
        [(2, 5), (1, 7)],
        False,
        [(1, 5), (2, 5), (2, 7), (1, 7), (1, 5)],
        id="rectangle",
    ),
    pytest.param(
        PlotChoice(PlotKind.SCATTER, "Area", "Round", log_y=True),
        [(0, 1), (4, 1), (2, 3)],
        True,
        [(0, 1), (4, 1), (2, 3), (0, 1)],
        id="lasso",
    ),
]


@pytest.mark.parametrize(("choice", "corners", "lasso", "outline"), DRAWN)
def test_a_gate_is_seen_where_it_was_drawn(
    choice: PlotChoice, corners: Any, lasso: bool, outline: Any
) -> None:
    gate = gate_of(choice, corners, lasso=lasso)
    assert outline_of(gate, choice) == [pytest.approx(corner) for corner in outline]
    assert outline_of(gate, replace(choice, x="Round", y="Area")) == []


# -- the widget -----------------------------------------------------------------------------------


def test_empty_states(qtbot: Any, experiment_path: Path, shown: Any) -> None:
    widget = ObjectsWidget(shown.viewer)
    qtbot.addWidget(widget)
    assert "No experiment is open" in widget.empty.text()
    shown.setValue(Choice(str(experiment_path)))
    assert "run it on the whole plate" in widget.empty.text()
    assert "Pipeline" in widget.empty.button.text()
    widget.empty.button.click()  # there is no window to open it in


def test_from_the_table_to_the_map_and_back(widget: ObjectsWidget, shown: Any, qtbot: Any) -> None:
    assert widget.table.view.objects.rowCount() == 24
    view = widget.table.view
    view.setCurrentIndex(view.objects.index(20, 0))
    qtbot.keyClick(view, Qt.Key.Key_Down)
    # Row 21: well C03, site 3, label 2, of which the middle is row 46, column 36.
    assert (shown.value().well, shown.value().site) == ("C03", 3)
    viewer = shown.viewer
    np.testing.assert_allclose(viewer.layers[LAYER].data, [[23.0, 18.0]])
    assert viewer.scene.camera.center[1:] == pytest.approx((23.0, 18.0))
    desk_of(viewer).pick(PickedObject(Place("P1", "B02", 2), "Blocks", 1))
    assert view.currentIndex().row() == 2
    assert (shown.value().well, shown.value().site) == ("C03", 3), "a click does not walk away"
    desk_of(viewer).pick(PickedObject(Place("P1", "B02", 2), "Blocks", 99))
    assert view.currentIndex().row() == 2


@pytest.mark.parametrize("view", list(View))
def test_where_an_object_lies_is_what_lies_there(
    widget: ObjectsWidget, shown: Any, view: View
) -> None:
    shown.setValue(replace(shown.value(), well="B03", site=4, view=view))
    place = Place("P1", "B03", 4)
    at = widget.book.desk.locate(place, (46.0, 36.0))
    assert at is not None
    assert shown._view.place_at(*at) == place
    elsewhere = widget.book.desk.locate(Place("P1", "C03", 1), (0.0, 0.0))
    assert (elsewhere is None) == (view in (View.SITE, View.WELL))


def test_filter_sort_and_columns(widget: ObjectsWidget, qtbot: Any) -> None:
    panel = widget.table
    choice = RowChoice("Area > 200", "Round", True)
    panel.setValue(choice)
    wait(widget, qtbot)
    assert panel.value() == choice
    assert panel.rows.numbers is not None
    assert panel.rows.numbers.tolist() == [22, 20, 23, 21]
    assert widget.note.text() == "4 of 24"
    panel.filter_line.setText("Gone > 1")
    panel.filter_line.editingFinished.emit()
    wait(widget, qtbot)
    assert "There is no column 'Gone'" in panel.fault.text()
    assert len(panel.rows) == 4, "what was shown stays"
    panel.filter_line.clear()
    wait(widget, qtbot)
    assert not panel.fault.text()
    assert len(panel.rows) == 24
    item = panel.columns.list.findItems("Round", Qt.MatchFlag.MatchExactly)[0]
    item.setCheckState(Qt.CheckState.Unchecked)
    assert panel.view.objects.columns == ("well", "site", "label", "Area")
    panel.find_line.setText("C03 4 2")
    panel.find_line.returnPressed.emit()
    assert panel.view.currentIndex().row() == panel.rows.line_of(23)


def test_what_the_table_shows_is_exported(
    widget: ObjectsWidget, tmp_path: Path, qtbot: Any
) -> None:
    panel = widget.table
    assert widget.book.save_gate("large", RangeGate(column="Area", low=200, high=1000))
    offered = [panel.population.itemText(n) for n in range(panel.population.count())]
    assert offered == ["All objects", "Gate large"]
    panel.population.setCurrentIndex(1)
    panel.population.activated.emit(1)
    wait(widget, qtbot)
    assert widget.note.text() == "5 of 24"
    panel.setValue(replace(panel.value(), filter="label == 2"))
    wait(widget, qtbot)
    assert widget.note.text() == "3 of 24"
    widget.export_button.requested.emit("objects", tmp_path / "shown.csv")
    wait(widget, qtbot)
    assert "Wrote 3 objects" in widget._message.text()
    assert pd.read_csv(tmp_path / "shown.csv")["Area"].tolist() == [200.0, 220.0, 240.0]
    # The gate changes, and is gone: the table follows.
    widget.book.save_gate("large", RangeGate(column="Area", low=230, high=1000))
    wait(widget, qtbot)
    assert widget.note.text() == "1 of 24"
    widget.book.remove_gate("large")
    wait(widget, qtbot)
    assert panel.population.currentText() == "All objects"
    assert widget.note.text() == "12 of 24"


def test_a_gate_colours_the_map(widget: ObjectsWidget, shown: Any, qtbot: Any) -> None:
    widget.table.setValue(RowChoice("Area > 200"))
    wait(widget, qtbot)
    widget.table.gate_button.click()
    book = widget.book
    assert book.save_gate("low", RangeGate(column="Area", low=0, high=210), "#00ff00")
    colours = book.desk.colours
    assert colours is not None
    assert [name for name, _ in colours.classes] == ["gate 1", "low"]
    assert colours.values.to_numpy()[18:].tolist() == [1, 1, 0, 0, 0, 0]
    assert colours.values.index[20] == ("P1", "C03", 3, 0, 1)
    assert "Blocks: gates" in shown.viewer.layers
    rows = gate_rows(book)
    assert [(row.name, row.count, row.is_active) for row in rows] == [
        ("gate 1", 4, True),
        ("low", 21, True),
    ]
    book.set_gate_active("gate 1", False)
    assert book.desk.colours is not None
    assert [color for _, color in book.desk.colours.classes] == ["#00ff00"]
    assert shown.viewer.layers["Blocks: gates"].contrast_limits == [-0.5, 0.5]
    book.set_gate_active("low", False)
    book.set_gate_active("gate 1", True)
    book.set_gate_active("low", True)
    assert shown.viewer.layers["Blocks: gates"].contrast_limits == [-0.5, 1.5], "two, as before"
    gates = widget.gates
    gates.list.selectAll()
    gates.buttons["and"].click()
    assert book.data is not None
    assert book.data.gates["gate 2"] == CombinedGate(kind="and", gates=("gate 1", "low"))
    assert gate_rows(book)[2].count == 1
    gates.list.topLevelItem(0).setText(0, "large")
    assert list(book.data.gates) == ["large", "low", "gate 2"]
    gates.list.selectAll()
    gates.buttons["Delete"].click()
    assert book.data.gates == {}
    assert book.desk.colours is None


def test_the_row_of_a_gate_stays_while_it_is_changed(widget: ObjectsWidget) -> None:
    book, gates = widget.book, widget.gates.list
    book.save_gate("low", RangeGate(column="Area", low=0, high=210))
    row = gates.topLevelItem(0)
    row.setCheckState(0, Qt.CheckState.Unchecked)  # Qt is not done with it when we are told
    assert book.active_gates == []
    assert gates.indexOfTopLevelItem(row) == 0
    row.setText(0, "small")
    assert [each.name for each in gate_rows(book)] == ["small"]
    assert gates.indexOfTopLevelItem(row) == 0


def test_an_object_of_several_gates_has_the_colour_of_the_first(
    widget: ObjectsWidget, shown: Any, qtbot: Any
) -> None:
    widget.book.save_gate("first", RangeGate(column="Area", low=0, high=65))
    widget.book.save_gate("second", RangeGate(column="Area", low=0, high=85))
    widget.tabs.setCurrentIndex(1)
    widget.plot.setValue(PlotChoice(PlotKind.SCATTER, "Area", "Round"))
    widget.plot.refresh()
    wait(widget, qtbot)
    state = widget.plot.state
    assert state is not None
    # What is drawn last is seen.
    assert [group.name for group in state.groups if group.name != "here"] == ["second", "first"]
    assert widget.book.desk.colours is not None
    assert widget.book.desk.colours.values.to_numpy()[:8].tolist() == [0] * 6 + [1] * 2


def test_a_gate_on_a_column_that_is_gone(widget: ObjectsWidget, path: Path) -> None:
    book = widget.book
    book.save_gate("old", RangeGate(column="Area", low=0, high=50))
    experiment = book.desk.experiment
    assert experiment is not None
    frame = experiment.features.read("Blocks").reset_index().drop(columns="Area")
    write_features(experiment, "Blocks", frame)
    book.desk.tablesChanged.emit("Blocks")
    (row,) = gate_rows(book)
    assert "no column 'Area'" in row.fault
    assert "The gate itself is kept" in row.fault
    assert widget.gates.list.topLevelItem(0).text(1) == "⚠"
    assert widget.plot.value().x == "Round"
    book.set_gate_active("old", False)
    book.set_gate_active("old", True)
    assert "no column 'Area'" in widget._message.text()


def test_types(widget: ObjectsWidget) -> None:
    book = widget.book
    experiment = book.desk.experiment
    assert experiment is not None
    write_objects(experiment, "Dots")
    book.desk.tablesChanged.emit("Dots")
    book.desk.tablesChanged.emit("")
    assert [widget.type_box.itemText(n) for n in range(2)] == ["Blocks", "Dots"]
    book.save_gate("low", FilterGate(text="Area < 50"))
    widget.type_box.setCurrentText("Dots")
    widget.type_box.activated.emit(1)
    assert book.object_type == "Dots"
    assert gate_rows(book) == []
    assert book.active_gates == []


def test_a_lasso_with_the_mouse(widget: ObjectsWidget, qtbot: Any) -> None:
    widget.resize(500, 700)
    widget.tabs.setCurrentWidget(widget.plot)
    widget.plot.setValue(PlotChoice(PlotKind.SCATTER, "Area", "Round"))
    wait(widget, qtbot)
    widget.plot.setHand(Hand.LASSO)
    box, canvas = widget.plot.view.box, widget.plot.view.plot
    canvas.grab()  # lays the plot out
    port = canvas.viewport()
    # Around all objects of label 1, which are the round ones.
    corners = [(0, 0.8), (250, 0.8), (250, 1.0), (0, 1.0)]
    points = [canvas.mapFromScene(box.mapViewToScene(QPointF(*corner))) for corner in corners]
    QTest.mousePress(port, Qt.MouseButton.LeftButton, pos=points[0])
    for point in points[1:]:
        event = QMouseEvent(
            QMouseEvent.Type.MouseMove,
            QPointF(point),
            QPointF(port.mapToGlobal(point)),
            Qt.MouseButton.NoButton,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(port, event)
        qtbot.wait(40)
    QTest.mouseRelease(port, Qt.MouseButton.LeftButton, pos=points[-1])
    wait(widget, qtbot)
    (row,) = gate_rows(widget.book)
    assert (row.name, row.count, row.is_active) == ("gate 1", 12, True)


def test_closing_the_experiment(widget: ObjectsWidget, shown: Any) -> None:
    viewer = shown.viewer
    widget.book.go(3)
    assert LAYER in viewer.layers
    shown.close_experiment()
    assert widget.book.data is None
    assert "No experiment is open" in widget.empty.text()
    assert len(viewer.layers) == 0


# -- marks, work ----------------------------------------------------------------------------------


def test_an_object_of_two_selections_has_two_rings() -> None:
    key = ("P1", "B02", 1, 0, 5)
    frame = pd.DataFrame([key], columns=["plate", "well", "site", "t", "label"])
    found = marks({"a": Selection(frame, "#ff0000"), "b": Selection(frame, "#00ff00")}, key)
    assert [(mark.color, mark.symbol) for mark in found] == [
        ("#ff0000", "disc"),
        ("#00ff00", "disc"),
        ("#ffffff", "square"),
    ]
    assert found[1].size_px > found[0].size_px


def test_only_the_newest_work_is_told(qtbot: Any) -> None:
    latest, told = Latest(), []
    latest.ended.connect(lambda outcome: told.append(outcome.value))

    def make(number: int) -> Callable[[], Any]:
        def work() -> Any:
            yield Progress("", 0, 0)
            return number

        return work

    for number in range(5):
        latest.ask("", make(number))
    qtbot.waitUntil(lambda: not latest.is_running)
    assert told == [4]
    latest.ask("", make(5))
    latest.cancel()
    qtbot.waitUntil(lambda: not latest.is_running)
    assert told == [4]


def test_objects_that_are_measured_anew_meanwhile(
    widget: ObjectsWidget, path: Path, qtbot: Any
) -> None:
    """An analysis replaces files that the widgets know the ends of; nothing is raised into Qt."""
    with Experiment.open(path) as experiment:
        frame = experiment.features.read("Blocks").reset_index()
        many = pd.concat([frame.assign(label=frame["label"] + 2 * n) for n in range(400)])
        write_features(experiment, "Blocks", many)
    said: list[str] = []
    widget.book.failed.connect(said.append)
    lines = widget.table.view.objects
    widget.book.opened.emit()
    assert lines.data(lines.index(0, 4)) == "…"
    qtbot.waitUntil(lambda: "measured anew" in widget.table.fault.text())
    widget.book.go(0)
    assert any("measured anew" in text for text in said)
    wait(widget, qtbot)
    widget.book.open("Blocks")
    wait(widget, qtbot)
    assert lines.rowCount() == 24 * 400
    assert lines.data(lines.index(0, 4)) != "…"


def test_no_gate_of_no_objects(widget: ObjectsWidget, qtbot: Any) -> None:
    panel = widget.table
    for object_type in ("Blocks", ""):
        widget.book.open(object_type)
        panel.filter_line.setText(f"Area > {len(object_type)}")
        panel.filter_line.editingFinished.emit()
        wait(widget, qtbot)
        assert panel.gate_button.isEnabled() == bool(object_type)
    panel.gate_button.clicked.emit()
    assert widget.book.data is None
