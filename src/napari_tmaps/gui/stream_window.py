"""A simulated acquisition that napari shows while it is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import napari
from qtpy.QtCore import QTimer

from napari_tmaps.errors import FormatError, NotFoundError

_INTERVAL_MS = 500


class GrowingLayers:
    """Layers of an OME-Zarr that is being written, shown again whenever it has grown.

    Parameters
    ----------
    path
        Folder of the image, which need not be there yet.
    """

    def __init__(self, viewer: napari.Viewer, path: Path) -> None:
        self._viewer = viewer
        self._path = path
        self._layers: list[Any] = []
        self._shape: tuple[int, ...] = ()

    def refresh(self) -> None:
        """Show what has come since."""
        import dask.array as da

        from napari_tmaps.streams.ngff import read_levels

        try:
            array = read_levels(self._path)[0]
        except (NotFoundError, FormatError):
            return
        if array.shape == self._shape:
            return
        pixels: Any = da.from_zarr(array)  # type: ignore[no-untyped-call]
        if not self._layers:
            self._layers = self._viewer.add_image(
                pixels, channel_axis=1, name=["DAPI", "GFP"], contrast_limits=[80, 1500]
            )
        else:
            for channel, layer in enumerate(self._layers):
                layer.data = pixels[:, channel]
        self._shape = array.shape
        self._viewer.dims.set_current_step(0, array.shape[0] - 1)


def show_stream(path: Path, steps: Iterator[int], interval_s: float) -> None:
    """Open napari, write one time point after the other, and show them as other programs see them.

    Parameters
    ----------
    steps
        Writes a time point for each value it yields.
    """
    viewer = napari.Viewer(title=f"Stream to {path.name}")
    layers = GrowingLayers(viewer, path)
    writing, looking = QTimer(), QTimer()

    def write() -> None:
        if next(steps, None) is None:
            writing.stop()

    writing.timeout.connect(write)
    looking.timeout.connect(layers.refresh)
    writing.start(int(interval_s * 1000))
    looking.start(_INTERVAL_MS)
    napari.run()
    writing.stop()
    looking.stop()
    for _ in steps:
        pass
