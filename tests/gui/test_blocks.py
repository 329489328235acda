"""Blocks are read once; on a slow disk the window goes on, with a coarse picture first."""

from __future__ import annotations

from threading import Event, Lock
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_tmaps.gui.blocks import Blocks, Reading
from napari_tmaps.gui.kept_layers import KeptLayers
from napari_tmaps.gui.mosaic import levels_of

FINE = np.arange(2100 * 2300, dtype=np.uint32).reshape(2100, 2300)
PICTURE = [FINE, FINE[::2, ::2], FINE[::4, ::4]]


class Disk:
    """A pyramid on a disk: fast, slow, or one that waits until it is told to go on."""

    dtype = FINE.dtype
    waiting = False

    def __init__(self, delay_s: float = 0.0) -> None:
        self.delay_s = delay_s
        self.reads: list[tuple[int, int, int]] = []
        self.go_on = Event()
        self.go_on.set()
        self._lock = Lock()

    @property
    def shapes(self) -> list[tuple[int, int, int, int]]:
        return [(1, 1, *level.shape) for level in PICTURE]

    def plane(self, level: int, t: int, z: int, y: range, x: range, *, hurry: bool = False) -> Any:
        with self._lock:
            self.reads.append((level, y.start, x.start))
        self.go_on.wait()
        sleep(self.delay_s)
        return PICTURE[level][y.start : y.stop, x.start : x.stop]


@pytest.fixture
def reading(qapp: Any, monkeypatch: pytest.MonkeyPatch) -> Reading:
    monkeypatch.setattr("napari_tmaps.gui.blocks._PATIENCE_S", 0.3)
    return Reading(pytest.fail)


def test_blocks_are_read_once() -> None:
    disk = Disk()
    blocks = Blocks(disk)
    for _ in range(2):
        found = blocks.plane(0, 0, 0, range(400, 690), range(30, 1290))
        np.testing.assert_array_equal(found, FINE[400:690, 30:1290])
    assert len(disk.reads) == 6
    # At the end of the picture blocks are smaller.
    np.testing.assert_array_equal(
        blocks.plane(0, 0, 0, range(2000, 2100), range(2200, 2300)), FINE[2000:, 2200:]
    )


def test_what_napari_asks_for_first_is_on_its_way_before(reading: Reading) -> None:
    disk = Disk()
    disk.go_on.clear()
    blocks = Blocks(disk, reading)
    blocks.begin()
    disk.go_on.set()
    found = blocks.plane(2, 0, 0, range(525), range(575), hurry=True)
    np.testing.assert_array_equal(found, PICTURE[2])
    assert sorted(disk.reads) == [(2, 0, 0), (2, 0, 512), (2, 512, 0), (2, 512, 512)]


def test_a_fast_disk_shows_true_pixels_at_once(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_tmaps.gui.blocks._PATIENCE_S", 60)
    blocks = Blocks(Disk(), reading)
    found = blocks.plane(1, 0, 0, range(100, 900), range(50, 700), hurry=True)
    np.testing.assert_array_equal(found, PICTURE[1][100:900, 50:700])
    assert not blocks.waiting


def test_a_frame_does_not_wait_for_a_slow_disk(reading: Reading, qtbot: Any) -> None:
    disk = Disk()
    blocks = Blocks(disk, reading)
    coarse = blocks.plane(2, 0, 0, range(525), range(575))
    np.testing.assert_array_equal(coarse, PICTURE[2])
    disk.go_on.clear()
    with qtbot.waitSignal(reading.fresh):
        begin = monotonic()
        first = blocks.plane(0, 0, 0, range(600), range(600), hurry=True)
        second = blocks.plane(0, 0, 0, range(600), range(600), hurry=True)
        assert monotonic() - begin < 20  # a disk that does not answer at all
        assert blocks.waiting
        # Each pixel is the one of the coarser level that lies there.
        np.testing.assert_array_equal(first, FINE[:600:4, :600:4].repeat(4, 0).repeat(4, 1))
        np.testing.assert_array_equal(second, first)
        disk.go_on.set()
    qtbot.waitUntil(lambda: all(future.done() for future in blocks._coming.values()))
    found = blocks.plane(0, 0, 0, range(600), range(600), hurry=True)
    np.testing.assert_array_equal(found, FINE[:600, :600])
    assert not blocks.waiting


def test_what_is_out_of_sight_is_not_read(reading: Reading, qtbot: Any) -> None:
    disk = Disk()
    blocks = Blocks(disk, reading)
    disk.go_on.clear()
    for top in range(0, 1600, 100):  # the user pans on and on
        blocks.plane(0, 0, 0, range(top, top + 500), range(2300), hurry=True)
    blocks.plane(0, 0, 0, range(1600, 2100), range(2300), hurry=True)
    disk.go_on.set()
    qtbot.waitUntil(lambda: not [f for f in blocks._coming.values() if not f.done()])
    passed = {read for read in disk.reads if read[1] in (512, 1024)}
    # Of the 10 blocks between the ends none was read but those that were begun.
    assert len(passed) <= 4
    assert {read[1] for read in disk.reads} >= {1536, 2048}


def test_who_is_in_no_hurry_gets_true_pixels(reading: Reading) -> None:
    disk = Disk(delay_s=0.2)
    level = levels_of(Blocks(disk, reading))[0]
    np.testing.assert_array_equal(np.asarray(level[0, 0, :500, :500]), FINE[:500, :500])


def test_layers_are_drawn_anew_when_pixels_arrive(reading: Reading, qtbot: Any) -> None:
    """napari itself asks in a hurry: this fails if it asks from elsewhere one day."""
    viewer = ViewerModel()
    layers = KeptLayers(viewer)
    reading.fresh.connect(layers.refresh_waiting)
    disk = Disk()
    disk.go_on.clear()
    levels = levels_of(Blocks(disk, reading))
    facts = {"name": "DAPI", "multiscale": True, "contrast_limits": (0, FINE.max())}
    begin = monotonic()
    layers.show([(levels, {**facts, "metadata": {"tmaps": {"channel": "DAPI"}}}, "image")])
    assert monotonic() - begin < 20
    layer = viewer.layers["DAPI"]
    assert isinstance(layer, Image)
    assert levels[0].waiting
    assert not layer._slice.image.raw.any()
    disk.go_on.set()
    qtbot.waitUntil(lambda: not levels[0].waiting)
    shown = layer._slice.image.raw
    np.testing.assert_array_equal(shown, PICTURE[layer.data_level][: len(shown), : shown.shape[1]])


def test_a_fault_of_a_reader_is_no_endless_wait(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_tmaps.gui.blocks._PATIENCE_S", 60)
    disk = Disk()
    disk.plane = lambda *args, **options: 1 / 0  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        Blocks(disk, reading).plane(0, 0, 0, range(9), range(9), hurry=True)


def test_blocks_that_were_given_up_are_read_when_they_are_asked_for_again(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk()
    disk.go_on.clear()
    blocks = Blocks(disk, reading)
    here = 0, 0, 0, range(2100), range(2300)  # more blocks than threads
    blocks.plane(*here, hurry=True)
    reading.drop()
    disk.go_on.set()
    monkeypatch.setattr(reading, "_impatient_until", 0)
    monkeypatch.setattr("napari_tmaps.gui.blocks._PATIENCE_S", 10)
    np.testing.assert_array_equal(blocks.plane(*here, hurry=True), FINE)
