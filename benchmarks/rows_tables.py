"""Tables of many objects, against pandas and scikit-learn."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from napari_tmaps.model.wells import WellName
from napari_tmaps.store.feature_table import FeatureTable
from napari_tmaps.store.features import FeatureStore
from napari_tmaps.store.gates import make_gate
from napari_tmaps.tools import classifiers
from napari_tmaps.tools.binning import density
from napari_tmaps.tools.binning import histogram as binned
from napari_tmaps.tools.gating import objects_in
from timing import Contest

_TYPE = "Nuclei"


@cache
def _plate(folder: Path, full: bool) -> FeatureStore:
    """A plate of 384 wells: 10^6 objects of 10 features (full: 10^7 of 50)."""
    store = FeatureStore(folder / "features")
    rows, features = (26_042, 50) if full else (2_605, 10)
    random = np.random.default_rng(0)
    values = random.normal(size=rows)
    for n in range(384):
        well = str(WellName.at(n // 24, n % 24))
        columns: dict[str, Any] = {
            "plate": pa.array(["plate"] * rows),
            "well": pa.array([well] * rows),
            "site": np.repeat(np.arange(1, 10), -(-rows // 9))[:rows],
            "t": np.zeros(rows, np.int64),
            "label": np.arange(1, rows + 1, dtype=np.int32),
        }
        columns |= {f"F{f}": np.roll(values, 31 * f + n) + n for f in range(features)}
        path = store.root / _TYPE / "plate=plate" / f"{well}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), path)
    return store


def opening(folder: Path, full: bool) -> Contest:
    """Until columns and number of objects are known."""
    store = _plate(folder, full)
    files = store.files(_TYPE)

    def peer() -> int:
        return sum(len(pd.read_parquet(file, partitioning=None)) for file in files[::16])

    return Contest(
        "pandas.read_parquet of all columns",
        lambda: len(FeatureTable(store, _TYPE)),
        peer,
        accuracy=lambda ours, theirs: float(ours == theirs * 16),
        accuracy_is="1 if the numbers of objects are the same",
        peer_share=1 / 16,
    )


def histogram(folder: Path, full: bool) -> Contest:
    """Of a column that was not read before, from disk to counts."""
    store = _plate(folder, full)
    table = FeatureTable(store, _TYPE, memory_mb=0)

    def ours() -> Any:
        table.column("site")  # pushes out what the last round read
        return binned(table, "F1", bins=100).counts

    def peer() -> Any:
        frames = [
            pd.read_parquet(file, columns=["F1"], partitioning=None) for file in store.files(_TYPE)
        ]
        return np.histogram(pd.concat(frames)["F1"], bins=100)[0]

    return Contest(
        "pandas.read_parquet of the column, numpy.histogram",
        ours,
        peer,
        accuracy=lambda a, b: float(np.abs(a - b).max() / b.max()),
        accuracy_is="largest difference, of the highest bar",
    )


def density_plot(folder: Path, full: bool) -> Contest:
    """A density picture of two columns that are in memory."""
    table = FeatureTable(_plate(folder, full), _TYPE)
    x, y = (table.numbers(name) for name in ("F1", "F2"))

    def ours() -> Any:
        return density(table, "F1", "F2", bins=(256, 256)).counts

    def peer() -> Any:
        return np.histogram2d(y, x, bins=(256, 256))[0]

    return Contest(
        "numpy.histogram2d",
        ours,
        peer,
        accuracy=lambda a, b: float(np.abs(a - b).max() / b.max()),
        accuracy_is="largest difference, of the highest count",
        clock="cpu",
    )


def gate(folder: Path, full: bool) -> Contest:
    """Which objects lie in a lasso of 12 corners, columns in memory."""
    from skimage.measure import points_in_poly

    table = FeatureTable(_plate(folder, full), _TYPE)
    x, y = (table.numbers(name) for name in ("F1", "F2"))
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    corners = np.column_stack([200 + 100 * np.cos(angles), 200 + 80 * np.sin(angles)])
    lasso = make_gate({"kind": "polygon", "x": "F1", "y": "F2", "vertices": corners.tolist()})
    points = np.column_stack([x, y])
    return Contest(
        "skimage.measure.points_in_poly",
        lambda: objects_in(lasso, table),
        lambda: points_in_poly(points, corners),
        accuracy=lambda a, b: float(np.mean(a != b)),
        accuracy_is="share of objects that differ",
        clock="cpu",
    )


def classifier(folder: Path, full: bool) -> Contest:
    """Forest of 200 examples, 100 features; probabilities of 10^5 (full: 10^6) objects."""
    from sklearn.ensemble import RandomForestClassifier

    random = np.random.default_rng(0)
    codes = np.repeat([0, 1], 100)
    examples = random.normal(size=(100, 200)).astype(np.float32)
    examples[:5] += codes
    objects = random.normal(size=(100, 1_000_000 if full else 100_000)).astype(np.float32)
    trained = classifiers.train("random_forest", examples, codes, 0)
    forest = RandomForestClassifier(100, class_weight="balanced", random_state=0, n_jobs=1)
    forest.fit(examples.T, codes)
    rows = np.ascontiguousarray(objects.T)
    return Contest(
        "RandomForestClassifier.predict_proba",
        lambda: classifiers.predict("random_forest", trained, objects),
        lambda: forest.predict_proba(rows),
        accuracy=lambda a, b: float(np.abs(a - b).max()),
        accuracy_is="largest difference of a probability",
        clock="cpu",
    )
