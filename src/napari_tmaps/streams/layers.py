"""Save layers, as a viewer shows them, to OME-TIFF or OME-Zarr with a JSON beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import InputError, unknown
from napari_tmaps.model.channels import Channel
from napari_tmaps.streams.atomic import write_json, write_text
from napari_tmaps.streams.axes import SAMPLES, check_axes, full_shape, take_plane
from napari_tmaps.streams.ngff import ImageWriter, write_group
from napari_tmaps.streams.ometiff import write_planes
from napari_tmaps.streams.omexml import OmeImage, PlaneFacts
from napari_tmaps.streams.pixeltypes import IN_OME_TIFF, IN_ZARR, stored_type
from napari_tmaps.streams.plainjson import plain

if TYPE_CHECKING:
    import pandas as pd

# Format → endings of its files; the first is used where none of them was asked for.
FORMATS = {"ome-tiff": (".ome.tiff", ".ome.tif"), "ome-zarr": (".ome.zarr",)}
_ENDINGS = re.compile(r"(\.ome)?\.(tiff?|zarr|json)$|\.ome$", re.IGNORECASE)
_RGB = (("red", "#FF0000"), ("green", "#00FF00"), ("blue", "#0000FF"), ("opacity", "#000000"))


@dataclass(frozen=True, eq=False)
class LayerData:
    """One layer to save.

    Attributes
    ----------
    data
        NumPy, dask or zarr array, or a list of the levels of one, finest first.
    axes
        One letter for each dimension, any order and subset of TCZYX, and S for RGB.
    scale_um
        Step along each dimension: µm, seconds along T; None where unknown, () where all are.
    translation_um
        Position of the first pixel along each dimension; () for none.
    color
        "#RRGGBB"; None lets one be chosen.
    contrast
        (lowest, highest) intensity to show; None lets them be found.
    features
        Table of the objects in labels, saved as CSV.
    metadata
        Further facts; those that JSON cannot hold are left out, and named in the JSON.
    """

    data: Any
    name: str
    kind: Literal["image", "labels"]
    axes: str
    scale_um: tuple[float | None, ...] = ()
    translation_um: tuple[float, ...] = ()
    color: str | None = None
    contrast: tuple[float, float] | None = None
    features: pd.DataFrame | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Layer:
    """A layer that fits the format, with its geometry in the order of all our images."""

    source: LayerData
    data: Any
    axes: str
    shape: tuple[int, int, int, int, int]
    dtype: np.dtype[Any]
    samples: int
    pixel_size_um: tuple[float | None, float | None, float | None]
    time_step_s: float | None
    translation_um: tuple[float, float, float]

    @property
    def place(self) -> tuple[int, ...]:
        """Sizes that an image and its labels share."""
        return (self.shape[0], *self.shape[2:])

    @property
    def likeness(self) -> tuple[Any, ...]:
        """Layers that agree in this are channels of one image."""
        geometry = (self.pixel_size_um, self.time_step_s, self.translation_um)
        return (*self.place, self.dtype, self.samples, *geometry)

    def plane(self, t: int, c: int, z: int) -> npt.NDArray[Any]:
        """One plane in the type that is stored."""
        plane = take_plane(self.data, self.axes, t, c, z)
        if plane.dtype.kind in "iu" and plane.dtype.itemsize > self.dtype.itemsize:
            limits = np.iinfo(self.dtype)
            if plane.min() < limits.min or plane.max() > limits.max:
                raise InputError(
                    f"Layer '{self.source.name}' has labels from {plane.min()} to {plane.max()}, "
                    f"but OME-TIFF holds them from {limits.min} to {limits.max}. Number the labels "
                    "anew, or save as OME-Zarr."
                )
        return plane.astype(self.dtype, copy=False)


@dataclass(frozen=True, eq=False)
class _Source:
    """Where the planes of one channel of a saved image come from."""

    channel: Channel
    layer: _Layer
    c: int
    sample: int | None = None

    @property
    def contrast(self) -> tuple[float, float] | None:
        """What to show; the colours of RGB keep their full range, or the picture would change."""
        if self.sample is None:
            return self.layer.source.contrast
        return (0, 1) if self.layer.dtype.kind == "f" else (0, np.iinfo(self.layer.dtype).max)

    def plane(self, t: int, z: int) -> npt.NDArray[Any]:
        plane = self.layer.plane(t, self.c, z)
        return plane if self.sample is None else plane[..., self.sample]


def format_of(path: Path) -> str:
    """The format that the ending of a name asks for, a key of `FORMATS`.

    Raises
    ------
    InputError
        Another ending.
    """
    for name, endings in FORMATS.items():
        if path.name.lower().endswith(endings):
            return name
    known = ", ".join(ending for endings in FORMATS.values() for ending in endings)
    raise InputError(f"'{path.name}' cannot be written: end its name in {known}.")


def save_layers(
    layers: Sequence[LayerData],
    path: Path,
    *,
    format: str,  # noqa: A002
) -> list[Path]:
    """Save layers so that other programs open them with names, colours, sizes and units.

    Image layers of equal size, pixel type and position become the channels of one image. The first
    image is saved under the name that was asked for, others as `<stem>_<layer>` beside it. Labels
    go to the folder labels/ of their image in OME-Zarr, and to `<stem>_<layer>.ome.tiff` in
    OME-TIFF; without any image the first labels have the name that was asked for. Features of
    labels go to `<stem>_<layer>.csv`, all else to `<stem>.metadata.json`. The colours of RGB are
    three channels in OME-Zarr. Each file is written whole or not at all; one that is there already
    is replaced.

    Parameters
    ----------
    path
        The ending may be left out.
    format
        "ome-tiff" or "ome-zarr".

    Returns
    -------
    list[Path]
        What was written, images first.

    Raises
    ------
    InputError
        A layer that does not fit the format, or none at all.
    NotFoundError
        There is no such format.
    ExistsError
        An OME-Zarr would take the place of something else.
    StorageError
        The disk is full, or refuses.
    """
    if format not in FORMATS:
        raise unknown("format", format, FORMATS)
    if not layers:
        raise InputError("There is nothing to save: choose one or more image or labels layers.")
    path = Path(path)
    stem = _ENDINGS.sub("", path.name)
    asked = path.name[len(stem) :]
    ending = asked if asked.lower() in FORMATS[format] else FORMATS[format][0]
    files = _file_names(layers)
    checked = [_check(layer, format) for layer in layers]
    alone = format == "ome-tiff" or all(layer.kind == "labels" for layer in layers)
    images, inside = _plan(checked, path.with_name(stem), ending, files, labels_alone=alone)
    for target, group in (images | inside).items():
        if format == "ome-zarr":
            _write_zarr(target, _sources(group, split_rgb=True))
        else:
            _write_tiff(target, _sources(group, split_rgb=False))
    for folder in dict.fromkeys(target.parent for target in inside):
        names = [target.name for target in inside if target.parent == folder]
        write_group(folder, {"labels": names})

    written = list(images)
    described = []
    for target, group in (images | inside).items():
        for layer in group:
            features = None
            if layer.source.features is not None:
                features = path.with_name(f"{stem}_{files[layer.source.name]}.csv")
                write_text(features, layer.source.features.to_csv(index=False))
                written.append(features)
            described.append(_describe(layer, target.relative_to(path.parent), features))
    summary = path.with_name(f"{stem}.metadata.json")
    write_json(summary, {"format": format, "layers": described})
    return [*written, summary]


def _file_names(layers: Sequence[LayerData]) -> dict[str, str]:
    """Layer → the same name without what file systems refuse; different for different layers."""
    names: dict[str, str] = {}
    for layer in layers:
        if layer.name in names:
            raise InputError(f"Two layers are called '{layer.name}'. Rename one of them.")
        base = re.sub(r"[^\w. +-]", "_", layer.name).strip(". ") or "layer"
        number, name = 1, base
        while name.lower() in (taken.lower() for taken in names.values()):
            number += 1
            name = f"{base}_{number}"
        names[layer.name] = name
    return names


def _check(source: LayerData, format: str) -> _Layer:  # noqa: A002
    data = source.data[0] if isinstance(source.data, list | tuple) else source.data
    try:
        axes = check_axes(source.axes, data.shape)
        dtype = np.dtype(data.dtype)
        if source.kind == "labels" and (dtype.kind not in "iub" or SAMPLES in axes):
            raise InputError(f"Labels are whole numbers, but these are {axes} of {dtype.name}.")
        if source.kind == "labels" and format == "ome-tiff" and dtype.itemsize == 8:
            stored = np.dtype(np.int32)
        else:
            known = IN_ZARR if format == "ome-zarr" else IN_OME_TIFF
            stored = stored_type(dtype, known, "OME-Zarr" if format == "ome-zarr" else "OME-TIFF")
        steps = _by_axis(source.scale_um, axes, "scale")
        shifts = _by_axis(source.translation_um, axes, "translation")
    except InputError as error:
        raise InputError(f"Layer '{source.name}' cannot be saved. {error}") from error
    z, y, x = (steps.get(axis) for axis in "ZYX")
    # Without the size of a pixel there is no place in µm; the JSON keeps what was given.
    shift_z, shift_y, shift_x = (
        float(shifts.get(axis) or 0.0) if steps.get(axis) is not None else 0.0 for axis in "ZYX"
    )
    return _Layer(
        source=source,
        data=data,
        axes=axes,
        shape=full_shape(axes, data.shape),
        dtype=stored,
        samples=data.shape[axes.index(SAMPLES)] if SAMPLES in axes else 1,
        pixel_size_um=(z, y, x),
        time_step_s=steps.get("T"),
        translation_um=(shift_z, shift_y, shift_x),
    )


def _by_axis(values: Sequence[float | None], axes: str, what: str) -> dict[str, float | None]:
    if values and len(values) != len(axes):
        raise InputError(
            f"Its {what} has {len(values)} numbers for the {len(axes)} axes {axes}. Give one each."
        )
    return dict(zip(axes, values, strict=False))


def _plan(
    layers: Sequence[_Layer],
    stem: Path,
    ending: str,
    files: Mapping[str, str],
    *,
    labels_alone: bool,
) -> tuple[dict[Path, list[_Layer]], dict[Path, list[_Layer]]]:
    """Which layers go to which file: the images, and the labels that lie inside an image."""
    groups: dict[Any, list[_Layer]] = {}
    labels = []
    for layer in layers:
        if layer.source.kind == "image":
            groups.setdefault(layer.likeness, []).append(layer)
        else:
            labels.append(layer)
    images: dict[Path, list[_Layer]] = {}
    for group in [*groups.values(), *([layer] for layer in labels if labels_alone)]:
        name = f"{stem.name}_{files[group[0].source.name]}" if images else stem.name
        images[stem.with_name(name + ending)] = group
    inside: dict[Path, list[_Layer]] = {}
    for layer in labels if not labels_alone else ():
        alike = (target for target, group in images.items() if group[0].place == layer.place)
        parent = next(alike, next(iter(images)))
        inside[parent / "labels" / files[layer.source.name]] = [layer]
    return images, inside


def _sources(group: Sequence[_Layer], *, split_rgb: bool) -> list[_Source]:
    sources = []
    for layer in group:
        for c in range(layer.shape[1]):
            name = f"{layer.source.name} {c}" if layer.shape[1] > 1 else layer.source.name
            if layer.samples == 1 or not split_rgb:
                sources.append(_Source(Channel(name, layer.source.color), layer, c))
                continue
            for sample, (word, color) in enumerate(_RGB[: layer.samples]):
                sources.append(_Source(Channel(f"{name} {word}", color), layer, c, sample))
    return sources


def _write_tiff(target: Path, sources: Sequence[_Source]) -> None:
    first = sources[0].layer
    size_t, _, size_z, size_y, size_x = first.shape
    shape = (size_t, len(sources), size_z, size_y, size_x)
    positions: tuple[PlaneFacts, ...] = ()
    if any(first.translation_um):
        positions = tuple(
            PlaneFacts(t, c, z, position_um=first.translation_um)
            for t, c, z in np.ndindex(*shape[:3])
        )
    image = OmeImage(
        shape=shape,
        dtype=first.dtype,
        samples=first.samples,
        name=_ENDINGS.sub("", target.name),
        pixel_size_um=first.pixel_size_um,
        time_step_s=first.time_step_s,
        channels=tuple(source.channel for source in sources),
        planes=positions,
    )
    planes = (
        source.plane(t, z) for t in range(size_t) for source in sources for z in range(size_z)
    )
    write_planes(target, planes, image, labels=first.source.kind == "labels")


def _write_zarr(target: Path, sources: Sequence[_Source]) -> None:
    first = sources[0].layer
    size_t, _, size_z, size_y, size_x = first.shape
    labels = first.source.kind == "labels"
    writer = ImageWriter(
        target,
        shape=(size_t, len(sources), size_z, size_y, size_x),
        dtype=first.dtype,
        pixel_size_um=first.pixel_size_um,
        time_step_s=first.time_step_s,
        translation_um=first.translation_um,
        channels=() if labels else [source.channel for source in sources],
        labels=labels,
        contrast=None if labels else [source.contrast for source in sources],
    )
    with writer:
        for c, source in enumerate(sources):
            for t, z in np.ndindex(size_t, size_z):
                writer.write_plane(t, c, z, source.plane(t, z))


def _describe(layer: _Layer, file: Path, features: Path | None) -> dict[str, Any]:
    source = layer.source
    metadata, left_out = {}, []
    for key, value in source.metadata.items():
        try:
            metadata[str(key)] = plain(value, str(key))
        except InputError:
            left_out.append(str(key))
    return {
        "name": source.name,
        "kind": source.kind,
        "file": file.as_posix(),
        "features": features.name if features else None,
        "axes": layer.axes,
        "shape": [int(size) for size in layer.data.shape],
        "dtype": np.dtype(layer.data.dtype).name,
        "scale_um": plain(source.scale_um, "scale_um") or None,
        "translation_um": plain(source.translation_um, "translation_um") or None,
        "color": source.color,
        "contrast": plain(source.contrast, "contrast"),
        "metadata": metadata,
        "metadata_left_out": left_out,
    }
