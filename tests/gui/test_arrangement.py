"""One command docks all widgets; where one stopped is offered; modules act on chosen layers."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt

from napari_tmaps.errors import NotFoundError
from napari_tmaps.gui import layer_actions, session
from napari_tmaps.gui.arrangement import (
    BOTTOM,
    GUIDE,
    RIGHT,
    open_tissuemaps,
    remembered,
    show_widget,
    widget_names,
)
from napari_tmaps.gui.desk import desk_of
from napari_tmaps.gui.experiment_widget import ExperimentWidget
from napari_tmaps.gui.guide_widget import STEPS, GuideWidget
from napari_tmaps.gui.launch import launch
from napari_tmaps.gui.state import Choice, View
from napari_tmaps.pipeline import ready_pipelines
from napari_tmaps.store.user_folders import config_folder

Area = Qt.DockWidgetArea


def test_all_widgets_are_docked_as_tabs_and_the_arrangement_is_remembered(
    make_viewer: Callable[..., Any], qtbot: Any
) -> None:
    viewer = make_viewer(show=True)
    assert remembered() is None
    open_tissuemaps(viewer)
    names = [name.split(" (")[0] for name in viewer.window.dock_widgets]
    for widget in ("Experiment", "Pipeline", "Workflow", "Save"):
        assert f"TissueMAPS: {widget}" in names
    assert show_widget(viewer, "Experiment").isVisible()
    assert not show_widget(viewer, "Save").visibleRegion().isEmpty()
    for column, area in (("Left", Area.LeftDockWidgetArea), ("Right", Area.RightDockWidgetArea)):
        corner = Qt.Corner[f"Bottom{column}Corner"]
        assert viewer.window._qt_window.corner(corner) == area  # low windows have room for both
    before = len(viewer.window.dock_widgets)
    open_tissuemaps(viewer)
    assert len(viewer.window.dock_widgets) == before
    viewer.close()
    qtbot.waitUntil(lambda: remembered() is not None)


def test_nothing_is_previewed_before_somebody_looks(
    make_viewer: Callable[..., Any], qtbot: Any
) -> None:
    viewer = make_viewer(show=True)
    open_tissuemaps(viewer)
    viewer.add_image(np.tile(np.repeat(np.array([10, 1000], np.uint16), 16), (32, 1)), name="DAPI")
    docked = (name for name in viewer.window.dock_widgets if "Pipeline" in name)
    widget = viewer.window.dock_widgets[next(docked)]
    widget.setValue(ready_pipelines()["nuclei"])
    qtbot.waitUntil(lambda: bool(widget.scene.images))
    qtbot.waitUntil(lambda: not widget.is_busy)
    assert [layer.name for layer in viewer.layers] == ["DAPI"]
    show_widget(viewer, "Pipeline")
    qtbot.waitUntil(lambda: len(viewer.layers) > 1)
    assert viewer.layers[1].name.startswith("preview")
    viewer.close()


def test_every_widget_that_is_arranged_is_offered() -> None:
    assert {f"TissueMAPS: {name}" for name in (GUIDE, *RIGHT, *BOTTOM)} <= set(widget_names())


def test_a_damaged_arrangement_is_no_reason_to_fail(make_viewer: Callable[..., Any]) -> None:
    config_folder().mkdir(parents=True)
    file = config_folder() / "window.json"
    for content in ("{", "[]", json.dumps({"arrangement": base64.b64encode(b"x").decode()})):
        file.write_text(content)
        open_tissuemaps(make_viewer())


def test_guide(qtbot: Any, experiment: Any) -> None:
    viewer = ViewerModel()
    guide = GuideWidget(viewer)
    qtbot.addWidget(guide)
    assert list(guide.buttons) == [key for key, _, _ in STEPS]
    assert guide.value() == frozenset()
    desk = desk_of(viewer)
    desk.setExperiment(experiment)
    desk.setChoice(Choice(str(experiment.path), "P1", "B02", 1))
    assert guide.value() == {"open"}
    desk.setChoice(Choice(str(experiment.path), "P1", "B03", 1))
    assert guide.value() == {"open", "look"}
    desk.setExperiment(None)


def test_where_one_stopped_is_offered_and_shown_again(qtbot: Any, experiment_path: Path) -> None:
    def opened() -> tuple[Any, ExperimentWidget]:
        viewer = ViewerModel()
        widget = ExperimentWidget(viewer)
        qtbot.addWidget(widget)
        widget.show()
        widget.setValue(Choice(str(experiment_path)))
        return viewer, widget

    viewer, widget = opened()
    assert not widget.session_row.isVisible()
    widget.setValue(Choice(str(experiment_path), "P1", "C03", 3, View.SITE))
    viewer.layers["Actin"].contrast_limits = (5, 55)
    viewer.layers["DAPI"].visible = False
    viewer.scene.camera.zoom = 9.0
    viewer.scene.camera.center = (0.0, 3.0, 4.0)
    widget.session_row._keep()
    widget.session_row._keep()
    widget.close_experiment()

    viewer, widget = opened()
    assert widget.session_row.isVisible()
    assert widget.session_row._text.text() == "You stopped at C03 site 3."
    assert widget.value().well == "B02"
    widget.session_row.go_button.click()
    assert (widget.value().well, widget.value().site) == ("C03", 3)
    assert list(viewer.layers["Actin"].contrast_limits) == [5, 55]
    assert not viewer.layers["DAPI"].visible
    assert viewer.scene.camera.zoom == pytest.approx(9.0)
    assert viewer.scene.camera.center[-2:] == pytest.approx((3.0, 4.0))
    assert not widget.session_row.isVisible()
    widget.close_experiment()


def test_what_is_shown_anyway_is_not_offered(qtbot: Any, experiment_path: Path) -> None:
    viewer = ViewerModel()
    widget = ExperimentWidget(viewer)
    qtbot.addWidget(widget)
    widget.show()
    plate = Choice(str(experiment_path), "P1", view=View.PLATE)
    widget.setValue(plate)
    widget.session_row._keep()
    widget.close_experiment()
    widget.setValue(plate)
    assert not widget.session_row.isVisible()
    viewer.scene.camera.zoom *= 3
    widget.session_row._keep()
    widget.close_experiment()
    widget.setValue(plate)
    assert widget.session_row.isVisible()
    assert widget.session_row._text.text() == "You stopped at plate P1 with another view of it."
    widget.close_experiment()


def test_a_damaged_session_is_not_offered(experiment_path: Path) -> None:
    session.save(experiment_path, session.Session(Choice("a", "P1", "B02", 1)))
    found = session.load(experiment_path)
    assert found is not None
    assert found.sentence() == "B02 site 1"
    (file,) = (config_folder() / "sessions").iterdir()
    whole = json.loads(file.read_text())
    look = {"visible": True, "opacity": 1, "contrast": [0, 9], "colormap": "gray"}
    damaged = (3, {"DAPI": 3}, {"DAPI": {}}, {"DAPI": {**look, "contrast": [0]}})
    for layers in damaged:
        file.write_text(json.dumps({**whole, "layers": layers}))
        assert session.load(experiment_path) is None
    file.write_text("{}")
    assert session.load(experiment_path) is None


def test_infinite_contrast_is_no_error(experiment_path: Path) -> None:
    viewer = ViewerModel()
    viewer.add_image(np.zeros((4, 4)), contrast_limits=(0, np.inf))
    session.save(experiment_path, session.session_of(Choice("a", "P1", "B02", 1), viewer))
    assert session.load(experiment_path) is None


def test_a_colormap_that_is_gone_is_left_out(experiment_path: Path) -> None:
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros((4, 4)), name="DAPI", colormap="green")
    look = {"visible": False, "opacity": 0.5, "contrast": [0, 9], "colormap": "made by hand"}
    session.save(experiment_path, session.Session(Choice(), layers={"DAPI": look}))
    found = session.load(experiment_path)
    assert found is not None
    session.apply(found, viewer)
    assert (layer.visible, layer.opacity, layer.colormap.name) == (False, 0.5, "green")
    assert list(layer.contrast_limits) == [0, 9]


def disc_image() -> np.ndarray:
    """Two discs of radius 12, of 1000 over 100."""
    y, x = np.mgrid[:80, :120]
    image = np.full((80, 120), 100, np.uint16)
    for center in (30, 85):
        image[(y - 40) ** 2 + (x - center) ** 2 <= 144] = 1000
    return image


def test_modules_on_the_chosen_layer() -> None:
    viewer = ViewerModel()
    viewer.add_image(np.stack([disc_image()] * 3), name="DAPI", scale=(2, 0.5, 0.5))
    layer_actions.segment_nuclei(viewer)
    labels = viewer.layers["nuclei of DAPI"]
    assert set(np.unique(labels.data)) == {0, 1, 2}
    assert list(labels.scale) == [0.5, 0.5]
    viewer.layers.selection.active = labels
    layer_actions.measure_labels(viewer)
    assert labels.features["label"].tolist() == [1, 2]
    area = labels.features["Morphology_Area"]
    assert area.between(400, 480).all()
    assert labels.features["Intensity_mean_DAPI"].between(850, 1000).all()
    viewer.layers.selection.active = viewer.layers["DAPI"]
    layer_actions.smooth_image(viewer)
    viewer.layers.selection.active = viewer.layers["DAPI"]
    layer_actions.subtract_background_of_image(viewer)
    assert {"DAPI smoothed", "DAPI without background"} <= {la.name for la in viewer.layers}


def test_the_wrong_layer_is_told(make_viewer: Callable[..., Any]) -> None:
    from napari.utils.notifications import notification_manager

    viewer = make_viewer()
    for action in (layer_actions.segment_nuclei, layer_actions.measure_labels):
        action(viewer)
        assert "in the list of layers" in notification_manager.records[-1].message


@pytest.mark.usefixtures("make_viewer")
def test_launch(experiment_path: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        launch(tmp_path)
    viewer = launch(experiment_path, show=False)
    try:
        assert "DAPI" in viewer.layers
        widget = show_widget(viewer, "Experiment")
        assert isinstance(widget, ExperimentWidget)
        widget.close_experiment()
    finally:
        viewer.close()
