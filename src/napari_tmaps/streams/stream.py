"""Frames go in one after the other, and come out as OME-TIFF or OME-Zarr."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import InputError, StorageError
from napari_tmaps.streams.acquisition import AcquisitionSettings
from napari_tmaps.streams.atomic import disk_errors
from napari_tmaps.streams.describe import check_facts
from napari_tmaps.streams.events import Callback, CoordUpdate, Events, warn_unclosed
from napari_tmaps.streams.lock import PathLock
from napari_tmaps.streams.order import FrameOrder, Place
from napari_tmaps.streams.plainjson import plain
from napari_tmaps.streams.view import StreamView
from napari_tmaps.streams.workers import Clock, Workers
from napari_tmaps.streams.writers import Writer, make_writer

_RESERVED = ("ome", "ome_writers", "tmaps")


def create_stream(settings: AcquisitionSettings, *, resume: bool = False) -> AcquisitionStream:
    """Make the file or folder of an acquisition, ready for its frames.

    Parameters
    ----------
    resume
        True: go on with the stream that is at that path, which was interrupted. Its
        `frames_written` says which frame it expects next; what came later is written again.

    Raises
    ------
    InputError
        Settings that are not complete, or that the format has no place for.
    ExistsError
        Something is at that path that must not be replaced, or another stream writes there.
    StorageError
        The disk refuses.

    Examples
    --------
    >>> with create_stream(settings) as stream:  # doctest: +SKIP
    ...     for frame in camera:
    ...         stream.append(frame)
    """
    return AcquisitionStream(settings, resume=resume)


class AcquisitionStream:
    """Takes the frames of an acquisition; made by `create_stream`, used in a with block."""

    def __init__(self, settings: AcquisitionSettings, *, resume: bool = False) -> None:
        settings.validate_stream_ready()
        self.settings = settings.model_copy(deep=True)
        self._order = FrameOrder.of(self.settings)
        self._core = _Core(self.settings, self._order, resume=resume)
        self._events = Events()
        self._lock = threading.RLock()
        self._frame_shape = tuple(dim.count for dim in self.settings.frame_dimensions)
        self._dtype = np.dtype(self.settings.dtype)
        self._reached = [0] * len(self._order.counts)
        if self._core.number:
            self._reach_all(self._core.number - 1)
        self._finalizer = weakref.finalize(self, _forgotten, self._core)

    def append(
        self,
        frame: npt.ArrayLike,
        *,
        metadata: Mapping[str, Any] | None = None,
        frame_metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Take the next frame; it is copied, so its memory may be used again at once.

        Parameters
        ----------
        frame
            Shape (y, x) and type as the settings say.
        metadata, frame_metadata
            Facts of this frame, either name will do. delta_t and exposure_time (s), position_x,
            position_y and position_z (µm) go to where OME has a field for them.

        Raises
        ------
        InputError
            Another shape or type, or metadata that JSON cannot hold; the frame may be given again.
        IndexError
            All frames have come.
        StorageError
            An earlier frame could not be written.
        """
        pixels = np.asarray(frame)
        if pixels.shape != self._frame_shape or pixels.dtype != self._dtype:
            raise InputError(
                f"Frame {self.frames_written} has the shape {pixels.shape} and type "
                f"{pixels.dtype.name}, but the stream takes {self._frame_shape} and "
                f"{self._dtype.name}. Nothing was written; give it again as that."
            )
        if metadata is not None and frame_metadata is not None:
            raise InputError("Give metadata or frame_metadata, not both: they are the same.")
        given = metadata if metadata is not None else frame_metadata
        facts = None if not given else check_facts(given)
        with self._lock:
            number = self._core.next(1, "append frame")
            position, place = self._order.locate(number)
            self._core.guarded(lambda: self._core.writer.write(position, place, pixels, facts))
            self._core.number = number + 1
            self._after(number)

    def skip(self, *, frames: int = 1) -> None:
        """No data will come for the next frames.

        Raises
        ------
        InputError
            Less than one frame.
        IndexError
            More than are left; none is skipped then.
        """
        if frames < 1:
            raise InputError(f"frames must be positive, but is {frames}.")
        with self._lock:
            first = self._core.next(frames, f"skip {frames} frames")
            self._core.skipped.append((first, frames))
            for number in range(first, first + frames):
                position, place = self._order.locate(number)
                self._core.guarded(partial(self._core.writer.skip, position, place))
                self._core.number = number + 1
                self._after(number)

    def flush(self) -> None:
        """All frames so far are readable by other programs when this returns."""
        with self._lock:
            self._core.workers.drain()
            self._core.flush()

    def close(self) -> None:
        """Write all that is left; twice is fine.

        Raises
        ------
        StorageError
            Frames could not be written.
        """
        with self._lock:
            if self.closed:
                return
            self._finalizer.detach()
            try:
                self._core.close()
            finally:
                self._events.close()

    @property
    def closed(self) -> bool:
        """Whether it takes no more frames."""
        return self._core.closed

    @property
    def frames_written(self) -> int:
        """Frames that were appended or skipped so far, in all."""
        return self._core.number

    def on(self, event: str, callback: Callback) -> Callable[[], None]:
        """Call back on "coords_changed" or "coords_expanded", in another thread, in order.

        Returns what ends that. The callback is given a `CoordUpdate`.
        """
        return self._events.on(event, callback)

    def view(self, *, dynamic_shape: bool = True, strict: bool = False) -> StreamView:
        """The stream as one array that grows, in the order of acquisition."""
        return StreamView(self, dynamic_shape=dynamic_shape, strict=strict)

    def get_metadata(self) -> dict[Any, Any]:
        """What is written beside the pixels: OME-Zarr: attributes of each group, by path; OME-TIFF:
        the OME model, by position."""
        return self._core.writer.get_metadata()

    def update_metadata(self, metadata: Mapping[Any, Any]) -> None:
        """Change what is written beside the pixels, in the form of `get_metadata`."""
        self._core.writer.update_metadata(metadata)

    def set_global_metadata(self, namespace: str, metadata: Mapping[str, Any]) -> None:
        """Facts of the whole acquisition; each namespace has its own, given anew they are replaced.

        Raises
        ------
        InputError
            A namespace that is empty or reserved, or values that JSON cannot hold.
        """
        if not isinstance(namespace, str) or not namespace or namespace in _RESERVED:
            raise InputError(
                f"{namespace!r} cannot be a namespace: give a text that is none of "
                f"{', '.join(_RESERVED)}."
            )
        with self._lock:
            self._core.writer.set_global(namespace, plain(metadata, namespace))

    @property
    def reached(self) -> tuple[int, ...]:
        """How far the dimensions but the plane have come."""
        return tuple(self._reached)

    def read_frame(self, indices: Place) -> npt.NDArray[Any] | None:
        """A frame that has come, by its indices in the order of acquisition; None if it has not."""
        with self._lock:
            if not self.closed:
                self._core.workers.drain()
            axis = self._order.position_axis
            position = 0 if axis is None else indices[axis]
            return self._core.writer.read(position, tuple(indices[n] for n in self._order.stored))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
            return
        # What was raised matters more than that the rest could not be written either.
        try:
            self.close()
        except StorageError as second:
            if error is not None:
                error.add_note(str(second))

    def _reach_all(self, number: int) -> None:
        """As far as the loops have come at the frame of that number."""
        indices = self._order.loops(number)
        for axis, index in enumerate(indices):
            full = any(indices[:axis])
            self._reached[axis] = (self._order.counts[axis] or 1) if full else index + 1

    def _after(self, number: int) -> None:
        indices = self._order.loops(number)
        further = False
        for axis, index in enumerate(indices):
            if index >= self._reached[axis]:
                self._reached[axis] = index + 1
                further = True
        if self._events.wanted:
            reached = {}
            for dim, size in zip(self.settings.dimensions, self._reached, strict=False):
                reached[dim.name] = dim.labels[:size] if dim.labels else range(size)
            current = dict(zip(self._order.names, indices, strict=True))
            self._events.emit(CoordUpdate(reached, current, number, further))


OMEStream = AcquisitionStream
"""Its name in ome-writers."""


class _Core:
    """What goes on when nobody holds the stream any more: its writer, threads and lock."""

    def __init__(self, settings: AcquisitionSettings, order: FrameOrder, *, resume: bool) -> None:
        self.total = order.total
        self.where = settings.output_path
        self.closed = False
        self.number = 0
        self.skipped: list[tuple[int, int]] = []
        self.workers = Workers()
        self._clock: Clock | None = None
        self._path_lock: PathLock | None = None
        self.flushing = threading.Lock()
        try:
            self.writer: Writer = make_writer(settings, order, self.workers)
            if settings.root_path:
                self._path_lock = PathLock(Path(settings.output_path).absolute())
            if resume:
                self._resume(order, self.writer.resume())
            else:
                self.writer.state = self._state()
                self.writer.create()
        except BaseException:
            self.workers.close()
            if self._path_lock is not None:
                self._path_lock.release()
            raise
        self._clock = Clock(settings.durability_s / 3, self._tick)

    def _resume(self, order: FrameOrder, state: Mapping[str, Any]) -> None:
        """Go on after the last frame before which all are on the disk."""
        ranges = [(first, count) for first, count in state["skipped"]]
        skipped = {n for first, count in ranges for n in range(first, first + count)}
        last = int(state["handed"])
        while self.number < last and (
            self.number in skipped or self.writer.has(*order.locate(self.number))
        ):
            self.number += 1
        self.skipped = [each for each in ranges if each[0] < self.number]
        self.writer.state = self._state()

    def _state(self) -> dict[str, Any]:
        """What `resume` needs to know."""
        return {"handed": self.number, "skipped": [list(each) for each in self.skipped]}

    def next(self, frames: int, what: str) -> int:
        """Number of the next frame, if so many more may come."""
        if self.closed:
            raise InputError(f"The stream to '{self.where}' is closed; it takes no more frames.")
        self._raise()
        if self.total is not None and self.number + frames > self.total:
            raise IndexError(
                f"Cannot {what}: would exceed total of {self.total} frames; {self.number} have "
                "come. Give the first dimension count=None if you do not know how many will."
            )
        return self.number

    def guarded(self, action: Callable[[], None]) -> None:
        """Run what may meet errors of the disk."""
        with disk_errors(Path(self.where or "scratch")):
            action()

    def flush(self) -> None:
        """Publish what is written, and how many frames that are."""
        with self.flushing:
            self.writer.state = self._state()
            self.guarded(self.writer.flush)

    def close(self) -> None:
        """Write all, end the threads, release the path."""
        self.closed = True
        if self._clock is not None:
            self._clock.stop()
        try:
            self.guarded(self.workers.drain)
            self._raise()
            self.writer.state = self._state()
            self.guarded(self.writer.close)
        finally:
            self.workers.close()
            if self._path_lock is not None:
                self._path_lock.release()

    def _tick(self) -> None:
        if not self.closed and not self.workers.failed and not self.flushing.locked():
            self.workers.submit(self.flush, 0)

    def _raise(self) -> None:
        with disk_errors(Path(self.where or "scratch")):
            self.workers.check()


def _forgotten(core: _Core) -> None:
    """The stream was dropped, or the interpreter ends, without close."""
    warn_unclosed(core.where)
    core.close()
