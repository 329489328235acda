"""Threads that encode and write while frames come, with a bounded queue before them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from napari_tmaps.streams.diskfile import LEAST_DIRECT, page_memory

QUEUE_BYTES = 48 * 2**20
"""What may be under way; then frames wait for the disk."""
_TASK_BYTES = 2**14
"""As what a smaller task counts: it takes memory itself, and thousands are enough."""


class Workers:
    """A few threads. `submit` waits while what is under way holds more than `most_bytes`.

    The first error of a task is kept, and raised by `check`, `submit` and `drain`.
    """

    def __init__(self, most_bytes: int = QUEUE_BYTES) -> None:
        # Two more than processors: who waits for the disk leaves his to another.
        self._pool = ThreadPoolExecutor(min(8, (os.cpu_count() or 2) + 2), "tmaps-stream")
        self._most = most_bytes
        self._free = threading.Condition()
        self._bytes = 0
        self._tasks = 0
        self._error: BaseException | None = None

    def check(self) -> None:
        """Raise what a task raised."""
        if self._error is not None:
            raise self._error

    @property
    def failed(self) -> bool:
        """Whether a task has raised."""
        return self._error is not None

    def submit(self, task: Callable[[], None], size: int) -> None:
        """Have the task done, which holds so many bytes until then; one of 0 never waits."""
        size = max(size, _TASK_BYTES) if size else 0
        with self._free:
            self._free.wait_for(lambda: not self._bytes or self._bytes + size <= self._most)
            self._bytes += size
            self._tasks += 1
        self.check_or_release(size)
        try:
            future = self._pool.submit(task)
        except RuntimeError:
            # The interpreter is on its way out and starts nothing any more: done here and now.
            try:
                task()
            finally:
                self._release(size)
            return
        future.add_done_callback(lambda done: self._finished(done, size))

    def check_or_release(self, size: int) -> None:
        """As `check`, giving back what the task would have held."""
        if self._error is not None:
            self._release(size)
            raise self._error

    def drain(self) -> None:
        """Wait until all is done."""
        with self._free:
            self._free.wait_for(lambda: self._tasks == 0)
        self.check()

    def close(self) -> None:
        """Wait until all is done, and end the threads; raises nothing."""
        self._pool.shutdown(wait=True)

    def _finished(self, done: Future[None], size: int) -> None:
        error = done.exception()
        if error is not None and self._error is None:
            self._error = error
        self._release(size)

    def _release(self, size: int) -> None:
        with self._free:
            self._bytes -= size
            self._tasks -= 1
            self._free.notify_all()


class Buffers:
    """Arrays of one shape, used again and again: new memory costs more than copying into it.

    Parameters
    ----------
    keep_bytes
        How much is kept that nobody uses at the moment. Three arrays are there from the start, so
        that the first frames need not wait for them; most streams never need more.
    """

    def __init__(
        self, shape: tuple[int, ...], dtype: np.dtype[np.generic], keep_bytes: int = QUEUE_BYTES
    ) -> None:
        self._shape, self._dtype = shape, dtype
        self._lock = threading.Lock()
        self._free: list[npt.NDArray[np.generic]] = []
        size = int(np.prod(shape)) * dtype.itemsize
        self._make = page_memory if size >= LEAST_DIRECT else np.empty
        self._keep = keep_bytes // max(size, 1) + 2
        ready = min(3, self._keep - 1) if size >= LEAST_DIRECT else 0
        self._free = [self.take() for _ in range(ready)]

    def take(self) -> npt.NDArray[np.generic]:
        """An array with anything in it."""
        with self._lock:
            if self._free:
                return self._free.pop()
        return self._make(self._shape, self._dtype)

    def give(self, array: npt.NDArray[np.generic]) -> None:
        """Done with it."""
        with self._lock:
            if len(self._free) < self._keep:
                self._free.append(array)


class Clock:
    """Calls something at intervals, until stopped."""

    def __init__(self, interval_s: float, action: Callable[[], None]) -> None:
        self._stop = threading.Event()
        self._interval, self._action = interval_s, action
        self._thread = threading.Thread(target=self._run, name="tmaps-stream-clock", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self._action()

    def stop(self) -> None:
        """No more calls after this returns."""
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join()
