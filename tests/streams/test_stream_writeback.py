"""The disk is told to begin, and whoever writes never waits for that."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_tmaps.streams import (
    AcquisitionSettings,
    create_stream,
    dims_from_standard_axes,
    writeback,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can be told")


def _idle() -> None:
    """Wait until all that was asked for has been done."""
    writeback._thread.submit(int).result()


def _settings(path: Path, **chunks: object) -> AcquisitionSettings:
    dims = dims_from_standard_axes({"t": 20, "y": 64, "x": 64}, **chunks)  # type: ignore[arg-type]
    return AcquisitionSettings(root_path=str(path), dimensions=dims, dtype="uint16")


@pytest.mark.parametrize("name", ["a.ome.tiff", "a.ome.zarr", "sharded.ome.zarr"])
def test_all_pixels_are_handed_to_the_disk(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = 0

    def begin(fd: int, offset: int, size: int, flags: int) -> int:
        nonlocal told
        told += size or os.fstat(fd).st_size - offset
        assert flags == 2
        return 0

    _idle()
    monkeypatch.setattr(writeback, "_begin", begin)
    monkeypatch.setattr(writeback, "_room", threading.BoundedSemaphore(10_000))
    chunks = {} if name.endswith("tiff") else {"chunk_shapes": {"y": 32, "x": 32}}
    if name.startswith("sharded"):
        chunks["shard_shapes"] = {"t": 4, "y": 2, "x": 2}
    with create_stream(_settings(tmp_path / name, **chunks)) as stream:
        for number in range(20):
            stream.append(np.full((64, 64), number, np.uint16))
    _idle()
    assert told >= 20 * 64 * 64 * 2


def test_a_disk_that_lags_behind_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = threading.Event()

    def begin(*_: int) -> int:
        stuck.wait(30)
        return 0

    _idle()
    monkeypatch.setattr(writeback, "_begin", begin)
    before = len(os.listdir("/proc/self/fd"))
    path = tmp_path / "a.ome.zarr"
    try:
        with create_stream(_settings(path, chunk_shapes={"y": 16, "x": 16})) as stream:
            for number in range(20):
                stream.append(np.full((64, 64), number, np.uint16))
        held = len(os.listdir("/proc/self/fd")) - before
    finally:
        stuck.set()
    _idle()
    assert 0 < held <= 70
    assert len(os.listdir("/proc/self/fd")) <= before + 3
    array = zarr.open_array(path / "0", mode="r")
    assert (np.asarray(array[:]) == np.arange(20)[:, None, None]).all()


def test_no_more_open_files_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> int:
        raise OSError(24, "Too many open files")

    _idle()
    monkeypatch.setattr(writeback.os, "dup", refuse)
    with (tmp_path / "file").open("wb") as file:
        for _ in range(200):
            writeback.begin_writeback(file.fileno(), 0, 0)
    monkeypatch.undo()
    assert writeback._room.acquire(blocking=False)
    writeback._room.release()
