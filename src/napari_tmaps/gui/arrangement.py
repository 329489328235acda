"""All widgets of the plugin in one window, arranged, and arranged alike the next time."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import napari.viewer  # napari looks for this type to pass the viewer
from qtpy.QtCore import QByteArray, QEvent, QObject, Qt
from qtpy.QtWidgets import QApplication, QDockWidget, QMainWindow, QWidget

from napari_tmaps.errors import StorageError
from napari_tmaps.store.user_folders import config_folder
from napari_tmaps.streams.atomic import write_json

PLUGIN = "napari-tmaps"
GUIDE = "Start"
RIGHT = ("Experiment", "Pipeline", "Workflow", "Objects", "Classes", "Save")
BOTTOM = ("Results", "Gallery")
"""Widgets by the end of their names; those that are not there are left out."""
_PREFIX = "TissueMAPS: "
_TALL = 1000
_WIDTH = 440  # all tabs can be read


def widget_names() -> list[str]:
    """Display names of the widgets that the plugin offers."""
    from npe2 import PluginManager

    manifest = PluginManager.instance().get_manifest(PLUGIN)
    return [widget.display_name for widget in manifest.contributions.widgets or ()]


def open_tissuemaps(viewer: napari.viewer.Viewer) -> None:
    """Dock the widgets of the plugin: tabs on the right, plots at the bottom; as left last time."""
    known = widget_names()
    docks: dict[str, Any] = {}
    # The first steps are a tab like the others, where they were asked for.
    guided = any(name.startswith(_PREFIX + GUIDE) for name in viewer.window.dock_widgets)
    for names, area in (
        ((GUIDE, *RIGHT) if guided else RIGHT, Qt.DockWidgetArea.RightDockWidgetArea),
        (BOTTOM, Qt.DockWidgetArea.BottomDockWidgetArea),
    ):
        first: Any = None
        at_bottom = area is Qt.DockWidgetArea.BottomDockWidgetArea
        if at_bottom and docks and _main_window(next(iter(docks.values()))).height() < _TALL:
            continue  # the picture would be too small
        for name in (_PREFIX + name for name in names):
            if name not in known:
                continue
            dock, _ = _dock(viewer, name)
            main = _main_window(dock)
            dock.setVisible(True)
            if first is None:
                if main.dockWidgetArea(dock) != area:
                    main.addDockWidget(area, dock)
                first = dock
            else:
                main.tabifyDockWidget(first, dock)
            docks[name] = dock
    if not docks:
        return
    main = _main_window(next(iter(docks.values())))
    main.resizeDocks([docks[_PREFIX + RIGHT[0]]], [_WIDTH], Qt.Orientation.Horizontal)
    state = remembered()
    if state is not None:
        main.restoreState(state)
        for dock in docks.values():
            dock.setVisible(True)
    _keep_columns(main)
    docks[_PREFIX + (GUIDE if guided else RIGHT[0])].raise_()
    if not any(isinstance(child, _Keeper) for child in main.children()):
        main.installEventFilter(_Keeper(main))


def show_widget(viewer: Any, name: str) -> QWidget:
    """Bring a widget to the front, e.g. "Pipeline"; it is docked if it was not there."""
    dock, widget = _dock(viewer, _PREFIX + name)
    dock.setVisible(True)
    dock.raise_()
    return widget


def _dock(viewer: Any, name: str) -> tuple[Any, QWidget]:
    """The dock of a widget of the plugin, and the widget; as tabs with the others."""
    docked: tuple[Any, QWidget] = viewer.window.add_plugin_dock_widget(PLUGIN, name, tabify=True)
    return docked


def tab_title(name: str) -> str:
    """What the tab of a dock shows: more than the name of the widget would be cut off."""
    return name.removeprefix(_PREFIX).removesuffix(f" ({PLUGIN})")


def dock_again(viewer: Any, widget: QWidget, name: str) -> None:
    """Bring a widget back whose dock of this name was closed."""
    dock = viewer.window.add_dock_widget(widget, name=name, area="right", tabify=True)
    dock.raise_()


def dock_below(viewer: Any, panel: QWidget, name: str) -> QDockWidget:
    """Dock a panel below the picture, between the columns, which keep their height."""
    viewer.window.add_dock_widget(panel, name=name, area="bottom", tabify=True)
    main, dock = _main_window(panel), panel.parentWidget()
    assert isinstance(dock, QDockWidget), "napari puts it there"
    _keep_columns(main)
    main.resizeDocks([dock], [main.height() * 2 // 5], Qt.Orientation.Vertical)
    return dock


def _keep_columns(main: QMainWindow) -> None:
    """Columns keep their height beside what is docked below the picture: low screens need that."""
    main.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
    main.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)


def remembered() -> QByteArray | None:
    """How the window was arranged when it was closed last; None if that is not known."""
    try:
        content = json.loads(_file().read_text(encoding="utf-8"))
        return QByteArray(base64.b64decode(content["arrangement"]))
    except (OSError, ValueError, KeyError, TypeError):  # then it is arranged anew
        return None


def remember(main: QMainWindow) -> None:
    """Keep how a window is arranged, if the user's folder can be written."""
    state = base64.b64encode(main.saveState().data()).decode()
    try:
        write_json(_file(), {"arrangement": state})
    except StorageError:  # a window that cannot be closed would be worse
        return


def _file() -> Path:
    return config_folder() / "window.json"


def _main_window(widget: Any) -> QMainWindow:
    found = widget.window()
    while not isinstance(found, QMainWindow) and found.parentWidget() is not None:
        found = found.parentWidget().window()
    if not isinstance(found, QMainWindow):  # it floats, or is a tab that is not shown
        found = next(w for w in QApplication.topLevelWidgets() if isinstance(w, QMainWindow))
    return found


class _Keeper(QObject):
    """Remembers the arrangement when the window is closed."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        closes = event is not None and event.type() == QEvent.Type.Close
        if closes and isinstance(watched, QMainWindow):
            remember(watched)
        return False
