"""The table of the README, from results.json.

python benchmarks/table.py               prints it
python benchmarks/table.py README.md     puts it between the marks in that file
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results.json")
_BETWEEN = re.compile(r"(<!-- benchmarks -->\n).*?(<!-- /benchmarks -->)", re.DOTALL)
_HEAD = ("What", "Against", "Ours", "Theirs", "Faster", "Floor", "Memory", "Accuracy")


def markdown(rows: Iterable[Mapping[str, Any]]) -> str:
    """A table in Markdown that also reads well as plain text."""
    cells = [_HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[n]) for line in cells) for n in range(len(_HEAD))]
    cells.insert(1, tuple("-" * width for width in widths))
    lines = (
        " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in cells
    )
    return "".join(f"| {line} |\n" for line in lines)


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    accuracy = f"{row['accuracy_is']} {_number(row['accuracy'])}"
    if "peer_accuracy" in row:
        accuracy += f" (theirs {_number(row['peer_accuracy'])})"
    memory = row["memory_mb"]
    return (
        row["name"],
        row["peer"],
        _seconds(row["ours_s"]),
        _seconds(row["peer_s"]),
        f"{row['ratio']:.1f} ×",
        _seconds(row["limit_s"]),
        "" if memory is None else f"{memory:.0f} MB",
        accuracy,
    )


def _number(value: float) -> str:
    return f"{value:.1e}" if 0 < value < 1e-3 else f"{value:.3f}"


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.3g} ms"


def main() -> None:
    """Print the table, or put it into the file that is named."""
    table = markdown(json.loads(RESULTS.read_text(encoding="utf-8")))
    if len(sys.argv) == 1:
        print(table, end="")
        return
    target = Path(sys.argv[1])
    text, count = _BETWEEN.subn(rf"\g<1>{table}\g<2>", target.read_text(encoding="utf-8"))
    if count != 1:
        sys.exit(
            f"'{target}' has no place for the table: <!-- benchmarks --> … <!-- /benchmarks -->"
        )
    target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
