"""From previews of a pipeline to napari layers. No Qt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.gui.kept_layers import KeptLayers
from napari_tmaps.gui.label_colours import (
    LABEL_COLOURS,
    difference_colormap,
    label_colormap,
    mask_colormap,
)
from napari_tmaps.gui.layers import LayerTuple, attach
from napari_tmaps.gui.live_source import Scene, is_preview
from napari_tmaps.measure.painting import borders
from napari_tmaps.model.kinds import Kind
from napari_tmaps.model.words import counted
from napari_tmaps.pipeline.compare import Comparison
from napari_tmaps.pipeline.live import Preview

if TYPE_CHECKING:
    from napari.components import ViewerModel

DIFFERS = "differs: "
"""Begins the name of a layer of differences."""


def with_measured(preview: Preview) -> Preview:
    """The preview with the objects that a step measured, where it made no image of its own."""
    if any(isinstance(value, np.ndarray) for value in preview.values.values()):
        return preview
    objects = {
        item: value
        for item, value in preview.inputs.items()
        if isinstance(value, np.ndarray) and value.dtype == np.int32
    }
    return replace(preview, values={**preview.values, **objects})


def outlines_of(preview: Preview, width: int = 1) -> Preview:
    """The preview with masks and objects as outlines, which a screen shows fast.

    Parameters
    ----------
    width
        In pixels of the image; wider ones are seen from further away.
    """
    kinds = _kinds(preview)
    values = {
        item: _outlines(value, width)
        if isinstance(value, np.ndarray) and kinds.get(item) is not Kind.INTENSITY_IMAGE
        else value
        for item, value in preview.values.items()
    }
    return replace(preview, values=values)


def preview_layers(preview: Preview, scene: Scene) -> list[LayerTuple]:
    """Layers of what a step made or measured, where that is images or `outlines_of` something."""
    top, left = (part.start for part in preview.view) if preview.view else (0, 0)
    kinds = _kinds(preview)
    layers = []
    for item, value in preview.values.items():
        if not isinstance(value, np.ndarray):
            continue
        kind = "image" if kinds.get(item) is Kind.INTENSITY_IMAGE else "labels"
        layers.append(_layer(value, f"preview: {_short(item)}", scene, (top, left), kind))
    return layers


def input_layers(preview: Preview, scene: Scene, width: int = 1) -> list[LayerTuple]:
    """Layers of what a step worked on; the images that are on the screen anyway are left out.

    Parameters
    ----------
    width
        Of outlines.
    """
    layers = []
    for item in preview.step.inputs.values():
        value = preview.inputs.get(item)
        if isinstance(value, np.ndarray) and item not in scene.images:
            is_image = value.dtype not in (np.bool_, np.int32)
            pixels, kind = (value, "image") if is_image else (_outlines(value, width), "labels")
            layers.append(_layer(pixels, f"before: {_short(item)}", scene, (0, 0), kind))
    return layers


def object_layers(preview: Preview, scene: Scene) -> Iterator[LayerTuple]:
    """Labels layers of all objects of a site, with features; each is made when it is asked for."""
    if preview.result is None:
        return
    for name, labels in preview.result.objects.items():
        layer = _layer(labels, f"{name} (live)", scene, (0, 0), "labels")
        layer[1]["features"] = attach(preview.result.tables[name])
        layer[1]["visible"] = False  # the step that is tuned comes first
        yield layer


def difference_layers(found: Sequence[Comparison], scene: Scene) -> list[LayerTuple]:
    """A layer for each object type: where it is only here, and only there."""
    layers: list[LayerTuple] = []
    for each in found:
        layer = _layer(each.differs, f"{DIFFERS}{each.object_type}", scene, (0, 0), "labels")
        layer[1]["colormap"] = difference_colormap()
        layer[1]["visible"] = not layers  # one at a time can be read
        layers.append(layer)
    return layers


@dataclass(frozen=True)
class Numbers:
    """What a preview found, in numbers.

    Attributes
    ----------
    count
        Objects that the step made; None if it made none, as masks.
    areas
        Of the objects, in pixels.
    share
        Part of the site that is foreground; None for images.
    features
        Of each object, where the step measured them.
    """

    count: int | None = None
    areas: tuple[int, ...] = ()
    share: float | None = None
    features: int | None = None

    def sentence(self) -> str:
        """E.g. "132 objects of 410 px (median), 23 % of the picture"."""
        parts = []
        if self.count is not None:
            parts.append(counted(self.count, "object"))
            if self.areas:
                parts[-1] += f" of {np.median(self.areas):.0f} px (median)"
        if self.share is not None:
            parts.append(f"{100 * self.share:.0f} % of the picture")
        if self.features is not None:
            parts.append(counted(self.features, "feature"))
        return ", ".join(parts)


def numbers_of(preview: Preview) -> Numbers:
    """Numbers of the last image or table that a step made."""
    kinds = _kinds(preview)
    found: Numbers = Numbers()
    for item, value in preview.values.items():
        if not isinstance(value, np.ndarray):
            found = Numbers(len(value), features=len(value.columns))
            continue
        if kinds[item] is Kind.INTENSITY_IMAGE:
            continue
        share = float(np.count_nonzero(value)) / max(1, value.size)
        if value.dtype == bool:
            found = Numbers(share=share)
        else:
            counts = np.bincount(value.reshape(-1))[1:]
            areas = tuple(int(area) for area in counts[counts > 0])
            found = Numbers(len(areas), areas, share)
    return found


class LiveLayers:
    """The layers of a pipeline that is being tuned, replaced in place.

    Parameters
    ----------
    viewer
        Works without a window, too.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._step = KeptLayers(viewer)
        self._before = KeptLayers(viewer)
        self._objects = KeptLayers(viewer)
        self._met: set[str] = set()  # types of stored objects
        self._hidden: set[str] = set()  # those of them that were hidden here

    def show(self, preview: Preview, scene: Scene) -> None:
        """Show what a step made."""
        self._hide_stored()
        self._step.try_out(preview_layers(preview, scene))

    def show_objects(self, preview: Preview, scene: Scene) -> Iterator[None]:
        """Show the objects of the whole pipeline, a layer at each step: napari takes its time."""
        shown = []
        for layer in object_layers(preview, scene):
            self._objects.put(layer)
            shown.append(layer)
            yield
        self._objects.keep_tried(shown)

    def drop_objects(self) -> None:
        """The objects of the whole pipeline are no longer what it makes."""
        self._objects.keep_tried([])

    def _hide_stored(self) -> None:
        """Outlines of objects that are kept already would be taken for those of the preview.

        Once: who shows them again wants to see both.
        """
        for kept, layer in self._stored():
            if kept not in self._met:
                self._met.add(kept)
                if layer.visible:
                    self._hidden.add(kept)
                    layer.visible = False

    def _show_stored(self) -> None:
        """Those that were hidden; they are hidden again with the next preview."""
        for kept, layer in self._stored():
            if kept in self._hidden and not layer.visible:
                layer.visible = True
                self._met.discard(kept)
        self._hidden.clear()

    def _stored(self) -> list[tuple[str, Any]]:
        """Layers of objects that are kept, and their types."""
        found = []
        for layer in self._viewer.layers:
            facts = layer.metadata.get("tmaps", {})
            kept = facts.get("objects") if facts.get("stored", True) else None
            if kept:
                found.append((str(kept), layer))
        return found

    def show_before(self, preview: Preview | None, scene: Scene, width: int = 1) -> None:
        """Show what a step worked on in place of what it made; None goes back."""
        self._before.try_out(input_layers(preview, scene, width) if preview is not None else [])
        for layer in self._viewer.layers:
            if layer.name.startswith("preview: ") and is_preview(layer):
                layer.visible = preview is None

    def clear(self) -> None:
        """Remove all of them, and show again what was hidden for them."""
        for layers in (self._step, self._before, self._objects):
            layers.clear()
        self._show_stored()

    def close(self) -> None:
        """Nothing more is shown."""
        for layers in (self._step, self._before, self._objects):
            layers.close()


def _kinds(preview: Preview) -> dict[str, Kind]:
    spec = preview.step.spec
    return {preview.step.outputs[output.name]: output.kind for output in spec.outputs}


def _short(item: str) -> str:
    return item.rsplit(".", 1)[-1].replace("_", " ")


def _outlines(value: npt.NDArray[Any], width: int) -> npt.NDArray[Any]:
    drawn = borders(value, len(LABEL_COLOURS), width)
    return drawn.view(np.bool_) if value.dtype == bool else drawn


def _layer(
    pixels: npt.NDArray[Any],
    name: str,
    scene: Scene,
    corner: tuple[int, int],
    kind: str,
) -> tuple[Any, dict[str, Any], str]:
    is_mask = pixels.dtype == bool
    if is_mask:
        pixels = pixels.view(np.uint8)
    ndim = np.ndim(pixels)
    rest = (scene.z_scale,) * (ndim - 2)
    start = tuple(
        begin + at * size
        for begin, at, size in zip(scene.translate, corner, scene.scale, strict=True)
    )
    properties: dict[str, Any] = {
        "name": name,
        "scale": (*rest, *scene.scale),
        "translate": (*(0.0,) * (ndim - 2), *start),
        "units": (*(scene.z_unit,) * (ndim - 2), *scene.units),
        "multiscale": False,
        "metadata": {"tmaps": {"preview": True, "stored": False}},
    }
    if kind == "image":
        properties["blending"] = "additive"
    else:
        properties["colormap"] = mask_colormap() if is_mask else label_colormap()
    return pixels, properties, kind
