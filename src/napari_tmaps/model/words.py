"""Words that go with numbers."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """A number of things: "1 site", "1,200 sites"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def time_in_words(t: int | None) -> str:
    """E.g. "t = 3"; "all time points" for None."""
    return "all time points" if t is None else f"t = {t}"
