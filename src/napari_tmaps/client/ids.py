"""Names in addresses: opaque text, as the guide has it ("MQ==" is experiment 1).

The id of a thing is its name in URL-safe base64, so that it stays the same over conversions.
"""

from __future__ import annotations

import base64
import binascii

from napari_tmaps.errors import NotFoundError


def encode(*names: object) -> str:
    """The id of a thing; several names where one alone is not enough.

    >>> encode(1)
    'MQ=='
    """
    return base64.urlsafe_b64encode("\x1f".join(map(str, names)).encode()).decode()


def decode(text: str, parts: int = 1) -> list[str]:
    """The names in an id.

    Raises
    ------
    NotFoundError
        It is no id of such a thing.
    """
    try:
        names = base64.b64decode(text, altchars=b"-_", validate=True).decode().split("\x1f")
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise NotFoundError(f"Nothing has the id '{text}'.") from error
    if len(names) != parts:
        raise NotFoundError(f"Nothing of that kind has the id '{text}'.")
    return names


def decode_number(text: str) -> int:
    """The number in an id.

    Raises
    ------
    NotFoundError
        It is no id of a number.
    """
    (name,) = decode(text)
    if not (name.isascii() and name.isdigit()) or len(name) > 12:
        raise NotFoundError(f"Nothing of that kind has the id '{text}'.")
    return int(name)
