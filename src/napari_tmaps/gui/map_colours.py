"""Objects of whole plates coloured by a value each: a feature, a class, a gate.

The value is looked up for the pixels that are seen, so that a change of a million objects is shown
in the time of one frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.gui.mosaic import Planes, Stack
from napari_tmaps.measure.painting import look_up
from napari_tmaps.model.layout import SITE

Values = npt.NDArray[np.float32]
_WIDTHS = (2, 2, 1)
"""Width of outlines on each level; on further ones objects are small, and filled."""


@dataclass(frozen=True)
class NumberedLabels:
    """Labels of one plate, numbered so that they tell the site: n · stride + label.

    Attributes
    ----------
    labels
        None where the plate has no objects of the type.
    sites
        (well, site) of each n.
    """

    plate: str
    labels: Planes | None
    sites: Sequence[tuple[str, int]]
    stride: int


def numbered(stack: Stack, stride: int) -> Stack:
    """Labels with numbers that tell the site: place · stride + label."""

    def read(place: int, level: int, t: int, z: int, y: slice, x: slice) -> Any:
        labels = stack.read(place, level, t, z, y, x)
        if labels is None:
            return None
        return np.where(labels > 0, labels + place * stride, 0).astype(np.int32)

    return replace(stack, dtype=np.dtype(np.int32), read=read)


class ObjectPlaces:
    """Where the value of each object of a plate is kept.

    To find it takes longer than to fill in values: who colours the same objects anew keeps it.

    Parameters
    ----------
    index
        Plate, well, site, t and label of the objects.
    plate
        The plate.
    sites
        (well, site) in the order of the map.
    """

    def __init__(self, index: pd.MultiIndex, plate: str, sites: Sequence[tuple[str, int]]) -> None:
        at = _numbers_of_sites(index, plate, sites)
        self.known: Any = np.flatnonzero(at >= 0)
        if len(self.known) == len(at):
            self.known = slice(None)
        at = at[self.known]
        label, t = (_level(index, name, self.known) for name in ("label", "t"))
        self.sites, self.times = len(sites), int(t.max(initial=-1)) + 1
        if self.times > 1:  # sites of the first time point, then those of the next one
            at = at + t * self.sites
        self.most = np.zeros(self.sites * self.times, np.int64)
        if at.size:  # objects of a site mostly follow each other: few runs are to be joined
            runs = np.concatenate([[0], np.flatnonzero(at[1:] != at[:-1]) + 1])
            np.maximum.at(self.most, at[runs], np.maximum.reduceat(label, runs))
        # Values of a site lie together; its place 0 stands for all labels that are not known.
        ends = np.cumsum(self.most + 1)
        self.starts, self.size = ends - (self.most + 1), int(ends[-1]) if len(ends) else 0
        self.at = self.starts.astype(np.int32)[at]
        self.at += label


class ObjectValues:
    """One value an object of a plate.

    Parameters
    ----------
    table
        Values with the index plate, well, site, t, label.
    places
        Of that index.
    """

    def __init__(self, table: pd.Series[Any], places: ObjectPlaces) -> None:
        self._places = places
        self.values = np.full(places.size, np.nan, np.float32)
        self.values[places.at] = table.to_numpy()[places.known]

    def of(self, numbers: npt.NDArray[np.int32], stride: int, t: int, width: int = 0) -> Values:
        """Values of the pixels of a label map; NaN where there is no object or no value.

        Parameters
        ----------
        stride
            A power of two.
        width
            Of the outlines, in pixels; 0 gives whole objects.
        """
        out = np.full(numbers.shape, np.nan, np.float32)
        places = self._places
        if t < places.times:
            own = slice(t * places.sites, (t + 1) * places.sites)
            starts, most, shift = places.starts[own], places.most[own], stride.bit_length() - 1
            look_up(numbers, starts, most, self.values, shift, width, out)
        return out


def _level(index: pd.MultiIndex, name: str, rows: Any) -> npt.NDArray[np.int32]:
    number = index.names.index(name)
    codes: Any = index.codes[number]
    found: npt.NDArray[np.int32] = index.levels[number].to_numpy(np.int32)[codes[rows]]
    return found


def _numbers_of_sites(
    index: pd.MultiIndex, plate: str, sites: Sequence[tuple[str, int]]
) -> npt.NDArray[np.int32]:
    """Number of the site of each object; -1 for those of other plates, and of unknown sites."""
    plates, wells, numbers = (index.levels[index.names.index(name)] for name in SITE)
    table = np.full((len(plates), len(wells), len(numbers)), -1, np.int32)
    if plate in plates:
        of = plates.get_loc(plate)
        row = wells.get_indexer(pd.Index([well for well, _ in sites]))
        column = numbers.get_indexer(pd.Index([site for _, site in sites]))
        there = (row >= 0) & (column >= 0)
        table[of, row[there], column[there]] = np.flatnonzero(there)
    place = np.zeros(len(index), np.int32)  # in the flat table
    for name, length in zip(SITE, table.shape, strict=True):
        place *= length
        place += index.codes[index.names.index(name)]
    found: npt.NDArray[np.int32] = table.ravel()[place]
    return found


class ValuePlanes:
    """Labels as values; see mosaic.Planes.

    Close by, where objects are more than a few pixels large, only their borders are given, so that
    the image below is seen.

    Parameters
    ----------
    filled
        Whole objects everywhere.
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self, labels: Planes, values: ObjectValues, stride: int, *, filled: bool = False
    ) -> None:
        self._labels, self._values, self._stride = labels, values, stride
        self._widths = () if filled else _WIDTHS

    @property
    def shapes(self) -> list[tuple[int, int, int, int]]:
        """(t, z, y, x) of each level, finest first."""
        return self._labels.shapes

    @property
    def waiting(self) -> bool:
        """See mosaic.Planes."""
        return self._labels.waiting

    def plane(
        self, level: int, t: int, z: int, y: range, x: range, *, hurry: bool = False
    ) -> Values:
        """See mosaic.Planes."""
        numbers = self._labels.plane(level, t, z, y, x, hurry=hurry)
        width = self._widths[level] if level < len(self._widths) else 0
        if not width:
            return self._values.of(numbers, self._stride, t)
        # Beyond the part that is asked for an object goes on, beyond the image it does not.
        _, _, height, length = self.shapes[level]
        ends = ((y.start == 0, y.stop == height), (x.start == 0, x.stop == length))
        around = [tuple(0 if end else width for end in axis) for axis in ends]
        beyond = [tuple(width - size for size in axis) for axis in around]
        numbers = np.pad(np.pad(numbers, around, mode="edge"), beyond)
        found = self._values.of(numbers, self._stride, t, width)
        return found[width:-width, width:-width]
