"""Wells of a time lapse, with numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.tools.conftest import write

from napari_tmaps.errors import InputError
from napari_tmaps.store.export_wells import well_table
from napari_tmaps.store.feature_table import FeatureTable
from napari_tmaps.store.plate_map import PlateMap
from napari_tmaps.tools import TOOLS
from napari_tmaps.tools.boxes import boxes, conditions
from napari_tmaps.tools.values import ToolData
from napari_tmaps.tools.wells import aggregate_wells

AREAS = {
    "B02": {0: (10, 20, 60), 1: (5, 15), 3: (100,)},
    "B03": {0: (1,), 1: (2, 4)},
}


@pytest.fixture
def table(store):
    rows = [
        ("p1", well, 1, t, n + 1, float(area))
        for well, times in AREAS.items()
        for t, areas in times.items()
        for n, area in enumerate(areas)
    ]
    names = ["plate", "well", "site", "t", "label", "Area"]
    write(store, "Cells", pd.DataFrame(rows, columns=names))
    return FeatureTable(store, "Cells")


def test_the_table_knows_how_long_it_is(table):
    assert table.times == 4


def test_a_time_point_or_all_together(table):
    def value(aggregate, t=None):
        return aggregate_wells(table, "Area", aggregate, t=t)["value"].tolist()

    assert value("mean", 0) == [30, 1]
    assert value("mean", 1) == [10, 3]
    assert value("median") == [17.5, 2]
    assert value("count", 0) == [3, 1]
    # Objects of three time points: 0, 1 and 3.
    assert value("count") == [6 / 3, 3 / 3]
    late = aggregate_wells(table, "Area", "mean", t=3)
    assert late["objects"].tolist() == [1, 0]
    assert late["value"][0] == 100
    assert np.isnan(late["value"][1])


def test_wells_over_time_are_a_row_each(table):
    found = well_table(table, aggregate="mean", over_time=True)
    assert list(found) == ["plate", "well", "t", "objects", "Area"]
    assert found["well"].tolist() == ["B02"] * 3 + ["B03"] * 3
    assert found["t"].tolist() == [0, 1, 3] * 2
    assert found["objects"].tolist() == [3, 2, 1, 1, 2, 0]
    assert found["Area"].tolist()[:5] == [30, 10, 100, 1, 3]
    assert np.isnan(found["Area"][5]), "nothing was there at that time"
    rows = table.numbers("Area") > 4.5
    assert well_table(table, over_time=True, rows=rows)["objects"].tolist() == [3, 2, 1, 0, 0, 0]


def test_boxes_by_time_point(table):
    assert conditions(table) == ["plate", "well", "site", "t"]
    found = boxes(table, "Area", "t")
    assert [(box.name, box.count, box.median) for box in found] == [
        ("0", 4, 15.0), ("1", 4, 4.5), ("3", 1, 100.0),
    ]  # fmt: skip


def test_hits_of_a_time_point(table):
    wells = pd.DataFrame({"plate": "p1", "well": ["B02", "B03"], "control": ["", "negative"]})
    PlateMap(wells).attach(table)
    tool = TOOLS["assay"]

    def values(**settings):
        found = tool.function(ToolData(table), **tool.validate({"feature": "Area", **settings}))
        return dict(zip(found.wells["well"], found.wells["value"], strict=True))

    assert values(aggregate="mean", time_point=1) == {"B02": 10, "B03": 3}
    assert values(aggregate="mean") == {"B02": 35, "B03": pytest.approx(7 / 3)}
    with pytest.raises(InputError, match=r"no objects at time point 2.*: 0, 1, 3\."):
        values(time_point=2)
