"""What a file-name pattern makes of some names, fast enough to show while it is typed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import gcd
from time import perf_counter

from napari_tmaps.errors import InputError
from napari_tmaps.model.wells import WellName, row_index
from napari_tmaps.vendors.listing import natural_sort
from napari_tmaps.vendors.pattern import compile_pattern

_LONG = {"w": "well", "s": "site", "c": "channel"}
_NUMBERS = ("site", "z", "t", "cycle", "column")
_ASSUMED = {"well": "A01", "site": "1", "channel": "C01"}
_FIRST_LOOK = 256
_MOST_VALUES = 1000
_TOLD = 3


@dataclass(frozen=True)
class PatternPreview:
    """What a pattern makes of the names of files.

    Attributes
    ----------
    names, looked_at
        Number of names, and of those that there was time to look at, evenly spread.
    matched
        Of those looked at.
    examples
        Some names that match, each with the texts of its groups by their long names.
    unmatched_examples
        Some that do not.
    values
        Group → the different texts it takes, as people count; of very many the first 1000 seen.
    problems
        Sentences: the pattern is wrong, wells that are none, planes claimed twice.
    """

    names: int
    looked_at: int = 0
    matched: int = 0
    examples: tuple[tuple[str, Mapping[str, str]], ...] = ()
    unmatched_examples: tuple[str, ...] = ()
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def unmatched(self) -> int:
        """Names looked at that do not match."""
        return self.looked_at - self.matched

    def __str__(self) -> str:
        """Lines for people."""
        if not self.looked_at:
            return "\n".join(self.problems) or "There are no names."
        lines = [f"{self.matched} of {self.looked_at} names match."]
        if self.looked_at < self.names:
            lines[0] += f" ({self.names} names in all.)"
        for group, values in self.values.items():
            if values:
                more = " …" if len(values) > _TOLD else ""
                lines.append(f"{group}: {len(values)} ({', '.join(values[:_TOLD])}{more})")
        lines += [f"⚠ {problem}" for problem in self.problems]
        if self.examples:
            name, groups = self.examples[0]
            told = ", ".join(f"{group} {text}" for group, text in groups.items())
            lines.append(f"E.g. {name}: {told}")
        if self.unmatched_examples:
            lines.append(f"Not matched, e.g. {self.unmatched_examples[0]}")
        return "\n".join(lines)


def preview(
    names: Sequence[str], pattern: str, *, seconds: float = 0.1, shown: int = 8
) -> PatternPreview:
    """Try a pattern on names; never raises for a pattern that is wrong or not yet finished.

    Parameters
    ----------
    names
        Names relative to the folder, "/" between folders.
    pattern
        As in `vendors.pattern`.
    seconds
        Time to spend. Names are visited in an order in which each beginning is spread evenly over
        all of them, so that what was seen until then speaks for the whole.
    shown
        How many examples to give.
    """
    try:
        expression = compile_pattern(pattern)
    except InputError as error:
        return PatternPreview(len(names), problems=(str(error),))
    groups = [_LONG.get(name, name) for name in expression.groupindex]
    planes: dict[tuple[str, ...], str] = {}
    examples: list[tuple[str, Mapping[str, str]]] = []
    others: list[str] = []
    again: tuple[str, str] | None = None
    looked_at = matched = 0
    search, end = expression.search, perf_counter() + seconds
    for part in _spread(names):
        for name in part:
            match = search(name)
            texts = tuple(match.groupdict().values()) if match else ()
            if match is None or None in texts or "" in texts:
                if len(others) < shown:
                    others.append(name)
                continue
            matched += 1
            if len(examples) < shown:
                examples.append((name, dict(zip(groups, texts, strict=True))))
            first = planes.setdefault(texts, name)
            if first is not name and again is None:
                again = first, name
        looked_at += len(part)
        if perf_counter() > end:
            break
    values = {
        group: tuple(natural_sort(list(dict.fromkeys(t[index] for t in planes))[:_MOST_VALUES]))
        for index, group in enumerate(groups)
    }
    return PatternPreview(
        names=len(names),
        looked_at=looked_at,
        matched=matched,
        examples=tuple(examples),
        unmatched_examples=tuple(others),
        values=values,
        problems=tuple(_problems(values, matched, again)),
    )


def _spread(names: Sequence[str]) -> list[Sequence[str]]:
    """All names in parts, each spread evenly over the whole."""
    parts = max(1, len(names) // _FIRST_LOOK)
    return [names[start::parts] for start in _scattered(parts)]


def _scattered(count: int) -> list[int]:
    """The numbers below count, neighbours far apart: steps of the golden section."""
    step = max(1, round(count * 0.618))
    while gcd(step, count) > 1:
        step += 1
    return [number * step % count for number in range(count)]


def _problems(
    values: Mapping[str, Sequence[str]], matched: int, again: tuple[str, str] | None
) -> list[str]:
    if not matched:
        return ["No name matches."]
    found = []
    for group in _NUMBERS:
        wrong = [text for text in values.get(group, ()) if not re.fullmatch(r"[0-9]{1,9}", text)]
        if wrong:
            found.append(f"'{wrong[0]}' is taken for the {group}, which must be a whole number.")
    for text in values.get("well", ()):
        try:
            WellName.parse(text)
        except InputError as error:
            found.append(str(error))
            break
    for text in values.get("row", ()):
        if not (text.isdecimal() or (text.isalpha() and text.isascii() and row_index(text) < 702)):
            found.append(f"'{text}' is taken for the row, which must be a letter or a number.")
            break
    if again is not None:
        found.append(f"'{again[0]}' and '{again[1]}' would be the same plane.")
    absent = [f"{name} {value}" for name, value in _ASSUMED.items() if name not in values]
    if {"row", "column"} <= set(values):
        absent = [text for text in absent if not text.startswith("well")]
    if absent:
        found.append(f"The pattern does not tell {', '.join(absent)}; these are assumed.")
    return found
