"""Addresses of experiments on servers: `http://demo@host:8002/screen`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, unquote, urlsplit

from napari_tmaps.errors import InputError

PORT = 8002
_BY_ID = "/api/experiments/"


def is_address(text: object) -> bool:
    """True for what begins with http:// or https://."""
    return isinstance(text, str) and text.lower().startswith(("http://", "https://"))


@dataclass(frozen=True, slots=True)
class Address:
    """A server, a user there, and one of the user's experiments.

    Attributes
    ----------
    user
        "" if the address does not say.
    experiment
        Its name; "" for the only one of the user.
    id
        Its id, which stays when it is renamed; "" if the address has a name.
    """

    host: str
    port: int = PORT
    https: bool = False
    user: str = ""
    experiment: str = ""
    id: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """An address as a person writes it, or as `str` gives it.

        >>> Address.parse("http://demo@lab:8002/screen")
        Address(host='lab', port=8002, https=False, user='demo', experiment='screen', id='')

        Raises
        ------
        InputError
            It is none.
        """
        try:
            parts = urlsplit(text.strip())
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
            raise InputError(
                f"'{text}' is no address of a server. Write it like http://demo@host:{PORT} or "
                f"http://demo@host:{PORT}/screen."
            )
        https = parts.scheme.lower() == "https"
        path = unquote(parts.path)
        number = path.removeprefix(_BY_ID).split("/")[0] if path.startswith(_BY_ID) else ""
        return cls(
            parts.hostname,
            port or PORT,
            https,
            unquote(parts.username or ""),
            "" if number else path.strip("/"),
            number,
        )

    @property
    def server(self) -> str:
        """The server alone, e.g. "http://lab:8002"."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' * self.https}://{host}:{self.port}"

    @property
    def path(self) -> str:
        """Where the server has the experiment, once its id is known."""
        return f"{_BY_ID}{self.id}"

    def __str__(self) -> str:
        user = f"{quote(self.user, safe='')}@" if self.user else ""
        place = self.path if self.id else f"/{quote(self.experiment)}" if self.experiment else ""
        return self.server.replace("://", f"://{user}") + place
