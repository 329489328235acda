"""Size and shape of objects in stacks, whose planes may be farther apart than their pixels.

Rows of all planes are one long image: `find_runs(stack.reshape(-1, width))`, so that row r lies on
plane r // height.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import Floats, Ints, Runs


class Solids(NamedTuple):
    """Objects of stacks, one row an object.

    Attributes
    ----------
    voxels
        Number of voxels.
    low, high
        Bounding box along z, y, x, in voxels; `high` is exclusive.
    centre
        Mean position along z, y, x, in voxels.
    spread
        Covariance (3, 3) of the positions, in square voxels.
    """

    voxels: Ints
    low: Ints
    high: Ints
    centre: Floats
    spread: Floats


@kernel
def solids(runs: Runs, height: int) -> Solids:
    """Extent and moments of objects on planes of so many rows; a run adds its sums at once."""
    count = runs.labels.size
    voxels = np.zeros(count, np.int64)
    low, high = np.full((count, 3), np.int64(1) << 40), np.zeros((count, 3), np.int64)
    centre, spread = np.empty((count, 3), np.float64), np.empty((count, 3, 3), np.float64)
    for k in range(count):
        first = runs.first[k]
        # Whole numbers from a place inside the object keep the sums exact.
        origin = np.array([runs.row[first] // height, runs.row[first] % height, runs.start[first]])
        sums, squares = np.zeros(3, np.int64), np.zeros((3, 3), np.int64)
        for i in range(first, runs.first[k + 1]):
            z, y = runs.row[i] // height, runs.row[i] % height
            for axis, begin, end in (
                (0, z, z + 1),
                (1, y, y + 1),
                (2, runs.start[i], runs.stop[i]),
            ):
                low[k, axis] = min(low[k, axis], begin)
                high[k, axis] = max(high[k, axis], end)
            dz, dy = z - origin[0], y - origin[1]
            a, b = runs.start[i] - origin[2], runs.stop[i] - origin[2] - 1
            n = b - a + 1
            sum_x = (a + b) * n // 2
            voxels[k] += n
            sums[0] += dz * n
            sums[1] += dy * n
            sums[2] += sum_x
            squares[0, 0] += dz * dz * n
            squares[1, 1] += dy * dy * n
            squares[0, 1] += dz * dy * n
            squares[0, 2] += dz * sum_x
            squares[1, 2] += dy * sum_x
            squares[2, 2] += (b * (b + 1) * (2 * b + 1) - (a - 1) * a * (2 * a - 1)) // 6
        for p in range(3):
            centre[k, p] = origin[p] + sums[p] / voxels[k]
            for q in range(p, 3):
                value = (squares[p, q] - sums[p] * (sums[q] / voxels[k])) / voxels[k]
                spread[k, p, q] = spread[k, q, p] = value
    return Solids(voxels, low, high, centre, spread)


def principal_axes(spread: Floats, size: tuple[float, float, float]) -> Floats:
    """Full axes (objects, 3) of the ellipsoid with these second moments, longest first.

    For voxels of a size along z, y, x; NaN where a size is.
    """
    if np.isnan(size).any() or len(spread) == 0:
        return np.full((len(spread), 3), np.nan)
    variances = np.linalg.eigvalsh(spread * np.outer(size, size))[:, ::-1]
    found: Floats = 2 * np.sqrt(5 * np.maximum(variances, 0))
    return found


def surfaces(runs: Runs, of: Solids, height: int, size: tuple[float, float, float]) -> Floats:
    """Area of the surface of each object, for voxels of a size along z, y, x.

    The surface is that of marching cubes through the middles between voxels, as in scikit-image
    and CellProfiler. NaN where a size is.
    """
    if np.isnan(size).any():
        return np.full(runs.labels.size, np.nan)
    return _surfaces(runs, of, height, _areas(size))


@lru_cache(maxsize=8)
def _areas(size: tuple[float, float, float]) -> Floats:
    """Area of the surface between 8 voxels, for all ways in which they are set."""
    import skimage.measure

    library: Any = skimage.measure  # it has no types
    areas = np.zeros(256)
    for code in range(1, 255):
        cube = np.array([code >> bit & 1 for bit in range(8)], np.float32).reshape(2, 2, 2)
        corners, faces, _, _ = library.marching_cubes(cube, 0.5, spacing=size)
        areas[code] = library.mesh_surface_area(corners, faces)
    areas.flags.writeable = False
    return areas


@kernel
def _surfaces(runs: Runs, of: Solids, height: int, areas: Floats) -> Floats:
    count = runs.labels.size
    result = np.zeros(count, np.float64)
    for k in range(count):
        z0, y0, x0 = of.low[k]
        z1, y1, x1 = of.high[k]
        box = np.zeros((z1 - z0 + 2, y1 - y0 + 2, x1 - x0 + 2), np.uint8)
        for i in range(runs.first[k], runs.first[k + 1]):
            z, y = runs.row[i] // height - z0 + 1, runs.row[i] % height - y0 + 1
            box[z, y, runs.start[i] - x0 + 1 : runs.stop[i] - x0 + 1] = 1
        result[k] = _area(box, areas)
    return result


@kernel
def _area(box: npt.NDArray[np.uint8], areas: Floats) -> float:
    depth, rows, columns = box.shape
    total = 0.0
    for z in range(depth - 1):
        for y in range(rows - 1):
            # Bits of the voxels at x, then of those at x + 1.
            before = np.int64(0)
            for x in range(columns):
                here = np.int64(box[z, y, x]) + 4 * np.int64(box[z, y + 1, x])
                here += 16 * np.int64(box[z + 1, y, x]) + 64 * np.int64(box[z + 1, y + 1, x])
                if x:
                    total += areas[before + 2 * here]
                before = here
    return total
