"""Save layers, as a viewer shows them, to OME-TIFF or OME-Zarr with a JSON beside them."""

from __future__ import annotations

import math
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import ExistsError, InputError, unknown
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.progress import Progress, finish
from napari_tmaps.streams.atomic import write_json, write_text
from napari_tmaps.streams.chunkfiles import LONGEST_CHUNK
from napari_tmaps.streams.layerdata import CheckedLayer, LayerData, check_layer
from napari_tmaps.streams.ngff import ImageWriter, write_group
from napari_tmaps.streams.ometiff import TILE, writing_planes
from napari_tmaps.streams.omexml import OmeImage, PlaneFacts
from napari_tmaps.streams.plainjson import plain
from napari_tmaps.streams.saveoptions import SaveOptions

# Format → endings of its files; the first is used where none of them was asked for.
FORMATS = {"ome-tiff": (".ome.tiff", ".ome.tif"), "ome-zarr": (".ome.zarr",)}
_ENDINGS = re.compile(r"(\.ome)?\.(tiff?|zarr|json)$|\.ome$", re.IGNORECASE)
_RGB = (("red", "#FF0000"), ("green", "#00FF00"), ("blue", "#0000FF"), ("opacity", "#000000"))


@dataclass(frozen=True, eq=False)
class ChannelSource:
    """Where the planes of one channel of a saved image come from."""

    channel: Channel
    layer: CheckedLayer
    c: int
    sample: int | None = None

    @property
    def contrast(self) -> tuple[float, float] | None:
        """What to show; the colours of RGB keep their full range, or the picture would change."""
        if self.sample is None:
            return self.layer.source.contrast
        return (0, 1) if self.layer.dtype.kind == "f" else (0, np.iinfo(self.layer.dtype).max)

    def plane(self, t: int, z: int) -> npt.NDArray[Any]:
        """One plane as it is stored."""
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
    """Save layers with the usual options, replacing files that are there; see `saving_layers`.

    Parameters
    ----------
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
    chunk = TILE if format == "ome-tiff" else LONGEST_CHUNK
    options = SaveOptions(format=format, chunk=chunk, replace=True)  # type: ignore[arg-type]
    return finish(saving_layers(layers, path, options))


def saving_layers(
    layers: Sequence[LayerData],
    path: Path,
    options: SaveOptions,
    *,
    ending: str | None = None,
    beside: Path | None = None,
) -> Generator[Progress, None, list[Path]]:
    """Save layers so that other programs open them with names, colours, sizes and units.

    Image layers of equal size, pixel type and position become the channels of one image. The first
    image is saved under the name that was asked for, others as `<stem>_<layer>` beside it. Labels
    go to the folder labels/ of their image in OME-Zarr, and to `<stem>_<layer>.ome.tiff` in
    OME-TIFF; without any image the first labels have the name that was asked for. Features of
    labels go to `<stem>_<layer>.csv`, all else to `<stem>.metadata.json`. The colours of RGB are
    three channels in OME-Zarr. Each file is written whole or not at all. Yields after each plane;
    closing it keeps the files that are whole.

    Parameters
    ----------
    path
        The ending may be left out.
    ending
        Of the images; by default the one of the path, or the usual one of the format.
    beside
        Folder of tables and JSON; by default that of the images.

    Returns
    -------
    list[Path]
        What was written, images first.

    Raises
    ------
    InputError
        A layer that does not fit the format, or none at all; options that do not go together.
    ExistsError
        A file is there already and shall not be replaced, or an OME-Zarr would take the place of
        something else.
    StorageError
        The disk is full, or refuses.
    """
    path = Path(path)
    images, inside = plan_files(layers, path, options, ending=ending)
    files, stem = _file_names(layers), _ENDINGS.sub("", path.name)
    folder = beside or path.parent
    tables = {
        layer.name: folder / f"{stem}_{files[layer.name]}.csv"
        for layer in layers
        if layer.features is not None
    }
    summary = folder / f"{stem}.metadata.json"
    if not options.replace:
        _refuse_existing([*images, *tables.values(), summary])

    everything = images | inside
    total = sum(math.prod(each.shape[:3]) for group in everything.values() for each in group)
    done = 0
    for target, group in everything.items():
        split = options.format == "ome-zarr"
        write = _writing_zarr if split else _writing_tiff
        for _ in write(target, sources_of(group, split_rgb=split), options):
            done += 1
            yield Progress("saving", min(done, total), total)
    for parent in dict.fromkeys(target.parent for target in inside):
        names = [target.name for target in inside if target.parent == parent]
        write_group(parent, {"labels": names}, options.version)
    described = []
    for target, group in everything.items():
        for layer in group:
            table = tables.get(layer.source.name)
            if table is not None and layer.source.features is not None:
                write_text(table, layer.source.features.to_csv(index=False))
            place = target.relative_to(folder) if target.is_relative_to(folder) else target
            described.append(_describe(layer, place, table))
    write_json(summary, {"format": options.format, "layers": described})
    return [*images, *tables.values(), summary]


def plan_files(
    layers: Sequence[LayerData], path: Path, options: SaveOptions, *, ending: str | None = None
) -> tuple[dict[Path, list[CheckedLayer]], dict[Path, list[CheckedLayer]]]:
    """Which layers go to which image, and which to labels inside an image; as `saving_layers`.

    Raises
    ------
    InputError
        A layer that does not fit the format, or none at all; options that do not go together.
    """
    options.check()
    if not layers:
        raise InputError("There is nothing to save: choose one or more image or labels layers.")
    stem = _ENDINGS.sub("", path.name)
    asked = path.name[len(stem) :]
    if ending is None:
        known = FORMATS[options.format]
        ending = asked if asked.lower() in known else known[0]
    checked = [check_layer(layer, options.format) for layer in layers]
    alone = options.format == "ome-tiff" or all(layer.kind == "labels" for layer in layers)
    files = _file_names(layers)
    return _plan(checked, path.with_name(stem), ending, files, labels_alone=alone)


def _refuse_existing(paths: Sequence[Path]) -> None:
    there = [path for path in paths if path.exists()]
    if there:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise ExistsError(
            f"'{there[0]}'{more} is there already. Choose another name, or say that files may be "
            "replaced."
        )


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


def _plan(
    layers: Sequence[CheckedLayer],
    stem: Path,
    ending: str,
    files: Mapping[str, str],
    *,
    labels_alone: bool,
) -> tuple[dict[Path, list[CheckedLayer]], dict[Path, list[CheckedLayer]]]:
    """Which layers go to which file: the images, and the labels that lie inside an image."""
    groups: dict[Any, list[CheckedLayer]] = {}
    labels = []
    for layer in layers:
        if layer.source.kind == "image":
            groups.setdefault(layer.likeness, []).append(layer)
        else:
            labels.append(layer)
    images: dict[Path, list[CheckedLayer]] = {}
    for group in [*groups.values(), *([layer] for layer in labels if labels_alone)]:
        name = f"{stem.name}_{files[group[0].source.name]}" if images else stem.name
        images[stem.with_name(name + ending)] = group
    inside: dict[Path, list[CheckedLayer]] = {}
    for layer in labels if not labels_alone else ():
        alike = (target for target, group in images.items() if group[0].place == layer.place)
        parent = next(alike, next(iter(images)))
        inside[parent / "labels" / files[layer.source.name]] = [layer]
    return images, inside


def sources_of(group: Sequence[CheckedLayer], *, split_rgb: bool) -> list[ChannelSource]:
    """The channels of an image that is made of some layers, in their order."""
    sources = []
    for layer in group:
        for c in range(layer.shape[1]):
            name = f"{layer.source.name} {c}" if layer.shape[1] > 1 else layer.source.name
            if layer.samples == 1 or not split_rgb:
                sources.append(ChannelSource(Channel(name, layer.source.color), layer, c))
                continue
            for sample, (word, color) in enumerate(_RGB[: layer.samples]):
                sources.append(ChannelSource(Channel(f"{name} {word}", color), layer, c, sample))
    return sources


def _writing_tiff(
    target: Path, sources: Sequence[ChannelSource], options: SaveOptions
) -> Iterator[int]:
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
    labels = first.source.kind == "labels"
    return writing_planes(target, planes, image, labels=labels, **options.tiff())


def _writing_zarr(
    target: Path, sources: Sequence[ChannelSource], options: SaveOptions
) -> Iterator[int]:
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
        **options.zarr(),
    )
    written = 0
    with writer:
        for c, source in enumerate(sources):
            for t, z in np.ndindex(size_t, size_z):
                writer.write_plane(t, c, z, source.plane(t, z))
                written += 1
                yield written


def _describe(layer: CheckedLayer, file: Path, features: Path | None) -> dict[str, Any]:
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
