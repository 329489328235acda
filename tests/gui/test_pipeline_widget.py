"""The pipeline widget as a person uses it: build, tune, undo, close, find again."""

from __future__ import annotations

import gc
import json
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPointF, QStandardPaths, Qt
from qtpy.QtGui import QDropEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QMenu, QWidgetAction
from scipy import ndimage

from napari_tmaps.gui import live_preview
from napari_tmaps.gui.label_colours import MASK_COLOUR
from napari_tmaps.gui.pipeline_widget import PipelineWidget
from napari_tmaps.gui.state_bar import BAD
from napari_tmaps.pipeline import edit, load_pipeline


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where pipelines without an experiment are kept."""
    monkeypatch.setattr(QStandardPaths, "writableLocation", lambda place: str(tmp_path / "home"))
    return tmp_path / "home" / "napari-tmaps" / "pipelines"


def blocks() -> np.ndarray:
    image = np.full((120, 160), 100, np.uint16)
    image[10:30, 10:30] = 1000
    image[60:90, 60:90] = 500
    return image


@pytest.fixture
def viewer(make_viewer):
    viewer = make_viewer(show=False)
    viewer.add_image(blocks(), name="DAPI")
    return viewer


@pytest.fixture
def make_widget(viewer, qtbot) -> Callable[[], PipelineWidget]:
    def make() -> PipelineWidget:
        widget = PipelineWidget(viewer)
        viewer.window.add_dock_widget(widget, name="Pipeline")
        return widget

    return make


@pytest.fixture
def widget(make_widget):
    widget = make_widget()
    yield widget
    widget.close()


def settle(widget: PipelineWidget) -> None:
    """Until all that was asked for is shown."""
    end = time.monotonic() + 60
    quiet = 0
    while quiet < 5 and time.monotonic() < end:
        QApplication.processEvents()
        quiet = 0 if widget.is_busy else quiet + 1
        time.sleep(0.005)


def build(widget: PipelineWidget, *modules: str) -> None:
    for module in modules:
        widget.picker.chosen.emit(module)
    settle(widget)


def is_marked(widget: PipelineWidget, row: int) -> bool:
    """Whether a step has the sign of a fault, and its colour."""
    item = widget.steps.item(row)
    assert item.icon().isNull() == (item.foreground().color() != BAD)
    return not item.icon().isNull()


def preview(viewer, name="preview"):
    return next(layer for layer in viewer.layers if layer.name.startswith(name))


def outlined(mask: np.ndarray) -> np.ndarray:
    """The border of a mask, as wide as it is drawn where the picture is enlarged."""
    return mask & ~ndimage.binary_erosion(mask)


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


def test_typing_a_number(widget, qtbot):
    build(widget, "threshold_manual")
    box = widget.form.editor("threshold")._box
    box.selectAll()
    QTest.keyClicks(box, "321")
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert widget.value().pipeline[0].settings == {"threshold": 321.0}


def test_the_threshold_line_is_dragged(widget, viewer):
    build(widget, "threshold_otsu")
    widget.numbers.thresholdMoved.emit(600.0)
    settle(widget)
    assert widget.numbers.line.value() == pytest.approx(600, rel=0.01)
    np.testing.assert_array_equal(preview(viewer).data, outlined(blocks() > 600))


def test_undo_ten_times_and_redo(widget):
    build(widget, *["smooth"] * 11)
    for _ in range(10):
        widget.bar.undo_button.click()
    assert widget.steps.names() == ["smooth"]
    for _ in range(10):
        widget.bar.redo_button.click()
    assert len(widget.steps.names()) == 11
    assert not widget.bar.redo_button.isEnabled()


def test_keys_of_the_list(widget):
    build(widget, "smooth", "threshold_manual", "fill")
    row = widget.steps.names().index("smooth")
    widget.steps.setCurrentRow(row)
    QTest.keyClick(widget.steps, Qt.Key.Key_J)
    assert widget.steps.names() == ["threshold_manual", "smooth", "fill"]
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


def test_a_channel_that_is_dropped_and_comes_back(widget, viewer):
    build(widget, "threshold_manual")
    layer = viewer.layers["DAPI"]
    viewer.layers.remove(layer)
    settle(widget)
    assert "no image" in widget._where.text()
    viewer.add_image(blocks(), name="DAPI")
    settle(widget)
    assert preview(viewer).data.any()


def test_closed_in_the_middle_and_found_again(make_widget, own_folder):
    first = make_widget()
    first.bar.opened.emit("nuclei", True)
    first.form.settingChanged.emit("filter_size", 2)
    name, value = first._document.name, first.value()
    # it does not come to saving: the program is killed
    saver = first._document._saver
    saver._timer.stop()
    saver._wanted = None
    saver.close()
    first._live.close()
    second = make_widget()
    assert name in [second.bar.box.itemText(n) for n in range(second.bar.box.count())]
    second.bar.opened.emit(name, False)
    assert second.value() == value
    second.undo()
    assert second.value() != value
    second.close()
    assert load_pipeline(own_folder / f"{name}.yaml") == second.value()


def test_an_edit_that_cannot_be_saved_says_so_until_one_can(widget, own_folder):
    build(widget, "threshold_manual")
    journals = own_folder / "history"
    journals.rename(own_folder / "away")
    journals.write_text("where the folder of journals should be")
    build(widget, "fill")
    assert "could not be saved" in widget._message.text()
    assert widget.steps.names() == ["threshold_manual", "fill"]  # it is made nevertheless
    journals.unlink()
    (own_folder / "away").rename(journals)
    build(widget, "register_objects")
    assert "could not be saved" not in widget._message.text()


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


def test_a_new_empty_pipeline_shows_nothing_of_the_one_before(widget, viewer):
    build(widget, "threshold_manual", "register_objects")
    assert len(viewer.layers) == 3
    widget.bar.opened.emit("", True)
    settle(widget)
    assert [layer.name for layer in viewer.layers] == ["DAPI"]


def test_what_was_told_stays_until_the_next_edit(widget, viewer):
    build(widget, "threshold_manual")
    widget._trials.told.emit("Submission 3 runs.")
    viewer.add_image(blocks() // 2, name="Actin")  # as when the run has begun
    settle(widget)
    assert "Actin" in widget.scene.images
    assert widget._message.text() == "Submission 3 runs."
    build(widget, "fill")
    assert not widget._message.text()


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


def test_files(widget, tmp_path):
    build(widget, "threshold_manual", "register_objects")
    widget.bar.fileSaved.emit(str(tmp_path / "mine.yaml"))
    assert load_pipeline(tmp_path / "mine.yaml") == widget.value()
    widget.bar.fileSaved.emit(str(tmp_path / "mine.py"))
    compile((tmp_path / "mine.py").read_text(), "mine.py", "exec")
    build(widget, "fill")
    widget.open_file(str(tmp_path / "mine.yaml"))
    assert widget.steps.names() == ["threshold_manual", "register_objects"]
    (tmp_path / "broken.yaml").write_text("pipeline: [")
    widget.open_file(str(tmp_path / "broken.yaml"))
    assert "broken.yaml" in widget._message.text()


CPPIPE = """CellProfiler Pipeline: http://www.cellprofiler.org
Version:5

IdentifyPrimaryObjects:[module_num:1|enabled:True|wants_pause:False]
    Select the input image:DAPI
    Name the primary objects to be identified:Nuclei
    Typical diameter of objects, in pixel units (Min,Max):8,30
    Use advanced settings?:No

TrackObjects:[module_num:2|enabled:True|wants_pause:False]
    Choose a tracking method:Overlap
"""


def test_pipelines_of_other_programs(widget, tmp_path):
    from napari_tmaps.pipeline import ready_pipelines
    from napari_tmaps.pipeline.jterator_project_export import save_project

    save_project(ready_pipelines()["nuclei"], tmp_path / "project")
    widget.open_file(str(tmp_path / "project" / "pipeline.yaml"))
    steps = [call.name for call in ready_pipelines()["nuclei"].pipeline]
    assert widget.steps.names() == steps
    assert widget.notes.isVisibleTo(widget)
    widget.bar.opened.emit("", True)
    assert "nuclei" in widget._document.names()  # it can be found again
    widget.bar.opened.emit("nuclei", False)
    assert widget.steps.names() == steps
    widget.bar.fileSaved.emit(str(tmp_path / "mine.yaml"))
    widget.open_file(str(tmp_path / "mine.yaml"))  # of which there is nothing to note
    assert not widget.notes.isVisibleTo(widget)
    settle(widget)
    assert "ms" in widget.numbers.text()
    widget.bar.fileSaved.emit(str(tmp_path / "mine.ipynb"))
    assert json.loads((tmp_path / "mine.ipynb").read_text())["nbformat"] == 4
    (tmp_path / "strange.cppipe").write_text(CPPIPE.replace("DAPI", "DNA"))
    widget.open_file(str(tmp_path / "strange.cppipe"))
    assert "no channel 'DNA'" in widget._message.text()
    assert widget.numbers.text() == ""
    (tmp_path / "other.cppipe").write_text(CPPIPE)
    widget.open_file(str(tmp_path / "other.cppipe"))
    assert widget.notes.isVisibleTo(widget)
    left_out, differs = widget.notes.text.toPlainText().split("Done in another way")
    assert "2 TrackObjects" in left_out
    assert "1 IdentifyPrimaryObjects" in differs
    widget.notes.close_button.click()
    assert widget.form.isVisibleTo(widget)
    widget.undo()
    steps = widget.steps.names()
    (tmp_path / "not.cppipe").write_text("nothing of the kind")
    widget.open_file(str(tmp_path / "not.cppipe"))
    assert "not.cppipe" in widget._message.text()
    assert widget.steps.names() == steps


def test_pipelines_of_an_experiment_lie_in_it(widget, viewer, tmp_path):
    where = {"experiment": str(tmp_path / "e"), "plate": "p", "well": "A01", "site": 1}
    viewer.layers["DAPI"].metadata["tmaps"] = where
    viewer.layers["DAPI"].events.data()  # anything that makes the widget look again
    settle(widget)
    build(widget, "threshold_manual")
    widget.close()
    assert [path.name for path in (tmp_path / "e" / "pipelines").glob("*.yaml")] == [
        "pipeline.yaml"
    ]


def action(widget, section: str, name: str):
    """An action of the menu In and out, by the heading that it stands below."""
    current = ""
    for found in widget.ports.fill().actions():
        if isinstance(found, QWidgetAction):
            current = found.text()
        elif current.startswith(section) and found.text() == name:
            return found
    raise AssertionError(f"no {name} under {section}")


def test_what_goes_in_and_out(widget, viewer):
    viewer.add_image(blocks() // 2, name="Actin")
    settle(widget)
    build(widget, "threshold_manual", "register_objects")
    assert [c.name for c in widget.value().input.channels] == ["DAPI", "Actin"]
    action(widget, "Corrects", "Actin").trigger()
    assert [c.correct for c in widget.value().input.channels] == [False, True]
    action(widget, "Keeps", "Objects").trigger()
    assert widget.value().output.objects == ()
    action(widget, "Keeps", "Objects").trigger()
    assert [o.name for o in widget.value().output.objects] == ["Objects"]
    action(widget, "Reads", "DAPI").trigger()
    assert [c.name for c in widget.value().input.channels] == ["Actin"]
    settle(widget)
    assert is_marked(widget, 0)  # its image is no longer read
    widget.undo()
    settle(widget)
    assert not is_marked(widget, 0)


def test_a_pipeline_of_other_channels(widget, viewer):
    from napari_tmaps.pipeline import ready_pipelines

    foreign = edit.rename_channel(ready_pipelines()["nuclei"], "DAPI", "Hoechst")
    widget.setValue(foreign)
    settle(widget)
    assert "no channel 'Hoechst'" in widget._message.text()
    (menu,) = widget.ports.fill().findChildren(QMenu)
    assert menu.title() == "Read instead of Hoechst"
    menu.actions()[0].trigger()
    assert widget.value() == ready_pipelines()["nuclei"]
    settle(widget)
    assert "Hoechst" not in widget._message.text()


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


def test_python_can_forget_a_widget_that_was_closed(viewer):
    widget = PipelineWidget(viewer)
    build(widget, "threshold_manual")
    widget.close()
    widget.close()
    forgotten = weakref.ref(widget)
    del widget
    gc.collect()  # this ended the program
    assert forgotten() is None


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
