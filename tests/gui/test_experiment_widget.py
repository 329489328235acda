"""The dock widget, driven as a person would: most tests without a window of napari."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from tests.gui.plate import make_experiment, make_scan, plane_of
from tests.gui.working import busy

from napari_tmaps.gui import recent, site_work
from napari_tmaps.gui.experiment_widget import ExperimentWidget
from napari_tmaps.gui.map_picture import Place
from napari_tmaps.gui.running import SiteObjects
from napari_tmaps.gui.state import Choice, View
from napari_tmaps.model.progress import Progress, run
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.workflow import convert


def finish(widget: ExperimentWidget, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: not widget.is_busy)


def pixels(widget: ExperimentWidget, name: str) -> np.ndarray:
    return np.asarray(widget.viewer.layers[name].data)[0, 0]


def test_empty_state_says_what_to_do(widget: ExperimentWidget) -> None:
    assert widget.start_page.isVisible()
    assert not widget.site_page.isVisible()
    assert all(button.isEnabled() for button in widget.start_page.buttons.values())
    assert widget.value() == Choice()


def test_value(widget: ExperimentWidget, experiment_path: Path, qtbot: Any) -> None:
    wanted = Choice(str(experiment_path), "P1", "B03", 2, View.SITE, "ready:nuclei")
    with qtbot.waitSignal(widget.valueChanged) as changed:
        widget.setValue(wanted)
    assert widget.value() == wanted
    assert changed.args == [wanted]
    np.testing.assert_array_equal(pixels(widget, "DAPI"), plane_of("B03", 2, "DAPI"))
    assert recent.recent() == [str(experiment_path)]


def test_walking_keeps_the_layers_and_their_settings(
    widget: ExperimentWidget, experiment_path: Path, qtbot: Any
) -> None:
    widget.setValue(Choice(str(experiment_path)))
    layer = widget.viewer.layers["DAPI"]
    layer.contrast_limits, layer.visible, layer.colormap = (7, 70), False, "magenta"
    widget.viewer.scene.camera.zoom = 17.0
    widget.site_page.next_button.click()
    assert widget.value().site == 2
    qtbot.keyClick(widget.site_page, Qt.Key.Key_PageDown)
    assert widget.value().site == 3
    assert widget.viewer.layers["DAPI"] is layer
    np.testing.assert_array_equal(layer.data[0, 0], plane_of("B02", 3, "DAPI"))
    assert (list(layer.contrast_limits), layer.visible) == ([7, 70], False)
    assert widget.viewer.scene.camera.zoom == pytest.approx(17.0)
    # The plate is another kind of data: a new layer with the old settings.
    for view in (View.PLATE, View.WELL, View.SITE):
        widget.setValue(replace(widget.value(), view=view))
        layer = widget.viewer.layers["DAPI"]
        assert (list(layer.contrast_limits), layer.visible) == ([7, 70], False)
        assert layer.multiscale == (view is not View.SITE)
        assert layer.colormap.name == "magenta"
    assert [layer.name for layer in widget.viewer.layers] == ["DAPI", "Actin"]


def test_layers_of_others_stay_and_removed_ones_come_back(
    widget: ExperimentWidget, experiment_path: Path
) -> None:
    widget.viewer.add_points(np.zeros((1, 4)), name="mine")
    widget.setValue(Choice(str(experiment_path)))
    widget.viewer.layers.remove("Actin")
    widget.site_page.next_button.click()
    assert {layer.name for layer in widget.viewer.layers} == {"mine", "DAPI", "Actin"}


def test_click_on_a_well(widget: ExperimentWidget, experiment_path: Path, qtbot: Any) -> None:
    widget.setValue(Choice(str(experiment_path)))
    plate_map = widget.site_page.plate_map
    at = plate_map.well_center("C03").toPoint()
    qtbot.mouseClick(plate_map, Qt.MouseButton.LeftButton, pos=at)
    assert (widget.value().well, widget.value().site) == ("C03", 1)
    qtbot.keyClick(plate_map, Qt.Key.Key_Up)
    assert widget.value().well == "B03"


def test_in_the_plate_a_well_is_brought_to_the_middle(
    widget: ExperimentWidget, experiment_path: Path
) -> None:
    widget.setValue(Choice(str(experiment_path), view=View.PLATE))
    widget.setValue(replace(widget.value(), well="C03"))
    # 128 pixels and a gap of 8 before it, half of 128 more, at 0.5 µm.
    assert widget.viewer.scene.camera.center[1:] == pytest.approx(((136 + 64) / 2,) * 2)


def test_gaps_and_problems_are_said(widget: ExperimentWidget, own_experiment: Path) -> None:
    widget.setValue(Choice(str(own_experiment), well="B02", site=2))
    notes = widget.site_page._notes
    assert notes.isVisible()
    assert "Actin is missing here" in notes.text()
    assert [layer.name for layer in widget.viewer.layers] == ["DAPI"]
    widget.setValue(replace(widget.value(), site=1))
    assert not notes.isVisible()
    assert [layer.name for layer in widget.viewer.layers] == ["DAPI", "Actin"]


def test_a_site_without_an_image_is_no_black_picture(
    widget: ExperimentWidget, own_experiment: Path
) -> None:
    shutil.rmtree(own_experiment / "plates" / "P1.ome.zarr" / "B" / "02" / "3")
    widget.setValue(Choice(str(own_experiment), well="B02", site=3))
    assert widget._message.text() == "There is no image of B02 site 3."
    assert len(widget.viewer.layers) == 0
    widget.site_page.next_button.click()
    assert len(widget.viewer.layers) == 2


def test_run_on_this_site(widget: ExperimentWidget, own_experiment: Path, qtbot: Any) -> None:
    widget.setValue(Choice(str(own_experiment), well="C03", site=4, view=View.PLATE))
    widget.setValue(
        replace(widget.value(), pipeline=str(own_experiment / "pipelines" / "blocks.yaml"))
    )
    widget.site_page.run_button.click()
    assert widget.is_busy
    assert not widget.site_page.run_button.isEnabled()
    assert widget.progress_row.isVisible()
    finish(widget, qtbot)
    assert "1 Blocks" in widget._message.text()
    assert "Not stored" in widget._message.text()
    layer = widget.viewer.layers["Blocks"]
    assert layer.data.shape == (1, 1, 64, 64)
    assert layer.features["Intensity_mean_DAPI"].tolist() == pytest.approx(
        [plane_of("C03", 4, "DAPI").mean()]
    )
    assert layer.features["label"].tolist() == layer.features["index"].tolist() == [1]
    assert layer.metadata["tmaps"]["stored"] is False
    assert widget.site_page.run_button.isEnabled()
    widget.site_page.run_button.click()
    finish(widget, qtbot)
    assert [item.name for item in widget.viewer.layers] == ["DAPI", "Actin", "Blocks"]
    # On the next site the result is not true any more.
    widget.site_page.previous_button.click()
    assert "Blocks" not in widget.viewer.layers


def test_objects_of_one_experiment_are_not_shown_on_another(
    widget: ExperimentWidget, own_experiment: Path, experiment_path: Path, qtbot: Any
) -> None:
    widget.setValue(Choice(str(own_experiment), "P1", "B02", 1, pipeline="ready:nuclei"))
    widget.site_page.run_button.click()
    assert widget.is_busy
    widget.setValue(Choice(str(experiment_path), "P1", "B03", 2))
    before = widget.value(), [layer.name for layer in widget.viewer.layers]
    finish(widget, qtbot)
    assert (widget.value(), [layer.name for layer in widget.viewer.layers]) == before
    assert "Not stored" not in widget.message


def test_a_result_finds_its_site_again(
    widget: ExperimentWidget, own_experiment: Path, qtbot: Any
) -> None:
    pipeline = str(own_experiment / "pipelines" / "blocks.yaml")
    widget.setValue(Choice(str(own_experiment), well="C03", site=4, pipeline=pipeline))
    widget.site_page.run_button.click()
    widget.site_page.previous_button.click()
    finish(widget, qtbot)
    assert (widget.value().well, widget.value().site) == ("C03", 4)


def test_errors_are_words_in_the_widget(
    widget: ExperimentWidget, own_experiment: Path, qtbot: Any
) -> None:
    widget.setValue(Choice(str(own_experiment), well="B02", site=2))
    widget.setValue(replace(widget.value(), pipeline="ready:nuclei_and_cells"))
    widget.site_page.run_button.click()
    finish(widget, qtbot)
    assert "channel 'Actin' has no image" in widget._message.text()
    assert widget._message.isVisible()
    widget.setValue(replace(widget.value(), site=1))
    assert not widget._message.isVisible()


def test_analyse_stores_and_shows(
    widget: ExperimentWidget, own_experiment: Path, qtbot: Any
) -> None:
    pipeline = str(own_experiment / "pipelines" / "blocks.yaml")
    widget.setValue(Choice(str(own_experiment), pipeline=pipeline))
    widget.site_page.analyse_button.click()
    finish(widget, qtbot)
    assert widget.viewer.layers["Blocks"].features.shape[0] == 1
    assert "images and objects" in widget.site_page.plate_map._describe("C03")
    with Experiment.open(own_experiment) as experiment:
        assert experiment.info()["objects"] == {"Blocks": 12}


def test_convert_button(widget: ExperimentWidget, tmp_path: Path, qtbot: Any) -> None:
    with Experiment.create(tmp_path / "new.tmaps") as experiment:
        experiment.add(make_scan(tmp_path / "raw"))
    widget.setValue(Choice(str(tmp_path / "new.tmaps")))
    assert widget.site_page.convert_button.isVisible()
    assert "press Convert" in widget.site_page._notes.text()
    assert len(widget.viewer.layers) == 0
    widget.site_page.convert_button.click()
    finish(widget, qtbot)
    assert not widget.site_page.convert_button.isVisible()
    np.testing.assert_array_equal(pixels(widget, "Actin"), plane_of("B02", 1, "Actin"))


def test_new_experiment_from_a_folder(
    widget: ExperimentWidget, tmp_path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = make_scan(tmp_path / "raw", lost=(("C03", 1, "DAPI"),))
    monkeypatch.setattr("napari_tmaps.vendors.scan", lambda path, **_: found)
    widget.open_folder(str(tmp_path / "raw"))
    finish(widget, qtbot)
    assert widget.import_page.isVisible()
    assert "Test microscope" in widget.import_page._facts.text()
    assert widget.import_page.value() == str(tmp_path / "raw.tmaps")
    widget.import_page.create_button.click()
    finish(widget, qtbot)
    assert widget.site_page.isVisible()
    assert widget.value().experiment == str(tmp_path / "raw.tmaps")
    assert "DAPI" in widget.viewer.layers


def test_a_folder_that_nobody_understands(
    widget: ExperimentWidget, tmp_path: Path, qtbot: Any
) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    widget.open_folder(str(tmp_path))
    finish(widget, qtbot)
    assert widget.start_page.isVisible()
    assert str(tmp_path) in widget._message.text()


def test_an_experiment_that_is_gone_leaves_the_list(
    widget: ExperimentWidget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Experiment.create(tmp_path / "gone.tmaps") as gone:
        recent.remember(gone)
    shutil.rmtree(tmp_path / "gone.tmaps")
    widget.setValue(Choice(str(tmp_path / "gone.tmaps")))
    assert "the folder does not exist" in widget._message.text()
    assert recent.recent() == []
    assert widget.start_page.isVisible()
    # That is what is told, too, where the list cannot be written.
    (tmp_path / "file").touch()
    monkeypatch.setenv("TMAPS_CONFIG", str(tmp_path / "file" / "settings"))
    widget.setValue(Choice(str(tmp_path / "gone.tmaps")))
    assert "the folder does not exist" in widget._message.text()


def test_drop(widget: ExperimentWidget, experiment_path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(experiment_path))])
    widget.dropEvent(
        QDropEvent(
            QPointF(5, 5),
            Qt.DropAction.CopyAction,
            data,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )
    assert widget.value().experiment == str(experiment_path)


def test_pipeline_from_a_file(
    widget: ExperimentWidget, own_experiment: Path, tmp_path: Path
) -> None:
    widget.setValue(Choice(str(own_experiment)))
    other = tmp_path / "other.yaml"
    other.write_text((own_experiment / "pipelines" / "blocks.yaml").read_text())
    widget.add_pipeline(str(other))
    assert widget.value().pipeline == str(other)
    (tmp_path / "bad.yaml").write_text("pipeline: 7")
    widget.add_pipeline(str(tmp_path / "bad.yaml"))
    assert widget._message.isVisible()
    assert widget.value().pipeline == str(other)


def test_cancel(
    widget: ExperimentWidget, own_experiment: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_cancelled, run_on_site = Event(), site_work.run_on_site

    def run_late(*given: Any) -> Generator[Progress, None, SiteObjects]:
        is_cancelled.wait()
        yield Progress("", 0, 0)
        return (yield from run_on_site(*given))

    monkeypatch.setattr(site_work, "run_on_site", run_late)
    pipeline = str(own_experiment / "pipelines" / "blocks.yaml")
    widget.setValue(Choice(str(own_experiment), pipeline=pipeline))
    widget.site_page.run_button.click()
    widget.progress_row.cancel_button.click()
    is_cancelled.set()
    finish(widget, qtbot)
    assert widget._message.text() == "Cancelled."
    assert "Blocks" not in widget.viewer.layers
    assert not widget.progress_row.isVisible()


def test_another_experiment_begins_anew(
    widget: ExperimentWidget, experiment_path: Path, tmp_path: Path
) -> None:
    widget.setValue(Choice(str(experiment_path), well="C03"))
    other = make_experiment(tmp_path)
    widget.setValue(Choice(str(other)))
    assert widget.value().well == "B02"
    assert widget.viewer.layers["DAPI"].metadata["tmaps"]["experiment"] == str(other)
    widget.close_experiment()
    assert widget.start_page.isVisible()
    assert len(widget.viewer.layers) == 0


def test_the_map_is_built_on_demand(
    widget: ExperimentWidget, own_experiment: Path, qtbot: Any
) -> None:
    widget.setValue(Choice(str(own_experiment)))
    assert not widget.site_page.map_button.isVisibleTo(widget.site_page)
    widget.setValue(replace(widget.value(), view=View.PLATE))
    assert widget.site_page.map_button.isVisibleTo(widget.site_page)
    widget.site_page.map_button.click()
    finish(widget, qtbot)
    assert (own_experiment / "maps" / "P1" / "map.json").is_file()
    assert not widget.site_page.map_button.isVisibleTo(widget.site_page)
    # The sites are laid out anew: the map is of another layout, is told to be, and is built again.
    experiment = widget._experiment
    assert experiment is not None
    table = experiment.catalogue.sites()
    table["stage_x_um"] = table["stage_x_um"] * 1.5
    channels = experiment.catalogue.channels()[["name", "wavelength", "cycle", "facts"]]
    experiment.catalogue.set_layout(
        table.drop(columns="id"), channels, experiment.catalogue.gaps().iloc[:0]
    )
    widget.refresh()
    assert "other images than today's" in "\n".join(widget._view.notes)
    widget.site_page.map_button.click()
    finish(widget, qtbot)
    assert not widget.site_page.map_button.isVisibleTo(widget.site_page)
    assert "other images" not in "\n".join(widget._view.notes)


def test_works_at_300_pixels(widget: ExperimentWidget, experiment_path: Path) -> None:
    widget.setValue(Choice(str(experiment_path)))
    assert widget.minimumSizeHint().width() <= 300
    widget.resize(300, 500)
    assert widget.site_page.width() <= 300


def test_in_the_window_of_napari(
    make_viewer: Callable[..., Any], own_experiment: Path, qtbot: Any
) -> None:
    viewer = make_viewer()
    _, widget = viewer.window.add_plugin_dock_widget("napari-tmaps", "TissueMAPS: Experiment")
    pipeline = str(own_experiment / "pipelines" / "blocks.yaml")
    widget.setValue(Choice(str(own_experiment), pipeline=pipeline))
    widget.site_page.run_button.click()
    finish(widget, qtbot)
    for view in View:
        widget.setValue(replace(widget.value(), view=view))
        assert viewer.layers["DAPI"].thumbnail[..., :3].any()
    widget.close_experiment()


def test_an_experiment_read_in_place_shows_its_pictures(
    widget: ExperimentWidget, tmp_path: Path, qtbot: Any
) -> None:
    with Experiment.create(tmp_path / "screen.tmaps") as experiment:
        experiment.add(make_scan(tmp_path / "raw"))
        assert not run(convert(experiment, in_place=True))
    widget.setValue(Choice(str(tmp_path / "screen.tmaps"), well="B03", site=3))
    np.testing.assert_array_equal(pixels(widget, "DAPI"), plane_of("B03", 3, "DAPI"))
    widget.setValue(replace(widget.value(), view=View.WELL))
    whole = np.asarray(widget.viewer.layers["Actin"].data[0])[0, 0]
    np.testing.assert_array_equal(whole[64:128, :64], plane_of("B03", 3, "Actin"))
    widget.setValue(replace(widget.value(), view=View.PLATE))
    assert "read in place" in widget.site_page._notes.text()
    assert widget.site_page.convert_button.isVisible()
    widget.site_page.convert_button.click()
    finish(widget, qtbot)
    assert not widget.site_page.convert_button.isVisible()
    widget.setValue(replace(widget.value(), view=View.SITE))
    np.testing.assert_array_equal(pixels(widget, "DAPI"), plane_of("B03", 3, "DAPI"))


def test_a_plate_in_place_with_a_missing_image_has_no_map(
    widget: ExperimentWidget, tmp_path: Path
) -> None:
    with Experiment.create(tmp_path / "screen.tmaps") as experiment:
        experiment.add(make_scan(tmp_path / "raw", lost=(("B02", 2, "Actin"),)))
        run(convert(experiment, in_place=True))
    for view in (View.PLATE, View.PLATES):
        widget.setValue(Choice(str(tmp_path / "screen.tmaps"), view=view))
        assert "DAPI" not in widget.viewer.layers
    assert "No plate has a picture of the whole yet" in widget._message.text()


def damage_table(path: Path, name: str = "sites") -> None:
    with sqlite3.connect(path / "experiment.db") as database:
        database.execute(f"DROP TABLE {name}")
    database.close()


def test_what_cannot_be_opened_leaves_open_what_is(
    widget: ExperimentWidget, experiment_path: Path, own_experiment: Path
) -> None:
    damage_table(own_experiment)
    widget.setValue(Choice(str(experiment_path), "P1", "B03", 2))
    before, opened = widget.value(), widget.experiment
    widget.setValue(Choice(str(own_experiment)))
    assert "cannot be used" in widget.message
    assert widget.value() == before
    assert widget.experiment is widget._desk.experiment is opened
    assert str(widget.experiment.path) == widget.value().experiment


def test_a_damaged_plate_map_is_no_reason_to_see_nothing(
    widget: ExperimentWidget, own_experiment: Path
) -> None:
    (own_experiment / "plate_map.csv").write_bytes(b"\xff\xfe")
    widget.setValue(Choice(str(own_experiment)))
    assert "plate_map.csv" in widget.message
    assert widget._desk.experiment is widget.experiment is not None
    assert [layer.name for layer in widget.viewer.layers] == ["DAPI", "Actin"]


def test_an_experiment_that_is_damaged_while_it_is_open(
    widget: ExperimentWidget, own_experiment: Path, qtbot: Any
) -> None:
    widget.setValue(Choice(str(own_experiment)))
    damage_table(own_experiment)
    panel = widget.site_page.map_panel
    with qtbot.captureExceptions() as raised:
        widget._desk.tablesChanged.emit("")
        assert "cannot be used" in widget.message
        widget.site_page.plate_map.menuRequested.emit("B02", None)
        for table, happens in (
            ("channels", lambda: panel.cycleChanged.emit(0)),
            ("settings", lambda: panel.time_box.valueChanged.emit(0)),
        ):
            damage_table(own_experiment, table)
            widget.show_message("")
            happens()
            assert f"no such table: {table}" in widget.message
    assert raised == []


def test_a_plate_that_is_damaged_while_it_is_open(
    widget: ExperimentWidget, own_experiment: Path, qtbot: Any
) -> None:
    widget.setValue(Choice(str(own_experiment), view=View.WELL))
    for file in (own_experiment / "plates").rglob("zarr.json"):
        file.write_bytes(b"damaged")
    with qtbot.captureExceptions() as raised:
        widget._desk.tablesChanged.emit("")
        for _ in range(2):  # it is told again, not only the first time
            assert "is damaged" in widget.message
            widget.setValue(widget.value())
        assert widget._view.place_at(1.0, 1.0) is None
        assert widget._desk.locate(Place("P1", "B02", 1), (1.0, 1.0)) is None
        widget.site_page.run_button.click()
        assert "is damaged" in widget.message
    assert raised == []


def test_closed_while_it_is_worked_on(
    widget: ExperimentWidget, own_experiment: Path, qtbot: Any
) -> None:
    widget.setValue(Choice(str(own_experiment)))
    with qtbot.captureExceptions() as raised:
        widget.site_page.convert_button.click()
        widget.close_experiment()
        finish(widget, qtbot)
    assert raised == []
    assert widget.start_page.isVisible()


def test_tables_that_change_while_it_works_are_shown_at_the_end(
    widget: ExperimentWidget, own_experiment: Path, qtbot: Any
) -> None:
    widget.setValue(Choice(str(own_experiment)))
    with busy(widget, qtbot):
        (own_experiment / "plate_map.csv").write_text("plate,well,drug\nP1,B02,water\n")
        widget._desk.tablesChanged.emit("")  # as the editor of the plate map does
    box = widget.site_page.map_panel._measure
    assert "Plate map: drug" in [box.itemText(n) for n in range(box.count())]


def test_work_that_is_asked_for_while_it_works_does_not_get_the_result(
    widget: ExperimentWidget, qtbot: Any
) -> None:
    got: list[object] = []

    def make() -> Generator[Progress, None, str]:
        yield Progress("", 0, 0)
        return "first"

    widget.start_work("First", make, lambda found: got.append(("first", found)))
    widget.start_work("Second", make, lambda found: got.append(("second", found)))
    finish(widget, qtbot)
    assert got == [("first", "first")]


def test_a_picture_that_is_waited_for_is_not_forgotten(
    widget: ExperimentWidget, own_experiment: Path
) -> None:
    widget.setValue(Choice(str(own_experiment)))
    widget._waiting = wanted = replace(widget.value(), well="C03")  # as of a slow server
    widget.refresh()
    assert widget.value() == wanted
    widget._waiting = wanted
    widget.close_experiment()
    widget.following.arrived.emit()
    assert widget.experiment is None
