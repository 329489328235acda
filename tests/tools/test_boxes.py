from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.tools.conftest import objects, write

from napari_tmaps.errors import InputError, NotFoundError
from napari_tmaps.store.feature_table import FeatureTable
from napari_tmaps.store.plate_map import PlateMap
from napari_tmaps.tools.boxes import boxes, conditions


@pytest.fixture
def table(store):
    frame = objects(each=201)
    frame.loc[0, "Noise"] = 50.0  # far out
    frame.loc[1, "Noise"] = np.nan
    write(store, "Nuclei", frame)
    table = FeatureTable(store, "Nuclei")
    wells = pd.DataFrame(
        {
            "plate": "p1",
            "well": ["B02", "B03"],
            "treatment": ["drug", "DMSO"],
            "dose": [10.0, 2.0],
        }
    )
    PlateMap(wells).attach(table)
    return table


def test_boxes_have_quartiles_and_whiskers(table):
    found = boxes(table, "Noise", "treatment")
    assert [box.name for box in found] == ["DMSO", "drug"]
    values = pd.Series(np.asarray(table.column("Noise")))
    for box, own in zip(found, (values[201:], values[:201].dropna()), strict=True):
        quartiles = own.quantile([0.25, 0.5, 0.75]).to_numpy()
        reach = 1.5 * (quartiles[2] - quartiles[0])
        inside = own[own.between(quartiles[0] - reach, quartiles[2] + reach)]
        assert box.count == own.size
        assert (box.first, box.median, box.third) == pytest.approx(tuple(quartiles))
        assert (box.low, box.high) == (inside.min(), inside.max())
    assert found[1].high < 50, "what lies far out is beyond the whisker"


def test_groups_are_in_order_and_only_where_there_is_something(table):
    assert [box.name for box in boxes(table, "Area", "dose")] == ["2", "10"]
    rows = np.arange(402) < 3
    (one,) = boxes(table, "Area", "well", rows=rows)
    assert (one.name, one.count, one.median) == ("B02", 3, 20)
    (one,) = boxes(table, "Area", "well", rows=rows, log=True)
    assert one.median == pytest.approx(np.log10(20))
    assert boxes(table, "Area", "well", rows=np.zeros(402, bool)) == []


def test_what_objects_can_be_grouped_by(table):
    assert conditions(table) == ["plate", "well", "site", "treatment", "dose"]
    with pytest.raises(InputError, match="'Noise' has more than 100 different numbers"):
        boxes(table, "Area", "Noise")
    with pytest.raises(NotFoundError, match="column 'colour'"):
        boxes(table, "Area", "colour")
    with pytest.raises(InputError, match="'well' holds names"):
        boxes(table, "well", "plate")
