"""The plate map is edited by mouse and keys."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import Qt

from napari_tmaps.gui.plate_map import PlateMap
from napari_tmaps.gui.state import WellState
from napari_tmaps.model.wells import PlateFormat

WELLS = {
    "B02": WellState.CONVERTED,
    "B04": WellState.ANALYSED,
    "D02": WellState.PROBLEM,
    "H12": WellState.RECORDED,
}


@pytest.fixture
def plate_map(qtbot: Any) -> PlateMap:
    widget = PlateMap()
    qtbot.addWidget(widget)
    widget.resize(300, 10)
    widget.setPlate(PlateFormat(8, 12), WELLS)
    return widget


def test_value(plate_map: PlateMap, qtbot: Any) -> None:
    with qtbot.waitSignal(plate_map.valueChanged) as changed:
        plate_map.setValue("B04")
    assert changed.args == ["B04"]
    assert plate_map.value() == "B04"
    assert "images and objects" in plate_map.accessibleDescription()


def test_a_well_without_sites_is_ignored(plate_map: PlateMap) -> None:
    plate_map.setValue("B02")
    plate_map.setValue("A01")
    assert plate_map.value() == "B02"


@pytest.mark.parametrize("well", WELLS)
def test_click(plate_map: PlateMap, qtbot: Any, well: str) -> None:
    at = plate_map.well_center(well).toPoint()
    qtbot.mouseClick(plate_map, Qt.MouseButton.LeftButton, pos=at)
    assert plate_map.value() == well


def test_arrow_keys(plate_map: PlateMap, qtbot: Any) -> None:
    plate_map.setValue("B02")
    seen = []
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Down, Qt.Key.Key_Up):
        qtbot.keyClick(plate_map, key)
        seen.append(plate_map.value())
    assert seen == ["B04", "B02", "D02", "B02"]


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (8, 12), (16, 24), (32, 48)])
def test_every_format_fits_the_width(plate_map: PlateMap, rows: int, columns: int) -> None:
    plate_map.setPlate(PlateFormat(rows, columns), {"A01": WellState.CONVERTED})
    right = plate_map._cell(0, columns - 1).right()
    assert right <= plate_map.width()
    assert plate_map._cell(rows - 1, 0).bottom() <= plate_map.height()
    assert not plate_map.grab().isNull()


def test_the_choice_goes_with_its_plate(plate_map: PlateMap) -> None:
    plate_map.setValue("B04")
    plate_map.setPlate(PlateFormat(8, 12), {"A01": WellState.CONVERTED})
    assert plate_map.value() == ""
