"""What becomes of a widget whose dock is closed in the window of napari."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from qtpy.QtWidgets import QDockWidget, QWidget

from napari_tmaps.gui.arrangement import PLUGIN, show_widget, widget_names
from napari_tmaps.gui.desk import desk_of
from napari_tmaps.gui.state import Choice
from napari_tmaps.gui.undocked import Undocked
from napari_tmaps.gui.workers import Work
from napari_tmaps.model.progress import Progress


def close_dock(widget: Any, qtbot: Any) -> None:
    """As by the cross in its title."""
    gone: list[bool] = []
    widget.destroyed.connect(lambda: gone.append(True))
    widget.parent().destroyOnClose()
    qtbot.waitUntil(lambda: bool(gone))


@pytest.mark.parametrize(
    "name",
    [
        "Start",
        "Pipeline",
        "Workflow",
        "Objects",
        "Classes",
        "Save",
        "Gallery",
        "Results",
        "Edit objects",
    ],
)
def test_a_widget_goes_with_its_dock(
    name: str, make_viewer: Callable[..., Any], experiment_path: Path, qtbot: Any
) -> None:
    viewer = make_viewer()
    widget = show_widget(viewer, "Experiment")
    with qtbot.captureExceptions() as raised:
        close_dock(show_widget(viewer, name), qtbot)
        widget.setValue(Choice(str(experiment_path)))
        desk_of(viewer).tablesChanged.emit("")
        viewer.layers.selection.clear()
        again = show_widget(viewer, name)
        assert again.isVisibleTo(again.parent())
        qtbot.waitUntil(lambda: not (widget.is_looking or getattr(again, "is_busy", False)))
        widget.close_experiment()
    assert raised == []


def test_tabs_can_be_read_however_a_widget_is_opened(make_viewer: Callable[..., Any]) -> None:
    viewer = make_viewer()
    for name in widget_names():  # as from napari's menu of plugins
        dock, _ = viewer.window.add_plugin_dock_widget(PLUGIN, name, tabify=True)
        assert dock.windowTitle() == name.removeprefix("TissueMAPS: ")
    assert len(widget_names()) == 10


def test_an_experiment_is_closed_with_its_dock(
    make_viewer: Callable[..., Any], experiment_path: Path, qtbot: Any
) -> None:
    viewer = make_viewer()
    callbacks = len(viewer.mouse_drag_callbacks)
    widget = show_widget(viewer, "Experiment")
    widget.setValue(Choice(str(experiment_path)))
    qtbot.waitUntil(lambda: not widget.is_looking)
    with qtbot.captureExceptions() as raised:
        close_dock(widget, qtbot)
        assert desk_of(viewer).experiment is None
        assert not desk_of(viewer).is_kept
        assert len(viewer.layers) == 0
        assert len(viewer.mouse_drag_callbacks) == callbacks
        viewer.scene.camera.zoom *= 2
        widget = show_widget(viewer, "Experiment")
        widget.setValue(Choice(str(experiment_path), "P1", "B03", 2))
        desk_of(viewer).go(replace(widget.value(), site=3))
        assert widget.value().site == 3
        assert [layer.name for layer in viewer.layers] == ["DAPI", "Actin"]
        qtbot.waitUntil(lambda: not widget.is_looking)
        widget.close_experiment()
    assert raised == []


def test_what_is_not_saved_does_not_go_with_a_dock(
    make_viewer: Callable[..., Any], experiment_path: Path, qtbot: Any
) -> None:
    viewer = make_viewer()
    widget = show_widget(viewer, "Experiment")
    widget.setValue(Choice(str(experiment_path)))
    qtbot.waitUntil(lambda: not widget.is_looking)
    desk = desk_of(viewer)
    desk.unsaved = "1 object changed, not saved yet"
    widget.parent().destroyOnClose()
    qtbot.waitUntil(lambda: isinstance(widget.parentWidget(), QDockWidget))
    assert "1 object changed, not saved yet. Save or discard that" in widget.message
    assert show_widget(viewer, "Experiment") is widget
    assert widget.parentWidget().windowTitle() == "Experiment"
    assert desk.experiment is not None
    desk.unsaved = ""
    widget.close_experiment()


def test_work_stops_with_the_dock_of_its_widget(qtbot: Any) -> None:
    dock, widget, ended = QDockWidget(), QWidget(), Event()
    qtbot.addWidget(dock)
    Undocked(widget)
    dock.setWidget(widget)
    work = Work(widget)

    def make() -> Iterator[Progress]:
        try:
            for _ in range(20_000):
                yield Progress("long", 0, 0)
                time.sleep(0.01)
        except GeneratorExit:
            ended.set()
            raise

    with qtbot.waitSignal(work.progressed):
        work.start("", make)  # type: ignore[arg-type]
    widget.setParent(None)
    qtbot.waitUntil(ended.is_set)
