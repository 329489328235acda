"""The experiments that a user has made or opened: a list with names and numbers.

It lies in the user's configuration folder (`experiments.json`), or where the environment variable
TMAPS_CONFIG says. A number belongs to one folder for ever; the latest opened comes first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import time

from napari_tmaps.client.address import is_address
from napari_tmaps.errors import InputError, NotFoundError
from napari_tmaps.store.experiment import Experiment, is_experiment
from napari_tmaps.store.user_folders import config_folder
from napari_tmaps.streams.atomic import write_json


@dataclass(frozen=True, slots=True)
class Known:
    """One experiment of the list; `opened` is in seconds since 1970."""

    number: int
    name: str
    path: str
    opened: float


def _file() -> Path:
    return config_folder() / "experiments.json"


def known_experiments() -> list[Known]:
    """The list, the latest opened first. One that cannot be read counts as empty."""
    return _read()[1]


def _read() -> tuple[int, list[Known]]:
    """The number that comes next, and the list."""
    try:
        content = json.loads(_file().read_text(encoding="utf-8"))
        rows = [Known(**row) for row in content["experiments"]]
        following = int(content["next"])
    except (OSError, ValueError, KeyError, TypeError):  # a list is no reason to refuse work
        return 1, []
    return following, sorted(rows, key=lambda row: -row.opened)


def _write(following: int, rows: Iterable[Known]) -> None:
    write_json(_file(), {"next": following, "experiments": [asdict(row) for row in rows]})


def remember(experiment: Experiment) -> Known:
    """Put an experiment on top of the list.

    Raises
    ------
    StorageError
        The configuration folder cannot be written.
    """
    following, rows = _read()
    path = experiment.place
    number = next((row.number for row in rows if row.path == path), following)
    entry = Known(number, experiment.name, path, time())
    _write(max(following, number + 1), [entry, *(row for row in rows if row.path != path)])
    return entry


def forget(path: str | Path) -> None:
    """Take a folder off the list; the experiment itself is not touched."""
    following, rows = _read()
    _write(following, [row for row in rows if row.path != str(path)])


def find_experiment(text: str | Path) -> Path:
    """The folder of an experiment by its path or address, or by its number or name in the list.

    A folder that exists comes before a name. An experiment of a server is followed in a folder.

    Raises
    ------
    InputError
        Several experiments of the list have that name.
    NotFoundError
        There is no such folder and no such entry, or its folder is gone.
    """
    if is_address(text):
        with Experiment.open(text) as experiment:
            return experiment.path
    path = Path(text).expanduser()
    word = str(text)
    rows = known_experiments()
    found = [row for row in rows if word == (str(row.number) if word.isdigit() else row.name)]
    if path.exists() or (not found and path.name != word):
        return path
    if not found:
        listed = ", ".join(f"{row.number} ({row.name})" for row in rows[:8]) or "none"
        raise NotFoundError(
            f"There is no experiment '{word}': no such folder here, and no such name or number in "
            f"your list, which has {listed}. See 'tmaps experiments'."
        )
    if len(found) > 1:
        places = "; ".join(f"{row.number} in '{row.path}'" for row in found)
        raise InputError(f"{len(found)} experiments are called '{word}': {places}. Use the number.")
    if is_address(found[0].path):
        return find_experiment(found[0].path)
    folder = Path(found[0].path)
    if not is_experiment(folder):
        raise NotFoundError(
            f"Experiment {found[0].number} ('{found[0].name}') is no longer in '{folder}'. If it "
            "was moved, 'tmaps experiments add FOLDER' tells where it is now; 'tmaps experiments "
            f"forget {found[0].number}' takes it off the list."
        )
    return folder
