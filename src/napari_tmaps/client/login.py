"""Logins at servers: asked for once, then known by a token until it ends."""

from __future__ import annotations

import json
import os
import ssl
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from napari_tmaps.client.address import Address
from napari_tmaps.client.session import LoggedOutError, Session
from napari_tmaps.errors import InputError

HOURS = 72.0
"""How long a token lasts at most."""


def kept_password(user: str) -> str | None:
    """The password in `~/.tm_pass` (YAML, user: password); None if there is none.

    Raises
    ------
    InputError
        The file is no such YAML.
    """
    path = Path("~/.tm_pass").expanduser()
    if not path.is_file():
        return None
    try:
        known = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InputError(f"'{path}' is no YAML of lines 'user: password'.") from error
    return str(known[user]) if isinstance(known, dict) and user in known else None


class Logins:
    """Tokens of the user at servers, in a file that nobody else can read; never a password.

    Parameters
    ----------
    file
        It need not exist.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    def _read(self) -> dict[str, Any]:
        try:
            rows: dict[str, Any] = json.loads(self.file.read_text(encoding="utf-8"))
            return {name: row for name, row in rows.items() if float(row["until"]) > time.time()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}  # then one logs in again

    def users(self, server: str) -> list[str]:
        """Who is logged in at a server, the latest first."""
        found = [row for row in self._read().values() if row.get("server") == server]
        return [row["user"] for row in sorted(found, key=lambda row: -row["until"])]

    def last(self) -> str:
        """The server of the last login; "" if there was none."""
        rows = sorted(self._read().values(), key=lambda row: -row["until"])
        return str(rows[0]["server"]) if rows else ""

    def token(self, server: str, user: str) -> str:
        """The token of a user; "" if there is none any more."""
        return str(self._read().get(f"{server} {user}", {}).get("token", ""))

    def keep(self, server: str, user: str, token: str) -> None:
        """Keep a token, or with "" forget it."""
        rows = self._read()
        rows.pop(f"{server} {user}", None)
        if token:
            rows[f"{server} {user}"] = {
                "server": server,
                "user": user,
                "token": token,
                "until": time.time() + HOURS * 3600,
            }
        self.file.parent.mkdir(parents=True, exist_ok=True)
        part = self.file.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            json.dump(rows, file)
        part.replace(self.file)


def log_in(
    address: Address, logins: Logins, password: str | None = None, *, timeout_s: float = 60.0
) -> tuple[Session, Address]:
    """A session at a server, and the address with the user who it is.

    Parameters
    ----------
    password
        None takes the token of an earlier login, or the password in TM_PASSWORD or `~/.tm_pass`.

    Raises
    ------
    LoggedOutError
        A password is needed, or it is wrong.
    StorageError
        The server cannot be reached.
    """
    context = ssl.create_default_context() if address.https else None
    session = Session(address.host, address.port, context=context, timeout_s=timeout_s)
    user = address.user or next(iter(logins.users(address.server)), "")
    try:
        if not user:
            raise LoggedOutError(
                f"Say who you are at {address.server}: "
                f"{replace(address, user='USER')!s}, and the password."
            )
        if password is None:
            session.token = logins.token(address.server, user)
            if not session.token:
                password = os.environ.get("TM_PASSWORD") or kept_password(user)
            if not session.token and password is None:
                raise LoggedOutError(
                    f"The login of '{user}' at {address.server} is over, or never was. Log in: "
                    "Open ▸ Open on a server… in napari, Experiment.open(address, password=…), or "
                    "TM_PASSWORD in the environment."
                )
        if password is not None:
            session.log_in(user, password)
            logins.keep(address.server, user, session.token)
    except BaseException:
        session.close_all()
        raise
    return session, replace(address, user=user)
