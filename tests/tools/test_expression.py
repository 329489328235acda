from __future__ import annotations

import pytest

from napari_tmaps.errors import InputError, NotFoundError
from napari_tmaps.tools.expression import parse

CASES = [
    pytest.param("Area > 50", [6, 7, 8], id="greater"),
    pytest.param("20 < Area <= 50", [4, 5], id="chain"),
    pytest.param("well == 'B02' and not is_border", [2, 3, 4], id="text and boolean"),
    pytest.param("'B02' != well", [5, 6, 7, 8], id="text first"),
    pytest.param("label in (1, 2) and well in ('B03', 'X')", [5, 6], id="in"),
    pytest.param("label not in [1, 2, 3]", [4, 8], id="not in"),
    pytest.param("isnan(Area)", [3], id="missing"),
    pytest.param("Area != 10", [2, 4, 5, 6, 7, 8], id="missing is not another value"),
    pytest.param("Area / 10 - label == 4 or sqrt(label) == 2", [4, 5, 6, 7, 8], id="arithmetic"),
    pytest.param("`mean-Radius` >= 0 and -label < -3", [4, 8], id="backquotes"),
    pytest.param("label ** 2 > 15", [4, 8], id="power"),
    pytest.param("1 / (label - 1) > 0.9 and label < 3", [1, 2, 5, 6], id="division by zero"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_filters(table, text, expected):
    found = parse(text).evaluate(table)
    assert [n + 1 for n in range(8) if found[n]] == expected


def test_columns_of_a_filter():
    assert parse("Area > 2 and log(`a-b`) < Area").columns == ("Area", "a-b")


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true') == 0",
        "Area.__class__ == 1",
        "(lambda: 1)() == 1",
        "[n for n in (1, 2)] == 1",
        "Area[0] > 1",
        "open('x') == 1",
        "Area is 3",
        "Area in label",
        "Area > None",
        "log == 3",
        "log(Area, 2) > 1",
        "f'{Area}' == 'x'",
    ],
)
def test_nothing_but_conditions_is_followed(text):
    with pytest.raises(InputError, match="cannot stand in the filter"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        pytest.param("Area >", "cannot be read", id="syntax"),
        pytest.param("(" * 60 + "Area" + ")" * 60 + " +", "cannot be read", id="deep brackets"),
        pytest.param("-" * 60 + "Area > 1", "nested too deeply", id="deep"),
        pytest.param("A" * 10_001, "longer than", id="long"),
    ],
)
def test_filters_that_cannot_be_read(text, match):
    with pytest.raises(InputError, match=match):
        parse(text)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        pytest.param("Area + 1", "is no condition but a number", id="number"),
        pytest.param("Area and label > 1", "'Area' in the filter .* is no condition", id="part"),
        pytest.param("well > 'B02'", "names can only be compared", id="order of names"),
        pytest.param("well == 3", "names can only be compared", id="name and number"),
        pytest.param("Area == 'big'", "names can only be compared", id="number and name"),
        pytest.param("log(well) > 1", "names can only be compared", id="function of names"),
    ],
)
def test_filters_that_do_not_fit_the_columns(table, text, match):
    with pytest.raises(InputError, match=match):
        parse(text).evaluate(table)


def test_a_column_that_is_not_there(table):
    with pytest.raises(NotFoundError, match="Did you mean 'Area'"):
        parse("Aera > 1").evaluate(table)
