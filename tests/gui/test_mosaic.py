"""A mosaic is what one gets by pasting the images, and reads no more than it must."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_tmaps.errors import FormatError
from napari_tmaps.gui.mosaic import Mosaic, Stack, levels_of
from napari_tmaps.model.arrange import Tiles

SIZE = 8


def image(place: int, t: int, z: int) -> np.ndarray:
    return np.arange(SIZE * SIZE, dtype=np.uint16).reshape(SIZE, SIZE) + 1000 * place + 100 * t + z


class Reads:
    """Counts what is read; image 2 is missing, image 3 damaged."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int, int, int]] = []

    def __call__(self, place: int, level: int, t: int, z: int, y: slice, x: slice) -> Any:
        self.calls.append((place, level, t, z))
        if place == 2:
            return None
        if place == 3:
            raise FormatError("image 3 is damaged")
        step = 2**level
        return image(place, t, z)[::step, ::step][y, x]


def tiles(count: int) -> Tiles:
    """Images side by side, with two empty columns between."""
    one = np.ones(count, np.int64)
    left = np.arange(count) * (SIZE + 2)
    return Tiles(np.arange(count), 0 * one, left, SIZE * one, SIZE * one)


def pasted(count: int, t: int, z: int) -> np.ndarray:
    whole = np.zeros((SIZE, count * (SIZE + 2) - 2), np.uint16)
    for place in range(count):
        if place not in (2, 3):
            whole[:, place * (SIZE + 2) : place * (SIZE + 2) + SIZE] = image(place, t, z)
    return whole


def make(count: int = 3, problems: list[str] | None = None, **options: Any) -> tuple[Mosaic, Reads]:
    reads = Reads()
    stack = Stack(np.dtype(np.uint16), options.get("factors", ((1, 1),)), reads)
    told = [] if problems is None else problems
    return Mosaic(stack, tiles(count), 2, 3, told.append), reads


def test_the_whole_is_the_images_pasted() -> None:
    level = levels_of(make()[0])[0]
    assert level.shape == (2, 3, SIZE, 28)
    assert level.dtype == np.uint16
    expected = np.stack([[pasted(3, t, z) for z in range(3)] for t in range(2)])
    np.testing.assert_array_equal(np.asarray(level), expected)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param((0, 1), id="plane"),
        pytest.param((slice(None), slice(None), slice(2, 5), slice(6, 13)), id="window"),
        pytest.param((1, slice(0, 2), slice(None, None, 3), slice(None, None, -2)), id="steps"),
        pytest.param((-1, -1, 3), id="row from the end"),
        pytest.param((Ellipsis, 5), id="ellipsis"),
        pytest.param((0, 0, slice(4, 4)), id="nothing"),
        pytest.param((0, 0, np.int64(2), slice(1, 9)), id="numpy integer"),
        pytest.param((0, 0, [1, 3]), id="list"),
    ],
)
def test_cut_like_an_array(key: Any) -> None:
    level = levels_of(make()[0])[0]
    expected = np.asarray(level)[key]
    assert level[key].shape == expected.shape
    np.testing.assert_array_equal(np.asarray(level[key]), expected)


def test_cutting_reads_nothing_and_looking_reads_one_plane() -> None:
    mosaic, reads = make()
    part = levels_of(mosaic)[0][:, :, 0:4, 0:4][1, 2]
    assert reads.calls == []
    np.asarray(part)
    assert {call[2:] for call in reads.calls} == {(1, 2)}


def test_a_large_plane_is_read_only_where_one_looks() -> None:
    reads = Reads()
    far = Tiles(
        np.array([0, 1]), np.zeros(2, np.int64), np.array([0, 60_000]), *np.full((2, 2), 80)
    )
    mosaic = Mosaic(Stack(np.dtype(np.uint16), ((1, 1),), reads), far, 1, 1, pytest.fail)
    np.asarray(levels_of(mosaic)[0][0, 0, 0:8, 60_000:60_008])
    assert [call[0] for call in reads.calls] == [1]


def test_coarser_levels_go_on_until_the_window_holds_them() -> None:
    reads = Reads()
    far = Tiles(np.array([0, 1]), np.zeros(2, np.int64), np.array([0, 4088]), *np.full((2, 2), 8))
    stack = Stack(np.dtype(np.uint16), ((1, 1), (2, 2)), reads)
    levels = levels_of(Mosaic(stack, far, 1, 1, pytest.fail))
    assert [level.shape[-2:] for level in levels] == [(8, 4096), (4, 2048), (2, 1024)]
    # The stored level 1 holds every second pixel; the next is the mean of 2 × 2 of those.
    stored = image(0, 0, 0)[::2, ::2].astype(float)
    mean = stored.reshape(2, 2, 2, 2).mean(axis=(1, 3))
    np.testing.assert_array_equal(np.asarray(levels[2][0, 0, :, :2]), np.floor(mean + 0.5))


def test_coarse_labels_are_never_invented() -> None:
    def read(place: int, level: int, t: int, z: int, y: slice, x: slice) -> np.ndarray:
        return (np.arange(64, dtype=np.int32).reshape(8, 8) % 2 * 90 + 5)[y, x]

    far = Tiles(np.array([0, 1]), np.zeros(2, np.int64), np.array([0, 2040]), *np.full((2, 2), 8))
    stack = Stack(np.dtype(np.int32), ((1, 1),), read, labels=True)
    coarsest = levels_of(Mosaic(stack, far, 1, 1, pytest.fail))[-1]
    assert set(np.unique(coarsest)) <= {0, 5, 95}


def test_a_damaged_image_is_told_once_and_left_out() -> None:
    problems: list[str] = []
    mosaic, _ = make(4, problems)
    level = levels_of(mosaic)[0]
    np.testing.assert_array_equal(np.asarray(level[0, 0]), pasted(4, 0, 0))
    np.asarray(level[1, 1])
    assert problems == ["image 3 is damaged"]


def test_no_view_without_a_copy() -> None:
    with pytest.raises(ValueError, match="copy"):
        np.asarray(levels_of(make()[0])[0], copy=False)


def test_too_many_indices() -> None:
    with pytest.raises(IndexError, match="5 indices"):
        levels_of(make()[0])[0][0, 0, 0, 0, 0]
