"""Nothing is drawn while layers are exchanged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from qtpy.QtWidgets import QWidget


@contextmanager
def still(widget: QWidget) -> Iterator[None]:
    """Draw the window of a widget once, when all is done, instead of with each layer.

    It is faster, does not flicker, and keeps napari from drawing a layer in the midst of being
    added, which ends some OpenGL drivers.
    """
    window = widget.window()
    was = window is not None and window.updatesEnabled()
    if window is not None and was:
        window.setUpdatesEnabled(False)
    try:
        yield
    finally:
        if window is not None and was:
            window.setUpdatesEnabled(True)
