"""The form of a step: numbers that are typed, and faults at their place."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from tests.gui.pipeline.tuned import build, is_marked, settle


def test_typing_a_number(widget, qtbot):
    build(widget, "threshold_manual")
    box = widget.form.editor("threshold")._box
    box.selectAll()
    QTest.keyClicks(box, "321")
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert widget.value().pipeline[0].settings == {"threshold": 321.0}


def test_a_fault_stands_at_its_field(widget):
    build(widget, "threshold_manual", "fill")
    widget.form.wireChanged.emit("mask", "")
    settle(widget)
    label = widget.form.fault("mask")
    assert "not wired" in label.text()
    assert label.isVisibleTo(widget)
    widget.undo()
    settle(widget)
    assert not label.isVisibleTo(widget)


def test_an_error_of_a_module_stands_at_its_step(widget):
    build(widget, "threshold_otsu")
    widget.form.settingChanged.emit("min_threshold", 900.0)
    widget.form.settingChanged.emit("max_threshold", 100.0)
    settle(widget)
    assert is_marked(widget, 0)
    assert "900" in widget._message.text()
    widget.undo()
    settle(widget)
    assert not is_marked(widget, 0)
