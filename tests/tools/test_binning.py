from __future__ import annotations

import numpy as np
import pytest
from tests.tools.conftest import objects, write

from napari_tmaps.errors import InputError
from napari_tmaps.store.feature_table import FeatureTable
from napari_tmaps.tools.binning import density, histogram


def test_histogram_and_density_count_as_numpy_does(store):
    frame = objects(each=500)
    frame.loc[3, "Area"] = np.nan
    frame.loc[4, "Noise"] = np.inf
    write(store, "Nuclei", frame)
    table = FeatureTable(store, "Nuclei")
    whole = frame.drop(index=[3, 4])
    counts, edges = histogram(table, "Area", bins=37)
    assert counts.tolist() == np.histogram(frame["Area"].drop(index=3), bins=37)[0].tolist()
    np.testing.assert_allclose(edges, np.linspace(10, 10000, 38))
    picture = density(table, "Area", "Noise", bins=(20, 30))
    expected, _, _ = np.histogram2d(
        whole["Noise"], whole["Area"], bins=(picture.y_edges, picture.x_edges)
    )
    assert picture.counts.tolist() == expected.astype(int).tolist()
    assert picture.counts.sum() == 998
    rows = np.zeros(1000, bool)
    rows[:10] = True
    assert histogram(table, "Area", bins=2, limits=(0, 60), rows=rows).counts.tolist() == [2, 3]


def test_columns_that_cannot_be_plotted(store):
    frame = objects().assign(Flat=5.0, Empty=np.nan)
    write(store, "Nuclei", frame)
    table = FeatureTable(store, "Nuclei")
    flat = histogram(table, "Flat", bins=3)
    assert flat.counts.tolist() == [0, 8, 0]
    with pytest.raises(InputError, match="'Empty' has no number"):
        histogram(table, "Empty")
    with pytest.raises(InputError, match="'well' holds names"):
        density(table, "well", "Area")
    with pytest.raises(InputError, match="first must be the smaller"):
        histogram(table, "Flat", limits=(2, 2))


def test_logarithms(store):
    frame = objects(each=50)
    frame["Area"] = 10.0 ** np.arange(100).clip(0, 5)
    frame.loc[:9, "Area"] = -1
    write(store, "Nuclei", frame)
    table = FeatureTable(store, "Nuclei")
    counts, edges = histogram(table, "Area", bins=2, limits=(4, 6), log=True)
    assert counts.tolist() == [0, 90]
    assert edges.tolist() == [4, 5, 6]
    picture = density(table, "Area", "Noise", bins=(1, 2), x_limits=(4, 6), log_x=True)
    assert picture.counts.tolist() == [[0, 90]]
    with pytest.raises(InputError, match="no logarithm"):
        histogram(table, "Area", rows=np.arange(100) < 10, log=True)
