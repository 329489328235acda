"""The plate map is edited by mouse and keys."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QContextMenuEvent, QMouseEvent

from napari_tmaps.gui.plate_map import PlateMap
from napari_tmaps.gui.state import WellState
from napari_tmaps.gui.well_colours import WellColours
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


def test_dragging_selects_the_wells_that_it_touches(plate_map: PlateMap, qtbot: Any) -> None:
    plate_map.show()
    first, last = (plate_map.well_center(well).toPoint() for well in ("B02", "D04"))
    qtbot.mousePress(plate_map, Qt.MouseButton.LeftButton, pos=first)
    qtbot.mouseMove(plate_map, last)
    with qtbot.waitSignal(plate_map.selectionChanged, timeout=1000, raising=False):
        event = QMouseEvent(
            QMouseEvent.Type.MouseMove,
            QPointF(last),
            QPointF(last),
            Qt.MouseButton.NoButton,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        plate_map.mouseMoveEvent(event)
    qtbot.mouseRelease(plate_map, Qt.MouseButton.LeftButton, pos=last)
    assert plate_map.selection() == {"B02", "B04", "D02"}
    assert plate_map.value() == "B02"
    # A click begins anew.
    at = plate_map.well_center("H12").toPoint()
    qtbot.mouseClick(plate_map, Qt.MouseButton.LeftButton, pos=at)
    assert plate_map.selection() == frozenset()


def test_control_and_shift_change_the_set(plate_map: PlateMap, qtbot: Any) -> None:
    for well in ("B02", "D02", "H12", "D02"):
        at = plate_map.well_center(well).toPoint()
        control = Qt.KeyboardModifier.ControlModifier
        qtbot.mouseClick(plate_map, Qt.MouseButton.LeftButton, control, pos=at)
    assert plate_map.selection() == {"B02", "H12"}
    plate_map.setSelection(())
    plate_map.setValue("B02")
    qtbot.keyClick(plate_map, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert plate_map.selection() == {"B02", "B04"}


def test_another_plate_keeps_what_it_has_of_the_set(plate_map: PlateMap) -> None:
    plate_map.setSelection(["B02", "B04", "A01"])
    assert plate_map.selection() == {"B02", "B04"}
    plate_map.setPlate(PlateFormat(8, 12), {"B04": WellState.CONVERTED})
    assert plate_map.selection() == {"B04"}


def test_numbers_colour_the_wells(plate_map: PlateMap) -> None:
    height = plate_map.height()
    plate_map.setColours(WellColours({"B02": 0.0, "B04": 10.0}, "Nuclei: count"))
    assert plate_map.height() > height  # room for the legend

    def colour(well: str) -> tuple[int, ...]:
        at = plate_map.well_center(well).toPoint()
        return plate_map.grab().toImage().pixelColor(at).getRgb()[:3]

    # The ends of viridis.
    assert colour("B02") == (68, 1, 84)
    assert colour("B04") == (253, 231, 37)
    before = colour("H12")
    plate_map.setExcluded(["H12"])
    assert colour("H12") != before
    plate_map.setColours(WellColours())
    assert plate_map.height() == height


def test_classes_colour_the_wells(plate_map: PlateMap, qtbot: Any) -> None:
    classes = (("DMSO", "#e69f00"), ("drug", "#56b4e9"))
    plate_map.setColours(WellColours({"B02": 0.0, "B04": 1.0}, "Plate map: treatment", classes))
    picture = plate_map.grab().toImage()
    for well, color in (("B02", "#e69f00"), ("B04", "#56b4e9")):
        assert picture.pixelColor(plate_map.well_center(well).toPoint()).name() == color
    plate_map.setValue("B04")
    assert "treatment drug" in plate_map.accessibleDescription()
    # The legend has a square of each colour.
    below = picture.copy(0, int(plate_map._cell(8, 0).top()), picture.width(), picture.height())
    seen = {below.pixelColor(x, y).name() for x in range(0, 300, 2) for y in range(0, 60, 2)}
    assert {"#e69f00", "#56b4e9"} <= seen


def test_the_menu_is_of_a_well(plate_map: PlateMap, qtbot: Any) -> None:
    asked: list[str] = []
    plate_map.menuRequested.connect(lambda well, at: asked.append(well))
    for well in ("B04", "A01"):
        at = plate_map.well_center(well).toPoint()
        plate_map.contextMenuEvent(QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, at))
    assert asked == ["B04"]
