"""Where each frame of an acquisition belongs, and which of them have come."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod

import numpy as np
import numpy.typing as npt

from napari_tmaps.streams.acquisition import AcquisitionSettings

Place = tuple[int, ...]
"""Indices of a plane within its image, in the order in which they are stored."""


@dataclass(frozen=True)
class FrameOrder:
    """Nested loops over the dimensions but the plane, slowest first.

    Attributes
    ----------
    names, counts
        Of the loops; the first count may be None.
    position_axis
        The loop over positions, or None.
    stored
        For each stored dimension, which loop it is.
    """

    names: tuple[str, ...]
    counts: tuple[int | None, ...]
    position_axis: int | None
    stored: tuple[int, ...]

    @classmethod
    def of(cls, settings: AcquisitionSettings) -> FrameOrder:
        """The order of these settings."""
        names = tuple(dim.name for dim in settings.dimensions[:-2])
        return cls(
            names,
            settings.shape[:-2],
            settings.position_dimension_index,
            tuple(names.index(dim.name) for dim in settings.storage_index_dimensions),
        )

    @property
    def total(self) -> int | None:
        """Frames in all; None if unbounded."""
        counts = [count for count in self.counts if count is not None]
        return None if len(counts) < len(self.counts) else prod(counts)

    @property
    def stored_counts(self) -> tuple[int | None, ...]:
        """Sizes of the stored dimensions."""
        return tuple(self.counts[loop] for loop in self.stored)

    def loops(self, number: int) -> Place:
        """Indices of all loops at the frame of that number, from 0."""
        indices = []
        for count in reversed(self.counts[1:]):
            number, index = divmod(number, count or 1)
            indices.append(index)
        return (*([number] if self.counts else []), *reversed(indices))

    def locate(self, number: int) -> tuple[int, Place]:
        """Position and place of the frame of that number."""
        indices = self.loops(number)
        position = 0 if self.position_axis is None else indices[self.position_axis]
        return position, tuple(indices[loop] for loop in self.stored)


class PlaneNumbers:
    """Numbers from 0 of the planes of an image, say their pages, in an array that grows.

    Of thousands of planes a dictionary would take a hundred times as much.
    """

    def __init__(self, counts: tuple[int | None, ...]) -> None:
        self._numbers = np.full([count or 1 for count in counts], -1, np.int64)

    def __setitem__(self, place: Place, number: int) -> None:
        for axis, index in enumerate(place):
            if index >= self._numbers.shape[axis]:
                self._double(axis, index)
        self._numbers[place] = number

    def get(self, place: Place) -> int | None:
        """The number of that plane; None if it has none."""
        inside = all(i < size for i, size in zip(place, self._numbers.shape, strict=True))
        number = int(self._numbers[place]) if inside else -1
        return None if number < 0 else number

    def __contains__(self, place: Place) -> bool:
        return self.get(place) is not None

    def listed(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int64]]:
        """Places that have a number, in the order of storage, shape (n, dimensions); and those."""
        numbers = self._numbers
        there = numbers >= 0
        return np.argwhere(there), numbers[there]

    def rows(self) -> list[list[int]]:
        """[*place, number] of each that has one, in the order of storage."""
        places, numbers = self.listed()
        rows: list[list[int]] = np.column_stack([places, numbers]).tolist()
        return rows

    def missing(self, shape: Place) -> npt.NDArray[np.intp]:
        """Places within that size that have none, shape (n, dimensions)."""
        there = np.zeros(shape, bool)
        inside = tuple(slice(size) for size in shape)
        known = self._numbers[inside] >= 0
        there[tuple(slice(size) for size in known.shape)] = known
        return np.argwhere(~there)

    def _double(self, axis: int, index: int) -> None:
        more = list(self._numbers.shape)
        more[axis] = max(index + 1 - more[axis], more[axis])
        self._numbers = np.concatenate([self._numbers, np.full(more, -1)], axis=axis)


class Seen:
    """Which planes of an image were written, to which pages, and how far it reaches."""

    def __init__(self, counts: tuple[int | None, ...]) -> None:
        self.pages = PlaneNumbers(counts)
        self.extent = [0] * len(counts)

    def reach(self, place: Place) -> None:
        """The image reaches to this place, whether it has a plane or not."""
        for axis, index in enumerate(place):
            self.extent[axis] = max(self.extent[axis], index + 1)

    def add(self, place: Place, page: int = 0) -> None:
        """The plane is written, in a file with pages to that one."""
        self.reach(place)
        self.pages[place] = page

    def __contains__(self, place: Place) -> bool:
        return place in self.pages

    @property
    def shape(self) -> Place:
        """Its size, at least 1 along each dimension."""
        return tuple(max(1, size) for size in self.extent)

    def missing(self) -> npt.NDArray[np.intp]:
        """Places within its size that hold no plane, shape (n, dimensions)."""
        return self.pages.missing(self.shape)


def runs(numbers: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """Where numbers that follow each other begin and end: [(first, last + 1)] of indices.

    >>> runs(np.array([4, 5, 6, 9]))
    [(0, 3), (3, 4)]
    """
    breaks = np.flatnonzero(np.diff(numbers) != 1) + 1
    return list(pairwise([0, *breaks.tolist(), len(numbers)])) if len(numbers) else []
