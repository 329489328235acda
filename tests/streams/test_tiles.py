"""Planes put into tiles come out as they were."""

from __future__ import annotations

import numpy as np
import pytest

from napari_tmaps.streams.tiles import Pixels, block_shape

TILES = (2, 3, 4, 5)
PLANE = np.arange(8 * 15).reshape(8, 15)


def _read_only(plane: np.ndarray) -> np.ndarray:
    plane.flags.writeable = False
    return plane


FRAMES = [
    pytest.param(lambda plane: plane, id="plain"),
    pytest.param(_read_only, id="read-only"),
    pytest.param(np.asfortranarray, id="columns first"),
    pytest.param(lambda plane: plane[::-1, ::-1], id="flipped"),
    pytest.param(lambda plane: np.pad(plane, 3)[3:-3, 3:-3], id="cut out"),
]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float64"])
@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("block", [(), (2,), (2, 3)])
def test_planes_come_out_as_they_were(frame, dtype, block):
    pixels = Pixels(np.zeros(block_shape(block, (8, 15), TILES), dtype), TILES)
    last = tuple(size - 1 for size in block)
    pixels.put(last, frame(PLANE.astype(dtype)))
    assert (pixels.take(last) == frame(PLANE.astype(dtype))).all()
    if block:
        assert not pixels.take((0,) * len(block)).any()
    assert sorted(pixels.sample(last, 1).ravel()) == PLANE.ravel().tolist()
    pixels.put(last, 0)
    assert not pixels.array.any()


def test_tiles_follow_each_other_in_memory():
    pixels = Pixels(np.zeros(TILES, np.uint8), TILES)
    pixels.put((), PLANE.astype(np.uint8))
    assert pixels.array[1, 2].tolist() == PLANE[4:8, 10:15].tolist()
