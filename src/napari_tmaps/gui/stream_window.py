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

        from napari_tmaps.streams.ngff import read_info, read_levels

        try:
            info, array = read_info(self._path), read_levels(self._path)[0]
        except (NotFoundError, FormatError):
            self._say("Waiting for the first frame …")
            return
        if array.shape == self._shape:
            return
        pixels: Any = da.from_zarr(array)  # type: ignore[no-untyped-call]
        if not self._layers:
            self._layers = self._viewer.add_image(
                pixels,
                channel_axis=1,
                name=[channel.name for channel in info.channels],
                contrast_limits=list(info.contrast),
                scale=(1, *(size or 1 for size in info.pixel_size_um[1:])),
                units=("pixel", "um", "um"),
            )
            self._viewer.dims.axis_labels = ("t", "y", "x")
            self._viewer.canvas.overlays.scale_bar.visible = True
        else:
            for channel, layer in enumerate(self._layers):
                layer.data = pixels[:, channel]
        self._shape = array.shape
        self._viewer.dims.set_current_step(0, array.shape[0] - 1)
        self._say(f"{array.shape[0]} time points so far")

    def finish(self) -> None:
        """No more will come."""
        self.refresh()
        self._say(f"{self._shape[0]} time points; the stream is closed")

    def _say(self, text: str) -> None:
        self._viewer.canvas.overlays.text.visible = True
        self._viewer.canvas.overlays.text.text = text


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
            looking.stop()
            layers.finish()

    layers.refresh()
    writing.timeout.connect(write)
    looking.timeout.connect(layers.refresh)
    writing.start(int(interval_s * 1000))
    looking.start(_INTERVAL_MS)
    napari.run()
    writing.stop()
    looking.stop()
    for _ in steps:
        pass
