"""Layers that follow the experiment widget: replaced in place while the user walks the plate."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tmaps.gui.garbage import Garbage
from napari_tmaps.gui.label_colours import grey_colormap
from napari_tmaps.gui.layers import LayerTuple
from napari_tmaps.gui.mosaic import MosaicLevel
from napari_tmaps.gui.unchosen import add_unchosen

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

# What the user may have changed and wants to find again on the next site.
_KEPT = {
    "image": ("visible", "opacity", "contrast_limits", "colormap", "gamma", "blending"),
    "labels": ("visible", "opacity", "contour", "blending"),
    "points": ("visible", "opacity"),
}
_OF_VALUES = ("colormap", "contrast_limits")
"""What a layer of values has from what its objects are coloured by, and not from the user."""
_GARBAGE_BYTES = 2**28
"""Pixels of removed previews that may wait for Python to forget them."""


class KeptLayers:
    """The layers of one experiment in one viewer.

    Layers keep their settings: where the data fit, the layer itself stays and only its data
    change; else the new layer gets the settings of the old one. A layer that the user removed
    comes back with the next site.

    Parameters
    ----------
    viewer
        Works without a window, too.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._layers: dict[tuple[str, str], Layer] = {}
        self._settings: dict[tuple[str, str], dict[str, Any]] = {}
        self._colormaps: dict[tuple[str, str], Any] = {}
        self._coloured: dict[tuple[str, str], str] = {}  # name of the colours it was given
        self._garbage = Garbage(viewer)
        self._waiting = 0  # bytes of removed layers that are not collected yet
        self._seen: dict[str, bool] = {}

    def show(self, layers: Sequence[LayerTuple]) -> bool:
        """Show exactly these layers, besides those of other people; True if the view was reset."""
        wanted = {_key(layer) for layer in layers}
        gone = [key for key in self._layers if key not in wanted]
        with self._exchanged(len(gone) + self._count_new(layers)):
            for key in gone:
                self._remove(key)
            moved = [self._put(layer) for layer in layers]
            self._order([_key(layer) for layer in layers])
        if any(moved) and len(self._viewer.layers):
            # What is chosen is what the controls of napari work on: never frames, names or colours.
            pixels = [key for key in map(_key, layers) if self._is_pixels(key)]
            if pixels:
                self._viewer.layers.selection.active = self._layers[pixels[-1]]
            self._viewer.reset_view()
            return True
        return False

    def try_out(self, layers: Sequence[LayerTuple]) -> None:
        """Show results that are not stored; they replace those tried out before."""
        self.keep_tried(layers)
        for one in layers:
            self._put(one)

    def put(self, layer: LayerTuple) -> None:
        """Show one more layer, or the layer of that name anew."""
        self._put(layer)

    def keep_tried(self, layers: Sequence[LayerTuple]) -> None:
        """Of results that are not stored, keep those of the names of these layers.

        Others become those that are new, where they can: to remove a layer and add one takes
        napari half a second.
        """
        wanted = {_key(layer) for layer in layers}
        spare = [key for key in self._tried() if key not in wanted]
        for one in layers:
            if self.layer(*_key(one)) is None:
                old = next((key for key in spare if self._can_become(key, one)), None)
                if old is not None:
                    spare.remove(old)
                    self._rename(old, one)
        if spare:
            with self._exchanged(len(spare), spare):
                for key in spare:
                    self._remove(key)

    def extra(self, kind: str, layers: Sequence[LayerTuple]) -> None:
        """Show more layers, which replace those of the same kind ("tmaps" of their metadata)."""
        wanted = {_key(layer) for layer in layers}
        gone = [
            key
            for key, layer in self._layers.items()
            if key not in wanted and kind in layer.metadata["tmaps"]
        ]
        with self._exchanged(len(gone) + self._count_new(layers)):
            for key in gone:
                self._remove(key)
            for one in layers:
                self._put(one)

    def grey(self, on: bool) -> None:
        """Show objects in grey, because others colour them; else in colours of their own."""
        for key, layer in self._layers.items():
            if on and "objects" in layer.metadata["tmaps"] and key not in self._colormaps:
                self._colormaps[key] = layer.colormap
                layer.colormap = grey_colormap()
            elif not on and key in self._colormaps:
                layer.colormap = self._colormaps.pop(key)

    def only(self, channels: Collection[str] | None) -> None:
        """Show these channels, and hide the others; None shows again what was seen before."""
        layers = {
            str(layer.metadata["tmaps"]["channel"]): layer
            for layer in self._layers.values()
            if "channel" in layer.metadata["tmaps"]
        }
        if channels is not None and not self._seen:
            self._seen = {name: layer.visible for name, layer in layers.items()}
        for name, layer in layers.items():
            was_seen = self._seen.get(name, layer.visible)
            layer.visible = was_seen and (channels is None or name in channels)
        if channels is None:
            self._seen = {}

    def refresh_waiting(self) -> None:
        """Draw anew the layers whose last frame had to do without some pixels."""
        waiting = [layer for layer in self._layers.values() if _is_waiting(layer)]
        for layer in waiting:
            layer.refresh(extent=False, highlight=False)

    def clear(self) -> None:
        """Remove all layers and forget their settings."""
        tried = self._tried()
        with self._exchanged(len(self._layers), tried if len(tried) == len(self._layers) else ()):
            for key in list(self._layers):
                self._remove(key)
        self._settings.clear()
        self._seen.clear()

    def close(self) -> None:
        """Nothing more is shown: garbage is looked for as if nothing had been."""
        self._garbage.end()

    def has(self, kind: str) -> bool:
        """Whether layers of a kind ("tmaps" of their metadata) are shown."""
        return any(kind in layer.metadata["tmaps"] for layer in self._layers.values())

    def layer(self, kind: str, name: str) -> Layer | None:
        """A layer that is shown, None if there is no such layer."""
        layer = self._layers.get((kind, name))
        return layer if layer is not None and layer in self._viewer.layers else None

    def _order(self, keys: Sequence[tuple[str, str]]) -> None:
        """Layers that are new lie on top: put ours into order, in the places that they have."""
        order = self._viewer.layers
        ours = [self._layers[key] for key in keys]
        places = sorted(order.index(layer) for layer in ours)
        for place, layer in zip(places, ours, strict=True):
            at = order.index(layer)
            if at != place:
                order.move(at, place)

    def _tried(self) -> list[tuple[str, str]]:
        """Results that are not stored."""
        return [
            key
            for key, layer in self._layers.items()
            if layer.metadata["tmaps"].get("stored") is False
        ]

    def _count_new(self, layers: Sequence[LayerTuple]) -> int:
        """How many layers are added: those that none can become that is there."""
        there = [(self.layer(*_key(wanted)), wanted) for wanted in layers]
        return sum(layer is None or not _fits(layer, wanted) for layer, wanted in there)

    def _is_pixels(self, key: tuple[str, str]) -> bool:
        return not {"marks", "values"} & self._layers[key].metadata["tmaps"].keys()

    @contextmanager
    def _exchanged(self, number: int, tried: Collection[tuple[str, str]] = ()) -> Iterator[None]:
        """Put the scene together, and collect garbage, once for all layers that are exchanged.

        napari does so for each of them: it draws all that is there anew with each that is added,
        and looks for garbage with each that is removed.

        Parameters
        ----------
        number
            How many layers are added and removed.
        tried
            Results that are removed while somebody tunes: collected when there is much of it.
        """
        if not number:
            yield
            return
        before = list(self._layers.values())
        self._waiting += sum(self._layers[key].data.nbytes for key in tried)
        several = self._viewer.layers.batched_update() if number > 1 else nullcontext()
        with self._garbage.ours(), several:
            yield
            are_removed = not all(layer in self._viewer.layers for layer in before)
            if not are_removed:
                self._garbage.set_aside()  # at the end of a batch napari searches all the same
        if are_removed and (not tried or self._waiting > _GARBAGE_BYTES):
            self._garbage.collect()
            self._waiting = 0

    def _remove(self, key: tuple[str, str]) -> None:
        layer = self._layers.pop(key)
        self._colormaps.pop(key, None)
        self._coloured.pop(key, None)
        self._settings[key] = {name: getattr(layer, name) for name in _KEPT[key[0]]}
        if layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _can_become(self, key: tuple[str, str], wanted: LayerTuple) -> bool:
        kind = wanted[2]
        layer = self.layer(*key)
        # Limits of contrast are found for a new layer of an image, and those of another are wrong.
        known = kind == "labels" or _key(wanted) in self._settings
        return layer is not None and key[0] == kind and known and _fits(layer, wanted)

    def _rename(self, old: tuple[str, str], wanted: LayerTuple) -> None:
        """Have a layer go on under another name, looking as a layer of that name did last."""
        layer, new = self._layers.pop(old), _key(wanted)
        self._settings[old] = {name: getattr(layer, name) for name in _KEPT[old[0]]}
        self._coloured[new] = self._coloured.pop(old, "")
        if old in self._colormaps:
            layer.colormap = self._colormaps.pop(old)
        self._layers[new] = layer
        layer.name = new[1]
        for name, value in self._settings.get(new, {"visible": True}).items():
            if np.any(getattr(layer, name) != value):
                setattr(layer, name, value)

    def _colour(self, key: tuple[str, str], layer: Any, properties: dict[str, Any]) -> None:
        """Colours that are others than before; else those that the user may have chosen stay."""
        colours = properties.get("colormap")
        if colours is not None and colours.name != self._coloured.get(key):
            layer.colormap = colours
            self._coloured[key] = colours.name

    def _put(self, wanted: LayerTuple) -> bool:
        """Show one layer; True if its place in the world is another than before."""
        from napari.layers import Layer

        key = _key(wanted)
        data, properties, kind = wanted
        layer = self.layer(*key)
        if layer is not None and _fits(layer, wanted):
            moved = tuple(_shape(layer.data, layer.multiscale)) != tuple(
                _shape(data, properties["multiscale"])
            )
            # Each of these draws the layer anew.
            for name in ("scale", "translate"):
                if tuple(getattr(layer, name)) != tuple(properties[name]):
                    setattr(layer, name, properties[name])
            if "values" in properties["metadata"]["tmaps"]:
                for name in ("name", *_OF_VALUES):
                    setattr(layer, name, properties[name])
            elif kind == "labels":
                self._colour(key, layer, properties)
            layer.data = data
            layer.metadata = properties["metadata"]
            if kind == "labels":
                features = properties.get("features")
                if features is not None or len(layer.features.columns):
                    layer.features = features
            return moved
        was_chosen = layer is not None and layer == self._viewer.layers.selection.active
        if layer is not None:
            self._remove(key)
        new = Layer.create(data, properties, kind)
        if "channel" in properties["metadata"]["tmaps"]:
            # The slider reaches beyond the limits found, so that a bright cell can be judged.
            low, high = new.contrast_limits
            new.contrast_limits_range = (min(0, low), max(high * 2, low + 1))
        elif "objects" in properties["metadata"]["tmaps"]:
            # Outlines, so that the image below is seen.
            new.contour, new.opacity = 1, 1.0
        own = _OF_VALUES if "values" in properties["metadata"]["tmaps"] else ()
        for name, value in self._settings.get(key, {}).items():
            if name not in own:
                setattr(new, name, value)
        add_unchosen(self._viewer, new)
        if was_chosen:
            self._viewer.layers.selection.active = new
        self._layers[key] = new
        if kind == "labels" and "colormap" in properties:
            self._coloured[key] = properties["colormap"].name
        return True


def _key(layer: LayerTuple) -> tuple[str, str]:
    facts = layer[1]["metadata"]["tmaps"]
    # What objects are coloured by may change, the layer stays.
    return layer[2], "values" if "values" in facts else str(layer[1]["name"])


def _shape(data: Any, multiscale: bool) -> Any:
    return data[0].shape if multiscale else data.shape


def _is_waiting(layer: Layer) -> bool:
    finest: Any = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    return isinstance(finest, MosaicLevel) and finest.waiting


def _fits(layer: Any, wanted: LayerTuple) -> bool:
    """Whether a layer can become another: napari changes data in place within one kind of data."""
    data, properties, kind = wanted
    if kind == "points":
        return False
    finest = data[0] if properties["multiscale"] else data
    return bool(
        layer.multiscale == properties["multiscale"]
        and layer.ndim == finest.ndim
        and layer.dtype == finest.dtype
    )
