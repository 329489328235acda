"""Layers come and go while others wait to be drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from napari_tmaps.gui.desk import desk_of


def test_what_waits_to_be_drawn_is_drawn_after_a_layer_is_gone(
    make_viewer: Callable[..., Any], qtbot: Any
) -> None:
    viewer = make_viewer(show=True)
    desk_of(viewer)
    gone = viewer.add_labels(np.ones((64, 64), np.uint8))
    kept = viewer.add_labels(np.ones((64, 64), np.uint8))
    viewer.screenshot(canvas_only=True, flash=False)
    # Qt leaves whichever context was needed last: here none.
    viewer.window._qt_viewer.canvas.native.doneCurrent()
    kept.data = np.full((80, 80), 2, np.uint8)
    kept.new_colormap(7)
    viewer.layers.remove(gone)
    drawn = viewer.screenshot(canvas_only=True, flash=False)
    middle = drawn[drawn.shape[0] // 2, drawn.shape[1] // 2, :3] / 255
    np.testing.assert_allclose(middle, kept.get_color(2)[:3] * kept.opacity, atol=0.02)


def test_layers_go_before_the_window_is_shown(make_viewer: Callable[..., Any]) -> None:
    viewer = make_viewer(show=False)
    desk_of(viewer)
    gone = viewer.add_labels(np.ones((64, 64), np.uint8))
    kept = viewer.add_labels(np.full((64, 64), 2, np.uint8))
    viewer.layers.remove(gone)
    viewer.window.show()
    drawn = viewer.screenshot(canvas_only=True, flash=False)
    middle = drawn[drawn.shape[0] // 2, drawn.shape[1] // 2, :3] / 255
    np.testing.assert_allclose(middle, kept.get_color(2)[:3] * kept.opacity, atol=0.02)
