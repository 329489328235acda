"""The layers of a preview: where they come from, and what becomes of them."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication
from tests.gui.pipeline.tuned import blocks, build, outlined, preview, settle

from napari_tmaps.gui.label_colours import MASK_COLOUR


def test_a_new_empty_pipeline_shows_nothing_of_the_one_before(widget, viewer):
    build(widget, "threshold_manual", "register_objects")
    assert len(viewer.layers) == 3
    widget.bar.opened.emit("", True)
    settle(widget)
    assert [layer.name for layer in viewer.layers] == ["DAPI"]


def test_live_off(widget, viewer):
    build(widget, "threshold_manual")
    widget.live_box.setChecked(False)
    assert len(viewer.layers) == 1
    widget.live_box.setChecked(True)
    settle(widget)
    assert preview(viewer).data.any()


@pytest.mark.parametrize("how", ["dock", "live"])
def test_left_the_picture_is_as_it_was(make_widget, viewer, how):
    facts = {"experiment": "", "objects": "Nuclei"}
    stored = viewer.add_labels(np.zeros((120, 160), np.int32), metadata={"tmaps": facts})
    before = list(viewer.layers)
    widget = make_widget()
    build(widget, "threshold_manual")
    assert not stored.visible
    assert len(viewer.layers) > len(before)
    if how == "dock":
        # as its button to close does
        viewer.window.remove_dock_widget(widget)
        QApplication.processEvents()
    else:
        widget.live_box.click()
    assert stored.visible
    assert list(viewer.layers) == before
    widget.close()


def test_before(widget, viewer):
    build(widget, "threshold_manual", "fill")
    widget.before_button.click()
    shown = {layer.name: layer.visible for layer in viewer.layers}
    assert shown == {"DAPI": True, "preview: filled mask": False, "before: mask": True}
    np.testing.assert_array_equal(viewer.layers["before: mask"].data, outlined(blocks() > 128))
    widget.before_button.click()
    shown = {layer.name: layer.visible for layer in viewer.layers}
    assert shown == {"DAPI": True, "preview: filled mask": True}


def test_objects_keep_their_colours(widget, viewer):
    build(widget, "threshold_manual", "label")
    before = preview(viewer).data.copy()
    assert sorted(np.unique(before)) == [0, 1, 2]
    widget.steps.setCurrentRow(0)
    widget.form.settingChanged.emit("threshold", 600.0)  # the second block is the dimmer one
    widget.steps.setCurrentRow(1)
    settle(widget)
    after = preview(viewer).data
    assert after[60, 70] == 0
    assert after[10, 15] == before[10, 15] > 0


def test_objects_of_the_pipeline_stay_while_a_slider_is_dragged(widget, viewer):
    build(widget, "threshold_manual", "register_objects")
    objects = preview(viewer, "Objects (live)")
    widget.steps.setCurrentRow(0)
    settle(widget)
    removed = []
    viewer.layers.events.removed.connect(lambda event: removed.append(event.value.name))
    for threshold in (200.0, 600.0):
        widget.form.settingChanged.emit("threshold", threshold)
        settle(widget)
    assert not removed
    assert preview(viewer, "Objects (live)") is objects
    assert len(objects.features) == 1
    widget.form.wireChanged.emit("image", "")  # nothing is found any more
    settle(widget)
    assert removed == ["preview: mask", "Objects (live)"]


def test_another_step_is_shown_in_the_layer_that_is_there(widget, viewer):
    build(widget, "threshold_manual", "label")
    layer = preview(viewer)
    assert layer.name == "preview: label image"
    layer.opacity = 0.4
    colours = layer.colormap
    widget.steps.setCurrentRow(0)
    settle(widget)
    assert preview(viewer) is layer  # to remove one and add one takes napari half a second
    assert layer.name == "preview: mask"
    assert layer.get_color(1).tolist() == pytest.approx(
        [int(MASK_COLOUR[n : n + 2], 16) / 255 for n in (1, 3, 5)] + [1], abs=1e-6
    )
    layer.visible = False
    widget.steps.setCurrentRow(1)
    settle(widget)
    assert preview(viewer).visible
    assert preview(viewer).opacity == 0.4
    assert np.array_equal(preview(viewer).colormap.colors, colours.colors)


def test_objects_that_a_step_measures_are_shown(widget, viewer):
    facts = {"experiment": "", "objects": "Objects"}
    stored = viewer.add_labels(np.zeros((120, 160), np.int32), metadata={"tmaps": facts})
    build(widget, "threshold_manual", "register_objects")
    layer = preview(viewer)
    name, objects = layer.name, layer.data.copy()
    assert sorted(np.unique(objects)) == [0, 1, 2]
    build(widget, "measure_intensity")
    assert not stored.visible
    shown = preview(viewer)
    assert shown is layer
    assert (shown.name, shown.visible) == (name, True)
    np.testing.assert_array_equal(shown.data, objects)
    assert "2 objects, " in widget.numbers.text()
