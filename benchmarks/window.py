"""A window in a process of its own, which does what it is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_HERE = Path(__file__).parent


class Window:
    """A script of this folder, on a screen.

    Each line that it is told it answers by a line "did …" once it is done.
    """

    def __init__(self, script: str, *arguments: str) -> None:
        screen = ["sh", str(_HERE.parent / "scripts" / "screen.sh"), "run"]
        self._process = subprocess.Popen(
            [*screen, sys.executable, str(_HERE / script), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, what: str) -> list[float]:
        """Have something done; returns the numbers of the answer."""
        assert self._process.stdin is not None, "it is a pipe"
        assert self._process.stdout is not None, "it is a pipe"
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            word, *numbers = line.split()
            if word == "did":
                return [float(number) for number in numbers]
        raise RuntimeError(f"The window has ended while it was to do '{what}'.")
