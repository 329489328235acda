"""What a person has allowed and set on this machine: folders of own modules, interpreters.

A small JSON file in the person's folder of settings. An experiment cannot change it, so that
nothing that was downloaded can make its own code run.
"""

from __future__ import annotations

import json
import os
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from napari_tmaps.errors import FormatError

FILE = "NAPARI_TMAPS_CONFIG"
"""Environment variable that names another file."""


class UserConfig(BaseModel):
    """The content of the file.

    Attributes
    ----------
    module_folders
        Folders whose Python files may be loaded as modules.
    python
        Python interpreter by package (cellpose, stardist, instanseg) that shall run it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    module_folders: tuple[str, ...] = ()
    python: dict[str, str] = {}


_NOTHING = UserConfig()


def config_path() -> Path:
    """The file; it need not exist."""
    named = os.environ.get(FILE)
    return _usual_path() if named is None else Path(named)


@cache
def _usual_path() -> Path:
    from platformdirs import user_config_path

    return user_config_path("napari-tmaps", appauthor=False) / "config.json"


def read_config() -> UserConfig:
    """What the file says; nothing is set where there is no file.

    Raises
    ------
    FormatError
        The file is damaged.
    """
    path = config_path()
    if not path.is_file():
        return _NOTHING
    status = path.stat()
    return _read(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=1)
def _read(path: Path, mtime_ns: int, size: int) -> UserConfig:
    """The content of a file; read once, as the modules that exist are asked for at each edit."""
    try:
        return UserConfig.model_validate_json(path.read_bytes())
    except ValidationError as error:
        detail = error.errors()[0]
        where = ".".join(str(part) for part in detail["loc"])
        raise FormatError(
            f"The settings in '{path}' cannot be read ({where or 'file'}: {detail['msg']}). Mend "
            "or remove the file."
        ) from error


def change_config(**changes: Any) -> UserConfig:
    """Write the file anew with other values; returns them."""
    config = UserConfig.model_validate({**read_config().model_dump(), **changes})
    path = config_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(config.model_dump(), indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)
    return config
