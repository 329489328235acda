"""The list of steps: keys, checks, dragging, and which step feeds which."""

from __future__ import annotations

from qtpy.QtCore import QMimeData, QPointF, Qt
from qtpy.QtGui import QDropEvent
from qtpy.QtTest import QTest
from tests.gui.pipeline.tuned import build, is_marked, settle


def test_keys_of_the_list(widget):
    build(widget, "smooth", "threshold_manual", "fill")
    row = widget.steps.names().index("smooth")
    widget.steps.setCurrentRow(row)
    QTest.keyClick(widget.steps, Qt.Key.Key_J)
    assert widget.steps.names() == ["threshold_manual", "smooth", "fill"]
    settle(widget)
    assert is_marked(widget, 0)  # its image comes later now
    assert "only later" in widget.steps.item(0).toolTip()
    QTest.keyClick(widget.steps, Qt.Key.Key_K)
    assert widget.steps.names() == ["smooth", "threshold_manual", "fill"]
    QTest.keyClick(widget.steps, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    assert widget.steps.names()[1] == "smooth_2"
    QTest.keyClick(widget.steps, Qt.Key.Key_Delete)
    assert widget.steps.names() == ["smooth", "threshold_manual", "fill"]


def test_switched_off(widget, viewer):
    build(widget, "threshold_manual", "fill")
    widget.steps.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert not widget.value().pipeline[0].active
    settle(widget)
    assert "switched off" in widget.steps.item(1).toolTip()
    assert not [layer for layer in viewer.layers if layer.name.startswith("preview")]


def test_dragged_to_another_place(widget):
    build(widget, "smooth", "threshold_manual", "fill")
    steps = widget.steps
    steps.setCurrentRow(2)

    nothing = QMimeData()  # Qt keeps no reference

    def drop(row: int) -> None:
        place = QPointF(steps.visualItemRect(steps.item(row)).center())
        event = QDropEvent(
            place,
            Qt.DropAction.MoveAction,
            nothing,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        steps.dropEvent(event)

    drop(0)
    assert steps.names() == ["fill", "smooth", "threshold_manual"]
    assert steps.currentRow() == 0
    assert steps.count() == 3  # Qt itself must not move or remove the row as well
    widget.undo()
    assert steps.names() == ["smooth", "threshold_manual", "fill"]


def test_what_feeds_what(widget):
    build(widget, "smooth", "threshold_manual", "fill")
    assert widget.steps.item(0).text() == "1  smooth   ← DAPI"
    told = widget.steps.item(1).toolTip()
    assert told == "threshold_manual\nUses: 1 smooth\nUsed by: 3 fill"

    def blue() -> int:
        pixels = widget.steps.viewport().grab().toImage()
        spots = ((x, y) for x in range(pixels.width()) for y in range(pixels.height()))
        return sum(pixels.pixelColor(*spot).name() == "#56b4e9" for spot in spots)

    widget.steps.setCurrentRow(0)  # reads a channel only
    assert not blue()
    widget.steps.setCurrentRow(2)
    assert blue()
