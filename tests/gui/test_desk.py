"""What the widgets of one window share."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QWidget

from napari_tmaps.gui.desk import ObjectColours, desk_of
from napari_tmaps.gui.edit_widget import EditWidget
from napari_tmaps.gui.experiment_widget import ExperimentWidget
from napari_tmaps.gui.guide_widget import GuideWidget
from napari_tmaps.gui.object_book import book_of
from napari_tmaps.gui.objects_widget import ObjectsWidget
from napari_tmaps.gui.save_widget import SaveWidget
from napari_tmaps.gui.state import Choice
from napari_tmaps.store.experiment import Experiment


def test_each_viewer_has_its_own_desk() -> None:
    one, other = ViewerModel(), ViewerModel()
    assert desk_of(one) is desk_of(one)
    assert desk_of(one) is not desk_of(other)


def test_a_desk_goes_with_its_viewer() -> None:
    from napari_tmaps.gui import desk

    viewer = ViewerModel()
    desk_of(viewer)
    key = id(viewer)
    assert key in desk._desks
    del viewer
    gc.collect()
    assert key not in desk._desks


def test_others_hear_of_the_experiment_and_ask_for_a_site(
    qtbot: Any, experiment_path: Path
) -> None:
    viewer = ViewerModel()
    desk = desk_of(viewer)
    assert not desk.is_kept
    widget = ExperimentWidget(viewer)  # type: ignore[arg-type]
    qtbot.addWidget(widget)
    assert desk.is_kept
    with qtbot.waitSignals([desk.experimentChanged, desk.choiceChanged]):
        widget.setValue(Choice(experiment=str(experiment_path)))
    assert desk.experiment is not None
    assert desk.choice == widget.value()
    desk.go(replace(desk.choice, well="B03", site=2))
    assert (widget.value().well, widget.value().site) == ("B03", 2)
    assert desk.choice == widget.value()
    colours = ObjectColours("Blocks", pd.Series(dtype=float))
    desk.setColours(colours)
    widget.close_experiment()
    assert desk.experiment is None
    assert desk.colours is None, "they were colours of that experiment"


def gone(widget: QWidget) -> None:
    """As when its dock is removed from the window."""
    widget.close()
    widget.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


@pytest.mark.parametrize("kind", [ObjectsWidget, EditWidget, GuideWidget, SaveWidget])
def test_a_widget_that_is_gone_hears_nothing(
    kind: Callable[[ViewerModel], QWidget], qtbot: Any, experiment: Experiment
) -> None:
    viewer = ViewerModel()
    desk, book = desk_of(viewer), book_of(viewer)
    widget = kind(viewer)
    gone(widget)
    with qtbot.captureExceptions() as raised:
        desk.setExperiment(experiment)
        desk.setChoice(Choice(str(experiment.path), "P1", "B02", 1))
        desk.tablesChanged.emit("")
        book.gatesChanged.emit()
        book.selectionsChanged.emit()
    assert raised == []
    desk.setExperiment(None)
