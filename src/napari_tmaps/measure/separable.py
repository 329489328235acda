"""Sums over objects of intensities times a function that is a product of one of y and one of x.

Gaussians, waves and powers are such products. The sums along y come first, for all columns of an
object at once, which runs on vector registers; a short sum over the columns finishes them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import Floats, Runs


@kernel
def add_columns(
    runs: Runs,
    k: int,
    top: int,
    left: int,
    image: npt.NDArray[Any],
    offset: float,
    factors: Floats,
    sums: Floats,
) -> None:
    """Add to sums[u, x - left], for each column x, factors[u, y - top] × (intensity - offset).

    Only pixels of object k count; the caller sets the sums to 0.
    """
    for i in range(runs.first[k], runs.first[k + 1]):
        values = image[runs.row[i], runs.start[i] : runs.stop[i]]
        # Unsigned positions: such loops run on vector registers.
        begin = np.uintp(runs.start[i] - left)
        for u in range(factors.shape[0]):
            factor = factors[u, runs.row[i] - top]
            for x in range(np.uintp(values.size)):
                sums[u, begin + x] += factor * (values[x] - offset)
