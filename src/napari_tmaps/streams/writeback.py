"""The disk begins with what a file was given at once, and not only when memory runs short.

A camera's frames would otherwise pile up in the system's memory for half a minute, and hold up
everyone when they go to the disk together; many small files cost most then. Source: the manual page
sync_file_range(2) of Linux; elsewhere nothing happens here.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_BEGIN = 2
"""SYNC_FILE_RANGE_WRITE"""
_MOST = 64


def _from_system() -> Callable[[int, int, int, int], int] | None:
    if sys.platform != "linux":
        return None
    try:
        call = ctypes.CDLL(None).sync_file_range
    except AttributeError:
        return None
    call.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    return call


_begin = _from_system()
_thread = ThreadPoolExecutor(1, "tmaps-writeback")
_room = threading.BoundedSemaphore(_MOST)


def begin_writeback(fd: int, offset: int, size: int) -> None:
    """Have the disk begin with a part of a file; the file may be closed right after.

    It never waits, fails or forces anything: a disk that lags behind is left to the system.
    """
    if _begin is None or not _room.acquire(blocking=False):
        return
    try:
        own = os.dup(fd)
    except OSError:  # no more files may be open
        _room.release()
        return
    try:
        _thread.submit(_work, own, offset, size)
    except RuntimeError:  # the interpreter is on its way out
        os.close(own)
        _room.release()


def _work(own: int, offset: int, size: int) -> None:
    try:
        if _begin is not None:
            _begin(own, offset, size, _BEGIN)
    finally:
        os.close(own)
        _room.release()
