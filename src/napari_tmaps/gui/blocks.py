"""Pyramids read in blocks that are kept; on slow disks in the background, the coarse picture first.

napari takes the pixels of a frame and waits for them. From a disk that answers late it gets what is
there at once, blown up from a coarser level, and is asked to draw anew when the blocks have
arrived. Whoever else asks for pixels gets the true ones, and waits.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from threading import RLock
from time import monotonic
from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QObject, QTimer, Signal  # type: ignore[attr-defined]

from napari_tmaps.gui.mosaic import CHUNK, Planes

Pixels = npt.NDArray[Any]
Key = tuple[int, int, int, int, int]
"""Level, t, z, and row and column of the block."""

_REMEMBERED_BYTES = 48 * 2**20
"""Of each pyramid: more than a screen holds, so that a step back reads nothing."""
_THREADS = 4
_PATIENCE_S = 0.05  # a disk that is faster shows each frame sharp at once
_IMPATIENT_S = 1.0  # after it was in vain, frames do not wait for so long
_FRESH_MS = 80  # between two frames with more blocks


class Reading(QObject):
    """Reads blocks for the layers of a window, in threads.

    Parameters
    ----------
    on_problem
        Gets a sentence for each image that cannot be read, in the thread of the window.
    """

    fresh = Signal()
    """Blocks have arrived that a frame had to do without."""
    _arrived = Signal()
    _told = Signal(str)

    def __init__(self, on_problem: Callable[[str], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._on_problem = on_problem
        self._pool = ThreadPoolExecutor(_THREADS, "map")
        self._impatient_until = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_FRESH_MS)
        self._timer.timeout.connect(self.fresh)
        self._arrived.connect(self._on_arrived)
        self._told.connect(self._on_told)

    def submit(self, read: Callable[[], Pixels]) -> Future[Pixels]:
        """Begin to read a block, as soon as a thread is free."""
        return self._pool.submit(read)

    def wait(self, blocks: Iterable[Future[Pixels]]) -> None:
        """Wait for blocks for as long as a frame may take."""
        in_vain = monotonic() < self._impatient_until
        late = wait(blocks, timeout=0 if in_vain else _PATIENCE_S).not_done
        if late:
            self._impatient_until = monotonic() + _IMPATIENT_S

    def arrived(self) -> None:
        """A block is there that a frame had to do without; from any thread."""
        self._arrived.emit()

    def problem(self, sentence: str) -> None:
        """Something cannot be read; from any thread."""
        self._told.emit(sentence)

    def drop(self) -> None:
        """Give up all that is not begun: nobody looks at it any longer."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = ThreadPoolExecutor(_THREADS, "map")

    def _on_arrived(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _on_told(self, sentence: str) -> None:
        self._on_problem(sentence)


class Blocks:
    """A pyramid whose blocks are kept; see mosaic.Planes.

    Parameters
    ----------
    planes
        Gives the pixels, from any thread.
    reading
        Reads them in the background where someone is in a hurry; None: always at once.
    """

    def __init__(self, planes: Planes, reading: Reading | None = None) -> None:
        self._planes, self._reading = planes, reading
        self._shapes = planes.shapes
        self._kept: OrderedDict[Key, Pixels] = OrderedDict()
        self._bytes = 0
        self._coming: dict[Key, Future[Pixels]] = {}
        self._missed: set[Key] = set()
        self._lock = RLock()

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the pixels."""
        return self._planes.dtype

    @property
    def shapes(self) -> list[tuple[int, int, int, int]]:
        """(t, z, y, x) of each level, finest first."""
        return self._shapes

    @property
    def waiting(self) -> bool:
        """See mosaic.Planes."""
        return bool(self._missed)

    def plane(
        self, level: int, t: int, z: int, y: range, x: range, *, hurry: bool = False
    ) -> Pixels:
        """See mosaic.Planes."""
        canvas = np.empty((len(y), len(x)), self.dtype)  # the blocks cover it
        keys = _covering(level, t, z, y, x)
        if hurry and self._reading is not None:
            with self._lock:
                self._fetch(keys, self._reading)
                for key in keys:
                    block = self._kept.get(key)
                    _paste(canvas, self._blown_up(key) if block is None else block, key, y, x)
                self._forget(len(keys))
            return canvas
        for key in keys:
            block = self._kept.get(key)
            if block is None:
                block = self._read(key)
                with self._lock:
                    self._keep(key, block)
            _paste(canvas, block, key, y, x)
        with self._lock:
            self._forget(len(keys))
        return canvas

    def begin(self) -> None:
        """Begin to read what napari asks for first: the coarsest level, amid z and t."""
        if self._reading is not None:
            level = len(self._shapes) - 1
            times, depth, height, width = self._shapes[level]
            keys = _covering(level, (times - 1) // 2, (depth - 1) // 2, range(height), range(width))
            with self._lock:
                self._send_for(keys, self._reading)

    def _send_for(self, keys: list[Key], reading: Reading) -> list[Key]:
        """Have blocks read that are neither there nor on their way; returns those not there."""
        wanted = [key for key in keys if key not in self._kept]
        for key in wanted:
            coming = self._coming.get(key)
            if coming is None or coming.cancelled():  # `Reading.drop` gave it up
                self._coming[key] = reading.submit(partial(self._read, key))
                self._coming[key].add_done_callback(partial(self._on_done, key, reading))
        return wanted

    def _fetch(self, keys: list[Key], reading: Reading) -> None:
        """Have blocks read; those that do not come in time are missed."""
        self._drop(keys)
        wanted = self._send_for(keys, reading)
        if wanted:
            reading.wait([self._coming[key] for key in wanted])
        for key in wanted:
            if self._collect(key):
                continue
            self._missed.add(key)
            if self._coming[key].done():  # just now, before it was missed
                reading.arrived()

    def _collect(self, key: Key) -> bool:
        """Take a block that has arrived; False if it has not."""
        future = self._coming[key]
        if not future.done():
            return False
        del self._coming[key]
        self._missed.discard(key)
        self._keep(key, future.result())
        return True

    def _drop(self, keys: list[Key]) -> None:
        """Give up blocks of a picture that is seen no longer, and take those that came late."""
        (level, t, z), coarsest = keys[0][:3], len(self._shapes) - 1
        for key in set(self._coming) - set(keys):
            # The coarsest level is asked for with each frame, beside another one.
            if key[1:3] == (t, z) and coarsest in (level, key[0]):
                continue
            self._missed.discard(key)
            if self._coming[key].cancel():
                del self._coming[key]
            else:
                self._collect(key)

    def _on_done(self, key: Key, reading: Reading, _future: Future[Pixels]) -> None:
        if key in self._missed:
            reading.arrived()

    def _read(self, key: Key) -> Pixels:
        level, t, z, top, left = key
        _, _, height, width = self._shapes[level]
        rows = range(top, min(top + CHUNK, height))
        columns = range(left, min(left + CHUNK, width))
        return self._planes.plane(level, t, z, rows, columns)

    def _keep(self, key: Key, block: Pixels) -> None:
        if key not in self._kept:
            self._kept[key] = block
            self._bytes += block.nbytes
        self._kept.move_to_end(key)

    def _forget(self, needed: int) -> None:
        """Let go of what was not looked at for long, never of the frame itself."""
        while self._bytes > _REMEMBERED_BYTES and len(self._kept) > 2 * needed:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes

    def _blown_up(self, key: Key) -> Pixels:
        """A block as a coarser level shows it; empty if there is none."""
        level, t, z, top, left = key
        _, _, height, width = self._shapes[level]
        rows = np.arange(top, min(top + CHUNK, height))
        columns = np.arange(left, min(left + CHUNK, width))
        for coarser in range(level + 1, len(self._shapes)):
            _, _, below, across = self._shapes[coarser]
            y = np.minimum(rows * below // height, below - 1)
            x = np.minimum(columns * across // width, across - 1)
            part = range(int(y[0]), int(y[-1]) + 1), range(int(x[0]), int(x[-1]) + 1)
            keys = _covering(coarser, t, z, *part)
            if all(other in self._kept for other in keys):
                found = np.zeros((len(part[0]), len(part[1])), self.dtype)
                for other in keys:
                    _paste(found, self._kept[other], other, *part)
                blown: Pixels = found[np.ix_(y - y[0], x - x[0])]
                return blown
        return np.zeros((len(rows), len(columns)), self.dtype)


def _covering(level: int, t: int, z: int, y: range, x: range) -> list[Key]:
    """The blocks that rows y and columns x lie in."""
    return [
        (level, t, z, top, left)
        for top in range(y.start // CHUNK * CHUNK, y.stop, CHUNK)
        for left in range(x.start // CHUNK * CHUNK, x.stop, CHUNK)
    ]


def _paste(canvas: Pixels, block: Pixels, key: Key, y: range, x: range) -> None:
    """Put the part of a block that lies in rows y and columns x onto their canvas."""
    top, left = key[3:]
    first_row, last_row = max(y.start, top), min(y.stop, top + block.shape[0])
    first, last = max(x.start, left), min(x.stop, left + block.shape[1])
    canvas[first_row - y.start : last_row - y.start, first - x.start : last - x.start] = block[
        first_row - top : last_row - top, first - left : last - left
    ]
