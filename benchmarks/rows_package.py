"""How long a script waits for the package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from timing import Contest


def importing(folder: Path, full: bool) -> Contest:
    """`import napari_tmaps` in a fresh interpreter; the floor is a bare interpreter."""

    def start(code: str) -> float:
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        return 1.0

    return Contest(
        "import napari",
        ours=lambda: start("import napari_tmaps"),
        peer=lambda: start("import napari"),
        accuracy=lambda ours, peer: ours,
        accuracy_is="worked",
        floor=lambda: start("pass"),
        in_this_process=False,
    )
