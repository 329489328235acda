"""Who writes a stream, by its format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy.typing as npt

from napari_tmaps.streams.acquisition import AcquisitionSettings
from napari_tmaps.streams.order import FrameOrder, Place
from napari_tmaps.streams.workers import Workers


class Writer(Protocol):
    """Writes the frames of all positions. Only `flush` is called in another thread."""

    state: dict[str, Any]

    def create(self) -> None:
        """Make the file or folder."""

    def resume(self) -> Mapping[str, Any]:
        """Take up an interrupted stream; returns its `state`."""
        ...

    def has(self, position: int, place: Place) -> bool:
        """Whether that frame is on the disk."""
        ...

    def write(
        self, position: int, place: Place, frame: npt.NDArray[Any], facts: dict[str, Any] | None
    ) -> None:
        """Take a frame, copying it."""

    def skip(self, position: int, place: Place) -> None:
        """There will be no frame there."""

    def read(self, position: int, place: Place) -> npt.NDArray[Any] | None:
        """A frame that has come; None if it has not."""
        ...

    def flush(self) -> None:
        """All that was written is readable from now on."""

    def close(self) -> None:
        """Write what is left. The workers are idle."""

    def get_metadata(self) -> dict[Any, Any]:
        """What is written beside the pixels."""
        ...

    def update_metadata(self, changes: Mapping[Any, Any]) -> None:
        """Change it."""

    def set_global(self, namespace: str, values: Any) -> None:
        """Facts of the whole stream."""


def make_writer(settings: AcquisitionSettings, order: FrameOrder, workers: Workers) -> Writer:
    """The writer for these settings.

    Raises
    ------
    InputError
        The format has no place for them.
    """
    if settings.format.name == "scratch":
        from napari_tmaps.streams.scratch import ScratchStream

        return ScratchStream(settings, order, workers)
    if settings.format.name == "ome-zarr":
        from napari_tmaps.streams.zarr_stream import ZarrStream

        return ZarrStream(settings, order, workers)
    from napari_tmaps.streams.tiff_stream import TiffStream

    settings.check_tiff()
    return TiffStream(settings, order, workers)
