"""What a folder holds is looked at and corrected before anything is imported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QPoint, Qt
from tests.gui.plate import SIZE, make_scan, plane_of

from napari_tmaps.errors import InputError, NotFoundError
from napari_tmaps.gui.experiment_widget import ExperimentWidget
from napari_tmaps.gui.import_page import ImportPage, site_boxes
from napari_tmaps.gui.pages import Pages
from napari_tmaps.gui.state import Choice, WellState
from napari_tmaps.model.planes import Oddity, Scan
from napari_tmaps.model.scanedit import placed, renamed, with_pixel_size, without
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.vendors.preview import preview

PATTERN = r"(?P<well>[A-P]\d\d)_(?P<site>\d)_(?P<channel>\w+)\.tif"


@pytest.fixture
def scan(tmp_path: Path) -> Scan:
    return make_scan(tmp_path / "raw", lost=(("C03", 1, "DAPI"),))


@pytest.fixture
def page(scan: Scan, qtbot: Any) -> ImportPage:
    page = ImportPage()
    qtbot.addWidget(page)
    page.show()
    page.setScan(scan)
    return page


def finish(widget: ExperimentWidget, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: not widget.is_busy)


def test_the_button_that_makes_it_is_in_sight_on_a_low_screen(scan: Scan, qtbot: Any) -> None:
    page = ImportPage()
    pages = Pages([], [page], [])
    qtbot.addWidget(pages)
    pages.resize(420, 36 * pages.fontMetrics().height())  # as in a window of 768 pixels
    pages.show()
    page.setScan(scan)
    pages.setValue(page)
    button = page.create_button
    for tab in range(page.tabs.count()):
        page.tabs.setCurrentIndex(tab)
        qtbot.waitUntil(lambda: button.visibleRegion().boundingRect() == button.rect())
    # What is odd stands before the wells.
    assert page._oddities.mapTo(page, QPoint()).y() < page.plate_map.mapTo(page, QPoint()).y()


def test_the_sites_of_the_chosen_well_are_drawn_where_they_lie(scan: Scan, qtbot: Any) -> None:
    # Across the stage the other way round than they are numbered.
    planes = scan.planes.assign(stage_x_um=-scan.planes["stage_x_um"])
    boxes, is_told = site_boxes(replace(scan, planes=planes), "B03")
    left, right, low = (0, 0, SIZE, SIZE), (0, SIZE, SIZE, SIZE), (SIZE, 0, SIZE, SIZE)
    assert (boxes[1], boxes[2], boxes[4]) == (right, left, low)
    assert is_told
    # Nothing is known of the stage, nor of the size.
    planes = scan.planes.assign(stage_x_um=np.nan, height=-1, width=-1)
    boxes, is_told = site_boxes(replace(scan, planes=planes, pixel_size_um=None), "B03")
    assert boxes == {1: (0, 0, 1, 1), 2: (0, 1, 1, 1), 3: (1, 0, 1, 1), 4: (1, 1, 1, 1)}
    assert not is_told
    page = ImportPage()
    qtbot.addWidget(page)
    page.setScan(scan)
    assert page._sites_of.text() == "Sites of B02"
    page.plate_map.setValue("C03")
    assert page._sites_of.text() == "Sites of C03"
    told = [page.site_map._describe(site) for site in (1, 2)]
    assert told == [f"Site 1: {WellState.PROBLEM}", f"Site 2: {WellState.CONVERTED}"]


def test_corrections(scan: Scan) -> None:
    changed = renamed(scan, {"DAPI": "Hoechst"})
    assert [channel.name for channel in changed.channels] == ["Hoechst", "Actin"]
    assert set(changed.planes["channel"]) == {"Hoechst", "Actin"}
    assert with_pixel_size(scan, 0.25).pixel_size_um == (0.25, 0.25)
    with pytest.raises(InputError, match="a number of µm greater than 0"):
        with_pixel_size(scan, float("inf"))
    actin = scan.planes.index[scan.planes["channel"] == "Actin"]
    assert [channel.name for channel in without(scan, actin).channels] == ["DAPI"]
    assert len(without(scan, actin).planes) == 12
    for wrong, message in (
        (lambda: renamed(scan, {"DAPI": "Actin"}), "Two channels would be called 'Actin'"),
        (lambda: renamed(scan, {"DAPI": " "}), "A channel needs a name"),
        (lambda: with_pixel_size(scan, 0), "greater than 0, such as 0.65"),
        (lambda: without(scan, scan.planes.index), "No image would be left"),
    ):
        with pytest.raises(InputError, match=message):
            wrong()
    with pytest.raises(NotFoundError, match="GFP"):
        renamed(scan, {"GFP": "x"})


def test_planes_are_placed_elsewhere(scan: Scan) -> None:
    planes = scan.planes
    moved = planes.index[(planes["well"] == "B02") & (planes["site"] == 1)]
    changed = placed(scan, moved, "well", "h7")
    assert changed.wells == ["B02", "B03", "C03", "H07"]
    assert changed.planes.loc[changed.planes["well"] == "H07", "path"].tolist() == (
        planes.loc[moved, "path"].tolist()
    )
    assert placed(scan, planes.index, "plate", " Screen 7 ").plates == ["Screen 7"]
    for column, value, message in (
        ("well", "x", "x"),
        ("site", "2", r"'B02_1_Actin\.tif' and 'B02_2_Actin\.tif' would both be well B02, site 2"),
        ("site", "-1", "'-1' is no site; it is a whole number"),
        ("z", "2", "z counts from 0 without gaps, and no plane would have 1"),
        ("plate", " ", "A plate needs a name"),
        ("channel", "Actin", "would both be"),
    ):
        with pytest.raises(InputError, match=message):
            placed(scan, moved, column, value)
    with pytest.raises(NotFoundError, match="GFP"):
        placed(scan, moved, "channel", "GFP")


def test_an_image_takes_the_place_where_one_was_missing(scan: Scan) -> None:
    planes = scan.planes
    assert planes["missing"].sum() == 1
    spare = planes.index[(planes["well"] == "C03") & (planes["channel"] == "DAPI")][-1:]
    name = planes.loc[spare[0], "path"]
    found = placed(scan, spare, "site", "1").planes
    assert len(found) == len(planes) - 1
    assert not found["missing"].any()
    there = found[(found["well"] == "C03") & (found["channel"] == "DAPI") & (found["site"] == 1)]
    assert there["path"].tolist() == [name]


def test_values_are_corrected_in_the_table(page: ImportPage) -> None:
    table, model = page.planes.table, page.planes.table.model()
    wells = page.scan().planes["well"].value_counts()
    at = {name: number for number, name in enumerate(("well", "site", "channel", "z", "t"))}
    model.setData(model.index(0, at["well"]), "D05")
    assert page.scan().wells == ["B02", "B03", "C03", "D05"]
    assert page._message.isHidden()
    model.setData(model.index(0, at["site"]), "many")
    assert "'many' is no site" in page._message.text()
    page.planes.search.setText("C03")
    page.planes.filter()
    table.selectAll()
    model.setData(model.index(1, at["well"]), "E06")
    assert page.scan().planes["well"].value_counts()["E06"] == wells["C03"]
    assert not model.setData(model.index(500, at["well"]), "E06")
    path = model.index(0, 7)
    assert not model.flags(path) & Qt.ItemFlag.ItemIsEditable


def test_planes_are_filtered_and_left_out(page: ImportPage) -> None:
    assert len(page.planes.shown()) == 24
    page.planes.search.setText("b03 actin")
    page.planes.filter()
    assert len(page.planes.shown()) == 4
    assert page.planes._count.text() == "4 of 24 planes"
    page.planes.leave_button.click()
    assert len(page.scan().planes) == 20
    page.planes.search.setText("")
    page.planes.filter()
    assert page.planes._count.text() == "20 of 20 planes"


def test_channels_and_pixel_size_are_corrected(page: ImportPage, qtbot: Any) -> None:
    page.tabs.setCurrentIndex(2)
    line = page.channel_lines["DAPI"]
    line.setText("Hoechst")
    line.editingFinished.emit()
    assert [channel.name for channel in page.scan().channels] == ["Hoechst", "Actin"]
    page.pixel_line.setText("0,3")
    page.pixel_line.editingFinished.emit()
    assert page.scan().pixel_size_um == (0.3, 0.3)
    page.pixel_line.setText("none")
    page.pixel_line.editingFinished.emit()
    assert "greater than 0" in page._message.text()
    assert page.scan().pixel_size_um == (0.3, 0.3)
    page.pixel_line.clear()
    page.pixel_line.editingFinished.emit()
    assert page.scan().pixel_size_um is None


def test_a_pixel_size_that_is_only_looked_at_stays_as_the_microscope_told_it(
    page: ImportPage, scan: Scan
) -> None:
    told = (0.32250813, 0.645)  # finer than the line shows, and not square
    page.setScan(replace(scan, pixel_size_um=told))
    page.pixel_line.editingFinished.emit()
    assert page.scan().pixel_size_um == told


def test_oddities_are_told_to_be_of_the_folder_once_the_planes_are_corrected(
    page: ImportPage, scan: Scan
) -> None:
    page.setScan(replace(scan, oddities=(Oddity("missing", "1 image is missing."),)))
    assert page._oddities.text() == "⚠ 1 image is missing."
    page.planes.excluded.emit([0])
    assert page._oddities.text().startswith("Told of the folder as it was read, before your")
    assert page._oddities.text().endswith("⚠ 1 image is missing.")


def test_a_pattern_is_tried_while_it_is_typed(page: ImportPage, qtbot: Any) -> None:
    page.names.line.setText("(?P<well>")
    page.names.look()
    assert not page.names.apply_button.isEnabled()
    page.names.line.setText(PATTERN)
    page.names.look()
    text = page.names._found.text()
    assert text.startswith("23 of 23 names match.")
    assert "channel: 2 (Actin, DAPI)" in text
    with qtbot.waitSignal(page.patternRequested) as asked:
        page.names.apply_button.click()
    assert asked.args == [PATTERN]
    assert "Not matched, e.g. x.txt" in str(preview(["B02_1_A.tif", "x.txt"], PATTERN))


def test_a_folder_is_read_anew_corrected_and_read_in_place(
    widget: ExperimentWidget, scan: Scan, tmp_path: Path, qtbot: Any
) -> None:
    widget.making.scan_folder(str(scan.root), pattern=PATTERN)
    finish(widget, qtbot)
    page = widget.import_page
    line = page.channel_lines["DAPI"]
    line.setText("Hoechst")
    line.editingFinished.emit()
    page.in_place_box.setChecked(True)
    page.create_button.click()
    finish(widget, qtbot)
    shown = np.asarray(widget.viewer.layers["Hoechst"].data)[0, 0]
    np.testing.assert_array_equal(shown, plane_of("B02", 1, "DAPI"))
    assert not list((tmp_path / "raw.tmaps" / "plates").rglob("0"))


def test_a_plate_is_added_later(
    widget: ExperimentWidget, own_experiment: Path, tmp_path: Path, qtbot: Any
) -> None:
    more = tmp_path / "more"
    more.mkdir()
    for channel in ("DAPI", "Actin"):
        tifffile.imwrite(more / f"D04_1_{channel}.tif", plane_of("B02", 1, channel))
    widget.setValue(Choice(str(own_experiment)))
    widget.making.scan_folder(str(more), into=True, pattern=PATTERN)
    finish(widget, qtbot)
    page = widget.import_page
    assert page.create_button.text() == "Add to 'screen'"
    page._plate.setText("P2")
    page.create_button.click()
    finish(widget, qtbot)
    with Experiment.open(own_experiment) as experiment:
        assert experiment.plate_names() == ["P1", "P2"]
    widget.setValue(Choice(str(own_experiment), "P2", "D04", 1))
    shown = np.asarray(widget.viewer.layers["DAPI"].data)[0, 0]
    np.testing.assert_array_equal(shown, plane_of("B02", 1, "DAPI"))


def look_into(widget: ExperimentWidget, folder: Path, qtbot: Any, *, into: bool = False) -> None:
    widget.making.scan_folder(str(folder), into=into, pattern=PATTERN)
    finish(widget, qtbot)


def create(page: ImportPage, widget: ExperimentWidget, qtbot: Any) -> None:
    page.create_button.click()
    finish(widget, qtbot)


def test_what_cannot_be_made_can_be_put_right(
    widget: ExperimentWidget, tmp_path: Path, experiment_path: Path, qtbot: Any
) -> None:
    make_scan(tmp_path / "raw")
    widget.setValue(Choice(str(experiment_path)))
    look_into(widget, tmp_path / "raw", qtbot)
    page = widget.import_page
    proposed = page.value()
    page._target.setText("")
    create(page, widget, qtbot)
    assert "in which folder" in page._message.text()
    page._target.setText(str(experiment_path))
    create(page, widget, qtbot)
    assert "is an experiment already" in widget.message
    page._target.setText(proposed)
    page._plate.setText("a/b")
    create(page, widget, qtbot)
    assert "a/b" in widget.message
    assert page.isVisible()
    assert widget.value().experiment == str(experiment_path), "that one is open as before"
    assert len(widget.experiment.catalogue.acquisitions()) == 1
    page._plate.setText("P7")
    create(page, widget, qtbot)
    assert widget.value().experiment == proposed
    assert widget.value().plate == "P7"


def test_what_cannot_be_added_can_be_put_right(
    widget: ExperimentWidget, own_experiment: Path, tmp_path: Path, qtbot: Any
) -> None:
    widget.setValue(Choice(str(own_experiment)))
    look_into(widget, own_experiment.parent / "raw", qtbot, into=True)
    page = widget.import_page
    page._plate.setText("P1")
    create(page, widget, qtbot)
    assert "has an acquisition 'acquisition01' already" in widget.message
    assert page.isVisible()
    # A folder that is not understood meanwhile takes nothing away from what is shown.
    (tmp_path / "empty").mkdir()
    widget.making.scan_folder(str(tmp_path / "empty"))
    finish(widget, qtbot)
    page.patternRequested.emit(PATTERN)
    finish(widget, qtbot)
    assert page.isVisible()
    assert page.scan().root == own_experiment.parent / "raw"
    assert "Add to" in page._title.text()
