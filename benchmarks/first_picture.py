"""A window in a process of its own that shows a plate, or arrays from memory, when it is told to.

python first_picture.py EXPERIMENT, then lines: "ours", "peer", "clear", "lit". Each is answered by
a number in a line once it is done; "lit" by the share of the picture that is not black.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from time import perf_counter

os.environ["TMAPS_CONFIG"] = tempfile.mkdtemp()  # as for somebody who opens it the first time

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from napari_tmaps.gui.arrangement import open_tissuemaps, show_widget
from napari_tmaps.gui.map_picture import MapPicture
from napari_tmaps.gui.state import Choice, Pixels, View
from napari_tmaps.gui.zarr_source import experiment_source
from napari_tmaps.store.experiment import Experiment

_SETTLE_S = 0.5
_LARGEST_BYTES = 2**27
_COLORS = ("blue", "green", "red", "magenta")


def pyramid(path: str) -> list[np.ndarray]:
    """Arrays of the shapes that the plate's map has; the largest ones are all one number."""
    with Experiment.open(path) as experiment:
        source = experiment_source(experiment, experiment.plate_names()[0])
        planes = MapPicture(experiment, [source], Pixels.MAP, print).planes()
        shapes = next(iter(planes.values())).shapes
    rng = np.random.default_rng(0)
    return [
        rng.integers(100, 4000, shape, dtype=np.uint16)
        if 2 * np.prod(shape) <= _LARGEST_BYTES
        else np.broadcast_to(np.uint16(2000), shape)
        for shape in shapes
    ]


def main(path: str) -> None:
    """Do what the lines say."""
    viewer = napari.Viewer()
    window = viewer.window._qt_window
    window.resize(1600, 1000)
    open_tissuemaps(viewer)
    widget = show_widget(viewer, "Experiment")
    application = QApplication.instance()
    assert application is not None, "napari has made it"
    drawn: list[float] = []
    canvas = viewer.window._qt_viewer.canvas._scene_canvas
    canvas.events.draw.connect(lambda event: drawn.append(perf_counter()), position="last")
    levels = pyramid(path)

    def settle() -> None:
        end = perf_counter() + _SETTLE_S
        while perf_counter() < end:
            application.processEvents()

    def ours() -> None:
        widget.setValue(Choice(experiment=path, view=View.PLATE))

    def peer() -> None:
        for name, color in zip("ABCD", _COLORS, strict=True):
            viewer.add_image(levels, name=name, colormap=color, blending="additive",
                             contrast_limits=(0, 4000), multiscale=True)  # fmt: skip
        viewer.reset_view()

    def first_draw(act: Callable[[], None]) -> float:
        """Until all that was added is in a picture."""
        act()
        drawn.clear()
        while not drawn:
            application.processEvents()
        return 1.0

    def clear() -> float:
        settle()
        widget.close_experiment()
        viewer.layers.clear()
        settle()
        return 0.0

    def lit() -> float:
        settle()
        return float((viewer.screenshot(canvas_only=True, flash=False)[..., :3] > 0).any(-1).mean())

    acts: dict[str, Callable[[], float]] = {
        "ours": lambda: first_draw(ours),
        "peer": lambda: first_draw(peer),
        "clear": clear,
        "lit": lit,
    }
    settle()
    for line in sys.stdin:
        print("did", acts[line.strip()](), flush=True)
    viewer.close()


if __name__ == "__main__":
    main(sys.argv[1])
