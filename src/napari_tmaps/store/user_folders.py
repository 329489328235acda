"""Where the program keeps what belongs to the user, and to no experiment."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

_NAME = "napari-tmaps"


def config_folder() -> Path:
    """Of lists, logins and arrangements: the one that TMAPS_CONFIG names, or the system's."""
    folder = os.environ.get("TMAPS_CONFIG")
    return Path(folder) if folder else platformdirs.user_config_path(_NAME, appauthor="")


def cache_folder() -> Path:
    """Of what can be fetched again: the one that TMAPS_CACHE names, or the system's."""
    folder = os.environ.get("TMAPS_CACHE")
    return Path(folder) if folder else platformdirs.user_cache_path(_NAME, appauthor="")
