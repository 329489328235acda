"""What napari's Layers menus offer: modules on the layer that is chosen, without an experiment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import napari.viewer  # napari looks for this type to pass the viewer
import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import InputError, TmapsError

Pixels = npt.NDArray[Any]


def segment_nuclei(viewer: napari.viewer.Viewer) -> None:
    """Find bright round objects in the chosen image: smoothed, Otsu's threshold, seeds by shape."""
    from napari_tmaps.modules.fill import fill
    from napari_tmaps.modules.find_seeds import find_seeds
    from napari_tmaps.modules.smooth import smooth
    from napari_tmaps.modules.threshold_otsu import threshold_otsu
    from napari_tmaps.modules.watershed import watershed

    def segment(plane: Pixels) -> Pixels:
        mask = fill(threshold_otsu(smooth(plane, filter_size=2)))
        found: Pixels = watershed(find_seeds(mask), mask)
        return found

    _to_layer(viewer, "labels", "nuclei of {}", segment)


def smooth_image(viewer: napari.viewer.Viewer) -> None:
    """Smooth the chosen image with a Gaussian of 5 pixels, as a new layer."""
    from napari_tmaps.modules.smooth import smooth

    _to_layer(viewer, "image", "{} smoothed", lambda plane: smooth(plane, filter_size=5))


def subtract_background_of_image(viewer: napari.viewer.Viewer) -> None:
    """Subtract the background of the chosen image (rolling ball of 50 pixels), as a new layer."""
    from napari_tmaps.modules.subtract_background import subtract_background

    _to_layer(viewer, "image", "{} without background", subtract_background)


def measure_labels(viewer: napari.viewer.Viewer) -> None:
    """Measure size, shape and intensity of the chosen labels; a table beside the layer shows them.

    Intensities are taken from the topmost visible image of the same size.
    """
    from napari.layers import Image, Labels

    from napari_tmaps.modules.measure_intensity import measure_intensity
    from napari_tmaps.modules.measure_morphology import measure_morphology

    def act() -> None:
        layer = viewer.layers.selection.active
        if not isinstance(layer, Labels):
            raise InputError("Choose a labels layer in the list of layers, then measure it.")
        labels = _plane(viewer, layer).astype(np.int32)
        table = measure_morphology(labels, labels)
        images = [
            each
            for each in viewer.layers
            if isinstance(each, Image) and each.visible and not each.rgb
        ]
        for image in reversed(images):
            pixels = _plane(viewer, image)
            if pixels.shape == labels.shape:
                values = measure_intensity(labels, labels, pixels)
                table = table.join(values.add_suffix(f"_{image.name}"))
                break
        table.insert(0, "label", table.index)
        table.insert(0, "index", table.index)  # by which napari finds the row of a label
        layer.features = table.reset_index(drop=True)
        viewer.status = f"{len(table)} objects measured: see the features of '{layer.name}'."

    _told(act)


def _to_layer(viewer: Any, kind: str, title: str, work: Callable[[Pixels], Pixels]) -> None:
    def act() -> None:
        from napari.layers import Image

        layer = viewer.layers.selection.active
        if not isinstance(layer, Image) or layer.rgb:
            raise InputError("Choose an image layer of one channel in the list of layers first.")
        result = work(_plane(viewer, layer))
        number = result.ndim
        facts = {
            "name": title.format(layer.name),
            "scale": layer.scale[-number:],
            "translate": layer.translate[-number:],
            "units": layer.units[-number:],
        }
        if kind == "labels":
            viewer.add_labels(result, **facts)
        else:
            viewer.add_image(result, colormap=layer.colormap, blending="additive", **facts)

    _told(act)


def _plane(viewer: Any, layer: Any) -> Pixels:
    """The plane that is looked at, in full resolution."""
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    world = viewer.dims.point
    places = np.asarray(layer.world_to_data(world[-data.ndim :])).round().astype(int)
    index = tuple(
        int(np.clip(place, 0, size - 1)) for place, size in zip(places, data.shape, strict=True)
    )[:-2]
    return np.asarray(data[index])


def _told(act: Callable[[], None]) -> None:
    """Say what cannot be done as napari says it."""
    from napari.utils.notifications import show_warning

    try:
        act()
    except TmapsError as error:
        show_warning(str(error))
