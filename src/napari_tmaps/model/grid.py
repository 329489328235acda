"""Where the sites of a well lie: from stage positions, or from a stated order."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import InputError

StitchLayout = Literal["horizontal", "zigzag_horizontal", "vertical", "zigzag_vertical"]


def cluster_axis(positions: npt.ArrayLike, tolerance: float) -> npt.NDArray[np.int64]:
    """0-based dense index of each position along one axis; jitter up to the tolerance is one place.

    Sorted positions are cut where two neighbours differ by more than the tolerance.

    >>> cluster_axis([100.2, 0.0, 99.9, 0.3], tolerance=10).tolist()
    [1, 0, 1, 0]
    """
    values = np.asarray(positions, dtype=float)
    if values.size == 0:
        return np.zeros(0, dtype=np.int64)
    order = np.argsort(values, kind="stable")
    steps = np.diff(values[order]) > tolerance
    index = np.empty(values.size, dtype=np.int64)
    index[order] = np.concatenate([[0], np.cumsum(steps)])
    return index


def grid_from_positions(
    y_um: npt.ArrayLike, x_um: npt.ArrayLike, field_um: tuple[float, float] | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Grid row and column of each site of one well from its stage position.

    Each axis is clustered by itself: two sites share a row if their y differ by less than a
    quarter of the field. Where the field size is unknown, the tolerance is a quarter of the
    smallest clear step between positions. Gaps in the grid stay gaps only where the step is an
    obvious multiple of the pitch.

    Parameters
    ----------
    y_um, x_um
        Stage position of each site, µm, y growing down the image.
    field_um
        Height and width of a site in µm, None if unknown.

    Returns
    -------
    rows, columns
        0-based; two sites may get the same place, e.g. tilted or repeated positions.
    """
    rows, columns = (
        _places(np.asarray(values, dtype=float), None if field_um is None else field_um[axis])
        for axis, values in enumerate((y_um, x_um))
    )
    return rows, columns


def _places(values: npt.NDArray[np.float64], field: float | None) -> npt.NDArray[np.int64]:
    if field is not None:
        tolerance = field / 4
    else:
        steps = np.diff(np.unique(values))
        tolerance = float(steps.max()) / 4 if steps.size else 0.0
    index = cluster_axis(values, tolerance)
    if index.max(initial=0) == 0:
        return index
    centers = np.array([values[index == place].mean() for place in range(index.max() + 1)])
    pitch = float(np.diff(centers).min())
    steps = np.diff(centers) / pitch
    whole = np.maximum(np.rint(steps), 1)
    if np.all(np.abs(steps - whole) < 0.2) and whole.max() <= 20:
        return np.concatenate([[0], np.cumsum(whole)]).astype(np.int64)[index]
    return index


def grid_from_layout(
    sites: int, layout: StitchLayout, n_vertical: int, n_horizontal: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Grid row and column of sites that were recorded in a stated order.

    Parameters
    ----------
    sites
        Number of sites of the well, in the order of acquisition.
    layout
        horizontal: row by row, each from left to right; zigzag_horizontal: every second row
        reversed; vertical and zigzag_vertical: the same by columns, from top to bottom.

    Raises
    ------
    InputError
        The grid has not as many places as there are sites.
    """
    if n_vertical < 1 or n_horizontal < 1 or n_vertical * n_horizontal != sites:
        raise InputError(
            f"A grid of {n_vertical} rows × {n_horizontal} columns has "
            f"{n_vertical * n_horizontal} places, but the wells have {sites} sites. Choose rows "
            f"and columns (n_vertical, n_horizontal) whose product is {sites}."
        )
    order = np.arange(sites)
    major, minor = np.divmod(order, n_horizontal if "horizontal" in layout else n_vertical)
    if layout.startswith("zigzag"):
        length = n_horizontal if "horizontal" in layout else n_vertical
        minor = np.where(major % 2 == 1, length - 1 - minor, minor)
    return (major, minor) if "horizontal" in layout else (minor, major)
