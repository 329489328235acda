"""Many features as two or more numbers that a plot can show."""

from __future__ import annotations

import warnings
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from napari_tmaps.errors import InputError
from napari_tmaps.tools.classify import gather
from napari_tmaps.tools.preparing import Missing, Scaling, prepare
from napari_tmaps.tools.values import ObjectTable, Result, ToolResult, chosen_features

_MOST = 100_000


def embed(
    data: ObjectTable,
    *,
    features: tuple[str, ...] = (),
    method: Literal["pca", "umap"] = "pca",
    dimensions: Annotated[int, Field(ge=1, le=50)] = 2,
    missing: Missing = "median",
    scaling: Scaling = "standard",
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0,
) -> Result:
    """Draw objects so that alike ones lie together.

    Parameters
    ----------
    data
        The objects.
    features
        By which they are compared; if none is named, all but those that say where an
        object lies.
    method
        pca: the directions in which the objects differ most. umap: neighbours stay neighbours; it
        needs the package umap-learn.
    dimensions
        How many numbers an object gets.
    missing
        median: the median stands for a missing value. leave_out_objects: objects that lack a value
        get no place. leave_out_features: features that an object lacks are not used.
    scaling
        standard: mean 0 and deviation 1. robust: median 0 and quartiles 1 apart.
    seed
        Start of the random numbers: the same objects and seed give the same places.

    Notes
    -----
    Learnt from up to 100,000 objects drawn at random. The sign of a direction of pca is such that
    its largest weight is positive.
    """
    table = data.table
    chosen = chosen_features(table, features)
    drawn = np.arange(len(table))
    if len(table) > _MOST:
        drawn = np.sort(np.random.default_rng(seed).choice(len(table), _MOST, replace=False))
    samples = gather(table, chosen, drawn)
    preparation, notes = prepare(chosen, samples, missing, scaling)
    used = [chosen.index(name) for name in preparation.features]
    ready, whole = preparation.apply(samples[used])
    points = np.ascontiguousarray(ready[:, whole].T, np.float64)
    if dimensions > min(points.shape):
        raise InputError(
            f"{points.shape[0]} objects with {points.shape[1]} features that differ have no "
            f"{dimensions} dimensions. Choose fewer dimensions or more features."
        )
    report: dict[str, object] = {"features": list(preparation.features)}
    if method == "pca":
        from sklearn.decomposition import PCA

        pca = PCA(dimensions, svd_solver="full").fit(points)
        weights = pca.components_
        weights = weights * np.sign(
            weights[np.arange(dimensions), np.abs(weights).argmax(axis=1)]
        ).reshape(-1, 1)
        report["explained"] = pca.explained_variance_ratio_.tolist()
        report["weights"] = weights.tolist()

        def place(block: np.ndarray) -> np.ndarray:
            return np.asarray((block - pca.mean_) @ weights.T)
    else:
        place = _umap(points, dimensions, seed)
    found = np.full((dimensions, len(table)), np.nan, np.float32)
    for rows, block in table.blocks(preparation.features):
        ready, whole = preparation.apply(block)
        found[:, rows] = np.where(whole, place(ready.T.astype(np.float64)).T, np.nan)
    label = method.upper()
    columns = {f"{label} {n + 1}": row for n, row in enumerate(found)}
    return ToolResult(columns, report=report, notes=notes)


def _umap(points: np.ndarray, dimensions: int, seed: int):  # type: ignore[no-untyped-def]
    try:
        import umap  # an extra
    except ImportError as error:
        raise InputError(
            "The method umap needs the package umap-learn: pip install umap-learn. Or choose pca."
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that a seed keeps it from using all cores
        return umap.UMAP(n_components=dimensions, random_state=seed).fit(points).transform
