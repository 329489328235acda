"""The pipeline widget as a person uses it: from an empty list, told, closed, forgotten."""

from __future__ import annotations

import gc
import time
import weakref
from threading import Event

import numpy as np
import pytest
from qtpy import API_NAME
from qtpy.QtWidgets import QApplication
from tests.gui.pipeline.tuned import blocks, build, outlined, preview, settle

from napari_tmaps.gui.pipeline_widget import PipelineWidget
from napari_tmaps.pipeline import load_pipeline


def test_from_an_empty_list(widget, viewer):
    assert "empty" in widget._message.text()
    build(widget, "threshold_manual")
    np.testing.assert_array_equal(preview(viewer).data, outlined(blocks() > 128))
    assert "8 %" not in widget.numbers.text()
    assert "7 % of the picture" in widget.numbers.text()
    build(widget, "register_objects", "measure_intensity")
    assert widget.steps.names() == ["threshold_manual", "register_objects", "measure_intensity"]
    assert not widget.steps.currentItem().toolTip().startswith("Step")
    table = preview(viewer, "Objects (live)").features
    assert sorted(table["Intensity_mean_DAPI"]) == [500, 1000]
    assert list(table["index"]) == list(table["label"])
    assert "2 objects" in widget.numbers.text()
    assert "features" in widget.numbers.text()


def test_value(widget):
    build(widget, "threshold_manual")
    value = widget.value()
    build(widget, "fill")
    changed = []
    widget.valueChanged.connect(changed.append)
    widget.setValue(value)
    assert widget.value() == value
    assert changed == [value]


def test_what_was_told_stays_until_the_next_edit(widget, viewer):
    build(widget, "threshold_manual")
    widget._trials.told.emit("Submission 3 runs.")
    viewer.add_image(blocks() // 2, name="Actin")  # as when the run has begun
    settle(widget)
    assert "Actin" in widget.scene.images
    assert widget._message.text() == "Submission 3 runs."
    build(widget, "fill")
    assert not widget._message.text()


def test_a_channel_that_is_dropped_and_comes_back(widget, viewer):
    build(widget, "threshold_manual")
    layer = viewer.layers["DAPI"]
    viewer.layers.remove(layer)
    settle(widget)
    assert "no image" in widget._where.text()
    viewer.add_image(blocks(), name="DAPI")
    settle(widget)
    assert preview(viewer).data.any()


def test_the_window_is_closed_while_something_is_computed(make_widget, viewer, own_folder):
    widget = make_widget()
    build(widget, "threshold_manual")
    live = widget._live._live
    began, told = Event(), live._on_preview
    live._on_preview = lambda made: (began.set(), time.sleep(0.2), told(made))
    widget.form.settingChanged.emit("threshold", 300)
    while not began.wait(0.01):
        QApplication.processEvents()
    name, value = widget._document.name, widget.value()
    viewer.close()  # with 0.2 s to go; what comes would be told to a widget that is gone
    assert not live._thread.is_alive()
    assert load_pipeline(own_folder / f"{name}.yaml") == value
    viewer.layers.clear()  # nobody listens any more


@pytest.mark.skipif(API_NAME != "PyQt6", reason="PySide6 holds what is connected until Qt lets go")
def test_python_can_forget_a_widget_that_was_closed(viewer):
    widget = PipelineWidget(viewer)
    build(widget, "threshold_manual")
    widget.close()
    widget.close()
    forgotten = weakref.ref(widget)
    del widget
    gc.collect()  # this ended the program
    assert forgotten() is None
