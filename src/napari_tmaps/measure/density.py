"""How densely points lie around each of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.runs import Floats, Ints


class Density(NamedTuple):
    """Surroundings of each point.

    Attributes
    ----------
    neighbours
        Number of other points within the radius.
    share
        Part of the circle that lies in the site.
    distance
        To the k-th nearest other point; NaN where there are fewer.
    """

    neighbours: Ints
    share: Floats
    distance: Floats


def densities(y: Floats, x: Floats, shape: tuple[int, int], radius: float, k: int) -> Density:
    """Density of points (pixels) of a site (y, x)."""
    from scipy.spatial import KDTree

    points = np.column_stack([y, x])
    if y.size == 0:
        return Density(np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    tree = KDTree(points)
    count = tree.query_ball_point(points, radius, return_length=True) - 1
    far: npt.NDArray[Any] = tree.query(points, k=[k + 1])[0][:, 0]
    return Density(count, _shares(y, x, shape, radius), np.where(np.isfinite(far), far, np.nan))


def _shares(y: Floats, x: Floats, shape: tuple[int, int], radius: float) -> Floats:
    """Part of a circle around each point that lies in the site, from strips along y."""
    strips = 201
    offset = (np.arange(strips) + 0.5) / strips * 2 - 1
    half = np.sqrt(1 - offset**2) * radius
    rows = y[:, None] + offset * radius
    # The site reaches from the outer edge of its first pixel to that of its last.
    left = np.maximum(x[:, None] - half, -0.5)
    right = np.minimum(x[:, None] + half, shape[1] - 0.5)
    inside = (rows >= -0.5) & (rows <= shape[0] - 0.5)
    widths = np.where(inside, np.maximum(right - left, 0), 0)
    found: Floats = widths.sum(axis=1) / (2 * half.sum())
    return found
