"""The parts of a docstring in the numpydoc form."""

from __future__ import annotations

import re


def sections_of(text: str) -> dict[str, list[str]]:
    """Lines of a numpydoc text by section; those above the first section under ""."""
    lines = text.splitlines()
    found: dict[str, list[str]] = {"": []}
    current = found[""]
    for number, line in enumerate(lines):
        below = lines[number + 1] if number + 1 < len(lines) else ""
        if line and re.fullmatch(r"-{3,}", below):
            current = found.setdefault(line.strip(), [])
        elif not re.fullmatch(r"-{3,}", line):
            current.append(line)
    return found


def parameter_texts(lines: list[str]) -> dict[str, str]:
    """Text of each parameter; several may share one, as in "min_area, max_area"."""
    blocks: list[tuple[str, list[str]]] = []
    for line in lines:
        if line and not line[0].isspace():
            blocks.append((line.split(":")[0], []))
        elif blocks:
            blocks[-1][1].append(line)
    return {name.strip(): prose(block) for names, block in blocks for name in names.split(",")}


def prose(lines: list[str]) -> str:
    paragraphs = re.split(r"\n\s*\n", "\n".join(lines).strip())
    return "\n\n".join(re.sub(r"\s+", " ", paragraph).strip() for paragraph in paragraphs)
