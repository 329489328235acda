"""How well found objects agree with true ones."""

from __future__ import annotations

import numpy as np
import pytest

from napari_tmaps.errors import InputError
from napari_tmaps.measure.agreement import object_f1


def row(text: str) -> np.ndarray:
    """Labels of one row of pixels, a digit each."""
    return np.array([[int(digit) for digit in text]], np.uint16)


CASES = [
    pytest.param("0110", "0770", 0.5, (1, 1, 1), id="same-pixels-other-number"),
    pytest.param("0110", "0000", 0.5, (0, 0, 0), id="nothing-found"),
    pytest.param("0000", "0110", 0.5, (0, 0, 0), id="found-where-nothing-is"),
    pytest.param("0000", "0000", 0.5, (1, 1, 1), id="both-empty"),
    pytest.param("1111", "2222", 1.0, (1, 1, 1), id="no-background"),
    # 2 of 4 pixels shared: exactly one half
    pytest.param("1111", "1100", 0.5, (1, 1, 1), id="half-is-enough"),
    pytest.param("1111", "1100", 0.51, (0, 0, 0), id="half-is-too-little"),
    # one true object in two halves: only one of them can match
    pytest.param("1111", "1122", 0.5, (2 / 3, 1 / 2, 1), id="split"),
    # two true objects of 3 and 2 pixels found as one of 5: 3/5 matches, 2/5 does not
    pytest.param("11122", "33333", 0.5, (2 / 3, 1, 1 / 2), id="merged"),
    pytest.param("1102203303", "1102200004", 0.5, (2 / 3, 2 / 3, 2 / 3), id="mixed"),
    # 1 overlaps A (2/4) and B (2/5), 2 overlaps A (1/4) alone: only 1-B, 2-A pairs both
    pytest.param("1111200", "3300000", 0.25, (2 / 3, 1, 1 / 2), id="low-overlap"),
    pytest.param("1112", "3344", 0.3, (1, 1, 1), id="most-pairs-count"),
]


@pytest.mark.parametrize(("truth", "found", "iou", "expected"), CASES)
def test_scores(truth, found, iou, expected):
    assert object_f1(row(truth), row(found), iou) == pytest.approx(expected)


def test_most_pairs_count_where_greedy_would_fail():
    # truth 1: pixels 0-5, truth 2: 6-7; found 3: pixels 2-7 shares 4/8 with 1 and 2/6 with 2,
    # found 4: pixels 0-1 shares 2/6 with 1 alone. The best single pair (1-3) would leave 4 out.
    truth, found = row("11111122"), row("44333333")
    assert object_f1(truth, found, 0.3) == (1, 1, 1)


REFUSED = [
    pytest.param(np.zeros((2, 3), int), np.zeros((3, 2), int), 0.5, r"\(2, 3\)", id="shapes"),
    pytest.param(np.zeros((2, 2)), np.zeros((2, 2), int), 0.5, "float64", id="floats"),
    pytest.param(np.zeros((2, 2), int), np.zeros((2, 2), bool), 0.5, "bool", id="mask"),
    pytest.param(np.zeros((2, 2), int), np.zeros((2, 2), int), 0, "overlap of 0", id="zero"),
    pytest.param(np.zeros((2, 2), int), np.zeros((2, 2), int), 1.5, "1.5", id="above-one"),
]


@pytest.mark.parametrize(("truth", "found", "iou", "message"), REFUSED)
def test_refused(truth, found, iou, message):
    with pytest.raises(InputError, match=message):
        object_f1(truth, found, iou)
