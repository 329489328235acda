"""Where the outline of an object turns inwards, and the dark lines between such places."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.runs import Floats, Ints

Mask = npt.NDArray[np.bool_]


def concave_points(
    mask: Mask, *, window: int, smoothing: float, max_radius: float, min_angle: float
) -> Ints:
    """Pixels (n, 2) of an object at which its outline turns inwards most, the sharpest first.

    Parameters
    ----------
    mask
        The object (y, x); the outermost pixels must be False.
    window
        Length in pixels of the piece of outline over which a turn is measured.
    smoothing
        Sigma in pixels of the Gaussian that smooths the outline.
    max_radius
        Bays are pieces of the outline that turn inwards as a circle of at most this radius does.
    min_angle
        Bays turn by at least so many radians.
    """
    from scipy import ndimage
    from skimage.measure import find_contours

    contours = find_contours(mask.astype(float), 0.5)  # type: ignore[no-untyped-call]
    line: Floats = max(contours, key=len)[:-1]
    line = ndimage.gaussian_filter1d(_evenly(line), smoothing, axis=0, mode="wrap")
    reach = max(1, window // 2)
    before, after = line - np.roll(line, reach, axis=0), np.roll(line, -reach, axis=0) - line
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    # Positive where the outline turns the way it goes around as a whole.
    turn = np.arctan2(cross, (before * after).sum(axis=1)) / reach
    turn *= np.sign(turn.sum())
    inwards, count = ndimage.label(turn < 0)
    if count > 1 and inwards[0] and inwards[-1]:
        inwards[inwards == count] = inwards[0]
    bays = []
    for bay in range(1, count + 1):
        places = np.flatnonzero(inwards == bay)
        angle = -turn[places].sum() if places.size else 0.0
        if angle >= min_angle and places.size <= max_radius * angle:
            bays.append((angle, line[places[np.argmin(turn[places])]]))
    bays.sort(key=lambda bay: -bay[0])
    pixels = np.argwhere(mask)
    nearest = [pixels[((pixels - place) ** 2).sum(axis=1).argmin()] for _, place in bays]
    return np.array(nearest, np.int64).reshape(-1, 2)


def _evenly(line: Floats) -> Floats:
    """A closed line with points about a pixel apart."""
    closed = np.concatenate([line, line[:1]])
    way = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    steps = np.linspace(0, way[-1], max(8, round(way[-1])), endpoint=False)
    return np.column_stack([np.interp(steps, way, closed[:, axis]) for axis in (0, 1)])


def dark_lines(image: npt.NDArray[Any], mask: Mask, points: Ints) -> list[Ints]:
    """The way (n, 2) from each point to each other through an object where it is darkest.

    The cost of a step is its length times 0.1 to 1.1, from the darkest to the brightest pixel of
    the object (y, x).
    """
    from skimage.graph import MCP_Geometric

    values = image[mask].astype(float)
    low, high = values.min(), values.max()
    cost = np.where(mask, 0.1 + (image - low) / max(high - low, 1.0), np.inf)
    lines = []
    for i, point in enumerate(points[:-1]):
        ways = MCP_Geometric(cost)
        others = [tuple(other) for other in points[i + 1 :]]
        ways.find_costs([tuple(point)], others)
        lines += [
            np.array(ways.traceback(other), np.int64) for other in others if other != tuple(point)
        ]
    return lines
