"""What has to be done before Python ends, while Qt is still whole."""

from __future__ import annotations

import atexit
from contextlib import suppress
from functools import cache

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication


@cache
def leave_in_order() -> None:
    """Have Python, before it ends, wait for threads and close windows that were left open.

    napari does so where its loop ends; scripts and notebooks may end without. Objects of Qt that
    are left then go in any order, which ends the program with a segmentation fault.
    """
    atexit.register(_leave)


def _leave() -> None:
    from napari._qt.qthreading import wait_for_workers_to_quit
    from napari.viewer import Viewer

    wait_for_workers_to_quit()
    with suppress(RuntimeError):  # Qt has deleted a window, and napari does not know
        Viewer.close_all()
    QApplication.processEvents()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
