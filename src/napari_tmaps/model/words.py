"""Words that go with numbers."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """A number of things: "1 site", "1,200 sites"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
