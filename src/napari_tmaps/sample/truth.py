"""What is known of the objects of one field of view, since we made them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.sample.specimen import Floats, Labels

if TYPE_CHECKING:
    import pandas as pd


def numbered(nuclei: Labels, cells: Labels) -> tuple[Labels, Labels]:
    """Labels of a field (y, x), counted anew from 1; a nucleus and its cell keep one number.

    Cells whose nucleus lies outside of the field get the numbers after the others.
    """
    inside = np.unique(nuclei[nuclei > 0])
    others = np.setdiff1d(cells[cells > 0], inside)
    numbers = np.zeros(int(max(cells.max(), nuclei.max())) + 1, np.uint16)
    numbers[np.concatenate([inside, others])] = np.arange(1, len(inside) + len(others) + 1)
    return numbers[nuclei], numbers[cells]


def object_table(labels: Labels, light: Mapping[str, Floats]) -> pd.DataFrame:
    """One row an object: area, centroid in pixels, mean light of each stain, where it lies.

    `touching`: shares an edge of a pixel with another object. `at_border`: has pixels in the first
    or last row or column of the field.
    """
    import pandas as pd

    flat = labels.ravel()
    areas = np.bincount(flat)
    there = np.flatnonzero(areas)
    there = there[there > 0]

    def mean(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        sums = np.bincount(flat, values.ravel(), minlength=len(areas))
        return np.asarray(sums[there] / areas[there])

    y, x = np.mgrid[: labels.shape[0], : labels.shape[1]]
    frame = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    return pd.DataFrame(
        {
            "label": there,
            "area": areas[there],
            "centroid_y": mean(y),
            "centroid_x": mean(x),
            **{f"mean_{stain}": mean(values) for stain, values in light.items()},
            "touching": np.isin(there, touching(labels)),
            "at_border": np.isin(there, frame),
        }
    )


def touching(labels: Labels) -> npt.NDArray[Any]:
    """Objects that share an edge of a pixel with another object."""
    found = []
    for one, other in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        meet = (one != other) & (one > 0) & (other > 0)
        found += [one[meet], other[meet]]
    return np.unique(np.concatenate(found))
