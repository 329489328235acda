"""The command line: tmaps."""

from __future__ import annotations


def main() -> None:
    """Entry point of the program `tmaps`."""
    from napari_tmaps.cli.commands import app

    app()
