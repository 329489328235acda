from __future__ import annotations

import numpy as np
import pytest

from napari_tmaps.errors import NotFoundError
from napari_tmaps.store.feature_table import Categories
from napari_tmaps.store.gates import FilterGate, RangeGate
from napari_tmaps.store.selections import Selection
from napari_tmaps.tools.population import Population, members, populations
from napari_tmaps.tools.values import ToolData


@pytest.fixture
def data(table):
    codes = np.array([0, 0, 1, 1, -1, -1, 1, 1], np.int32)
    table.add("trial:class", lambda _: Categories(codes, ("round", "long")), ("round", "long"))
    table.add("trial:probability", lambda _: np.linspace(0, 1, 8))
    return ToolData(
        table,
        {"odd": Selection(table.index(np.array([0, 6])))},
        {"large": RangeGate(column="Area", low=50, high=90), "old": FilterGate(text="Gone > 1")},
    )


CASES = [
    pytest.param(Population(), "11111111", "All objects", id="all"),
    pytest.param(Population("filter", "Area < 30"), "11000000", "Filter Area < 30", id="filter"),
    pytest.param(Population("gate", "large"), "00001111", "Gate large", id="gate"),
    pytest.param(Population("selection", "odd"), "10000010", "Selection odd", id="selection"),
    pytest.param(Population("class", "long", "trial:class"), "00110011", "trial: long", id="class"),
]


@pytest.mark.parametrize(("population", "expected", "text"), CASES)
def test_members(data, population, expected, text):
    assert "".join(str(int(here)) for here in members(population, data)) == expected
    assert str(population) == text


def test_all_there_are(data):
    assert [str(each) for each in populations(data)] == [
        "All objects", "Gate large", "Gate old", "Selection odd", "trial: round", "trial: long",
    ]  # fmt: skip


GONE = [
    pytest.param(Population("gate", "small"), "gate 'small'", id="gate"),
    pytest.param(Population("selection", "x"), "selection 'x'", id="selection"),
    pytest.param(Population("class", "flat", "trial:class"), "flat", id="class"),
    pytest.param(
        Population("class", "long", "other:class"), "column of classes 'other:class'", id="result"
    ),
    pytest.param(Population("gate", "old"), "The gate cannot be used now|'Gone'", id="column"),
]


@pytest.mark.parametrize(("population", "message"), GONE)
def test_what_is_gone_is_told(data, population, message):
    with pytest.raises(NotFoundError, match=message):
        members(population, data)
