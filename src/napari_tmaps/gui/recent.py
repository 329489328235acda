"""Experiments that were opened lately: the top of the user's list, which `tmaps` has too."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from napari_tmaps.client.address import Address, is_address
from napari_tmaps.errors import StorageError
from napari_tmaps.store import known
from napari_tmaps.store.experiment import Experiment

_MOST = 8


def recent() -> list[str]:
    """Folders and addresses of experiments, the latest first."""
    return [row.path for row in known.known_experiments()[:_MOST]]


def title(path: str) -> str:
    """What to call an experiment of the list."""
    if not is_address(path):
        return Path(path).name
    names = [row.name for row in known.known_experiments() if row.path == path]
    return f"{names[0] if names else '?'} on {Address.parse(path).host}"


def remember(experiment: Experiment) -> None:
    """Put an experiment at the top of the list, if the user's folder can be written."""
    try:
        known.remember(experiment)
    except StorageError:  # opening it matters more than finding it again
        return


def forget(path: str) -> None:
    """Take an experiment that is gone off the list."""
    with suppress(StorageError):  # that it is gone is what there is to tell
        known.forget(path)
