"""Excluding sites by the menu of a well, and what it tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from qtpy.QtWidgets import QInputDialog, QLabel, QWidget

from napari_tmaps.gui.desk import Desk
from napari_tmaps.gui.map_menu import WellMenu, story_of
from napari_tmaps.gui.map_panel import MapPanel
from napari_tmaps.gui.map_values import COUNT, Measure
from napari_tmaps.gui.state import Pixels
from napari_tmaps.store.exclusions import excluded
from napari_tmaps.store.experiment import Experiment


def choose(menu: WellMenu, title: str) -> None:
    (action,) = [action for action in menu.menu.actions() if action.text() == title]
    action.trigger()


def test_exclude_and_include(
    own_experiment: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    menu = WellMenu(parent)
    answers = iter([("dust", True), ("", False), ("fine", True), (" ", True)])
    monkeypatch.setattr(QInputDialog, "getText", lambda *args: next(answers))
    with Experiment.open(own_experiment) as experiment:
        menu.fill(experiment, "P1", ["B02"], "B02", 3)
        with qtbot.waitSignal(menu.changed):
            choose(menu, "Exclude B02 site 3…")
        assert excluded(experiment.catalogue) == {("P1", "B02", 3): "dust"}
        menu.fill(experiment, "P1", ["B02"], "B02", 3)
        choose(menu, "Exclude B02…")  # and thinks better of it
        assert len(excluded(experiment.catalogue)) == 1
        with qtbot.waitSignal(menu.changed):
            choose(menu, "Include B02…")
        assert not excluded(experiment.catalogue)
        menu.fill(experiment, "P1", ["B02", "B03"], "B03", 1)
        with qtbot.waitSignal(menu.failed) as failed:
            choose(menu, "Exclude 2 wells…")
        assert "Say why" in failed.args[0]
        story = story_of(experiment, [("P1", "B02", 3)])
    assert "exclude B02 site 3, because: dust" in story
    assert "include B02 site 3, because: fine" in story


def test_a_failure_is_told_with_its_message(own_experiment: Path) -> None:
    with Experiment.open(own_experiment) as experiment:
        sites = [("P1", "B03", 1)]
        assert story_of(experiment, sites).startswith("Nothing failed here")
        message = {"plate": "P1", "well": "B03", "site": 1, "message": "no light"}
        experiment.catalogue.add_failures("jterator", [message])
        assert story_of(experiment, sites) == "B03 site 1, jterator: no light"


def test_panel_value(qtbot: Any) -> None:
    panel = MapPanel(Desk())
    qtbot.addWidget(panel)
    wanted = Measure("Nuclei", "Morphology_Area")
    panel.setMeasures([Measure(), Measure("Nuclei", COUNT), wanted])
    with qtbot.waitSignal(panel.valueChanged) as changed:
        panel.setValue(wanted)
    assert changed.args == [wanted]
    assert panel.value() == wanted
    assert panel.objects_box.isVisibleTo(panel)
    panel.setMeasures([Measure(), wanted])
    assert panel.value() == wanted
    panel.setValue(Measure("Cells", COUNT))  # there are none
    assert panel.value() == wanted
    panel.setMeasures([Measure()])
    assert panel.value() == Measure()
    panel.setPixels(Pixels.PREPARED)
    assert panel.minimumSizeHint().width() < 240


def test_the_slider_of_cycles_is_there_only_for_several(qtbot: Any) -> None:
    panel = MapPanel(Desk())
    qtbot.addWidget(panel)
    assert not panel.cycle_slider.isVisibleTo(panel)
    panel.setCycles(3)
    assert panel.cycle_slider.isVisibleTo(panel)
    with qtbot.waitSignal(panel.cycleChanged) as changed:
        panel.cycle_slider.setValue(2)
    assert changed.args == [1]
    texts = [label.text() for label in panel.findChildren(QLabel)]
    assert "1 of 0–2" in texts  # as the cycle is called elsewhere
    panel.setCycles(1)
    assert panel.cycle_slider.value() == 0
