"""A layer that is added leaves chosen what is chosen, in the model and in the list of layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_tmaps.gui.unchosen import add_unchosen

PIXELS = np.zeros((4, 4), np.uint8)


@pytest.mark.parametrize("chosen", [(), ("a",), ("a", "b")])
def test_what_is_chosen_stays(chosen: tuple[str, ...]) -> None:
    viewer = ViewerModel()
    for name in "ab":
        viewer.add_image(PIXELS, name=name)
    viewer.layers.selection = {viewer.layers[name] for name in chosen}
    told: list[Any] = []
    viewer.layers.selection.events.connect(told.append)
    add_unchosen(viewer, Image(PIXELS, name="new"))
    assert [layer.name for layer in viewer.layers] == ["a", "b", "new"]
    assert {layer.name for layer in viewer.layers.selection} == set(chosen)
    only = viewer.layers[chosen[0]] if len(chosen) == 1 else None
    assert viewer.layers.selection.active is only
    assert not told


def test_the_window_shows_what_is_chosen(make_viewer: Callable[..., Any]) -> None:
    viewer = make_viewer()
    window = viewer.window._qt_viewer
    tree, controls = window.layers, window.controls

    def marked() -> list[str]:
        return [index.data() for index in tree.selectionModel().selectedIndexes()]

    first = viewer.add_image(PIXELS, name="first")
    new = Labels(PIXELS, name="new")
    add_unchosen(viewer, new)
    assert marked() == ["first"]
    assert controls.currentWidget() is controls.widgets[first]
    viewer.layers.selection.active = new
    assert marked() == ["new"]
    assert controls.currentWidget() is controls.widgets[new]
