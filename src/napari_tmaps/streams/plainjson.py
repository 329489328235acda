"""Values of acquisition programs and layers as plain JSON values."""

from __future__ import annotations

from collections.abc import Mapping, Set
from datetime import date, datetime
from enum import Enum
from math import isfinite
from pathlib import PurePath
from typing import Any

import numpy as np

from napari_tmaps.errors import InputError

_AS_IT_IS = frozenset({str, int, bool, type(None)})


def plain(value: Any, where: str) -> Any:
    """The value as JSON holds it: NumPy numbers and arrays, dates, paths and sets are turned.

    NaN and infinity, for which JSON has no number, become the texts "NaN", "Infinity" and
    "-Infinity".

    Parameters
    ----------
    where
        Name of the field, for the message.

    Raises
    ------
    InputError
        JSON cannot hold the value.
    """
    # What there is most of comes first: each image of a plate has some hundred values.
    kind = type(value)
    if kind in _AS_IT_IS or (kind is float and isfinite(value)):
        return value
    if isinstance(value, dict | Mapping):
        return {str(key): plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple | Set):
        return [plain(item, f"{where}[{number}]") for number, item in enumerate(value)]
    if isinstance(value, np.ndarray):
        return plain(value.tolist(), where)
    if isinstance(value, np.generic):
        return plain(value.item(), where)
    if isinstance(value, Enum):
        return plain(value.value, where)
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if isfinite(value):
            return value
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    raise InputError(
        f"'{where}' is a {type(value).__name__}, which a JSON file cannot hold. Give text, "
        "numbers, yes/no, dates, or lists and tables of these, or leave it out."
    )
