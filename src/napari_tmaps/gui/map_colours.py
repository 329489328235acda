"""Objects of whole plates coloured by a value each: a feature, a class, a gate.

The value is looked up for the pixels that are seen, so that a change of a million objects is shown
in the time of one frame.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.gui.mosaic import Planes

Values = npt.NDArray[np.float32]


class ObjectValues:
    """One value an object of a plate.

    Parameters
    ----------
    table
        Values with the index well, site, label.
    sites
        (well, site) in the order of the map.
    """

    def __init__(self, table: pd.Series[Any], sites: list[tuple[str, int]]) -> None:
        number = {site: n for n, site in enumerate(sites)}
        frame = table.rename("value").reset_index()
        keys = zip(frame["well"], frame["site"].astype(int), strict=True)
        at = np.array([number.get(key, -1) for key in keys], np.int64)
        known = at >= 0
        at, label = at[known], frame["label"].to_numpy(np.int64)[known]
        values = frame["value"].to_numpy(np.float32)[known]
        most = np.zeros(len(sites), np.int64)
        np.maximum.at(most, at, label)
        self.most = most
        # Values of a site lie together; its place 0 stands for all labels that are not known.
        self.starts = np.concatenate([[0], np.cumsum(most + 1)[:-1]]).astype(np.int64)
        self.values = np.full(int((most + 1).sum()), np.nan, np.float32)
        self.values[self.starts[at] + label] = values

    def of(self, numbers: npt.NDArray[np.int32], stride: int) -> Values:
        """Values of the pixels of a label map; NaN where there is no object or no value."""
        # The stride is a power of two.
        site = numbers >> (stride.bit_length() - 1)
        label = numbers & (stride - 1)
        label[label > self.most[site]] = 0
        found: Values = self.values[self.starts[site] + label]
        return found


class ValuePlanes:
    """Labels as values; see mosaic.Planes.

    Parameters
    ----------
    outlines
        Only the borders of objects, where they are more than a few pixels large.
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self, labels: Planes, values: ObjectValues, stride: int, *, outlines: bool = False
    ) -> None:
        self._labels, self._values, self._stride = labels, values, stride
        self._outlines = outlines

    @property
    def shapes(self) -> list[tuple[int, int, int, int]]:
        """(t, z, y, x) of each level, finest first."""
        return self._labels.shapes

    def plane(self, level: int, t: int, z: int, y: range, x: range) -> Values:
        """See mosaic.Planes."""
        numbers = self._labels.plane(level, t, z, y, x)
        found = self._values.of(numbers, self._stride)
        if self._outlines and level < 3:
            found[_inside(numbers)] = np.nan
        return found


def _inside(numbers: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Pixels whose four neighbours are of the same object."""
    same = np.zeros(numbers.shape, bool)
    middle = numbers[1:-1, 1:-1]
    same[1:-1, 1:-1] = (
        (middle == numbers[:-2, 1:-1])
        & (middle == numbers[2:, 1:-1])
        & (middle == numbers[1:-1, :-2])
        & (middle == numbers[1:-1, 2:])
    )
    return same
