"""Words that go with numbers."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """A number of things: "1 site", "1,200 sites"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def time_in_words(t: int | None) -> str:
    """E.g. "t = 3"; "all time points" for None."""
    return "all time points" if t is None else f"t = {t}"


def short_number(value: float) -> str:
    """A number in about four digits: "0.3251", "427.6", "10,002", "1.2e+07"."""
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e7 else f"{value:.4g}"
