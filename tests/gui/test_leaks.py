"""What the window holds on to when it is used for long: nothing but caches with a bound."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from napari.layers import Layer
from qtpy import API_NAME
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QApplication, QWidget

from napari_tmaps.gui.arrangement import show_widget, widget_names
from napari_tmaps.gui.state import Choice, View

# With PySide6 napari's own sliders stay behind.
_COUNTED = (Layer, QObject) if API_NAME == "PyQt6" else (Layer, QWidget)


def widgets_in(window: QWidget) -> Counter[str]:
    """By type."""
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    return Counter(type(each).__name__ for each in window.findChildren(QWidget))


@pytest.fixture
def two(experiment_path: Path, own_experiment: Path) -> tuple[str, str]:
    """Experiments to go to and fro between."""
    return str(experiment_path), str(own_experiment)


def test_no_widget_is_left_of_what_was_looked_at(
    make_viewer: Callable[..., Any], two: tuple[str, str], qtbot: Any
) -> None:
    viewer = make_viewer(show=True)
    for name in widget_names():
        show_widget(viewer, name.removeprefix("TissueMAPS: "))
    widget = show_widget(viewer, "Experiment")

    def use(times: int) -> Counter[str]:
        for _ in range(times):
            for path in two:
                widget.setValue(Choice(path))
                widget.setValue(replace(widget.value(), view=View.WELL))
                QApplication.processEvents()
            widget.close_experiment()
            widget.setValue(Choice(two[1]))
            QApplication.processEvents()
        qtbot.waitUntil(lambda: not widget.is_busy)
        return widgets_in(viewer.window._qt_window)

    before = use(2)
    assert use(2) - before == Counter()


def held() -> Counter[str]:
    """Layers and objects of Qt that Python holds, by type, once Qt has deleted what it should."""
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    QApplication.processEvents()  # what was connected to them is let go of now
    gc.collect()
    kinds = Counter(map(type, gc.get_objects()))
    return Counter({kind.__name__: n for kind, n in kinds.items() if issubclass(kind, _COUNTED)})


def test_nothing_is_held_of_an_experiment_once_another_is_shown(
    make_viewer: Callable[..., Any], two: tuple[str, str], qtbot: Any
) -> None:
    viewer = make_viewer(show=True)
    widget = show_widget(viewer, "Experiment")

    def switch(times: int) -> Counter[str]:
        for _ in range(times):
            for path in two:
                widget.setValue(Choice(path, view=View.PLATE))
                qtbot.waitUntil(lambda: "Names of wells" in viewer.layers)
        return held()

    before = switch(1)
    assert switch(2) - before == Counter()
