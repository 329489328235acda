"""A program that ends without closing anything ends well."""

from __future__ import annotations

import subprocess
import sys

AT_WORK = """
import time
from qtpy.QtWidgets import QApplication
from napari_tmaps.gui.workers import Work
from napari_tmaps.model.progress import Progress

def slow():
    yield Progress("slow", 0, 1)
    time.sleep(1)
    print("through", flush=True)

app, work = QApplication([]), Work()
work.start("", slow)
time.sleep(0.3)
"""

GONE = """
from threading import Event
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication
from napari_tmaps.gui.workers import Work
from napari_tmaps.model.progress import Progress

app, work, goes_on, is_over = QApplication([]), Work(), Event(), Event()

def job():
    for done in range(50):
        yield Progress("counting", done, 50)
        goes_on.wait()
    is_over.set()

work.start("", job)
work.deleteLater()
app.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
goes_on.set()
is_over.wait()
for _ in range(20):
    app.processEvents()
print("through", flush=True)
"""

OPEN = """
import atexit
import napari
from napari.viewer import Viewer
from qtpy.QtWidgets import QApplication
from napari_tmaps.gui.arrangement import open_tissuemaps

# What was registered first is called last, and Qt's own cleaning up after it.
def tell():
    windows = [each for each in QApplication.allWidgets() if each.inherits("QDockWidget")]
    print("left:", len(Viewer._instances), len(windows), flush=True)

atexit.register(tell)
viewer = napari.Viewer()
open_tissuemaps(viewer)
for _ in range(20):
    QApplication.processEvents()
"""


def ended(program: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def test_it_waits_for_its_threads() -> None:
    done = ended(AT_WORK)
    assert "through" in done.stdout
    assert "deleted" not in done.stderr


def test_what_comes_from_a_thread_when_its_widget_is_gone_is_let_go() -> None:
    done = ended(GONE)
    assert "through" in done.stdout


def test_it_closes_its_windows_first() -> None:
    done = ended(OPEN)
    assert "left: 0 0" in done.stdout
    assert "Traceback" not in done.stderr
