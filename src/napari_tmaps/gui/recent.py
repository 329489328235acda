"""Experiments that were opened lately, kept in the user's settings."""

from __future__ import annotations

from qtpy.QtCore import QSettings

_MOST = 8
_KEY = "recent_experiments"


def _settings() -> QSettings:
    return QSettings(
        QSettings.Format.IniFormat, QSettings.Scope.UserScope, "napari-tmaps", "napari-tmaps"
    )


def recent() -> list[str]:
    """Folders of experiments, the latest first."""
    value = _settings().value(_KEY, [])
    # An ini file with one entry comes back as text.
    return [value] if isinstance(value, str) else [str(item) for item in value or []]


def remember(path: str) -> None:
    """Put an experiment at the top of the list."""
    _settings().setValue(_KEY, [path, *(item for item in recent() if item != path)][:_MOST])


def forget(path: str) -> None:
    """Take an experiment that is gone off the list."""
    _settings().setValue(_KEY, [item for item in recent() if item != path])
