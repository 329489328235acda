"""Preferences of the plugin, which napari keeps and shows among its own."""

from __future__ import annotations

from typing import TypeVar

Value = TypeVar("Value", bool, int, float, str)


def preference(group: str, name: str, default: Value) -> Value:
    """A preference; the default where napari does not know the plugin, e.g. without an install."""
    from napari.settings import get_plugin_settings

    try:
        found = getattr(getattr(get_plugin_settings("napari-tmaps"), group), name)
    except (AttributeError, KeyError):
        return default
    return found if isinstance(found, type(default)) else type(default)(found)
