"""Another experiment is opened, or the widget goes: nothing is left of the one before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.gui.plate import PIPELINE, make_scan
from tests.workflow.rounds import make_experiment as make_rounds

from napari_tmaps.gui.desk import desk_of
from napari_tmaps.gui.experiment_widget import ExperimentWidget
from napari_tmaps.gui.map_age import MapAge
from napari_tmaps.gui.state import Choice
from napari_tmaps.model.progress import run
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.workflow import convert


def test_the_object_that_was_clicked_is_not_told_of_another(
    widget: ExperimentWidget, experiment_path: Path, own_experiment: Path
) -> None:
    widget.setValue(Choice(str(experiment_path)))
    panel = widget.site_page.map_panel
    panel.show_object("P1 B02 site 1 · Nuclei 17")
    widget.setValue(Choice(str(own_experiment)))
    assert not panel._object.isVisibleTo(panel)


def test_marked_wells_that_another_plate_lacks_are_marked_no_longer(
    widget: ExperimentWidget, experiment_path: Path, tmp_path: Path
) -> None:
    widget.setValue(Choice(str(experiment_path)))
    widget.site_page.plate_map.setSelection(["B02", "C03"])
    desk = desk_of(widget.viewer)
    assert desk.wells == {"B02", "C03"}
    scan = make_scan(tmp_path / "raw")
    small = replace(scan, planes=scan.planes[scan.planes["well"] == "B02"].reset_index(drop=True))
    with Experiment.create(tmp_path / "small.tmaps") as experiment:
        experiment.add(small)
        run(convert(experiment))
    widget.setValue(Choice(str(tmp_path / "small.tmaps")))
    assert desk.wells == {"B02"}


def test_the_cycle_that_is_shown_is_that_of_the_slider(
    widget: ExperimentWidget, tmp_path: Path
) -> None:
    paths = []
    for name in "ab":
        with make_rounds(tmp_path / name) as experiment:
            paths.append(str(experiment.path))
    widget.setValue(Choice(paths[0]))
    slider = widget.site_page.map_panel.cycle_slider
    slider.setValue(2)
    assert not all(layer.visible for layer in widget.viewer.layers)
    widget.setValue(Choice(paths[1]))
    assert slider.value() == 0
    assert all(layer.visible for layer in widget.viewer.layers)


def test_an_old_map_is_not_told_of_another_experiment(
    qtbot: Any, experiment_path: Path, own_experiment: Path
) -> None:
    age, told = MapAge(), []
    for path in (experiment_path, own_experiment):
        (path / "maps").mkdir(exist_ok=True)
    with Experiment.open(experiment_path) as first, Experiment.open(own_experiment) as second:
        age.look(first)
        age._tell({"P1": "The map of P1 is old."})
        age.changed.connect(lambda: told.append(dict(age.value())))
        age.look(first)
        assert age.value()  # what is known of it stays until more is
        age.look(second)
        assert told == [{}]
        qtbot.waitUntil(lambda: not age.is_looking)


def test_a_pipeline_runs_on_a_site_that_is_read_in_place(
    widget: ExperimentWidget, tmp_path: Path, qtbot: Any
) -> None:
    path = tmp_path / "place.tmaps"
    with Experiment.create(path) as experiment:
        experiment.add(make_scan(tmp_path / "raw"))
        run(convert(experiment, in_place=True))
    (tmp_path / "blocks.yaml").write_text(PIPELINE)
    widget.setValue(Choice(str(path)))
    widget.add_pipeline(str(tmp_path / "blocks.yaml"))
    widget.site_page.run_button.click()
    qtbot.waitUntil(lambda: not widget.is_busy)
    assert "1 Blocks" in widget.message
    assert widget.viewer.layers["Blocks"].data.max() == 1
