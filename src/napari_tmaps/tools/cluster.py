"""Groups of alike objects, found without examples."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from napari_tmaps.errors import InputError
from napari_tmaps.tools.classify import gather
from napari_tmaps.tools.preparing import Missing, Scaling, prepare
from napari_tmaps.tools.values import (
    ObjectTable,
    Result,
    ToolResult,
    categories,
    chosen_features,
    palette,
)

_MOST = 100_000
"""Objects that groups are learnt from; drawn at random where there are more."""
_MOST_DENSE = 20_000
"""The same for HDBSCAN, which takes longer than in proportion."""


def cluster(
    data: ObjectTable,
    *,
    features: tuple[str, ...] = (),
    method: Literal["kmeans", "gaussian_mixture", "hdbscan"] = "kmeans",
    clusters: Annotated[int, Field(ge=2, le=200)] = 5,
    smallest: Annotated[int, Field(ge=2, le=100_000)] = 20,
    missing: Missing = "median",
    scaling: Scaling = "robust",
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0,
) -> Result:
    """Sort objects into groups that are alike in some features.

    Parameters
    ----------
    data
        The objects.
    features
        By which they are compared; if none is named, all but those that say where an
        object lies.
    method
        kmeans: groups around centres. gaussian_mixture: groups of different width. hdbscan: crowded
        regions of any form (Campello et al., 2013); what lies outside has no group.
    clusters
        Number of groups; not used by hdbscan.
    smallest
        Least number of objects of a group, for hdbscan.
    missing
        median: the median stands for a missing value. leave_out_objects: objects that lack a value
        get no group. leave_out_features: features that an object lacks are not used.
    scaling
        robust: median 0 and quartiles 1 apart. standard: mean 0 and deviation 1.
    seed
        Start of the random numbers: the same objects and seed give the same groups.

    Notes
    -----
    Groups are learnt from up to 100,000 objects (hdbscan: 20,000) drawn at random, and are numbered
    from the largest to the smallest. With hdbscan, an object that was not drawn joins the group of
    the nearest drawn object.
    """
    table = data.table
    chosen = chosen_features(table, features)
    random = np.random.default_rng(seed)
    most = min(len(table), _MOST_DENSE if method == "hdbscan" else _MOST)
    drawn = np.sort(random.choice(len(table), most, replace=False))
    samples = gather(table, chosen, drawn)
    preparation, notes = prepare(chosen, samples, missing, scaling)
    used = [chosen.index(name) for name in preparation.features]
    ready, whole = preparation.apply(samples[used])
    points = np.ascontiguousarray(ready[:, whole].T, np.float64)
    if len(points) < max(clusters, 2):
        raise InputError(
            f"{len(points)} objects have all features, too few for {clusters} groups. Choose fewer "
            "groups or other features."
        )
    assign = _fitted(method, points, clusters, smallest, seed)
    codes = np.full(len(table), -1, np.int64)
    for rows, block in table.blocks(preparation.features):
        ready, whole = preparation.apply(block)
        found = assign(ready.T.astype(np.float64))
        codes[rows] = np.where(whole, found, -1)
    sizes = np.bincount(codes[codes >= 0], minlength=1)
    order = np.argsort(-sizes, kind="stable")
    order = order[sizes[order] > 0]
    number = np.full(sizes.size + 1, -1, np.int64)
    number[order] = np.arange(order.size)
    names = [f"group {n + 1}" for n in range(order.size)]
    return ToolResult(
        {"group": categories(number[codes], names)},
        palette(names),
        report={
            "sizes": dict(zip(names, sizes[order].tolist(), strict=True)),
            "without": int(np.count_nonzero(codes < 0)),
            "features": list(preparation.features),
        },
        notes=notes,
    )


def _fitted(method: str, points: Any, clusters: int, smallest: int, seed: int) -> Any:
    """A function from points (objects, features) to numbers of groups."""
    if method == "kmeans":
        from sklearn.cluster import KMeans

        return KMeans(clusters, n_init=3, random_state=seed).fit(points).predict
    if method == "gaussian_mixture":
        from sklearn.mixture import GaussianMixture

        return GaussianMixture(clusters, random_state=seed, reg_covar=1e-5).fit(points).predict
    from scipy.spatial import cKDTree
    from sklearn.cluster import HDBSCAN

    labels = HDBSCAN(min_cluster_size=min(smallest, len(points)), copy=True).fit(points).labels_
    tree = cKDTree(points)
    return lambda others: labels[tree.query(others)[1]]
