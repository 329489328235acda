"""The objects of a site in a layer of their own, and what the mouse does to them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.gui.layers import AXES
from napari_tmaps.measure import reshape
from napari_tmaps.store.corrections import SiteObjects

if TYPE_CHECKING:
    import napari.viewer


class Hand(StrEnum):
    """What the mouse does; the value is what is offered to the user."""

    PAINT = "Paint"
    NEW = "New object"
    ERASE = "Erase"
    SPLIT = "Split"
    MERGE = "Merge"
    DELETE = "Delete"


_MODES = {Hand.PAINT: "paint", Hand.NEW: "paint", Hand.ERASE: "erase"}


class EditLayer:
    """Lies in place of the layer of the stored objects until it is removed.

    Parameters
    ----------
    below
        The layer of the stored objects; hidden meanwhile.
    before
        Labels (z, y, x) as they are stored.
    on_change
        Called whenever labels have changed.
    on_removed
        Called when somebody takes the layer out of the list.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        below: Any,
        place: SiteObjects,
        before: npt.NDArray[np.int32],
        on_change: Callable[[object], None],
        on_removed: Callable[[], None],
    ) -> None:
        self._viewer, self._below, self._on_change = viewer, below, on_change
        self._on_removed = on_removed
        self.place, self.before = place, before
        self.hand = Hand.PAINT
        self.layer: Any = viewer.add_labels(
            before[np.newaxis].copy(),
            name=f"Edit: {place.object_type}",
            scale=below.scale,
            translate=(place.t * below.scale[0], *below.translate[1:]),
            units=below.units,
            axis_labels=AXES,
            opacity=0.6,
        )
        self.layer.brush_size = 10
        self.layer.mouse_drag_callbacks.append(self._on_drag)
        self.layer.events.set_data.connect(on_change)
        self.layer.events.labels_update.connect(on_change)
        viewer.layers.events.removed.connect(self._on_layer_removed)
        below.visible = False

    def _on_layer_removed(self, _event: object) -> None:
        if self.layer not in self._viewer.layers:
            self._on_removed()

    def remove(self) -> None:
        """Show the stored objects again."""
        self._viewer.layers.events.removed.disconnect(self._on_layer_removed)
        if self.layer in self._viewer.layers:
            self._viewer.layers.remove(self.layer)
        if self._below in self._viewer.layers:
            self._below.visible = True

    def changed(self) -> int:
        """Number of objects that differ from those that are stored."""
        now = np.asarray(self.layer.data[0])
        where = now != self.before
        return len({*now[where].tolist(), *self.before[where].tolist()} - {0})

    def after(self) -> npt.NDArray[np.int32]:
        """Labels (z, y, x) as they are now."""
        return np.array(self.layer.data[0], np.int32)

    def discard(self) -> None:
        """Begin again with what is stored."""
        self.layer.data = self.before[np.newaxis].copy()

    def setHand(self, hand: Hand) -> None:
        """Choose what the mouse does."""
        self.hand = hand
        self._viewer.layers.selection.active = self.layer
        self.layer.mode = _MODES.get(hand, "pan_zoom")
        self.layer.mouse_pan = hand not in (Hand.SPLIT, Hand.MERGE, Hand.DELETE)

    def setFree(self, free: bool) -> None:
        """Let strokes be made, or not: those made while others are saved would be lost."""
        if self.layer.editable != free:
            self.layer.editable = free
            if free:  # napari has put the brush away
                self.setHand(self.hand)

    def _on_drag(self, layer: Any, event: Any) -> Generator[None, None, None]:
        hand, start = self.hand, layer.world_to_data(event.position)
        if hand in _MODES:
            # napari paints with the label that is selected: take that of the object below.
            value = int(layer.get_value(event.position, world=True) or 0)
            if hand is Hand.NEW:
                value = value or int(layer.data.max()) + 1
            layer.selected_label = value or layer.selected_label
            yield
            return
        yield
        end = start
        while event.type == "mouse_move":
            end = layer.world_to_data(event.position)
            yield
        self.stroke(hand, start, end)

    def stroke(self, hand: Hand, start: Any, end: Any) -> None:
        """Split, merge or delete along a line (t, z, y, x) in pixels of the layer."""
        t, z, data = round(float(start[0])), round(float(start[1])), self.layer.data
        if t or not (0 <= z < data.shape[1] and self.layer.editable):
            return
        plane = np.asarray(data[0, z])
        first, last = (float(start[2]), float(start[3])), (float(end[2]), float(end[3]))
        if hand is Hand.SPLIT:
            new = reshape.split(plane, first, last, int(data.max()) + 1)
        elif hand is Hand.MERGE:
            new = reshape.merge(plane, first, last)
        else:
            new = reshape.delete(plane, first, last)
        y, x = np.nonzero(new != plane)
        if len(y):
            # So that it is one stroke for napari's own undo.
            indices = (np.zeros_like(y), np.full_like(y, z), y, x)
            self.layer.data_setitem(indices, new[y, x])
        self._on_change(None)


def stored_layer(viewer: napari.viewer.Viewer, object_type: str) -> Any:
    """The layer of the stored objects of a type; None if it is not shown."""
    for layer in viewer.layers:
        facts = layer.metadata.get("tmaps", {})
        if facts.get("objects") == object_type and facts.get("stored", True):
            return layer
    return None
