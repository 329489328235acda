"""Tables of many objects, against pandas and scikit-learn."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from napari_tmaps.gui.map_colours import ObjectPlaces, ObjectValues
from napari_tmaps.gui.object_index import index_of
from napari_tmaps.model.wells import WellName
from napari_tmaps.store.feature_table import FeatureTable
from napari_tmaps.store.features import FeatureStore
from napari_tmaps.store.gates import Gate, make_gate
from napari_tmaps.tools import classifiers
from napari_tmaps.tools.binning import density
from napari_tmaps.tools.binning import histogram as binned
from napari_tmaps.tools.gating import objects_in
from timing import Contest

_TYPE = "Nuclei"
_WINDOW = (1000, 1600)
_ACROSS = 4  # pixels of the screen of one object, where a whole plate is seen


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


def _lasso() -> tuple[np.ndarray[Any, Any], Gate]:
    """Corners of a lasso in F1 and F2, and its gate."""
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    corners = np.column_stack([200 + 100 * np.cos(angles), 200 + 80 * np.sin(angles)])
    about = {"kind": "polygon", "x": "F1", "y": "F2", "vertices": corners.tolist()}
    return corners, make_gate(about)


def gate(folder: Path, full: bool) -> Contest:
    """Which objects lie in a lasso of 12 corners, columns in memory."""
    from skimage.measure import points_in_poly

    table = FeatureTable(_plate(folder, full), _TYPE)
    points = np.column_stack([table.numbers(name) for name in ("F1", "F2")])
    corners, lasso = _lasso()
    return Contest(
        "skimage.measure.points_in_poly",
        lambda: objects_in(lasso, table),
        lambda: points_in_poly(points, corners),
        accuracy=lambda a, b: float(np.mean(a != b)),
        accuracy_is="share of objects that differ",
        clock="cpu",
    )


def recolour(folder: Path, full: bool) -> Contest:
    """From a lasso around objects of a plate to what a window shows that sees the whole plate."""
    from skimage.measure import points_in_poly

    table = FeatureTable(_plate(folder, full), _TYPE)
    points = np.column_stack([table.numbers(name) for name in ("F1", "F2")])
    corners, lasso = _lasso()
    size = tuple(length // _ACROSS for length in _WINDOW)
    rows = np.linspace(0, len(table) - 1, size[0] * size[1]).astype(int).reshape(size)
    rows = rows.repeat(_ACROSS, 0).repeat(_ACROSS, 1)  # of the object in each pixel
    index, stride = index_of(table), 1 << 16
    sites = [(well, site) for well in index.levels[1] for site in range(1, 10)]
    well, site, label = (np.asarray(index.codes[n], np.int32)[rows] for n in (1, 2, 4))
    numbers = (well * 9 + site - 1) * np.int32(stride) + label
    places = ObjectPlaces(index, "plate", sites)  # as they are kept since the first colours

    def ours() -> Any:
        values = np.where(objects_in(lasso, table), np.float32(0), np.float32(np.nan))
        return ObjectValues(pd.Series(values, index=index), places).of(numbers, stride, 0)

    return Contest(
        "skimage.measure.points_in_poly, and the row of each pixel known",
        ours,
        lambda: points_in_poly(points, corners)[rows],
        accuracy=lambda a, b: float(np.mean(np.isfinite(a) != b)),
        accuracy_is="share of pixels that differ",
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
