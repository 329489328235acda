"""Tools and their results, driven as a person would."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QPointF, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog
from tests.analysed import analysed, analysed_once, squares  # noqa: F401

from napari_tmaps.gui.experiment_widget import ExperimentWidget
from napari_tmaps.gui.export_button import ExportButton
from napari_tmaps.gui.result_data import report_rows
from napari_tmaps.gui.result_list import legend
from napari_tmaps.gui.results_widget import ResultsWidget
from napari_tmaps.gui.state import Choice
from napari_tmaps.gui.tool_form import ToolForm
from napari_tmaps.store.plate_map import read_plate_map, save_plate_map
from napari_tmaps.tools import TOOLS
from napari_tmaps.tools.run import results_of, run_tool

LAYER = "Result: {} (Blocks)"


@pytest.fixture
def shown(qtbot: Any) -> Iterator[Any]:
    viewer = ViewerModel()
    widget = ExperimentWidget(viewer)  # type: ignore[arg-type]
    widget.viewer = viewer  # type: ignore[attr-defined]
    qtbot.addWidget(widget)
    yield widget
    widget.close_experiment()


@pytest.fixture
def widget(shown: Any, analysed: Path, qtbot: Any) -> ResultsWidget:  # noqa: F811
    shown.setValue(Choice(str(analysed)))
    widget = ResultsWidget(shown.viewer)
    qtbot.addWidget(widget)
    wait(qtbot, widget)
    return widget


def wait(qtbot: Any, widget: ResultsWidget, until: Callable[[], bool] = lambda: True) -> None:
    qtbot.waitUntil(lambda: not widget.is_busy and until())


def run(qtbot: Any, widget: ResultsWidget, tool: str, **settings: Any) -> None:
    widget.setTool(tool, settings)
    widget.run_button.click()
    wait(qtbot, widget)


def layers(shown: Any) -> list[str]:
    return [layer.name for layer in shown.viewer.layers if layer.name.startswith("Result")]


def test_a_tool_runs_and_its_result_lies_over_the_map(
    shown: Any, widget: ResultsWidget, qtbot: Any
) -> None:
    rules = ("big: Morphology_Area > 1000", "small: Morphology_Area > 0")
    run(qtbot, widget, "classify_rules", rules=rules)
    assert widget.value() == "classify_rules 1"
    assert layers(shown) == [LAYER.format("classify_rules 1")]
    layer = shown.viewer.layers[LAYER.format("classify_rules 1")]
    labels = squares()
    wanted = np.where(labels == 0, np.nan, np.where(labels == 3, 0.0, 1.0))
    np.testing.assert_array_equal(np.asarray(layer.data)[0, 0], wanted)
    assert layer.blending == "additive"
    widget.results.slider.setValue(20)
    assert layer.opacity == pytest.approx(0.2)
    run(qtbot, widget, "heatmap", feature="Morphology_Area")
    assert layers(shown) == [LAYER.format("heatmap 1")]
    # The current result is first; a tick puts the saved one beside it.
    assert widget.results.list.item(1).text() == "classify_rules 1"
    widget.results.list.item(1).setCheckState(Qt.CheckState.Checked)
    wait(qtbot, widget)
    assert sorted(layers(shown)) == [LAYER.format(n) for n in ("classify_rules 1", "heatmap 1")]
    # The next site has them, too.
    shown.setValue(Choice(shown.value().experiment, well="B03", site=2))
    assert len(layers(shown)) == 2


def test_results_are_renamed_and_deleted(shown: Any, widget: ResultsWidget, qtbot: Any) -> None:
    run(qtbot, widget, "heatmap", feature="Morphology_Area")
    item = widget.results.list.item(0)
    item.setText("sizes")
    wait(qtbot, widget)
    assert widget.value() == "sizes"
    assert layers(shown) == [LAYER.format("sizes")]
    store = results_of(shown._experiment)
    assert store.names("Blocks") == ["sizes"]
    widget.results.list.item(0).setText("a/b")
    wait(qtbot, widget)
    assert "cannot be the name of a result" in widget._message.text()
    assert widget.value() == "sizes"
    widget.results.delete_button.click()
    wait(qtbot, widget)
    assert layers(shown) == []
    assert store.names("Blocks") == []
    assert not widget.results.delete_button.isEnabled()
    assert "No results yet" in widget.results._empty.text()


def test_hits_are_ranked_and_a_click_shows_the_well(
    shown: Any,
    widget: ResultsWidget,
    qtbot: Any,
    tmp_path: Path,
) -> None:
    csv = tmp_path / "wells.csv"
    csv.write_text("well,control\nB02,negative\nB03,\n")
    experiment = shown._experiment
    save_plate_map(read_plate_map(csv, ["P1"]), experiment.path, ["P1"])
    widget.book.desk.tablesChanged.emit("")
    feature = next(name for name in widget._numbers() if name.startswith("Intensity_mean"))
    run(qtbot, widget, "assay", feature=feature)
    table = widget.report.table
    names = [table.horizontalHeaderItem(n).text() for n in range(table.columnCount())]
    assert names[:4] == ["plate", "well", "objects", "value"]
    assert table.item(0, 1).text() == "B03"
    assert layers(shown) == []
    table.cellClicked.emit(0, 1)
    assert shown.value().well == "B03"
    # Wells of all plates on one scale, and a click shows the well, too.
    widget.plates.setValue("Morphology_Area", "mean")
    wait(qtbot, widget)
    plate_map = widget.plates.maps["P1"]
    plate_map.resize(400, 300)
    at = plate_map.well_center("B02")
    QTest.mouseClick(plate_map, Qt.MouseButton.LeftButton, pos=QPointF(at).toPoint())
    assert shown.value().well == "B02"


def test_an_embedding_is_linked_to_the_map(shown: Any, widget: ResultsWidget, qtbot: Any) -> None:
    run(qtbot, widget, "embed")
    view = widget.report._view
    assert view is not None
    assert view.points is not None
    assert view.points.shape == (12, 2)
    assert widget.report.plot.isVisibleTo(widget.report)
    picked = []
    widget.book.desk.objectPicked.connect(picked.append)

    class Point:
        def index(self) -> int:
            return 11

    widget.report._on_point(None, [Point()])
    assert (picked[0].place.well, picked[0].place.site, picked[0].label) == ("B03", 2, 3)
    assert shown.value().well == "B03"


def test_what_does_not_fit_is_one_sentence_and_nothing_is_lost(
    shown: Any, widget: ResultsWidget, qtbot: Any
) -> None:
    run(qtbot, widget, "classify")
    assert "selection" in widget._message.text()
    run(qtbot, widget, "classify_rules", rules=("big: Aera > 3",))
    assert "Aera" in widget._message.text()
    assert results_of(shown._experiment).names("Blocks") == []
    widget.setTool("embed")
    widget.form.setValue({"dimensions": 3})
    widget.name_line.setText("a/b")
    widget.run_button.click()
    wait(qtbot, widget)
    assert "cannot be the name of a result" in widget._message.text()
    assert widget.name_line.text() == "a/b"


def test_without_objects_it_says_what_to_do(shown: Any, qtbot: Any) -> None:
    widget = ResultsWidget(shown.viewer)
    qtbot.addWidget(widget)
    assert widget.empty.text() == "No experiment is open."
    assert widget.value() == ""


def test_the_form_is_made_from_the_tool_and_gives_what_was_put_in(qtbot: Any) -> None:
    form = ToolForm()
    qtbot.addWidget(form)
    for spec in TOOLS.values():
        form.setTool(spec, ["Area", "Mean"])
        assert set(form.value()) == {setting.name for setting in spec.settings}
        assert form.is_valid, spec.name
    form.setTool(TOOLS["cluster"], ["Area", "Mean"])
    wanted = {**form.value(), "features": ("Mean",), "clusters": 7, "method": "gaussian_mixture"}
    form.setValue(wanted)
    assert form.value() == wanted
    form.setTool(TOOLS["classify_rules"], ["Area"])
    rules = ("big: Area > 3 and well in ('B02', 'B03')", "small: Area > 0")
    form.setValue({"rules": rules})
    assert form.value()["rules"] == rules


def test_legends_and_reports_in_words(analysed: Path) -> None:  # noqa: F811
    from napari_tmaps.store.experiment import Experiment

    with Experiment.open(analysed) as experiment:
        rules = {"rules": ["big: Morphology_Area > 1000"], "otherwise": "small"}
        about = run_tool(experiment, "classify_rules", "Blocks", rules)
        text = legend(about).replace("&nbsp;", " ")
        assert "big 4" in text
        assert "small 8" in text
        assert about.colors["big"] in text
        rules = {"rules": ["<b>: Morphology_Area > 1000"], "otherwise": "a & b"}
        text = legend(run_tool(experiment, "classify_rules", "Blocks", rules))
        assert "&lt;b&gt;" in text  # as it was named, not in bold
        assert "a&nbsp;&amp;&nbsp;b" in text
        about = run_tool(experiment, "heatmap", "Blocks", {"feature": "Morphology_Area"})
        assert legend(about) == "Morphology_Area: dark is low, yellow is high"
    assert report_rows(
        {"plates": {"p1": {"z_prime": 0.5, "ssmd": None}}, "f": [[1, 2], [3, 4]]}
    ) == [
        ("plates › p1 › z prime", "0.5"),
        ("plates › p1 › ssmd", "–"),
        ("f 1", "1, 2"),
        ("f 2", "3, 4"),
    ]


def test_a_window_is_closed_while_a_result_lies_over_the_map(analysed: Path, qtbot: Any) -> None:  # noqa: F811
    viewer = ViewerModel()
    experiment = ExperimentWidget(viewer)  # type: ignore[arg-type]
    experiment.setValue(Choice(str(analysed)))
    results = ResultsWidget(viewer)  # type: ignore[arg-type]
    qtbot.addWidget(results)
    wait(qtbot, results)
    run(qtbot, results, "cluster", clusters=2)
    assert results.book.desk.results
    experiment.deleteLater()  # without being closed before, as when the window goes
    qtbot.waitUntil(lambda: results.book.desk.experiment is None)
    assert not results.book.desk.results


def test_outlines_are_exported_in_the_classes_of_the_result_that_is_looked_at(
    widget: ResultsWidget, qtbot: Any, tmp_path: Path
) -> None:
    widget.name_line.setText("groups")
    run(qtbot, widget, "cluster", clusters=2)
    assert widget.results.classes() == "groups:group"
    widget.export_button.requested.emit("outlines", tmp_path / "groups.geojson")
    wait(qtbot, widget)
    found = json.loads((tmp_path / "groups.geojson").read_text(encoding="utf-8"))["features"]
    names = {feature["properties"]["classification"]["name"] for feature in found}
    assert len(found) == 12
    assert len(names) == 2


def test_the_menu_asks_where_to_write_unless_the_place_is_known(
    qtbot: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    button = ExportButton()
    qtbot.addWidget(button)
    button.object_type = "Nuclei"
    asked: list[str] = []
    answers = [str(tmp_path / "a.csv"), ""]

    def answer(_parent: Any, _title: str, name: str, _endings: str) -> tuple[str, str]:
        asked.append(name)
        return answers.pop(0), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    got: list[tuple[str, Path | None]] = []
    button.requested.connect(lambda key, path: got.append((key, path)))
    menu = button.menu()
    assert menu is not None
    actions = {action.text(): action for action in menu.actions() if action.text()}
    actions["Table of objects…"].trigger()
    actions["Table of wells…"].trigger()  # and no answer
    actions["Tables within the plates"].trigger()
    assert asked == ["Nuclei.csv", "Nuclei wells.csv"]
    assert got == [("objects", tmp_path / "a.csv"), ("plate", None)]


def test_objects_are_exported_from_the_window(
    widget: ResultsWidget, qtbot: Any, tmp_path: Path
) -> None:
    def export(key: str, path: Path | None) -> str:
        widget.export_button.requested.emit(key, path)
        assert not widget.export_button.isEnabled()
        wait(qtbot, widget)
        return widget._message.text()

    for key, name in (("outlines", "blocks.geojson"), ("objects", "blocks.h5ad")):
        assert "12 objects" in export(key, tmp_path / name)
        assert (tmp_path / name).is_file()
    assert "wells of 'Blocks'" in export("wells", tmp_path / "wells.csv")
    wells = pd.read_csv(tmp_path / "wells.csv")
    assert list(wells["well"]) == sorted(set(wells["well"]))
    assert "12 crops" in export("crops", tmp_path / "crops")
    assert len(pd.read_csv(tmp_path / "crops" / "manifest.csv")) == 12
    assert "any browser" in export("report", tmp_path / "report.html")
    assert "<!DOCTYPE html>" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "ro-crate-metadata.json" in export("crate", None)
    assert "should end in .csv" in export("objects", tmp_path / "blocks.xlsx")
    assert widget.results.list.count() == 0
