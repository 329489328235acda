"""Requests to one server: log in, ask, and say in words what went wrong. Standard library only."""

from __future__ import annotations

import http.client
import json
import select
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

from napari_tmaps.errors import (
    ExistsError,
    InputError,
    NotFoundError,
    StorageError,
    TmapsError,
)

_ERRORS: dict[int, type[TmapsError]] = {
    400: InputError,
    404: NotFoundError,
    409: ExistsError,
    413: InputError,
}


_PIECE = 1 << 20
"""Bytes that are read at a time."""


class RefusedError(TmapsError, PermissionError):
    """The server does not let the user do that, or does not know the user."""


class LoggedOutError(RefusedError):
    """The server does not know the user: the password is wrong, or the login is over."""


class Session:
    """One user at one server; may be used by several threads, each with its own connection.

    Parameters
    ----------
    context
        For https; None is plain http.
    timeout_s
        How long to wait for an answer.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        context: ssl.SSLContext | None = None,
        timeout_s: float = 120.0,
    ) -> None:
        self.host, self.port, self.timeout_s = host, port, timeout_s
        self._context = context
        self._local = threading.local()
        self._opened: list[http.client.HTTPConnection] = []
        self._token = ""

    def log_in(self, username: str, password: str) -> None:
        """Get a token.

        Raises
        ------
        RefusedError
            The name or the password is wrong.
        """
        answer = self.json("POST", "/auth", body={"username": username, "password": password})
        self._token = answer["access_token"]

    @property
    def token(self) -> str:
        """What the server knows the user by; "" before `log_in`."""
        return self._token

    @token.setter
    def token(self, token: str) -> None:
        self._token = token

    def log_out(self) -> None:
        """End the token."""
        if self._token:
            self.json("DELETE", "/auth")
            self._token = ""
        self.close_all()

    def close_all(self) -> None:
        """Close all connections, also those of threads that have ended; the login stays."""
        while self._opened:  # other threads may open further ones meanwhile
            self._opened.pop().close()
        self._local = threading.local()

    def close(self) -> None:
        """Close the connection of this thread."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def json(
        self, method: str, path: str, *, body: Any = None, query: Mapping[str, Any] | None = None
    ) -> Any:
        """Send a JSON value, get a JSON value."""
        content = None if body is None else json.dumps(body).encode()
        answer = self.fetch(method, path, content=content, query=query, kind="application/json")
        return json.loads(answer)

    def fetch(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        query: Mapping[str, Any] | None = None,
        kind: str = "application/octet-stream",
    ) -> bytes:
        """Send and get bytes."""
        with self.open(method, path, content=content, query=query, kind=kind) as response:
            return response.read()

    @contextmanager
    def open(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        query: Mapping[str, Any] | None = None,
        kind: str = "application/octet-stream",
        tag: str = "",
        part: tuple[int, int] | None = None,
    ) -> Iterator[http.client.HTTPResponse]:
        """The answer, to be read piece by piece.

        Parameters
        ----------
        tag
            Of an answer that is known: status 304 says that it is still the same.
        part
            Only the bytes from one place up to another: status 206.

        Raises
        ------
        StorageError
            The server cannot be reached, or the connection broke.
        TmapsError
            The server refused; the message is its own.
        """
        shown = {name: value for name, value in (query or {}).items() if value is not None}
        target = quote(path, safe="/=%~") + (f"?{urlencode(shown, doseq=True)}" if shown else "")
        headers = {"Content-Type": kind}
        if tag:
            headers["If-None-Match"] = tag
        if part is not None:
            headers["Range"] = f"bytes={part[0]}-{part[1] - 1}"
        if self._token:
            headers["Authorization"] = f"JWT {self._token}"
        try:
            response = self._send(method, target, content, headers)
            if response.status >= 400:
                raise _error(response)
            yield response
            response.read()
            _check_whole(response)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if isinstance(error, TmapsError):
                raise
            why = getattr(error, "strerror", None) or error
            if isinstance(error, http.client.IncompleteRead):
                why = "the answer was cut off"
            raise StorageError(
                f"The server at {self.host}:{self.port} cannot be reached: {why}. Is it running?"
            ) from error

    def _send(
        self, method: str, target: str, content: bytes | None, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        fresh = getattr(self._local, "connection", None) is None
        try:
            return self._send_once(method, target, content, headers)
        except (http.client.RemoteDisconnected, ConnectionError):
            # An idle connection that the server has closed meanwhile. POST is left to the caller:
            # it might be done twice.
            self.close()
            if fresh or method == "POST":
                raise
            return self._send_once(method, target, content, headers)

    def _send_once(
        self, method: str, target: str, content: bytes | None, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        connection = getattr(self._local, "connection", None)
        if connection is not None and _was_closed(connection):
            self.close()
            connection = None
        if connection is None:
            if self._context is None:
                connection = http.client.HTTPConnection(
                    self.host, self.port, timeout=self.timeout_s
                )
            else:
                connection = http.client.HTTPSConnection(
                    self.host, self.port, timeout=self.timeout_s, context=self._context
                )
            self._local.connection = connection
            self._opened.append(connection)
        connection.request(method, target, content, headers)
        response: http.client.HTTPResponse = connection.getresponse()
        return response


def pieces(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """What an answer holds, piece by piece; a connection that ends too early is an error."""
    while piece := response.read(_PIECE):
        yield piece
    _check_whole(response)


def _check_whole(response: http.client.HTTPResponse) -> None:
    # http.client says nothing of an end that comes too early, where parts are read.
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)


def _was_closed(connection: http.client.HTTPConnection) -> bool:
    """Whether the server has closed an idle connection: its end is there to be read."""
    sock = connection.sock
    return sock is None or bool(select.select([sock], [], [], 0)[0])


def _error(response: http.client.HTTPResponse) -> TmapsError:
    text = response.read()
    try:
        message = json.loads(text)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        message = f"The server answered {response.status} {response.reason}."
    if response.status == 401:
        return LoggedOutError(message)
    if response.status == 403:
        return RefusedError(message)
    return _ERRORS.get(response.status, StorageError)(message)
