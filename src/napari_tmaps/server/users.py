"""Users, their tokens, whose an experiment is and with whom it is shared: one SQLite file.

Passwords are kept as scrypt digests, tokens as SHA-256 digests: who reads the file can log in with
neither. It is the only SQL of this room.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from napari_tmaps.errors import ExistsError, InputError, NotFoundError, TmapsError, unknown

_SCRYPT = {"n": 2**14, "r": 8, "p": 1, "maxmem": 64 * 2**20}
_TABLES = """
create table if not exists users (
    name text primary key, salt blob not null, digest blob not null);
create table if not exists tokens (
    digest blob primary key, user text not null references users on delete cascade,
    expires real not null);
create table if not exists experiments (
    id integer primary key autoincrement, path text not null unique,
    owner text not null references users on delete cascade);
create table if not exists shares (
    experiment integer not null references experiments on delete cascade,
    user text not null references users on delete cascade,
    write integer not null, primary key (experiment, user));
"""


class LoginError(TmapsError, PermissionError):
    """Nobody known is asking: wrong password, no token, or one that is no longer valid."""


class ForbiddenError(TmapsError, PermissionError):
    """The user may not do that with this experiment."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An experiment that the server knows; `write` tells what the asking user may do."""

    id: int
    path: Path
    owner: str
    write: bool


class UserStore:
    """The users of one server.

    Parameters
    ----------
    path
        The file; it is made where it is not there, readable by its owner alone.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        with self._open() as db:
            db.execute("pragma journal_mode = wal")
            db.executescript(_TABLES)
        self._reader: sqlite3.Connection | None = None
        self._reading = Lock()

    def close(self) -> None:
        """Give the file back."""
        with self._reading:
            if self._reader is not None:
                self._reader.close()
                self._reader = None

    def _look(self, query: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Rows of a query, by a connection that stays open: every request asks two of them."""
        with self._reading:
            if self._reader is None:
                self._reader = sqlite3.connect(self.path, timeout=30, check_same_thread=False)
            return self._reader.execute(query, values).fetchall()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=30)) as db:
            db.execute("pragma foreign_keys = on")
            with db:
                yield db

    # -- users and tokens -----------------------------------------------------------------------

    def names(self) -> list[str]:
        """Names of the users."""
        with self._open() as db:
            return [name for (name,) in db.execute("select name from users order by name")]

    def add(self, name: str, password: str) -> None:
        """Make a user.

        Raises
        ------
        ExistsError
            There is one of that name.
        InputError
            The name or the password does not fit.
        """
        if not name.isidentifier() or len(name) > 64:
            raise InputError(
                f"'{name}' cannot be the name of a user. Use up to 64 letters, digits and _, "
                "beginning with a letter."
            )
        salt, digest = _hashed(password)
        with self._open() as db:
            try:
                db.execute("insert into users values (?, ?, ?)", (name, salt, digest))
            except sqlite3.IntegrityError as error:
                raise ExistsError(f"There is a user '{name}' already.") from error

    def set_password(self, name: str, password: str) -> None:
        """Give a user another password; all tokens of the user end.

        Raises
        ------
        NotFoundError
            There is no such user.
        """
        salt, digest = _hashed(password)
        with self._open() as db:
            found = db.execute(
                "update users set salt = ?, digest = ? where name = ?", (salt, digest, name)
            )
            db.execute("delete from tokens where user = ?", (name,))
        if not found.rowcount:
            raise unknown("user", name, self.names())

    def login(self, name: str, password: str, hours: float) -> str:
        """A new token.

        Raises
        ------
        LoginError
            Name or password is wrong; which of them is not told.
        """
        with self._open() as db:
            row = db.execute("select salt, digest from users where name = ?", (name,)).fetchone()
        # The same work for a name that nobody has, so that the time tells nothing.
        salt, digest = row or (bytes(16), bytes(64))
        if not hmac.compare_digest(_scrypt(password, salt), digest):
            raise LoginError("The name or the password is wrong.")
        token = secrets.token_urlsafe(32)
        now = time.time()
        with self._open() as db:
            db.execute("delete from tokens where expires < ?", (now,))
            db.execute(
                "insert into tokens values (?, ?, ?)", (_digest(token), name, now + hours * 3600)
            )
        return token

    def user_of(self, token: str) -> str:
        """The user who has that token.

        Raises
        ------
        LoginError
            Nobody has, or its time is over.
        """
        query = "select user from tokens where digest = :digest and expires > :now"
        rows = self._look(query, {"digest": _digest(token), "now": time.time()})
        if not rows:
            raise LoginError("The token is not valid, or its time is over. Log in again.")
        return str(rows[0][0])

    def revoke(self, token: str) -> None:
        """End a token."""
        with self._open() as db:
            db.execute("delete from tokens where digest = ?", (_digest(token),))

    # -- experiments ----------------------------------------------------------------------------

    def register(self, path: Path, owner: str) -> int:
        """The number of an experiment; it becomes the owner's where it is nobody's yet."""
        with self._open() as db:
            db.execute(
                "insert or ignore into experiments (path, owner) values (?, ?)", (str(path), owner)
            )
            row = db.execute("select id from experiments where path = ?", (str(path),)).fetchone()
        return int(row[0])

    def forget(self, number: int) -> None:
        """Take an experiment from the list, with its shares."""
        with self._open() as db:
            db.execute("delete from experiments where id = ?", (number,))

    def experiments(self, user: str) -> list[Entry]:
        """What a user may see, in order of making."""
        query = (
            "select id, path, owner, owner = :user or coalesce(write, 0) from experiments "
            "left join shares on experiment = id and user = :user "
            "where owner = :user or user is not null order by id"
        )
        rows = self._look(query, {"user": user})
        return [Entry(number, Path(path), owner, bool(w)) for number, path, owner, w in rows]

    def entry(self, user: str, number: int, *, write: bool = False) -> Entry:
        """An experiment, if the user may read it, or write to it.

        Raises
        ------
        NotFoundError
            There is none of that number.
        ForbiddenError
            The user may not.
        """
        for entry in self.experiments(user):
            if entry.id == number:
                if write and not entry.write:
                    raise ForbiddenError(
                        f"The experiment is shared with you to read. Ask '{entry.owner}' to share "
                        "it with write access."
                    )
                return entry
        with self._open() as db:
            known = db.execute("select 1 from experiments where id = ?", (number,)).fetchone()
        if known:
            raise ForbiddenError("The experiment belongs to somebody who did not share it.")
        raise NotFoundError(f"There is no experiment number {number}.")

    def shares(self, number: int) -> dict[str, bool]:
        """User → whether with write access."""
        with self._open() as db:
            rows = db.execute(
                "select user, write from shares where experiment = ? order by user", (number,)
            ).fetchall()
        return {user: bool(write) for user, write in rows}

    def share(self, number: int, user: str, *, write: bool) -> None:
        """Share an experiment with a user, or change how.

        Raises
        ------
        NotFoundError
            There is no such user.
        """
        if user not in self.names():
            raise NotFoundError(f"There is no user '{user}'.")
        with self._open() as db:
            db.execute("insert or replace into shares values (?, ?, ?)", (number, user, write))

    def unshare(self, number: int, user: str) -> None:
        """Share it no longer."""
        with self._open() as db:
            db.execute("delete from shares where experiment = ? and user = ?", (number, user))


def _hashed(password: str) -> tuple[bytes, bytes]:
    if not 1 <= len(password) <= 1024:
        raise InputError("A password has 1 to 1024 characters.")
    salt = secrets.token_bytes(16)
    return salt, _scrypt(password, salt)


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode("utf-8", "surrogatepass"), salt=salt, **_SCRYPT)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
