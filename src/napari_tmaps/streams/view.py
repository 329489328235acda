"""A stream seen as one array while it grows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import InputError

if TYPE_CHECKING:
    from napari_tmaps.streams.stream import AcquisitionStream


class _Signal:
    """Connects functions without arguments to changes of coordinates."""

    def __init__(self, stream: AcquisitionStream) -> None:
        self._stream = stream
        self._ends: dict[Any, Callable[[], None]] = {}

    def connect(self, function: Callable[[], object]) -> None:
        """Call it at each change."""
        self._ends[function] = self._stream.on("coords_changed", lambda _: function())

    def disconnect(self, function: Callable[[], object]) -> None:
        """No longer."""
        self._ends.pop(function)()

    def emit(self) -> None:
        """Call all now."""
        for end_of in tuple(self._ends):
            end_of()


class StreamView:
    """All dimensions of the acquisition in their own order, positions too; frames are read when
    asked for.

    Parameters
    ----------
    dynamic_shape
        True: as far as frames have come. False: as far as they will come.
    strict
        True: asking beyond what has come is an IndexError. False: zeros.
    """

    def __init__(
        self, stream: AcquisitionStream, *, dynamic_shape: bool = True, strict: bool = False
    ) -> None:
        self._stream = stream
        self._dynamic = dynamic_shape
        self._strict = strict
        self.coords_changed = _Signal(stream)

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the dimensions."""
        return tuple(dim.name for dim in self._stream.settings.dimensions)

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes now."""
        reached = self._stream.reached
        sizes = self._stream.settings.shape
        if not self._dynamic:
            reached = tuple(
                now if count is None else count for now, count in zip(reached, sizes, strict=False)
            )
        return (*reached, *(count or 0 for count in sizes[-2:]))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        return np.dtype(self._stream.settings.dtype)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.dims)

    @property
    def coords(self) -> dict[str, Any]:
        """Coordinates along each dimension: names where it has them, else numbers."""
        found = {}
        for dim, size in zip(self._stream.settings.dimensions, self.shape, strict=True):
            found[dim.name] = dim.labels[:size] if dim.labels else range(size)
        return found

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("A view of a stream cannot become an array without copying it.")
        return np.asarray(self[...], dtype)

    def __getitem__(self, key: Any) -> npt.NDArray[Any]:
        keys = _full(key, self.ndim)
        shape = self.shape
        chosen = [_indices(k, n, axis) for k, n, axis in zip(keys, shape, self.dims, strict=True)]
        loops, plane = chosen[:-2], tuple(keys[-2:])
        sizes = [len(indices) for indices in loops]
        height, width = shape[-2:]
        frames = np.zeros((*sizes, height, width), self.dtype)
        for target in np.ndindex(*sizes):
            place = tuple(indices[n] for indices, n in zip(loops, target, strict=True))
            frame = self._stream.read_frame(place)
            if frame is not None:
                frames[target] = frame
            elif self._strict:
                raise IndexError(
                    f"No frame has come at {dict(zip(self.dims, place, strict=False))}."
                )
        pixels = frames[(..., *plane)]
        drop = tuple(0 if isinstance(k, int | np.integer) else slice(None) for k in keys[:-2])
        return pixels[drop]


def _full(key: Any, ndim: int) -> list[Any]:
    keys = list(key) if isinstance(key, tuple) else [key]
    if Ellipsis in [k for k in keys if not isinstance(k, np.ndarray)]:
        at = keys.index(Ellipsis)
        keys[at : at + 1] = [slice(None)] * (ndim - len(keys) + 1)
    keys += [slice(None)] * (ndim - len(keys))
    if len(keys) > ndim or not all(isinstance(k, int | slice | np.integer) for k in keys):
        raise InputError(
            f"A view of {ndim} dimensions takes numbers and slices, one a dimension; not {key!r}."
        )
    return keys


def _indices(key: Any, size: int, axis: str) -> range:
    if isinstance(key, slice):
        return range(size)[key]
    index = int(key) + (size if key < 0 else 0)
    if not 0 <= index < size:
        raise IndexError(f"Index {key} is beyond dimension '{axis}', which is {size} long now.")
    return range(index, index + 1)
