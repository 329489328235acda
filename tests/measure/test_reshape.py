from __future__ import annotations

import numpy as np

from napari_tmaps.measure.reshape import delete, merge, split, touched


def image():
    labels = np.zeros((7, 12), np.int32)
    labels[1:6, 1:6] = 3
    labels[2:5, 8:11] = 5
    return labels


def test_a_line_cuts_without_a_gap_and_the_larger_piece_keeps_its_label():
    cut = split(image(), (0, 2), (6, 2), 9)
    wanted = image()
    wanted[1:6, 1] = 9
    # The column under the line goes to one of the pieces, and no pixel is lost.
    assert ((cut == 3) | (cut == 9))[1:6, 1:6].all()
    assert np.array_equal(cut != 0, image() != 0)
    assert (cut == 9).sum() in (5, 10)
    assert (cut == 3).sum() > (cut == 9).sum()
    assert np.array_equal(cut == 5, image() == 5)


def test_a_line_that_ends_within_an_object_leaves_it_whole():
    assert np.array_equal(split(image(), (0, 3), (3, 3), 9), image())
    assert np.array_equal(split(image(), (0, 0), (0, 11), 9), image())


def test_one_line_cuts_several_objects():
    cut = split(image(), (3, -5), (3, 20), 9)
    assert set(np.unique(cut)) == {0, 3, 5, 9, 10}
    assert np.array_equal(cut != 0, image() != 0)


def test_objects_are_joined_and_deleted():
    assert touched(image(), (3, 2), (3, 9)) == [3, 5]
    assert touched(image(), (3, 9), (3, 2)) == [5, 3]
    assert np.array_equal(merge(image(), (3, 9), (3, 2)), np.where(image() > 0, 5, 0))
    assert np.array_equal(merge(image(), (0, 0), (0, 1)), image())
    assert np.array_equal(delete(image(), (3, 9), (3, 9)), np.where(image() == 3, 3, 0))
    assert not delete(image(), (3, 2), (3, 9)).any()
    assert touched(image(), (-9, -9), (-1, -1)) == []
