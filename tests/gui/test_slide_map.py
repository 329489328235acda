"""Slides and dishes are drawn by their sites."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtGui import QContextMenuEvent

from napari_tmaps.gui.desk import Desk
from napari_tmaps.gui.facts import read_facts
from napari_tmaps.gui.site_page import SitePage
from napari_tmaps.gui.slide_map import SlideMap
from napari_tmaps.gui.state import Choice, WellState, resolve
from napari_tmaps.gui.well_colours import WellColours, colours
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Scan, make_planes
from napari_tmaps.model.progress import run
from napari_tmaps.model.wells import PlateFormat
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.workflow import convert

# Two rows of three sites, and one far to the right.
BOXES = {n + 1: (n // 3 * 100, n % 3 * 100, 90, 90) for n in range(6)} | {7: (50, 500, 90, 90)}


@pytest.fixture
def slide(qtbot: Any) -> SlideMap:
    widget = SlideMap()
    qtbot.addWidget(widget)
    widget.resize(300, 10)
    widget.setSites(BOXES, dict.fromkeys(BOXES, WellState.CONVERTED))
    return widget


def test_value(slide: SlideMap, qtbot: Any) -> None:
    with qtbot.waitSignal(slide.valueChanged) as changed:
        slide.setValue(3)
    assert changed.args == [3]
    assert slide.value() == 3
    slide.setValue(99)
    assert slide.value() == 3
    assert slide.accessibleDescription() == "Site 3: images"


def test_sites_lie_as_on_the_slide(slide: SlideMap, qtbot: Any) -> None:
    first, third, last = (slide.site_rect(n) for n in (1, 3, 7))
    assert third.left() - first.left() == pytest.approx((last.left() - first.left()) * 200 / 500)
    assert last.right() <= slide.width()
    assert slide.site_rect(6).bottom() <= slide.height()
    for site in BOXES:
        at = slide.site_rect(site).center().toPoint()
        qtbot.mouseClick(slide, Qt.MouseButton.LeftButton, pos=at)
        assert slide.value() == site
    slide.setExcluded([2])
    assert not slide.grab().isNull()


def test_sites_are_coloured_by_numbers(slide: SlideMap) -> None:
    low = slide.height()
    slide.setColours(WellColours({1: 0.0, 2: 1.0}, "Shift", notes={2: "repaired"}))
    assert slide.height() > low  # the legend
    picture = slide.grab().toImage()
    first, second = (
        picture.pixelColor(slide.site_rect(n).center().toPoint()).name() for n in (1, 2)
    )
    scale = colours(np.array([0.0, 1.0]))
    assert [first, second] == ["#" + bytes(each).hex() for each in scale]
    assert slide._describe(2) == "Site 2: images, Shift 1 (repaired)"
    assert slide._describe(3) == "Site 3: images"
    slide.setColours(WellColours())
    assert slide.height() == low


def test_arrow_keys(slide: SlideMap, qtbot: Any) -> None:
    slide.setValue(1)
    seen = []
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Left, Qt.Key.Key_Up, Qt.Key.Key_Up):
        qtbot.keyClick(slide, key)
        seen.append(slide.value())
    assert seen == [2, 5, 4, 1, 1]


def test_the_menu_is_of_a_site(slide: SlideMap, qtbot: Any) -> None:
    at = slide.site_rect(5).center().toPoint()
    with qtbot.waitSignal(slide.menuRequested) as asked:
        slide.contextMenuEvent(QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, at))
    assert asked.args[0] == 5
    assert slide.value() == 5


def make_slide(folder: Path) -> Path:
    """An experiment of one slide with six sites."""
    raw = folder / "raw"
    raw.mkdir()
    sites = range(1, 7)
    for site in sites:
        tifffile.imwrite(raw / f"{site}.tif", np.full((40, 40), site, np.uint16))
    planes = make_planes(
        plate=["slide"] * 6,
        well=["A01"] * 6,
        site=list(sites),
        channel=["DAPI"] * 6,
        path=[f"{site}.tif" for site in sites],
        height=[40] * 6,
        width=[40] * 6,
        dtype=["uint16"] * 6,
        stage_y_um=[(site - 1) // 3 * 30.0 for site in sites],
        stage_x_um=[(site - 1) % 3 * 30.0 for site in sites],
    )
    scan = Scan("Test", raw, planes, (Channel("DAPI"),), pixel_size_um=(0.5, 0.5),
                plate_format=PlateFormat(1, 1))  # fmt: skip
    with Experiment.create(folder / "slide.tmaps") as experiment:
        experiment.add(scan)
        run(convert(experiment))
        return experiment.path


def test_the_page_shows_a_slide(tmp_path: Path, qtbot: Any) -> None:
    path = make_slide(tmp_path)
    page = SitePage(Desk())
    qtbot.addWidget(page)
    with Experiment.open(path) as experiment:
        facts = read_facts(experiment)
    # 30 µm are 60 pixels.
    assert facts.plates["slide"].boxes[5] == (60, 60, 40, 40)
    assert set(facts.plates["slide"].site_states.values()) == {WellState.CONVERTED}
    page.setState(resolve(facts, Choice(str(path), site=2)), ())
    assert page.slide_map.isVisibleTo(page)
    assert not page.plate_map.isVisibleTo(page)
    assert page.slide_map.value() == 2
    with qtbot.waitSignal(page.valueChanged) as changed:
        page.slide_map.setValue(5)
    assert changed.args[0].site == 5
