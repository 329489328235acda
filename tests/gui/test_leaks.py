"""What the window holds on to when it is used for long: nothing but caches with a bound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QWidget

from napari_tmaps.gui.arrangement import show_widget, widget_names
from napari_tmaps.gui.state import Choice, View


def widgets_in(window: QWidget) -> Counter[str]:
    """By type."""
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    return Counter(type(each).__name__ for each in window.findChildren(QWidget))


def test_no_widget_is_left_of_what_was_looked_at(
    make_viewer: Callable[..., Any],
    experiment_path: Path,
    own_experiment: Path,
    qtbot: Any,
) -> None:
    viewer = make_viewer(show=True)
    for name in widget_names():
        show_widget(viewer, name.removeprefix("TissueMAPS: "))
    widget = show_widget(viewer, "Experiment")

    def use(times: int) -> Counter[str]:
        for _ in range(times):
            for path in (experiment_path, own_experiment):
                widget.setValue(Choice(str(path)))
                widget.setValue(replace(widget.value(), view=View.WELL))
                QApplication.processEvents()
            widget.close_experiment()
            widget.setValue(Choice(str(own_experiment)))
            QApplication.processEvents()
        qtbot.waitUntil(lambda: not widget.is_busy)
        return widgets_in(viewer.window._qt_window)

    before = use(2)
    assert use(2) - before == Counter()
