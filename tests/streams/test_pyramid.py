"""Smaller copies of a plane."""

from __future__ import annotations

import numpy as np
import pytest

from napari_tmaps.streams.pyramid import level_shapes, pyramid

# By hand: means of 2 x 2, halves up; at an odd edge the mean of what there is.
EXACT = [
    pytest.param("uint8", [[1, 2], [3, 4]], [[3]], id="half-up"),
    pytest.param("uint8", [[255, 255], [255, 254]], [[255]], id="no-overflow"),
    pytest.param("uint16", [[0, 1, 7]], [[1, 7]], id="one-row"),
    pytest.param("uint16", [[0], [4], [9]], [[2], [9]], id="one-column"),
    pytest.param("int16", [[-1, -2], [-2, -2]], [[-2]], id="negative"),
    pytest.param("int8", [[-128, -128], [-128, 127]], [[-64]], id="int8-range"),
    pytest.param("uint64", [[2**64 - 1] * 2] * 2, [[2**64 - 1]], id="uint64-top"),
    pytest.param("int64", [[-(2**63)] * 3] * 2, [[-(2**63)] * 2], id="int64-bottom"),
    pytest.param("float32", [[0.5, 1.0, 4.0], [0.0, 0.0, 5.0]], [[0.375, 4.5]], id="float"),
    pytest.param("float32", [[3e38] * 2] * 2, [[3e38]], id="float-top"),
]


@pytest.mark.parametrize(("dtype", "plane", "expected"), EXACT)
def test_mean(dtype, plane, expected):
    fine, coarse = pyramid(np.array(plane, dtype), 2)
    assert fine.tolist() == np.array(plane, dtype).tolist()
    assert coarse.dtype == dtype
    assert coarse.tolist() == np.array(expected, dtype).tolist()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "uint32", "int64"])
def test_mean_is_exact_on_random_planes_of_odd_size(dtype):
    limits = np.iinfo(dtype)
    random = np.random.default_rng(1)
    plane = random.integers(limits.min, limits.max, (7, 9), dtype=dtype, endpoint=True)
    wide = np.pad(plane, ((0, 1), (0, 1)), mode="edge").astype(object)
    total = wide[::2, ::2] + wide[1::2, ::2] + wide[::2, 1::2] + wide[1::2, 1::2]
    assert (pyramid(plane, 2)[1].astype(object) == (total + 2) // 4).all()


def test_views_and_read_only_planes():
    plane = np.arange(64, dtype=np.uint16).reshape(8, 8)
    plane.flags.writeable = False
    assert pyramid(plane[::2, ::-2], 2)[1].tolist() == [[14, 10], [46, 42]]


def test_labels_are_never_invented():
    plane = np.array([[5, 9, 0], [9, 9, 9], [7, 9, 8]], np.int32)
    assert pyramid(plane, 3, labels=True)[1].tolist() == [[5, 0], [7, 8]]
    assert pyramid(plane, 3, labels=True)[2].tolist() == [[5]]


SHAPES = [
    pytest.param((256, 256), None, [(256, 256)], id="small"),
    pytest.param((257, 3), None, [(257, 3), (129, 2)], id="odd"),
    pytest.param(
        (2160, 2160), None, [(2160, 2160), (1080, 1080), (540, 540), (270, 270), (135, 135)],
        id="camera",
    ),
    pytest.param((10, 10), 3, [(10, 10), (5, 5), (3, 3)], id="asked-for"),
    pytest.param((4000, 10), 1, [(4000, 10)], id="none"),
]  # fmt: skip


@pytest.mark.parametrize(("size", "levels", "expected"), SHAPES)
def test_level_shapes(size, levels, expected):
    assert level_shapes(*size, levels) == expected


def test_the_smallest_object_stays_as_a_point():
    plane = np.zeros((7, 9), np.int32)
    plane[5, 3], plane[6, 8], plane[1, 1], plane[0, 1] = 7, 9, 2, 3
    levels = pyramid(plane, 4, labels=True, keep_all=True)
    assert [level.shape for level in levels] == [(7, 9), (4, 5), (2, 3), (1, 2)]
    assert set(np.unique(levels[1])) == {0, 3, 7, 9}
    assert levels[2].tolist() == [[3, 0, 0], [7, 0, 9]]
    assert levels[3].tolist() == [[7, 9]]
    assert plane[1, 1] == 2  # nothing is written into the image itself
