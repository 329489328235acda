"""Clumps are cut between the bays of their outline, where they are dark."""

from __future__ import annotations

import numpy as np
import pytest

from napari_tmaps.errors import InputError
from napari_tmaps.measure.concave import concave_points, dark_lines
from napari_tmaps.modules import separate_primary_iterative

# For nuclei of some 40 pixels.
SETTINGS = {"min_area": 1200, "min_area_cut": 400, "min_form_factor": 0.1, "filter_size": 8}


def discs(*circles, shape=(90, 150)):
    y, x = np.indices(shape)
    mask = np.zeros(shape, bool)
    for v, u, radius in circles:
        mask |= (y - v) ** 2 + (x - u) ** 2 <= radius**2
    return mask


PAIR = discs((45, 40, 22), (45, 78, 22))
CHAIN = discs((45, 30, 20), (45, 65, 20), (45, 100, 20))
EVEN = np.full(PAIR.shape, 500, np.uint16)


def halves(labels):
    """Label left and right of each column's middle row, without background."""
    return [int(n) for n in dict.fromkeys(labels[45].tolist()) if n]


def test_two_discs_are_parted_at_their_waist():
    parts = separate_primary_iterative(PAIR, EVEN, **SETTINGS)
    assert halves(parts) == [1, 2]
    areas = np.bincount(parts.ravel())[1:]
    assert abs(areas[0] - areas[1]) <= 60  # a line of 25 pixels beside the middle
    # The line runs through the waist, at x = 59, and is all that is lost.
    lost = np.argwhere(PAIR & (parts == 0))
    assert abs(lost[:, 1] - 59).max() <= 3
    assert not parts[~PAIR].any()


def test_the_cut_follows_the_dark_line():
    """The dark seam leaves the straight way between the bays by six pixels."""
    y, x = np.indices(PAIR.shape)
    seam = 59 + 6 * np.cos(np.clip((y - 45) / 11, -1, 1) * np.pi / 2)
    dark = np.where(np.abs(x - seam) < 2, 100, 1000).astype(np.uint16)
    parts = separate_primary_iterative(PAIR, dark, **SETTINGS)
    lost = np.argwhere(PAIR & (parts == 0))
    middle = lost[np.abs(lost[:, 0] - 45) <= 3]
    assert abs(middle[:, 1] - 65).max() <= 3


@pytest.mark.parametrize(("passes", "count"), [(1, 2), (2, 3), (3, 3)])
def test_each_pass_cuts_once(passes, count):
    parts = separate_primary_iterative(CHAIN, EVEN, cutting_passes=passes, **SETTINGS)
    assert parts.max() == count


WHOLE = [
    pytest.param(PAIR, {"min_area": 5000}, id="too-small"),
    pytest.param(PAIR, {"max_area": 1500}, id="too-large"),
    pytest.param(PAIR, {"max_solidity": 0.5}, id="too-solid"),
    pytest.param(PAIR, {"min_form_factor": 2.0}, id="too-round"),
    pytest.param(PAIR, {"min_area_cut": 1490}, id="parts-too-small"),
    pytest.param(PAIR, {"min_concave_circular_segment": 170.0}, id="bays-too-shallow"),
    pytest.param(PAIR, {"max_concave_radius": 0.1}, id="bays-too-wide"),
    pytest.param(discs((45, 60, 30)), {}, id="disc"),
    pytest.param(discs((45, 60, 30)) & ~discs((45, 85, 15)), {}, id="one-bay"),
    pytest.param(np.zeros(PAIR.shape, bool), {}, id="nothing"),
]


@pytest.mark.parametrize(("mask", "settings"), WHOLE)
def test_what_stays_whole(mask, settings):
    parts = separate_primary_iterative(mask, EVEN, **SETTINGS | settings)
    np.testing.assert_array_equal(parts, mask)


def test_labels_that_touch_are_never_joined():
    labels = np.where(PAIR, 7, 0).astype(np.int32)
    labels[:, 59:][PAIR[:, 59:]] = 3
    parts = separate_primary_iterative(labels, EVEN, **SETTINGS)
    assert halves(parts) == [2, 1]
    assert (parts > 0).sum() == PAIR.sum()


def test_objects_at_the_rim_are_cut_too():
    mask = PAIR[23:, 18:101]
    assert mask[0].any()
    assert mask[:, 0].any()
    parts = separate_primary_iterative(mask, EVEN[23:, 18:101], **SETTINGS)
    assert parts.max() == 2


def test_bays_of_two_discs():
    points = concave_points(PAIR, window=9, smoothing=2.0, max_radius=20.0, min_angle=0.1)
    height = np.sqrt(22**2 - 19**2)
    expected = np.array([[45 - height, 59], [45 + height, 59]])
    assert len(points) == 2
    np.testing.assert_allclose(points[points[:, 0].argsort()], expected, atol=2.5)


def test_a_disc_has_no_bays():
    points = concave_points(
        discs((45, 60, 30)), window=9, smoothing=4.0, max_radius=20.0, min_angle=0.1
    )
    assert points.shape == (0, 2)


def test_lines_join_all_pairs_of_points():
    mask = np.zeros((5, 9), bool)
    mask[1:4, 1:8] = True
    points = np.array([[2, 1], [2, 7], [1, 4]])
    lines = dark_lines(np.ones((5, 9), np.uint16), mask, points)
    ends = [(tuple(line[0]), tuple(line[-1])) for line in lines]
    assert ends == [((2, 1), (2, 7)), ((2, 1), (1, 4)), ((2, 7), (1, 4))]
    assert lines[0].tolist() == [[2, x] for x in range(1, 8)]


def test_images_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="'intensity_image' has"):
        separate_primary_iterative(PAIR, EVEN[1:])
    with pytest.raises(InputError, match="float64"):
        separate_primary_iterative(PAIR, EVEN / 2)
