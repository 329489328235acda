"""What a person does in the pipeline widget, and what is seen then."""

from __future__ import annotations

import time

import numpy as np
from qtpy.QtWidgets import QApplication
from scipy import ndimage

from napari_tmaps.gui.pipeline_widget import PipelineWidget
from napari_tmaps.gui.state_bar import BAD


def blocks() -> np.ndarray:
    image = np.full((120, 160), 100, np.uint16)
    image[10:30, 10:30] = 1000
    image[60:90, 60:90] = 500
    return image


def settle(widget: PipelineWidget) -> None:
    """Until all that was asked for is shown."""
    end = time.monotonic() + 60
    quiet = 0
    while quiet < 5 and time.monotonic() < end:
        QApplication.processEvents()
        quiet = 0 if widget.is_busy else quiet + 1
        time.sleep(0.005)


def build(widget: PipelineWidget, *modules: str) -> None:
    for module in modules:
        widget.picker.chosen.emit(module)
    settle(widget)


def is_marked(widget: PipelineWidget, row: int) -> bool:
    """Whether a step has the sign of a fault, and its colour."""
    item = widget.steps.item(row)
    assert item.icon().isNull() == (item.foreground().color() != BAD)
    return not item.icon().isNull()


def preview(viewer, name="preview"):
    return next(layer for layer in viewer.layers if layer.name.startswith(name))


def outlined(mask: np.ndarray) -> np.ndarray:
    """The border of a mask, as wide as it is drawn where the picture is enlarged."""
    return mask & ~ndimage.binary_erosion(mask)
