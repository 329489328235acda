"""File ▸ Save: images and labels to OME-TIFF and OME-Zarr, with their metadata as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_tmaps.errors import InputError

if TYPE_CHECKING:
    from napari_tmaps.streams.layerdata import LayerData

_MICROMETER = ("micrometer", "micron", "µm", "um")


def write_layers(path: str, layers: Sequence[tuple[Any, dict[str, Any], str]]) -> list[str]:
    """Write several layers: images become channels, labels lie beside them.

    Parameters
    ----------
    path
        Ends in .ome.tiff, .ome.tif or .ome.zarr.
    layers
        As napari gives them: (data, properties, type).

    Returns
    -------
    list
        Paths of the files that were written.

    Raises
    ------
    InputError
        Another ending, or layers that do not fit into one file.
    StorageError
        The disk refused.
    """
    from napari_tmaps.streams.layers import format_of, save_layers

    target = Path(path)
    chosen = format_of(target)
    saved = [layer_data(*layer) for layer in layers]
    return [str(file) for file in save_layers(saved, target, format=chosen)]


def write_image(path: str, data: Any, properties: dict[str, Any]) -> list[str]:
    """Write one image layer; see `write_layers`."""
    return write_layers(path, [(data, properties, "image")])


def write_labels(path: str, data: Any, properties: dict[str, Any]) -> list[str]:
    """Write one labels layer; see `write_layers`."""
    return write_layers(path, [(data, properties, "labels")])


def layer_data(data: Any, properties: dict[str, Any], kind: str) -> LayerData:
    """A layer of napari as the streams know it.

    Raises
    ------
    InputError
        A layer that is neither image nor labels, or has more than five axes.
    """
    from napari_tmaps.streams.layerdata import LayerData

    name = str(properties.get("name", kind))
    if kind not in ("image", "labels"):
        raise InputError(f"Layer '{name}' is of the type {kind}; only images and labels fit.")
    finest = data[0] if properties.get("multiscale") else data
    rgb = bool(properties.get("rgb"))
    axes = _axes(name, properties.get("axis_labels"), finest.ndim - rgb)
    table = properties.get("features")
    return LayerData(
        data=list(data) if properties.get("multiscale") else data,
        name=name,
        kind=kind,  # type: ignore[arg-type]
        axes=axes + ("S" if rgb else ""),
        scale_um=_physical(properties, "scale", axes) + ((None,) if rgb else ()),
        translation_um=_translation(properties, axes) + ((0.0,) if rgb else ()),
        color=_color(properties) if kind == "image" and not rgb else None,
        contrast=_contrast(properties) if kind == "image" and not rgb else None,
        features=table if kind == "labels" and table is not None and table.shape[1] else None,
        metadata=properties.get("metadata", {}),
    )


def _axes(name: str, labels: Sequence[str] | None, ndim: int) -> str:
    """One letter a dimension: the layer's own names where they are TCZYX, else the last of them."""
    letters = "".join(str(label) for label in labels or ()).upper()
    if len(letters) == ndim == len(set(letters)) and set(letters) <= set("TCZYX"):
        return letters
    if ndim > 5:
        raise InputError(f"Layer '{name}' has {ndim} axes; images have up to five: t, c, z, y, x.")
    return {1: "X", 2: "YX", 3: "ZYX", 4: "TZYX", 5: "TCZYX"}[ndim]


def _in_units(properties: dict[str, Any], axes: str) -> list[float | None]:
    """Factor from the units of each axis to µm or seconds; None where it has neither."""
    units = properties.get("units")
    names = [str(unit) for unit in units] if units is not None else []
    factors: list[float | None] = []
    for axis, unit in zip(axes, names or [""] * len(axes), strict=False):
        if axis == "T":
            factors.append({"second": 1.0, "millisecond": 1e-3, "minute": 60.0}.get(unit))
        else:
            factors.append(
                1.0 if unit in _MICROMETER else {"nanometer": 1e-3, "millimeter": 1e3}.get(unit)
            )
    return factors


def _physical(properties: dict[str, Any], key: str, axes: str) -> tuple[float | None, ...]:
    values = properties.get(key)
    if values is None:
        return (None,) * len(axes)
    factors = _in_units(properties, axes)
    return tuple(
        None if factor is None else float(value) * factor
        for value, factor in zip(values, factors, strict=True)
    )


def _translation(properties: dict[str, Any], axes: str) -> tuple[float, ...]:
    return tuple(value or 0.0 for value in _physical(properties, "translate", axes))


def _color(properties: dict[str, Any]) -> str | None:
    colormap = properties.get("colormap")
    if colormap is None:
        return None
    from napari.utils.colormaps import ensure_colormap

    red, green, blue = ensure_colormap(colormap).colors[-1][:3]
    return "#" + "".join(f"{round(255 * float(part)):02X}" for part in (red, green, blue))


def _contrast(properties: dict[str, Any]) -> tuple[float, float] | None:
    limits = properties.get("contrast_limits")
    return None if limits is None else (float(limits[0]), float(limits[1]))
