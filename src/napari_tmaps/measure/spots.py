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
    response: npt.NDArray[Any],
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
    # A frame of background saves the tests for the rim.
    framed, heights = np.pad(labels, 1), np.pad(response, 1)
    flat, values = framed.ravel(), heights.ravel()
    inside = np.flatnonzero(flat > 0)
    order = inside[_from_high_to_low(values[inside])]
    total: Floats = np.bincount(flat[inside], values[inside]).astype(np.float64)
    parts = _split(values, flat, order, framed.shape[1], min_area, min_depth, min_share * total)
    return np.ascontiguousarray(parts.reshape(framed.shape)[1:-1, 1:-1])


def _from_high_to_low(values: npt.NDArray[Any]) -> Ints:
    """Places of the values by falling value, equal ones in their order."""
    if values.dtype != np.float32:
        return np.argsort(-values, kind="stable")
    # Numbers of 32 bits are sorted by their lower, then by their upper half, by counting; as whole
    # numbers they fall as the values do. Adding 0 makes both zeros the same.
    bits = (values + np.float32(0)).view(np.uint32)
    falling = np.where(bits >> 31, bits, ~bits & np.uint32(0x7FFFFFFF))
    order = np.argsort(falling.astype(np.uint16), kind="stable")
    upper = (falling >> np.uint32(16)).astype(np.uint16)
    places: Ints = order[np.argsort(upper[order], kind="stable")]
    return places


@kernel
def _split(
    response: npt.NDArray[Any],
    labels: Labels,
    order: Ints,
    width: int,
    min_area: int,
    min_depth: float,
    min_mass: Floats,
) -> Labels:
    """The pieces as one line of pixels, with a frame of background like the labels."""
    piece = np.full(labels.size, -1, np.int64)
    parent, area = np.empty(order.size, np.int64), np.zeros(order.size, np.int64)
    mass, peak = np.zeros(order.size, np.float64), np.empty(order.size, np.float64)
    pieces = 0
    for p in order:
        label, height = labels[p], np.float64(response[p])
        highest, mine, alike = -np.inf, -1, True
        for row in (p - width, p, p + width):
            for q in range(row - 1, row + 2):
                if piece[q] < 0 or labels[q] != label:
                    continue
                alike &= mine < 0 or piece[q] == mine
                if response[q] > highest:
                    highest, mine = np.float64(response[q]), piece[q]
        if mine < 0:
            mine = pieces
            parent[mine], peak[mine] = mine, height
            pieces += 1
        else:
            mine = find_root(parent, mine)
            for row in (p - width, p, p + width):
                if alike:
                    break
                for q in range(row - 1, row + 2):
                    if piece[q] < 0 or labels[q] != label:
                        continue
                    other = find_root(parent, piece[q])
                    if other == mine:
                        continue
                    low = min(peak[mine], peak[other]) - height < min_depth
                    small = min(area[mine], area[other]) < min_area
                    if low or small or min(mass[mine], mass[other]) <= min_mass[label]:
                        parent[other] = mine
                        area[mine] += area[other]
                        mass[mine] += mass[other]
                        peak[mine] = max(peak[mine], peak[other])
        piece[p] = mine
        area[mine] += 1
        mass[mine] += height
    number = np.zeros(pieces, np.int32)
    result = np.zeros(labels.size, np.int32)
    following = 0
    for p in range(labels.size):
        if piece[p] >= 0:
            mine = find_root(parent, piece[p])
            if number[mine] == 0:
                following += 1
                number[mine] = following
            result[p] = number[mine]
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
