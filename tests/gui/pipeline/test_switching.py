"""Another site, pipeline or experiment is looked at: nothing of the one before is taken for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication
from tests.gui.pipeline.tuned import blocks, build, settle
from tests.gui.plate import make_experiment

from napari_tmaps.errors import PipelineError, StorageError
from napari_tmaps.gui import pipeline_trials, step_edits
from napari_tmaps.gui.experiment_widget import ExperimentWidget
from napari_tmaps.gui.pipeline_widget import PipelineWidget
from napari_tmaps.gui.state import Choice
from napari_tmaps.pipeline import live


def names_of(viewer: Any, beginning: str = "") -> list[str]:
    return [layer.name for layer in viewer.layers if layer.name.startswith(beginning)]


def go_to(viewer: Any, experiment: Path) -> None:
    """Have the layer be a site of an experiment."""
    where = {"experiment": str(experiment), "plate": "p", "well": "A01", "site": 1}
    viewer.layers["DAPI"].metadata["tmaps"] = where
    viewer.layers["DAPI"].events.data()  # anything that makes the widget look again


# -- another experiment, and its pipelines --------------------------------------------------------


def test_a_damaged_pipeline_of_another_experiment_is_not_written_over(widget, viewer, tmp_path):
    build(widget, "threshold_manual")
    damaged = tmp_path / "e" / "pipelines" / f"{widget._document.name}.yaml"
    damaged.parent.mkdir(parents=True)
    damaged.write_text("pipeline: [")
    go_to(viewer, tmp_path / "e")
    settle(widget)
    assert damaged.name in widget._message.text()
    build(widget, "fill")
    widget._document.save()
    assert damaged.read_text() == "pipeline: ["
    assert (damaged.parent / f"{widget._document.name}.yaml").is_file()


def test_the_next_pipeline_is_shown_if_the_first_is_damaged(widget, viewer, own_folder, tmp_path):
    build(widget, "threshold_manual")
    widget._document.save()
    (saved,) = own_folder.glob("*.yaml")
    there = tmp_path / "e" / "pipelines"
    there.mkdir(parents=True)
    (there / "a.yaml").write_text("pipeline: [")
    (there / "b.yaml").write_bytes(saved.read_bytes())
    go_to(viewer, tmp_path / "e")
    settle(widget)
    assert widget._document.name == "b"
    assert "a.yaml" in widget._message.text()


def test_an_experiment_that_cannot_have_pipelines(widget, viewer, tmp_path):
    build(widget, "threshold_manual")
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "pipelines").write_text("where the folder should be")
    go_to(viewer, tmp_path / "e")
    settle(widget)
    assert "cannot be read" in widget._message.text()
    with pytest.raises(StorageError, match="pipelines"):
        widget._document.save()
    assert widget.steps.names() == ["threshold_manual"]


def test_undo_ends_where_another_experiment_begins(widget, viewer, tmp_path):
    build(widget, "threshold_manual")
    widget.steps.removeRequested.emit("threshold_manual")
    settle(widget)
    assert widget.bar.undo_button.isEnabled()
    go_to(viewer, tmp_path / "e")
    settle(widget)
    assert not widget.bar.undo_button.isEnabled()


# -- values that are tried ------------------------------------------------------------------------


def sweep(widget: PipelineWidget) -> Any:
    """Compare values of the first setting; returns the panel."""
    widget.try_button.sweepRequested.emit(widget._tuning.spec.settings[0])
    settle(widget)
    panel = widget._trials.trials.panel
    assert len(panel.results()) > 1
    return panel


def test_a_value_is_clicked_whose_step_has_gone(widget):
    build(widget, "threshold_manual")
    panel = sweep(widget)
    widget.steps.renameRequested.emit("threshold_manual", "bright")
    settle(widget)
    before = widget.value()
    panel.chosen.emit(0)
    assert widget.value() == before
    assert "threshold_manual" in widget._message.text()


def test_values_of_one_pipeline_are_not_offered_for_another(widget):
    build(widget, "threshold_manual")
    panel = sweep(widget)
    widget.bar.renamed.emit("other")
    settle(widget)
    assert not panel.results()
    before = widget.value()
    panel.chosen.emit(0)
    assert widget.value() == before


def test_what_is_tried_goes_with_the_widget(widget):
    build(widget, "threshold_manual")
    panel = sweep(widget)
    widget.close()
    assert not panel.isVisible()
    panel.chosen.emit(0)  # it would be saved by what has ended


# -- what is shown of the preview -----------------------------------------------------------------


def test_what_a_step_worked_on_elsewhere_is_not_shown_as_before(widget, viewer):
    build(widget, "threshold_manual", "fill")
    widget.live_box.setChecked(False)
    viewer.layers["DAPI"].data = blocks()[:50, :50].copy()
    settle(widget)
    widget.before_button.setChecked(True)
    assert names_of(viewer) == ["DAPI"]


def test_what_is_typed_stays_while_the_picture_changes(widget, viewer, qtbot):
    build(widget, "threshold_manual", "register_objects")
    viewer.window._qt_window.show()
    widget.steps.setCurrentRow(0)
    settle(widget)
    number = widget.form.editor("threshold")._box
    number.setFocus()
    number.selectAll()
    qtbot.keyClicks(number, "30")
    viewer.layers["DAPI"].data = blocks() // 2
    settle(widget)
    assert number.lineEdit().text() == "30"
    widget.steps.setCurrentRow(1)
    settle(widget)
    name = widget.form._shown()._outputs["objects"]
    name.setFocus()
    name.selectAll()
    qtbot.keyClicks(name, "Nucl")
    viewer.layers["DAPI"].data = blocks()
    settle(widget)
    assert name.text() == "Nucl"
    name.setText("?")
    name.editingFinished.emit()  # a name that cannot be
    settle(widget)


@pytest.fixture
def compared(widget, viewer) -> PipelineWidget:
    """The differences to another pipeline are shown."""
    build(widget, "threshold_manual", "register_objects")
    before = widget._document.name
    widget.bar.renamed.emit("other")
    settle(widget)
    widget.try_button.compareRequested.emit(before)
    settle(widget)
    assert names_of(viewer, "differs") == ["differs: Objects"]
    return widget


def test_differences_go_with_the_picture(compared, viewer):
    layer = viewer.layers["DAPI"]
    viewer.layers.remove(layer)
    settle(compared)
    assert names_of(viewer) == []
    assert not compared._compared.text()
    viewer.add_image(blocks(), name="DAPI")
    settle(compared)
    assert names_of(viewer, "differs") == ["differs: Objects"]
    assert "2 here" in compared._compared.text()


def test_differences_go_with_the_widget(compared, viewer):
    compared.close()
    assert names_of(viewer) == ["DAPI"]


# -- beside an experiment -------------------------------------------------------------------------


@pytest.fixture
def both(make_viewer: Callable[..., Any], own_experiment: Path) -> Iterator[SimpleNamespace]:
    """An open experiment, and its pipeline with a step that is looked at."""
    viewer = make_viewer(show=True)
    experiment = ExperimentWidget(viewer)
    viewer.window.add_dock_widget(experiment, name="Experiment")
    experiment.setValue(Choice(str(own_experiment)))
    widget = PipelineWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Pipeline")
    settle(widget)
    widget.steps.setCurrentRow(1)
    settle(widget)
    found = SimpleNamespace(viewer=viewer, experiment=experiment, widget=widget)
    yield found
    found.widget.close()
    experiment.close_experiment()


def test_the_dock_of_trials_is_closed_and_asked_for_again(both):
    both.widget.try_button.sitesRequested.emit("random")
    settle(both.widget)
    panel = both.widget._trials.trials.panel
    both.widget._trials.trials._dock.destroyOnClose()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert not panel.isVisible()
    both.widget.try_button.sitesRequested.emit("rows")
    settle(both.widget)
    assert panel.isVisible()
    assert len(panel.results()) == 2


def test_trials_and_test_runs_after_the_pipeline_was_closed_and_opened_again(both):
    def try_all(widget):
        for asked in (widget.try_button.sitesRequested, widget.try_button.testRequested):
            asked.emit("rows")
            settle(widget)
        return widget._trials.trials.panel, widget._trials._rehearsal.panel

    before = try_all(both.widget)
    both.widget.parent().destroyOnClose()
    QApplication.processEvents()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert not {"Trials", "Test run"} & set(both.viewer.window.dock_widgets)
    again = both.widget = PipelineWidget(both.viewer)
    both.viewer.window.add_dock_widget(again, name="Pipeline")
    settle(again)
    again.steps.setCurrentRow(1)
    settle(again)
    for panel in try_all(again):
        assert len(panel.results()) == 2
        assert panel not in before
    assert panel.isVisible()


def test_sites_are_not_tried_without_a_step(both, qtbot):
    both.widget.try_button.sitesRequested.emit("random")
    settle(both.widget)
    both.widget.bar.opened.emit("", True)
    settle(both.widget)
    with qtbot.waitSignal(both.widget._live.moved):
        both.viewer.scene.camera.center = (0, 10, 10)
    settle(both.widget)
    assert "wrong" not in both.widget._message.text()


def test_sites_of_one_experiment_are_not_gone_to_in_another(both, tmp_path):
    for asked in (both.widget.try_button.sitesRequested, both.widget.try_button.testRequested):
        asked.emit("random")
        settle(both.widget)
    trials, test = both.widget._trials.trials.panel, both.widget._trials._rehearsal.panel
    assert trials.results()
    assert test.results()
    both.experiment.setValue(Choice(str(make_experiment(tmp_path / "other"))))
    settle(both.widget)
    before = both.experiment.value()
    trials.chosen.emit(8)
    test.siteChosen.emit(8)
    assert both.experiment.value() == before
    assert not trials.results()
    assert not test.results()
    assert not test.run_button.isEnabled()


def test_what_was_tested_is_run_whatever_is_looked_at(both, own_experiment, monkeypatch):
    both.widget.try_button.testRequested.emit("rows")
    settle(both.widget)
    asked = []
    dialog = SimpleNamespace(submitted=SimpleNamespace(connect=lambda _: None), open=lambda: None)
    monkeypatch.setattr(
        pipeline_trials, "RunDialog", lambda path, *_: asked.append(Path(path)) or dialog
    )
    both.viewer.layers.clear()
    settle(both.widget)
    assert not both.widget.scene.experiment
    both.widget._trials._rehearsal.panel.run_button.click()
    assert asked == [own_experiment]


def test_the_preview_of_another_site_goes_where_a_step_fails(both, monkeypatch):
    done = step_edits.with_setting(both.widget.value(), "bright", "threshold", 4.0)
    both.widget.setValue(done.pipeline)
    settle(both.widget)
    assert names_of(both.viewer, "preview")

    def fail(*_: object, **__: object) -> Iterator[None]:
        raise PipelineError("It fails here.")
        yield

    monkeypatch.setattr(live, "iter_site", fail)
    monkeypatch.setattr(live, "iter_region", fail)
    both.experiment.setValue(replace(both.experiment.value(), well="C03", site=3))
    settle(both.widget)
    assert "It fails here." in both.widget._message.text()
    assert not names_of(both.viewer, "preview")
