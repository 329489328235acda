"""Objects as AnnData: features as X, all else that is known of them as obs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.errors import InputError
from napari_tmaps.model import features as dictionary
from napari_tmaps.model.version import __version__
from napari_tmaps.store.feature_table import Categories, FeatureTable, Mask
from napari_tmaps.store.features import INDEX
from napari_tmaps.streams.anndata_files import Block, write_anndata

_NO_FEATURE = ("is_border",)


def write_objects_anndata(
    table: FeatureTable,
    path: Path,
    *,
    columns: Sequence[str] = (),
    rows: Mask | None = None,
    experiment: str = "",
) -> int:
    """Write objects as .h5ad or .zarr of AnnData.

    Measured numbers become X (float32); plate, well, site, t, label, border flag, labels of
    parents, results and what the plate map says become obs; positions in the site become
    obsm["spatial"] (x, y in pixels), and results of the tool embed obsm["X_<name>"].

    Parameters
    ----------
    columns
        Only these features and columns; all if none are named.
    rows
        Only these objects.
    experiment
        Its name, kept in uns.

    Returns
    -------
    int
        Number of objects.

    Raises
    ------
    InputError
        Another ending, or no feature.
    NotFoundError
        No such column.
    """
    if path.suffix.lower() not in (".h5ad", ".zarr"):
        raise InputError(f"'{path.name}' should end in .h5ad or .zarr.")
    wanted = list(dict.fromkeys(columns or table.columns[len(INDEX) :]))
    for name in wanted:
        table.column(name)  # refuses what is not there before anything is written
    measured = [n for n in wanted if n in table.features and not _is_fact(n)]
    if not measured:
        raise InputError("No measured feature is among the columns, so there is no X to write.")
    places = _embeddings([name for name in wanted if name not in table.features])
    facts = [n for n in wanted if n not in measured and not any(n in p for p in places.values())]
    kept = np.arange(len(table)) if rows is None else np.flatnonzero(rows)
    obs = pd.DataFrame({name: _series(table, name, kept) for name in [*INDEX, *facts]})
    obs.index = pd.Index(
        [f"{p}/{w}/{s}/{t}/{n}" for p, w, s, t, n in obs[INDEX].itertuples(index=False)], name=None
    )
    obsm = {
        f"X_{name}": np.stack([table.numbers(c)[kept] for c in parts], axis=1)
        for name, parts in places.items()
    }
    center = _center(table.features)
    if center is not None:
        obsm["spatial"] = np.stack([table.numbers(name)[kept] for name in center[::-1]], axis=1)
    var = pd.DataFrame(
        {
            "unit": [_known(name, "unit") for name in measured],
            "description": [_known(name, "meaning") for name in measured],
        },
        index=pd.Index(measured),
    ).astype("category")
    facts_of_all = {
        "experiment": experiment,
        "object_type": table.object_type,
        "program": f"napari-tmaps {__version__}",
        "spatial": json.dumps({"axes": ["x", "y"], "unit": "px of the site"}),
    }
    write_anndata(
        path,
        blocks=_blocks(table, measured, rows),
        obs=obs,
        var=var,
        obsm=obsm,
        uns=facts_of_all,
    )
    return len(kept)


def _blocks(table: FeatureTable, names: Sequence[str], rows: Mask | None) -> Iterator[Block]:
    start = 0
    for place, block in table.blocks(names):
        values: npt.NDArray[np.float32] = block.T if rows is None else block.T[rows[place]]
        if len(values):
            yield slice(start, start + len(values)), np.ascontiguousarray(values)
        start += len(values)


def _series(table: FeatureTable, name: str, kept: npt.NDArray[np.int64]) -> Any:
    value = table.column(name)
    if isinstance(value, Categories):
        return pd.Categorical.from_codes(value.codes[kept], categories=pd.Index(value.names))
    return value[kept]


def _is_fact(name: str) -> bool:
    return name in _NO_FEATURE or name.startswith("Parent_label")


def _embeddings(names: Sequence[str]) -> dict[str, list[str]]:
    """Columns of results of the tool embed, by the name of the result."""
    found: dict[str, list[str]] = {}
    for name in names:
        result, colon, column = name.rpartition(":")
        if colon and column.rstrip("0123456789 _").lower() in ("pca", "umap"):
            found.setdefault(result, []).append(name)
    return {result: parts for result, parts in found.items() if len(parts) > 1}


def _center(names: Sequence[str]) -> tuple[str, str] | None:
    """Names of the columns y and x of the middle of objects in the site."""
    ys = [n for n in names if dictionary.position_axis(n) == "y" and "entroid" in n]
    for y in ys:
        x = y.removesuffix("y") + "x"
        if x in names:
            return y, x
    return None


def _known(name: str, fact: str) -> str:
    found = dictionary.find(name)
    return "" if found is None else str(getattr(found.feature, fact))
