"""Measure how fast we are beside others. The table goes to the screen, the rows to results.json.

Each row runs in a process of its own, so that no row inherits memory or caches of another.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from rows import ROWS, SLOW, load
from table import RESULTS, markdown
from timing import ONE_THREAD, measure

_ROUNDS = {False: 3, True: 9}  # quick, full
_LEFT_OUT = 3  # exit code of a row that lacks a library


def main() -> int:
    """Run the rows that are asked for; 1 if one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="more rounds and larger data")
    parser.add_argument("--only", metavar="ROW,ROW", help="these rows, or rooms like 'site'")
    parser.add_argument("--row", help=argparse.SUPPRESS)  # what the process of a row is told
    arguments = parser.parse_args()
    if arguments.row:
        return _run_row(arguments.row, arguments.full)
    names = _chosen(parser, arguments.only, arguments.full)
    results, failed = _read_results(), False
    for name in names:
        print(f"{name} …", file=sys.stderr, flush=True)
        command = [sys.executable, __file__, "--row", name, *(["--full"] if arguments.full else [])]
        done = subprocess.run(
            command, env={**os.environ, **ONE_THREAD}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            print(f"{name} gave no result:\n{done.stderr[-3000:]}", file=sys.stderr)
            failed |= done.returncode != _LEFT_OUT
            continue
        results[name] = json.loads(done.stdout.splitlines()[-1])
        rows = [results[each] for each in ROWS if each in results]
        RESULTS.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(markdown([results[name] for name in names if name in results]), end="")
    return int(failed)


def _run_row(name: str, full: bool) -> int:
    try:
        with tempfile.TemporaryDirectory() as folder:
            row = measure(name, load(name)(Path(folder), full), _ROUNDS[full])
    except ModuleNotFoundError as error:
        print(f"'{error.name}' is not installed.", file=sys.stderr)
        return _LEFT_OUT
    print(json.dumps(row))
    return 0


def _chosen(parser: argparse.ArgumentParser, only: str | None, full: bool) -> list[str]:
    if not only:
        return [name for name in ROWS if full or name not in SLOW]
    wanted = set(only.split(","))
    rooms = {name: name.split("/")[0] for name in ROWS}
    for unknown in wanted - set(rooms) - set(rooms.values()):
        parser.error(f"there is no row '{unknown}'; there are: {', '.join(ROWS)}")
    return [
        name
        for name, room in rooms.items()
        if name in wanted or (room in wanted and (full or name not in SLOW))
    ]


def _read_results() -> dict[str, dict[str, Any]]:
    if not RESULTS.exists():
        return {}
    return {row["name"]: row for row in json.loads(RESULTS.read_text(encoding="utf-8"))}


if __name__ == "__main__":
    sys.exit(main())
