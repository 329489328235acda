"""Small bright things: the filter that brings them out, and the saddles that part them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.components import find_root
from napari_tmaps.measure.filters import Border, positions
from napari_tmaps.measure.runs import Floats, Ints

Labels = npt.NDArray[np.int32]


def spot_filter(image: npt.NDArray[Any], size: int, border: Border = "mirror") -> Floats:
    """Response of each pixel (y, x) to a bright spot: a negative Laplacian of a Gaussian.

    The window has `size` × `size` pixels and a sigma of (size - 1) / 3, and a sum of 0, so that
    even regions give 0. An even window reaches one pixel farther up and left.
    """
    position = np.arange(size) - (size - 1) / 2
    sigma = (size - 1) / 3
    bell = np.exp(-0.5 * (position / sigma) ** 2)
    bell /= bell.sum()
    curved = bell * (position**2 / sigma**4 - 1 / sigma**2)
    # The Laplacian is one product of y and x for each axis; the third takes off its mean.
    mean = 2 * curved.sum() / size**2
    down = np.stack([-curved, -bell, np.full(size, mean)])
    across = np.stack([bell, curved, np.ones(size)])
    before, after = size // 2, (size - 1) // 2
    rows = positions(image.shape[0], before, after, border)
    columns = positions(image.shape[1], before, after, border)
    return _correlate(image, down, across, rows, columns)


@kernel
def _correlate(
    image: npt.NDArray[Any], down: Floats, across: Floats, rows: Ints, columns: Ints
) -> Floats:
    """Sum of products of a filter along y and one along x."""
    height, width = image.shape
    filters, size = down.shape
    result = np.zeros((height, width), np.float64)
    sums, wide = np.empty(width, np.float64), np.empty(columns.size, np.float64)
    for y in range(height):
        line = result[y]
        for f in range(filters):
            sums[:] = 0
            for k in range(size):
                weight, values = down[f, k], image[rows[y + k]]
                for x in range(width):
                    sums[x] += weight * values[x]
            for x in range(columns.size):
                wide[x] = sums[columns[x]]
            for k in range(size):
                weight, shifted = across[f, k], wide[k : k + width]
                for x in range(width):
                    line[x] += weight * shifted[x]
    return result


def split_at_saddles(
    response: Floats,
    labels: Labels,
    *,
    min_area: int = 1,
    min_depth: float = 0.0,
    min_share: float = 0.0,
) -> Labels:
    """Part objects (y, x) into their peaks, numbered from 1 in reading order.

    Pixels are taken from the highest response down, and join the highest of their 8 neighbours.
    Where two pieces meet, both stay if each has at least `min_area` pixels, a peak that is higher
    by at least `min_depth`, and more than `min_share` of the response of the whole object; else
    they become one.
    """
    flat = labels.ravel()
    inside = np.flatnonzero(flat > 0)
    order = inside[np.argsort(-response.ravel()[inside], kind="stable")]
    total: Floats = np.bincount(flat[inside], response.ravel()[inside]).astype(np.float64)
    return _split(response, labels, order, min_area, min_depth, min_share * total)


@kernel
def _split(
    response: Floats,
    labels: Labels,
    order: Ints,
    min_area: int,
    min_depth: float,
    min_mass: Floats,
) -> Labels:
    height, width = labels.shape
    piece = np.full((height, width), -1, np.int64)
    parent, area = np.empty(order.size, np.int64), np.zeros(order.size, np.int64)
    mass, peak = np.zeros(order.size, np.float64), np.empty(order.size, np.float64)
    pieces = 0
    for p in order:
        y, x = divmod(p, width)
        least = min_mass[labels[y, x]]
        around = (max(0, y - 1), min(height, y + 2), max(0, x - 1), min(width, x + 2))
        highest, mine = -np.inf, -1
        for v in range(around[0], around[1]):
            for u in range(around[2], around[3]):
                met = piece[v, u] >= 0 and labels[v, u] == labels[y, x]
                if met and response[v, u] > highest:
                    highest, mine = response[v, u], find_root(parent, piece[v, u])
        if mine < 0:
            mine = pieces
            parent[mine], peak[mine] = mine, response[y, x]
            pieces += 1
        else:
            for v in range(around[0], around[1]):
                for u in range(around[2], around[3]):
                    if piece[v, u] < 0 or labels[v, u] != labels[y, x]:
                        continue
                    other = find_root(parent, piece[v, u])
                    if other == mine:
                        continue
                    low = min(peak[mine], peak[other]) - response[y, x] < min_depth
                    small = min(area[mine], area[other]) < min_area
                    if low or small or min(mass[mine], mass[other]) <= least:
                        parent[other] = mine
                        area[mine] += area[other]
                        mass[mine] += mass[other]
                        peak[mine] = max(peak[mine], peak[other])
        piece[y, x] = mine
        area[mine] += 1
        mass[mine] += response[y, x]
    number = np.zeros(pieces, np.int32)
    result = np.zeros((height, width), np.int32)
    following = 0
    for y in range(height):
        for x in range(width):
            if piece[y, x] >= 0:
                mine = find_root(parent, piece[y, x])
                if number[mine] == 0:
                    following += 1
                    number[mine] = following
                result[y, x] = number[mine]
    return result


def mark_centres(response: Floats, labels: Labels) -> Labels:
    """One pixel of each object (y, x), with its label: the one nearest to its centre of mass.

    Masses are the response; of pixels that are equally near, the first in reading order counts.
    """
    y, x = np.nonzero(labels)
    owner, weight = labels[y, x], response[y, x]
    total = np.bincount(owner, weight, minlength=1)
    # Objects that do not exist have no mass, and are never asked for.
    centre_y = np.bincount(owner, weight * y) / np.maximum(total, 1e-300)
    centre_x = np.bincount(owner, weight * x) / np.maximum(total, 1e-300)
    away = (y - centre_y[owner]) ** 2 + (x - centre_x[owner]) ** 2
    order = np.lexsort((away, owner))
    _, first = np.unique(owner[order], return_index=True)
    nearest = order[first]
    result = np.zeros_like(labels)
    result[y[nearest], x[nearest]] = owner[nearest]
    return result
