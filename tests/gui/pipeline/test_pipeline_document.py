"""Undo, the journal and the shelf: nothing that was done to a pipeline is lost."""

from __future__ import annotations

from tests.gui.pipeline.tuned import build, settle

from napari_tmaps.pipeline import load_pipeline


def test_undo_ten_times_and_redo(widget):
    build(widget, *["smooth"] * 11)
    for _ in range(10):
        widget.bar.undo_button.click()
    assert widget.steps.names() == ["smooth"]
    for _ in range(10):
        widget.bar.redo_button.click()
    assert len(widget.steps.names()) == 11
    assert not widget.bar.redo_button.isEnabled()


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
