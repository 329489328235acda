"""Objects keep their numbers while their outlines change."""

from __future__ import annotations

import numpy as np

from napari_tmaps.measure.stable import carry_over


def row(text):
    return np.array([[int(c) for c in text]], np.int32)


def test_numbers_are_kept():
    before = row("0077700055500")
    after = row("1022220333301")
    np.testing.assert_array_equal(carry_over(after, before), row("8077770555508"))


def test_of_two_parts_the_first_keeps_the_number():
    np.testing.assert_array_equal(carry_over(row("0110220"), row("0444440")), row("0440550"))


def test_same_labels_stay():
    labels = np.random.default_rng(0).integers(0, 9, (20, 30)).repeat(4, 0).repeat(4, 1)
    labels = labels.astype(np.int32)
    blocks = np.zeros((40, 40), np.int32)
    blocks[2:9, 3:12], blocks[20:30, 10:39] = 3, 9
    np.testing.assert_array_equal(carry_over(blocks, blocks), blocks)
    # whatever the numbers, the partition is the same
    pairs = np.unique(np.stack([labels.ravel(), carry_over(labels, labels).ravel()]), axis=1)
    assert pairs.shape[1] == 9


def test_nothing_to_carry_over():
    empty, some = row("000"), row("011")
    assert carry_over(empty, some) is empty
    assert carry_over(some, np.zeros((2, 2), np.int32)) is some
    np.testing.assert_array_equal(carry_over(some, empty), row("011"))
