"""What lies behind another tab waits until somebody looks."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QLabel, QMainWindow

from napari_tmaps.gui.sight import Sight


@pytest.fixture
def docks(qtbot: Any) -> tuple[QDockWidget, QDockWidget]:
    """Two tabs; the second lies behind the first."""
    window = QMainWindow()
    qtbot.addWidget(window)
    docks = []
    for name in ("first", "second"):
        dock = QDockWidget(name, window)
        dock.setWidget(QLabel(name))
        window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
        docks.append(dock)
    first, second = docks
    window.tabifyDockWidget(first, second)
    window.show()
    first.raise_()
    first.window_ = second.window_ = window  # it lives as long as they do
    qtbot.waitUntil(lambda: not first.widget().visibleRegion().isEmpty())
    return first, second


def test_what_is_seen_does_not_wait(docks: tuple[QDockWidget, QDockWidget]) -> None:
    done: list[str] = []
    assert not Sight(docks[0].widget(), lambda: done.append("")).waits()
    assert not done


def test_what_lies_behind_is_done_once_it_is_seen(
    docks: tuple[QDockWidget, QDockWidget], qtbot: Any
) -> None:
    done: list[str] = []
    behind = docks[1].widget()
    sight = Sight(behind, lambda: done.append("done"))
    assert behind.isVisible(), "so Qt says"
    assert sight.waits()
    assert sight.waits()
    qtbot.wait(50)
    assert not done
    docks[1].raise_()
    qtbot.waitUntil(lambda: bool(done))
    assert not sight.waits()
    docks[0].raise_()
    docks[1].raise_()
    qtbot.wait(50)
    assert done == ["done"]


def test_what_is_asked_for_does_not_wait_longer(
    docks: tuple[QDockWidget, QDockWidget], qtbot: Any
) -> None:
    done: list[str] = []
    sight = Sight(docks[1].widget(), lambda: done.append("done"))
    sight.end_wait()
    assert not done, "nothing was put off"
    assert sight.waits()
    sight.end_wait()
    docks[1].raise_()
    qtbot.wait(50)
    assert done == ["done"]


def test_a_widget_of_a_script_has_nothing_to_wait_for(qtbot: Any) -> None:
    widget = QLabel("no window")
    qtbot.addWidget(widget)
    assert not Sight(widget, lambda: None).waits()
