from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_tmaps.vendors.preview import preview

NAMES = [
    f"img/{well}_s{site}_w{w}.tif" for well in ("B03", "C11") for site in (1, 2, 10) for w in (1, 2)
]
PATTERN = r"(?P<w>[A-H]\d\d)_s(?P<site>\d+)_w(?P<c>\d)"


def test_names_that_match():
    result = preview([*NAMES, "readme.txt"], PATTERN, seconds=60)
    assert (result.names, result.looked_at, result.matched, result.unmatched) == (13, 13, 12, 1)
    assert result.examples[0] == ("img/B03_s1_w1.tif", {"well": "B03", "site": "1", "channel": "1"})
    assert len(result.examples) == 8
    assert result.unmatched_examples == ("readme.txt",)
    assert result.values == {
        "well": ("B03", "C11"),
        "site": ("1", "2", "10"),
        "channel": ("1", "2"),
    }
    assert result.problems == ()


PROBLEMS = [
    pytest.param("(?P<well>[A-H", "no regular expression", id="unfinished"),
    pytest.param("(?P<wel>.)", "unknown group 'wel'", id="group"),
    pytest.param("", "no named groups", id="empty"),
    pytest.param("(?P<well>X99)", "No name matches", id="nothing"),
    pytest.param(r"(?P<well>\w)(?P<site>\d+)_s", "'B' is no well name", id="well"),
    pytest.param(r"(?P<site>[A-H]\d\d)", "'B03' is taken for the site", id="number"),
    pytest.param(r"(?P<row>_)(?P<column>s\d)", "'_' is taken for the row", id="row"),
    pytest.param(r"(?P<well>[A-H]\d\d)_s(?P<site>\d+)", "would be the same plane", id="same"),
    pytest.param(r"(?P<site>\d+)_w(?P<c>\d)", "does not tell well A01", id="assumed"),
]


@pytest.mark.parametrize(("pattern", "message"), PROBLEMS)
def test_problems_are_told_not_raised(pattern, message):
    assert message in " ".join(preview(NAMES, pattern, seconds=60).problems)


def test_groups_that_take_no_part_do_not_match():
    result = preview(["B03.tif", "x.tif"], r"(?P<well>B03)?\w*\.tif", seconds=60)
    assert (result.matched, result.unmatched) == (1, 1)


def test_without_time_some_evenly_spread_names_are_seen():
    names = [f"B03_s{n}_w1.tif" for n in range(50_000)]
    result = preview(names, PATTERN, seconds=0)
    assert 0 < result.looked_at < 1000
    assert result.matched == result.looked_at
    seen = [int(text) for text in result.values["site"]]
    assert max(seen) - min(seen) > 49_000
    assert preview(names, PATTERN, seconds=60).looked_at == 50_000


def test_no_names():
    assert preview([], PATTERN).problems == ("No name matches.",)


@given(st.text(max_size=40))
def test_anything_may_be_typed(pattern):
    preview(["B03_s1_w1.tif"], pattern)
