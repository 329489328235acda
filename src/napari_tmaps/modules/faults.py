"""What is wrong with the value of a setting, in the user's words."""

from __future__ import annotations

import re
import reprlib
from difflib import get_close_matches
from typing import Any

_WANTED = {
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "multiple_of": "a multiple of {multiple_of}",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "a text",
    "literal_error": "one of {expected}",
    "tuple_type": "a list",
}


def sentence(detail: dict[str, Any], known: list[str]) -> str:
    """A finding of pydantic in the user's words."""
    name, *place = detail["loc"]
    if detail["type"] == "extra_forbidden":
        near = get_close_matches(str(name), known, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        shown = ", ".join(f"'{item}'" for item in known) or "none"
        return f"there is no setting '{name}'.{hint} Settings: {shown}."
    where = f"value {place[0] + 1} of {name}" if place else str(name)
    value = reprlib.repr(detail["input"])
    wanted = _WANTED.get(detail["type"])
    if wanted is None:
        return f"{where} is {value}, which does not fit: {detail['msg']}."
    context = {
        key: f"{limit:g}" if isinstance(limit, float) else limit
        for key, limit in detail.get("ctx", {}).items()
    }
    sentence = f"{where} is {value}, but must be {wanted.format(**context)}."
    if detail["type"] == "literal_error" and isinstance(detail["input"], str):
        near = get_close_matches(
            detail["input"], re.findall(r"'([^']*)'", wanted.format(**context))
        )
        sentence += f" Did you mean '{near[0]}'?" if near else ""
    return sentence
