"""`python -m napari_tmaps.gui.window EXPERIMENT [--picture PNG]`: the window, or a picture of it.

`tmaps demo` calls it in a process of its own, since Qt wants the main thread and ends with it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from napari_tmaps.errors import TmapsError


def main(arguments: list[str] | None = None) -> int:
    """Open the window and wait until it is closed, or draw it; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m napari_tmaps.gui.window", description="Show an experiment in napari."
    )
    parser.add_argument("experiment", type=Path, help="folder of the experiment (….tmaps)")
    parser.add_argument("--picture", type=Path, help="draw the window into this PNG and end")
    given = parser.parse_args(arguments)

    from napari_tmaps.gui.picture import draw_window, open_window

    try:
        if given.picture is not None:
            draw_window(given.experiment, given.picture)
            return 0
        viewer, _ = open_window(given.experiment)
    except TmapsError as error:
        print(error, file=sys.stderr)
        return 1
    import napari

    viewer.show()
    napari.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
