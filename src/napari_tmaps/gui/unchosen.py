"""A layer is added, and what the user works with stays chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer


def add_unchosen(viewer: ViewerModel, layer: Layer) -> None:
    """Add a layer that is not chosen.

    napari chooses each that is new: it shows its controls in place of others, which takes as long
    as drawing it, and all that do not stay so were shown in vain.
    """
    selection = viewer.layers.selection
    before, active = set(selection), selection.active
    with selection.events.blocker_all():  # at the end it is what it was, so nobody has to know
        viewer.add_layer(layer)
        if active is not None:
            selection.active = active
        else:
            selection.clear()
            selection.update(before)
