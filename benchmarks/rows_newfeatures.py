"""Families of features that no library measures of many objects at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from napari_tmaps.modules import MODULES
from peers import object_loops as loops
from rows_site import _site
from timing import Contest

Table = Callable[[], pd.DataFrame]


def granularity(folder: Path, full: bool) -> Contest:
    """16 sizes of the nuclei, as CellProfiler."""
    site, module = _site(), MODULES["measure_granularity"]
    labels, image = site.nuclei, site.images["DAPI"]
    return _contest(
        "CellProfiler's steps with scipy and scikit-image",
        lambda: module(labels, labels, image),
        lambda: loops.granularity(labels, image, 16),
        unit=100.0,
    )


def colocalisation(folder: Path, full: bool) -> Contest:
    """Two channels in the cells; ours has Costes' thresholds besides."""
    site, module = _site(), MODULES["measure_colocalisation"]
    labels, (first, second) = site.cells, site.images.values()
    return _contest(
        "numpy, object by object",
        lambda: module(labels, labels, first, second),
        lambda: loops.colocalisation(labels, first, second, 15),
    )


def skeleton(folder: Path, full: bool) -> Contest:
    """Skeletons of the cells; the peer counts their ends alone."""
    site, module = _site(), MODULES["measure_skeleton"]
    labels = site.cells
    return Contest(
        "scikit-image's thin, object by object",
        lambda: module(labels, labels),
        lambda: loops.skeleton(labels),
        # An end beside a bend of the line has two neighbours, but is one of ours.
        accuracy=lambda ours, peer: float(
            abs(ours["Skeleton_end_points"] - peer["Skeleton_end_points"]).mean()
        ),
        accuracy_is="mean difference in ends",
    )


def geometry(folder: Path, full: bool) -> Contest:
    """Direction, hull, holes and box of the cells; ours has sizes in micrometers besides."""
    site, module = _site(), MODULES["measure_geometry"]
    labels = site.cells
    return _contest(
        "scikit-image's regionprops_table",
        lambda: module(labels, labels, pixel_size_um=(1.0, 0.5, 0.5)),
        lambda: loops.geometry(labels),
    )


def solids(folder: Path, full: bool) -> Contest:
    """A stack of 16 planes, in which the nuclei get smaller from plane to plane."""
    from scipy import ndimage

    site, module = _site(), MODULES["measure_morphology_3D"]
    corner = site.nuclei[:1080, :1080]
    depth = ndimage.distance_transform_edt(corner)
    stack = np.stack([np.where(depth > abs(z - 8), corner, 0) for z in range(16)])
    labels, size = stack.astype(np.int32), (1.0, 0.5, 0.5)
    return _contest(
        "scikit-image, object by object",
        lambda: module(labels, labels, pixel_size_um=size),
        lambda: loops.solids(labels, size),
    )


def _contest(name: str, ours: Table, peer: Table, unit: float = 0.0) -> Contest:
    def difference(ours: pd.DataFrame, peer: pd.DataFrame) -> float:
        a, b = ours.loc[peer.index, peer.columns].to_numpy(), peer.to_numpy(float)
        known = ~np.isnan(a) & ~np.isnan(b)
        scale = np.maximum(np.maximum(abs(a), abs(b)), unit)[known]
        gap = abs(a - b)[known]
        return float(np.divide(gap, scale, out=np.zeros_like(gap), where=scale > 0).max())

    return Contest(name, ours, peer, accuracy=difference, accuracy_is="largest relative difference")
