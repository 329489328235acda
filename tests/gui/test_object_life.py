"""What shows objects while these are found anew, damaged or closed, or others are opened."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pandas as pd
import pytest
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QColorDialog, QWidget
from tests.analysed import analysed, analysed_once  # noqa: F401
from tests.gui.objects import beside_experiment, make_objects, write_features, write_objects

from napari_tmaps.errors import StorageError
from napari_tmaps.gui import plot_state, results_widget, save_widget, table_panel
from napari_tmaps.gui.classes_widget import ClassesWidget
from napari_tmaps.gui.desk import desk_of
from napari_tmaps.gui.edit_widget import EditWidget
from napari_tmaps.gui.gallery_widget import GalleryWidget
from napari_tmaps.gui.object_book import book_of
from napari_tmaps.gui.object_rows import RowChoice
from napari_tmaps.gui.objects_widget import ObjectsWidget
from napari_tmaps.gui.plot_state import PlotChoice, PlotKind
from napari_tmaps.gui.results_widget import ResultsWidget
from napari_tmaps.gui.save_state import What
from napari_tmaps.gui.save_widget import SaveWidget
from napari_tmaps.gui.state import Choice, View
from napari_tmaps.gui.training import TrainingChoice
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.features import INDEX
from napari_tmaps.store.gates import RangeGate
from napari_tmaps.store.selections import Selection
from napari_tmaps.streams.saveoptions import SaveOptions
from napari_tmaps.tools.population import Population

Opened = Callable[[Any], AbstractContextManager[Any]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_objects(tmp_path / "one")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return make_objects(tmp_path / "other")


@pytest.fixture
def opened(path: Path, qtbot: Any) -> Opened:
    """Makes a widget beside the Experiment widget."""
    return lambda kind: beside_experiment(kind, path, qtbot)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any, str], Event]]:
    """Makes work of a module or class wait until an event is set."""
    events = []

    def hold(place: Any, name: str) -> Event:
        goes_on, real = Event(), getattr(place, name)
        events.append(goes_on)

        def held_back(*given: Any, **named: Any) -> Generator[Progress, None, Any]:
            yield Progress("", 0, 0)
            goes_on.wait()
            return (yield from real(*given, **named))

        monkeypatch.setattr(place, name, held_back)
        return goes_on

    yield hold
    for event in events:
        event.set()


def wait(widget: Any, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: not widget.is_busy and not widget.shown.is_busy)


def frame_of(widget: Any) -> pd.DataFrame:
    frame: pd.DataFrame = widget.shown.experiment.features.read("Blocks").reset_index()
    return frame


def measure_anew(widget: Any, frame: pd.DataFrame) -> None:
    """As an analysis in another process does."""
    write_features(widget.shown.experiment, "Blocks", frame)
    desk_of(widget.viewer).tablesChanged.emit("")


def damage(path: Path) -> None:
    for file in (path / "features" / "Blocks").rglob("*.parquet"):
        file.write_bytes(b"damaged")


# -- no objects -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ObjectsWidget, ClassesWidget, GalleryWidget, ResultsWidget])
def test_a_type_of_which_no_object_was_found(
    kind: type[QWidget], path: Path, opened: Opened, qtbot: Any
) -> None:
    with Experiment.open(path) as experiment:
        write_features(experiment, "Blocks", experiment.features.read("Blocks").reset_index()[:0])
    with qtbot.captureExceptions() as raised, opened(kind) as widget:
        widget.show()
        wait(widget, qtbot)
        assert widget.type_box.currentText() == "Blocks"
        assert widget.book.data is not None
        if kind is ObjectsWidget:
            assert widget.table.view.objects.rowCount() == 0
            widget.tabs.setCurrentIndex(1)
            for plot in PlotKind:
                widget.plot.setValue(PlotChoice(plot, "Area", "Round", "well"))
                wait(widget, qtbot)
        elif kind is ClassesWidget:
            widget.selections.buttons["New"].click()
            widget.classifier.train()
        elif kind is GalleryWidget:
            qtbot.waitUntil(lambda: "there are no objects in it" in widget.fault.text())
        else:
            for tool in ("cluster", "embed", "heatmap"):
                widget.setTool(tool)
                widget.run_button.click()
                wait(widget, qtbot)
                assert "feature" in widget._message.text(), tool
    assert raised == []


# -- objects that are found anew ------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ObjectsWidget, ResultsWidget, EditWidget])
def test_objects_are_offered_once_an_analysis_has_found_them(
    kind: type[QWidget], own_experiment: Path, qtbot: Any
) -> None:
    with beside_experiment(kind, own_experiment, qtbot) as widget:
        pipeline = str(own_experiment / "pipelines" / "blocks.yaml")
        widget.shown.setValue(replace(widget.shown.value(), pipeline=pipeline))
        assert widget.type_box.count() == 0
        widget.shown.site_page.analyse_button.click()
        wait(widget, qtbot)
        assert widget.type_box.currentText() == "Blocks"
        assert not widget.empty.isVisibleTo(widget)


def test_an_experiment_is_closed_while_it_is_analysed(own_experiment: Path, qtbot: Any) -> None:
    with beside_experiment(ObjectsWidget, own_experiment, qtbot) as widget:
        widget.shown.site_page.analyse_button.click()
        widget.shown.close_experiment()
        wait(widget, qtbot)
        assert widget.shown.experiment is None


def test_gates_colour_the_objects_that_there_are_now(opened: Opened, qtbot: Any) -> None:
    with opened(ObjectsWidget) as widget:
        widget.book.save_gate("large", RangeGate(column="Area", low=100, high=1000))
        assert widget.book.desk.colours.values.notna().sum() == 15
        measure_anew(widget, frame_of(widget).assign(Area=1.0))
        assert widget.book.desk.colours.values.notna().sum() == 0
        assert widget.book.active_gates == ["large"]
        write_objects(widget.shown.experiment, "Cells")
        widget.book.open("Cells")
        assert widget.book.desk.colours is None
        wait(widget, qtbot)


def test_what_was_learnt_of_objects_that_are_gone_is_forgotten(opened: Opened, qtbot: Any) -> None:
    with opened(ClassesWidget) as widget:
        classifier, book = widget.classifier, widget.book
        classifier.live.setChecked(False)
        book.save_gate("low", RangeGate(column="Round", low=0, high=0.5))
        book.save_gate("high", RangeGate(column="Round", low=0.5, high=1))
        classes = Population("gate", "low"), Population("gate", "high")
        classifier.setValue(TrainingChoice(classes, ("Round",)))
        classifier.train()
        wait(widget, qtbot)
        desk_of(widget.viewer).tablesChanged.emit("")  # the same objects
        assert len(classifier.result.uncertain) == 24
        assert book.desk.colours.values.name == "classes"
        measure_anew(widget, frame_of(widget).iloc[:3])
        assert classifier.result is None
        assert book.desk.colours is None
        assert not classifier.buttons["Next uncertain"].isEnabled()
        classifier.train()
        measure_anew(widget, frame_of(widget).iloc[1:])
        wait(widget, qtbot)
        assert classifier.result is None


def test_points_of_objects_that_are_gone_are_not_clicked(opened: Opened, qtbot: Any) -> None:
    with opened(ResultsWidget) as widget:
        wait(widget, qtbot)
        widget.setTool("embed")
        widget.run_button.click()
        wait(widget, qtbot)
        (points,) = widget.report.plot.getPlotItem().items
        last = points.points()[-1:]
        measure_anew(widget, frame_of(widget).iloc[:3])
        points.sigClicked.emit(points, last, None)  # before the result is read again
        wait(widget, qtbot)
        assert len(widget.report.plot.getPlotItem().items[0].points()) == 3


def test_objects_without_changes_are_edited_as_they_are_now(
    analysed: Path,  # noqa: F811
    qtbot: Any,
) -> None:
    with beside_experiment(EditWidget, analysed, qtbot) as widget:
        widget.edit_button.click()
        assert widget.layer.data.max() == 3
        place = widget.place
        folder = widget.shown.experiment.plate("P1")
        size = np.ones((12, 12), np.int32)
        folder.update_labels(place.well, place.site, "Blocks", (0, 0), (8, 8), 7 * size)
        desk_of(widget.viewer).tablesChanged.emit("")
        assert widget.layer.data.max() == 7
        widget.layer.data_setitem((np.array([0]), np.array([0]), np.array([0]), np.array([0])), 9)
        desk_of(widget.viewer).tablesChanged.emit("")
        assert widget.layer.data.max() == 9, "what is painted stays"
        widget.save()
        wait(widget, qtbot)
        assert widget.changed() == 0


# -- others that are opened meanwhile -------------------------------------------------------------


def test_rows_that_come_late_are_not_shown_of_other_objects(
    opened: Opened, qtbot: Any, held: Callable[[Any, str], Event]
) -> None:
    with opened(ObjectsWidget) as widget:
        write_objects(widget.shown.experiment, "Cells")
        wait(widget, qtbot)
        goes_on = held(table_panel, "choose_rows")
        widget.table.setValue(RowChoice("Area > 200"))
        widget.book.open("Cells")
        goes_on.set()
        wait(widget, qtbot)
        assert widget.table.value() == RowChoice()
        assert len(widget.table.rows) == 24
        assert widget.table.view.objects.rowCount() == 24


def test_no_plot_and_no_numbers_of_other_objects(opened: Opened, qtbot: Any) -> None:
    with opened(ObjectsWidget) as widget:
        results = ResultsWidget(widget.viewer)
        qtbot.addWidget(results)
        widget.tabs.setCurrentIndex(1)
        widget.show()
        qtbot.waitUntil(lambda: widget.plot.state is not None)
        qtbot.waitUntil(lambda: not results.is_busy)
        of_well = partial(results.plates.maps["P1"]._describe, "B02")
        assert "Area" in of_well()
        write_features(widget.shown.experiment, "Bare", frame_of(widget)[INDEX])
        widget.book.open("Bare")
        wait(widget, qtbot)
        assert widget.plot.state is None
        assert "no features" in widget.plot.fault.text()
        qtbot.waitUntil(lambda: not results.is_busy)
        assert "Area" not in of_well()


@pytest.mark.parametrize("kind", [ObjectsWidget, ClassesWidget])
def test_a_colour_that_is_chosen_is_not_for_another_experiment(
    kind: type[QWidget], opened: Opened, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(kind) as widget:
        if kind is ObjectsWidget:
            widget.book.save_gate("large", RangeGate(column="Area", low=100, high=1000))
            groups = widget.gates
            groups.list.topLevelItem(0).setSelected(True)
        else:
            groups = widget.selections
            groups.buttons["New"].click()

        def choose(*_given: Any) -> QColor:  # an experiment of a server has come meanwhile
            widget.shown.setValue(Choice(str(other)))
            return QColor("#112233")

        monkeypatch.setattr(QColorDialog, "getColor", choose)
        groups.buttons["Colour"].click()
        assert widget.book.data is not None
        assert not widget.book.data.gates
        assert not widget.book.selections


def test_a_tool_ends_while_others_are_looked_at(
    opened: Opened, other: Path, qtbot: Any, held: Callable[[Any, str], Event]
) -> None:
    with opened(ResultsWidget) as widget:
        wait(widget, qtbot)
        goes_on = held(results_widget, "iter_tool")
        widget.setTool("cluster")
        widget.name_line.setText("groups")
        widget.run_button.click()
        widget.shown.setValue(Choice(str(other)))
        goes_on.set()
        wait(widget, qtbot)
        assert widget.value() == ""
        assert widget.tabs.currentIndex() == 0
        assert widget._message.text() == "The result 'groups' of Blocks is kept."


def test_the_gallery_looks_as_layers_do_that_came_after_it(opened: Opened, qtbot: Any) -> None:
    with opened(GalleryWidget) as widget:
        widget.show()
        wait(widget, qtbot)
        before = widget.viewer.layers["DAPI"]
        widget.shown.setValue(replace(widget.shown.value(), view=View.PLATE))
        layer = widget.viewer.layers["DAPI"]
        assert layer is not before
        qtbot.waitUntil(lambda: not widget._repaint.isActive())
        wait(widget, qtbot)
        layer.contrast_limits = (0, 3)
        qtbot.waitUntil(lambda: not widget._repaint.isActive())
        assert [look.high for look in widget._looks if look.channel == "DAPI"] == [3]


# -- what is damaged ------------------------------------------------------------------------------


def test_images_are_shown_whose_numbers_are_damaged(path: Path, opened: Opened) -> None:
    damage(path)
    with opened(ObjectsWidget) as widget:
        assert "DAPI" in widget.viewer.layers
        assert "is damaged" in widget._message.text()
        assert "is damaged" in widget.shown.message
        widget.shown.setValue(replace(widget.shown.value(), well="B03"))
        assert "B03.parquet' is damaged" in widget.shown.message
        assert "DAPI" in widget.viewer.layers


def test_an_image_that_is_damaged_is_told_where_it_is_shown(path: Path, opened: Opened) -> None:
    for file in (path / "plates").rglob("*"):
        if file.is_file() and file.name.isdigit() and "labels" not in file.parts:
            file.write_bytes(b"damaged")
    with opened(ObjectsWidget) as widget:
        assert "damaged" in widget.shown.message


def test_nothing_is_made_of_objects_that_cannot_be_read(
    path: Path, opened: Opened, qtbot: Any
) -> None:
    with opened(ObjectsWidget) as widget:
        gallery = GalleryWidget(widget.viewer)
        qtbot.addWidget(gallery)
        widget.plot.refresh()
        wait(widget, qtbot)
        damage(path)
        desk_of(widget.viewer).tablesChanged.emit("")
        assert "is damaged" in widget._message.text()
        gallery.class_bar._more.click()
        widget.plot.view.drawn.emit([(0, 0), (100, 5)], False)
        wait(widget, qtbot)
        assert widget.book.data is None
        assert not (path / "gates").exists()
        assert not (path / "selections").exists()


def test_objects_are_picked_sorted_and_coloured_whose_file_is_damaged_meanwhile(
    path: Path, opened: Opened, qtbot: Any
) -> None:
    with opened(ClassesWidget) as widget:
        gallery = GalleryWidget(widget.viewer)
        qtbot.addWidget(gallery)
        gallery.show()
        wait(widget, qtbot)
        qtbot.waitUntil(lambda: not gallery.is_busy)
        book = widget.book
        for name in ("one", "two"):
            book.save_selection(name, Selection(frame_of(widget)[INDEX].iloc[:5], "#112233"))
        classes = Population("selection", "one"), Population("selection", "two")
        widget.classifier.live.setChecked(False)
        widget.classifier.setValue(TrainingChoice(classes, ("Round",)))
        damage(path)
        told: list[str] = []
        book.failed.connect(told.append)
        book.data.table._kept.clear()  # as when other columns needed the room
        for gesture in (
            lambda: gallery.assign([0, 1], "two"),
            lambda: book.rowPicked.emit(3),
            lambda: book.colour(np.zeros(24, np.float32), "classes", [("a", "#112233")]),
            lambda: book.save_selection("three", book.selections["one"]),
        ):
            told.clear()
            gesture()
            assert "is damaged" in (told or [""])[0], gesture
        gallery.refresh()
        assert "is damaged" in gallery.fault.text()
        assert not len(gallery.rows)
        assert len(book.selections["two"].objects) == 5
        widget.classifier.train()
        assert "is damaged" in widget.classifier.fault.text()
        wait(widget, qtbot)


def test_a_plot_whose_groups_cannot_be_read_now_is_told(
    opened: Opened, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_table: object) -> list[str]:
        raise StorageError("These have just been measured anew.")

    with opened(ObjectsWidget) as widget:
        widget.plot.setValue(PlotChoice(PlotKind.BOXES, "Morphology_Area", "", "well"))
        wait(widget, qtbot)
        told: list[str] = []
        widget.book.failed.connect(told.append)
        with monkeypatch.context() as patch, qtbot.captureExceptions() as raised:
            patch.setattr(plot_state, "conditions", refuse)
            widget.book.open("Blocks")
            widget.plot.setValue(replace(widget.plot.value(), by="site"))
        assert raised == []
        assert told == ["These have just been measured anew."] * 2
        wait(widget, qtbot)


def test_a_result_is_damaged_while_tools_are_chosen(path: Path, opened: Opened, qtbot: Any) -> None:
    with opened(ResultsWidget) as widget:
        wait(widget, qtbot)
        widget.setTool("cluster")
        widget.run_button.click()
        wait(widget, qtbot)
        (path / "results" / "Blocks" / widget.value() / "result.json").write_text("{")
        widget.setTool("heatmap")
        assert widget.run_button.isEnabled()
        wait(widget, qtbot)


# -- saving ---------------------------------------------------------------------------------------


def test_a_new_selection_is_offered_for_saving(opened: Opened) -> None:
    with opened(SaveWidget) as widget:
        book = book_of(widget.viewer)
        assert What.SELECTION not in widget.state.offered
        book.save_selection("mine", Selection(book.data.table.index(np.array([0]))))
        assert What.SELECTION in widget.state.offered
        book.save_selection("mine", None)
        assert What.SELECTION not in widget.state.offered


def test_no_size_of_what_cannot_be_saved_any_more(
    opened: Opened, tmp_path: Path, qtbot: Any, held: Callable[[Any, str], Event]
) -> None:
    with opened(SaveWidget) as widget:
        goes_on = held(save_widget.Job, "judge")
        widget.choose(What.PLATE, tmp_path / "saved")
        qtbot.waitUntil(lambda: widget._judge.is_running)
        widget.setValue(SaveOptions(format="ome-tiff", compression="blosc"))
        assert not widget.save_button.isEnabled()
        qtbot.waitUntil(lambda: not widget._judged.isActive())
        goes_on.set()
        wait(widget, qtbot)
        assert widget._size.text() == ""
