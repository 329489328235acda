from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_tmaps.store.feature_table import FeatureTable
from napari_tmaps.store.features import FeatureStore


def write(store, object_type, frame):
    """A table of features as the analysis leaves it; `frame` has plate, well, site, t, label."""
    part = store.root.parent / "part.parquet"
    store.write_part(part, [frame])
    done = frame[["plate", "well", "site"]].drop_duplicates().itertuples(index=False)
    store.collect(object_type, [part], [tuple(row) for row in done])


def objects(wells=("B02", "B03"), each=4, plate="p1", seed=0):
    """`each` objects in site 1 of each well; Area counts from 10 in steps of 10."""
    rows = [(plate, well, 1, 0, label) for well in wells for label in range(1, each + 1)]
    frame = pd.DataFrame(rows, columns=["plate", "well", "site", "t", "label"])
    random = np.random.default_rng(seed)
    frame["Area"] = 10.0 * np.arange(1, len(frame) + 1)
    frame["Noise"] = random.normal(size=len(frame))
    frame["mean-Radius"] = random.random(len(frame))
    frame["is_border"] = frame["label"] == 1
    return frame


@pytest.fixture
def store(tmp_path):
    return FeatureStore(tmp_path / "features")


@pytest.fixture
def table(store):
    """Eight objects in wells B02 and B03, areas 10 … 80; the area of the third is missing."""
    frame = objects()
    frame.loc[2, "Area"] = np.nan
    write(store, "Nuclei", frame)
    return FeatureTable(store, "Nuclei")
