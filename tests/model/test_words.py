from __future__ import annotations

import pytest

from napari_tmaps.model.words import short_number, time_in_words

NUMBERS = [(0.32512, "0.3251"), (427.61, "427.6"), (10001.5, "10,002"), (-25000, "-25,000")]


@pytest.mark.parametrize(("value", "expected"), [*NUMBERS, (12345678.0, "1.235e+07"), (0, "0")])
def test_numbers_are_short_and_plain(value, expected):
    assert short_number(value) == expected


def test_time_points():
    assert (time_in_words(3), time_in_words(None)) == ("t = 3", "all time points")
