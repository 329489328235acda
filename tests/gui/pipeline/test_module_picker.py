"""Modules to choose from: searched, and dragged into the list of steps."""

from __future__ import annotations

from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QDropEvent
from qtpy.QtTest import QTest
from tests.gui.pipeline.tuned import build


def test_search(widget):
    widget.add_button.setChecked(True)
    widget.picker.search.setText("otsu")
    assert widget.picker.shown() == ["threshold_otsu", "segment_secondary"] or (
        widget.picker.shown()[0] == "threshold_otsu"
    )
    QTest.keyClick(widget.picker.search, Qt.Key.Key_Return)
    assert widget.steps.names() == ["threshold_otsu"]
    assert not widget.add_button.isChecked()
    assert widget.focusWidget() is widget.steps  # keys go on to be the widget's, not the canvas's
    widget.picker.search.setText("measure_intensity")  # a word of the help of others, too
    assert len(widget.picker.shown()) > 1
    assert widget.picker.tree.currentItem().text(0) == "measure_intensity"


def test_a_module_is_dragged_into_the_list(widget):
    build(widget, "threshold_manual", "fill")
    widget.picker.search.setText("register_objects")
    tree, steps = widget.picker.tree, widget.steps
    data = tree.mimeData([tree.currentItem()])
    drop = QDropEvent(
        QPointF(steps.visualItemRect(steps.item(1)).center()),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    steps.dropEvent(drop)
    assert steps.names() == ["threshold_manual", "register_objects", "fill"]
    assert steps.currentRow() == 1
