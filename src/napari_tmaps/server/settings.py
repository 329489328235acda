"""What a server serves, and what it allows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DATABASE = ".tmaps-server.db"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Settings of one server.

    Attributes
    ----------
    folders
        Where experiments lie; new ones are made in the first. Users are kept there too.
    owner
        User to whom experiments belong that are found in the folders and belong to nobody yet.
    token_hours
        How long a login lasts.
    body_limit_mb
        Largest request that is read; files are sent in pieces, so that they may be larger.
    register_folders
        Folders of the server whose files users may add without sending them.
    """

    folders: tuple[Path, ...]
    owner: str = ""
    token_hours: float = 72.0
    body_limit_mb: float = 64.0
    register_folders: tuple[Path, ...] = ()

    @property
    def database(self) -> Path:
        """The file of users, tokens and shares."""
        return self.folders[0] / DATABASE
