"""The metadata of OME-Zarr images as values: made for writing, understood in reading. No I/O.

Source: the specifications 0.4 and 0.5 of OME-NGFF, https://ngff.openmicroscopy.org.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_tmaps.errors import FormatError
from napari_tmaps.model.channels import Channel, display_colors

AXES = "tczyx"
VERSIONS = ("0.5", "0.4")
OURS = "tmaps"
"""Key of our own facts, beside those of OME."""

_TYPES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
_MICROMETERS = {"angstrom": 1e-4, "nanometer": 1e-3, "micrometer": 1.0, "millimeter": 1e3,
                "centimeter": 1e4, "meter": 1e6}  # fmt: skip
_SECONDS = {"microsecond": 1e-6, "millisecond": 1e-3, "second": 1.0, "minute": 60.0, "hour": 3600.0}


@dataclass(frozen=True)
class ImageInfo:
    """What the metadata of an OME-Zarr image say, without its pixels.

    Attributes
    ----------
    version
        Of OME-NGFF, "0.5" or "0.4".
    axes
        One letter an axis, in order; "tczyx" in what we write.
    shape
        Sizes of the finest level along the axes.
    pixel_size_um, translation_um
        (z, y, x); a size is None where the file has no unit of length for it.
    time_step_s
        None where the file has no unit of time.
    channels
        Empty where the file names none.
    contrast
        (lowest, highest) intensity to show for each channel; empty where the file has none.
    level_shapes
        Sizes of all levels, finest first.
    attributes
        Our own further facts.
    missing
        Planes (t, c, z) that were never written. They read as 0, but are no image.
    """

    version: str
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    name: str
    pixel_size_um: tuple[float | None, float | None, float | None]
    translation_um: tuple[float, float, float]
    time_step_s: float | None
    channels: tuple[Channel, ...]
    contrast: tuple[tuple[float, float], ...]
    level_shapes: tuple[tuple[int, ...], ...]
    attributes: dict[str, Any]
    missing: frozenset[tuple[int, int, int]]
    is_label: bool


def wrap(attributes: Mapping[str, Any], version: str) -> dict[str, Any]:
    """Attributes as they stand in a zarr group: 0.5 gathers those of OME under "ome"."""
    if version == "0.4":
        return dict(attributes)
    ours = {key: value for key, value in attributes.items() if key == OURS}
    return {
        "ome": {"version": version, **{k: v for k, v in attributes.items() if k != OURS}}
    } | ours


def unwrap(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The other way round; 0.5 then has a "version"."""
    rest = {key: value for key, value in attributes.items() if key != "ome"}
    return {**rest, **attributes.get("ome", {})}


def multiscales(
    *,
    name: str,
    version: str,
    levels: int,
    pixel_size_um: Sequence[float | None],
    translation_um: Sequence[float],
    time_step_s: float | None,
    labels: bool,
) -> list[dict[str, Any]]:
    """The block "multiscales" of an image with the axes t c z y x.

    Coordinates are those of pixel centres. A pixel of a coarser level stands for the block of
    pixels below it, so its centre lies half a block further in.
    """
    units = ["second" if time_step_s is not None else None, None]
    units += ["micrometer" if size is not None else None for size in pixel_size_um]
    axes = [ngff_axis(axis, _TYPES[axis], unit) for axis, unit in zip(AXES, units, strict=True)]
    steps = (time_step_s, None, *pixel_size_um)
    scale = [1.0 if step is None else float(step) for step in steps]
    shift = [0.0, 0.0, *map(float, translation_um)]
    kind = "nearest" if labels else "mean"
    return multiscales_of(axes, scale, shift, name=name, version=version, levels=levels, kind=kind)


def placed_anew(
    block: Mapping[str, Any],
    *,
    version: str,
    pixel_size_um: Sequence[float | None],
    translation_um: Sequence[float],
    time_step_s: float | None,
) -> list[dict[str, Any]]:
    """The block "multiscales" of an image with other sizes and another place; see `multiscales`."""
    (made,) = multiscales(
        name=block.get("name", ""),
        version=version,
        levels=len(block["datasets"]),
        pixel_size_um=pixel_size_um,
        translation_um=translation_um,
        time_step_s=time_step_s,
        labels=block.get("type") == "nearest",
    )
    return [{**block, "axes": made["axes"], "datasets": made["datasets"]}]


def ngff_axis(name: str, kind: str | None, unit: str | None) -> dict[str, Any]:
    """One axis as the block "multiscales" has it."""
    return {"name": name} | ({"type": kind} if kind else {}) | ({"unit": unit} if unit else {})


def multiscales_of(
    axes: Sequence[Mapping[str, Any]],
    scale: Sequence[float],
    translation: Sequence[float],
    *,
    name: str,
    version: str,
    levels: int,
    kind: str,
) -> list[dict[str, Any]]:
    """The block "multiscales" of an image with any axes, of which the last two are the plane."""
    datasets = []
    for level in range(levels):
        factor = 2**level
        steps, shift = list(scale), list(translation)
        for axis in (-2, -1):
            shift[axis] += steps[axis] * (factor - 1) / 2
            steps[axis] *= factor
        datasets.append(
            {
                "path": str(level),
                "coordinateTransformations": [
                    {"type": "scale", "scale": steps},
                    {"type": "translation", "translation": shift},
                ],
            }
        )
    block = {"name": name, "axes": list(axes), "datasets": datasets, "type": kind}
    return [block if version != "0.4" else {"version": version} | block]


def omero(
    channels: Sequence[Channel], windows: Sequence[tuple[float, float]], dtype: np.dtype[Any]
) -> dict[str, Any]:
    """The block "omero": how to show the channels.

    Parameters
    ----------
    windows
        (lowest, highest) intensity to show, for each channel.
    """
    described = []
    colors = display_colors(channels)
    for channel, color, (start, end) in zip(channels, colors, windows, strict=True):
        lowest, highest = (start, end)
        if dtype.kind != "f":
            lowest, highest = np.iinfo(dtype).min, np.iinfo(dtype).max
        described.append(
            {
                "label": channel.name,
                "color": color.removeprefix("#").upper(),
                "active": True,
                "window": {"min": lowest, "max": highest, "start": start, "end": end},
            }
        )
    return {"channels": described, "rdefs": {"model": "color"}}


def channel_facts(channels: Sequence[Channel]) -> list[dict[str, Any]]:
    """What "omero" has no place for: fluorophore, wavelengths, exposure, bit depth."""
    return [
        {
            key: value
            for key, value in channel.facts().items()
            if key not in ("name", "color") and value is not None
        }
        for channel in channels
    ]


def parse_info(
    where: str, attributes: Mapping[str, Any], arrays: Sequence[tuple[tuple[int, ...], str]]
) -> ImageInfo:
    """Understand the attributes of an image.

    Parameters
    ----------
    where
        Name of the image for messages.
    attributes
        Of the group, unwrapped.
    arrays
        Shape and numpy type of each level, finest first.

    Raises
    ------
    FormatError
        The attributes break the specification, or follow another version of it.
    """
    try:
        return _parse(attributes, arrays)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(
            f"'{where}' is no valid OME-Zarr image of version {' or '.join(VERSIONS)}: its "
            f"metadata break at {error!r}. Write it again with the program that made it."
        ) from error


def _parse(
    attributes: Mapping[str, Any], arrays: Sequence[tuple[tuple[int, ...], str]]
) -> ImageInfo:
    block = attributes["multiscales"][0]
    version = str(attributes.get("version", block.get("version")))
    if version not in VERSIONS:
        raise ValueError(f"version {version}")
    axes = "".join(axis["name"] for axis in block["axes"])
    units = {axis["name"]: axis.get("unit") for axis in block["axes"]}
    scale, shift = dict.fromkeys(AXES, 1.0), dict.fromkeys(AXES, 0.0)
    steps = block["datasets"][0]["coordinateTransformations"]
    for step in (*steps, *block.get("coordinateTransformations", ())):
        for axis, value in zip(axes, step.get("scale", ()), strict=False):
            scale[axis] *= value
            shift[axis] *= value
        for axis, value in zip(axes, step.get("translation", ()), strict=False):
            shift[axis] += value
    sizes = [_MICROMETERS.get(units.get(axis) or "") for axis in "zyx"]
    second = _SECONDS.get(units.get("t") or "")
    ours = dict(attributes.get(OURS, {}))
    facts = ours.pop("channels", [])
    shown = attributes.get("omero", {}).get("channels", [])
    pixel_z, pixel_y, pixel_x = (
        None if um is None else scale[axis] * um for axis, um in zip("zyx", sizes, strict=True)
    )
    shift_z, shift_y, shift_x = (
        shift[axis] * (um or 1.0) for axis, um in zip("zyx", sizes, strict=True)
    )
    return ImageInfo(
        version=version,
        axes=axes,
        shape=arrays[0][0],
        dtype=np.dtype(arrays[0][1]),
        name=block.get("name", ""),
        pixel_size_um=(pixel_z, pixel_y, pixel_x),
        translation_um=(shift_z, shift_y, shift_x),
        time_step_s=None if second is None else scale["t"] * second,
        channels=tuple(
            Channel(
                name=entry["label"],
                color=_color(entry.get("color")),
                **(facts[number] if number < len(facts) else {}),
            )
            for number, entry in enumerate(shown)
            if "label" in entry
        ),
        contrast=_contrast(shown),
        level_shapes=tuple(shape for shape, _ in arrays),
        attributes={key: value for key, value in ours.items() if key != "missing_planes"},
        missing=frozenset((t, c, z) for t, c, z in ours.get("missing_planes", ())),
        is_label="image-label" in attributes,
    )


def _color(text: str | None) -> str | None:
    return None if not text else "#" + text.removeprefix("#")[:6]


def _contrast(shown: Sequence[Mapping[str, Any]]) -> tuple[tuple[float, float], ...]:
    """Limits of each channel; none at all if one lacks them, as in many files of others."""
    windows = [entry.get("window") or {} for entry in shown]
    if not all("start" in window and "end" in window for window in windows):
        return ()
    return tuple((window["start"], window["end"]) for window in windows)
