"""The picture follows each change of the pipeline."""

from __future__ import annotations

from threading import Event

import numpy as np
import pytest
from qtpy.QtWidgets import QApplication
from tests.gui.pipeline.tuned import blocks, build, is_marked, outlined, preview, settle
from tests.gui.plate import SIZE, plane_of

from napari_tmaps.gui import live_preview
from napari_tmaps.gui.pipeline_widget import PipelineWidget
from napari_tmaps.gui.tuning import Tuning
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.pipeline import edit
from napari_tmaps.store.experiment import Experiment


def test_the_slider_moves_the_picture(widget, viewer):
    build(widget, "threshold_manual")
    editor = widget.form.editor("threshold")
    for value in np.linspace(130, 700, 30):
        editor.setValue(value)
        editor.valueChanged.emit(editor.value())
    settle(widget)
    np.testing.assert_array_equal(preview(viewer).data, outlined(blocks() > 700))
    widget.undo()  # one drag is one edit
    settle(widget)
    np.testing.assert_array_equal(preview(viewer).data, outlined(blocks() > 128))
    assert widget.form.editor("threshold").value() == 128


def test_the_threshold_line_is_dragged(widget, viewer):
    build(widget, "threshold_otsu")
    widget.numbers.thresholdMoved.emit(600.0)
    settle(widget)
    assert widget.numbers.line.value() == pytest.approx(600, rel=0.01)
    np.testing.assert_array_equal(preview(viewer).data, outlined(blocks() > 600))


def test_ten_fast_changes_compute_the_first_and_the_last(widget, viewer):
    build(widget, "threshold_manual")
    live = widget._live._live
    began, go_on, told, made = Event(), Event(), live._on_preview, []

    def hold(preview) -> None:
        made.append(preview.step.settings["threshold"])
        began.set()
        assert go_on.wait(60)
        told(preview)

    live._on_preview = hold
    for threshold in range(200, 300, 10):
        widget.form.settingChanged.emit("threshold", float(threshold))
        while not began.wait(0.01):  # the first is computed while the others come
            QApplication.processEvents()
        QApplication.processEvents()
    go_on.set()
    settle(widget)
    assert list(dict.fromkeys(made)) == [200.0, 290.0]


def test_objects_of_before_do_not_come_late(widget, viewer):
    build(widget, "threshold_manual", "register_objects")
    assert "Objects (live)" in viewer.layers
    widget.form.outputRenamed.emit("objects", "Blocks")
    while not widget._live._next.isActive():  # its objects are about to be shown
        QApplication.processEvents()
    widget._live.show(Tuning(PipelineDescription()))
    settle(widget)
    assert [layer.name for layer in viewer.layers] == ["DAPI"]


def test_memory_for_previews_is_a_preference(viewer, monkeypatch):
    monkeypatch.setattr(live_preview, "preference", lambda group, name, default: 64)
    widget = PipelineWidget(viewer)
    try:
        assert widget._live.cache.max_bytes == 64 * 2**20
        for threshold in range(5000):  # 20 kB each, 96 MB together
            widget._live.cache.put(str(threshold), (np.zeros((120, 160), bool),))
        assert 63 * 2**20 < widget._live.cache.nbytes <= 64 * 2**20
    finally:
        widget.close()


def test_a_comparison_follows_the_changes(widget, viewer):
    build(widget, "threshold_manual", "register_objects")
    widget.bar.renamed.emit("stricter")
    settle(widget)
    first = next(name for name in widget._document.names() if name != "stricter")
    widget.try_button.compareRequested.emit(first)
    settle(widget)
    assert "2 here, 2 in" in widget._compared.text()
    broken = edit.set_wire(widget._document.stored(first), "register_objects", "mask", "lost.mask")
    widget._document._shelf.save("broken", broken)
    widget.try_button.compareRequested.emit("broken")
    settle(widget)
    assert "cannot run" in widget._compared.text()
    assert "'lost.mask'" in widget._compared.text()
    widget.try_button.compareRequested.emit(first)
    settle(widget)
    widget.steps.setCurrentRow(0)
    widget.form.settingChanged.emit("threshold", 700.0)
    settle(widget)
    assert "1 here, 2 in" in widget._compared.text()
    assert "F1 0.667" in widget._compared.text()
    viewer.layers.remove("differs: Objects")  # enough of it
    widget.form.settingChanged.emit("threshold", 800.0)
    settle(widget)
    assert not widget._compared.text()
    widget.try_button.compareRequested.emit(first)
    settle(widget)
    assert "differs: Objects" in viewer.layers
    widget.bar.opened.emit("", True)  # what was said is not true of another pipeline
    settle(widget)
    assert not widget._compared.text()
    assert [layer.name for layer in viewer.layers] == ["DAPI"]


def test_illumination_is_corrected_before_the_first_step(widget, viewer, own_experiment):
    where = {"experiment": str(own_experiment), "plate": "P1", "well": "B03", "site": 1}
    viewer.layers["DAPI"].metadata["tmaps"] = where
    viewer.layers["DAPI"].data = plane_of("B03", 1, "DAPI")  # about 1100
    settle(widget)
    widget.bar.opened.emit("", True)
    build(widget, "threshold_manual")
    widget.form.settingChanged.emit("threshold", 1000.0)
    widget.setValue(edit.set_channels(widget.value(), [("DAPI", True)]))
    settle(widget)
    assert is_marked(widget, 0)
    assert "Run corilla" in widget._message.text()
    flat = np.full((SIZE, SIZE), 2.0)
    flat[20:30, 20:40] = 1
    with Experiment.open(own_experiment) as experiment:
        fields = experiment.illumination
        arrays = {"flat": flat, "dark": np.zeros((SIZE, SIZE))}
        made = fields.write_field(arrays, method="flat", channel="DAPI", key="", statistics={})
        fields.set_entries([made])
    widget.form.settingChanged.emit("threshold", 900.0)
    settle(widget)
    assert not is_marked(widget, 0)
    np.testing.assert_array_equal(preview(viewer).data, outlined(flat == 1))
