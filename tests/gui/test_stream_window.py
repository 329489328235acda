"""Layers that grow with the stream behind them."""

from __future__ import annotations

import itertools

from napari.components import ViewerModel

from napari_tmaps.cli.streams import simulate
from napari_tmaps.gui.stream_window import GrowingLayers


def test_layers_grow_with_the_stream(tmp_path):
    path = tmp_path / "a.ome.zarr"
    viewer = ViewerModel()
    layers = GrowingLayers(viewer, path)
    layers.refresh()
    assert len(viewer.layers) == 0
    assert viewer.canvas.overlays.text.text == "Waiting for the first frame …"
    steps = simulate(path, 6, size=64)
    list(itertools.islice(steps, 6))
    assert next(steps, None) is None
    layers.refresh()
    layers.refresh()
    assert [layer.name for layer in viewer.layers] == ["DAPI", "GFP"]
    assert viewer.layers[0].data.shape == (6, 64, 64)
    assert viewer.dims.current_step[0] == 5
    assert viewer.layers[0].scale.tolist() == [1, 0.325, 0.325]
    assert viewer.dims.axis_labels == ("t", "y", "x")
    assert viewer.canvas.overlays.text.text == "6 time points so far"
    layers.finish()
    assert viewer.canvas.overlays.text.text == "6 time points; the stream is closed"
