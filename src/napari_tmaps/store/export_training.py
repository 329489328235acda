"""Objects that a person corrected, as folders that Cellpose, StarDist and our own classifier of
pixels are trained with.

    cellpose   <name>.tif, <name>_masks.tif
    stardist   images/<name>.tif, masks/<name>.tif
    pixels     images/<name>_<channel>.tif, strokes/<name>.tif

Beside them lies manifest.csv, a row an image. A name tells the place: p1_B03_s2_t0.
"""

from __future__ import annotations

import itertools
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.errors import ExistsError, InputError
from napari_tmaps.model.pipeline import ChannelInput, PipelineInput
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.corrections import Corrections, SiteObjects
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.inputs import site_inputs
from napari_tmaps.streams.atomic import disk_errors, replacing

For = Literal["cellpose", "stardist", "pixels"]
Array = npt.NDArray[Any]
MANIFEST = "manifest.csv"
BACKGROUND, INSIDE = 1, 2
CLASSES = ("background", "objects")
"""Names of the classes of strokes, from 1."""


@dataclass(frozen=True, slots=True)
class _Picture:
    """One image with its labels.

    Attributes
    ----------
    channels
        (z, y, x) each.
    labels
        (z, y, x).
    """

    place: SiteObjects
    name: str
    corner: tuple[int, int]
    channels: tuple[Array, ...]
    labels: Array


def write_training(
    experiment: Experiment,
    object_type: str,
    folder: Path,
    *,
    program: For = "cellpose",
    channels: Sequence[str] = (),
    corrected: Sequence[str] = (),
    crop_px: int = 0,
) -> Generator[Progress, None, int]:
    """Write the corrected sites with their labels.

    Parameters
    ----------
    folder
        New or empty.
    program
        For which: `cellpose` (planes of a stack one by one), `stardist` (stacks stay whole), or
        `pixels` (strokes for `tmaps train-pixels`: 1 well outside of objects, 2 well inside).
    channels
        All if none are named.
    corrected
        Channels that are corrected for uneven illumination, as a pipeline that corrects them sees
        them.
    crop_px
        Only squares of this side around what was corrected; 0 takes whole sites. A site of which
        only a part was looked at should not teach the rest.

    Returns
    -------
    int
        Number of images.

    Raises
    ------
    ExistsError
        The folder holds something.
    InputError
        Nothing of this type is corrected; another program; a size that cannot be.
    NotFoundError
        No such channel.
    StorageError
        The disk refuses; nothing half-written is left.
    """
    if program not in get_args(For):
        raise InputError(
            f"Training data are written for {', '.join(get_args(For))}, not '{program}'."
        )
    if crop_px < 0 or 0 < crop_px < 16:
        raise InputError(f"A side of {crop_px} pixels is too small: 16 or more, or 0 for sites.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ExistsError(f"'{folder}' exists and is not empty. Choose a new folder.")
    places = [p for p in Corrections(experiment).corrected() if p.object_type == object_type]
    if not places:
        raise InputError(
            f"No {object_type} are corrected yet. Correct some in the Edit widget, and save."
        )
    names = tuple(channels) or tuple(channel.name for channel in experiment.channels())
    inputs = PipelineInput(
        channels=tuple(ChannelInput(name=name, correct=name in corrected) for name in names)
    )
    rows: list[dict[str, Any]] = []
    with replacing(folder) as temporary, disk_errors(folder):
        temporary.mkdir(parents=True)
        for n, place in enumerate(places):
            yield Progress("training data", n, len(places), str(place))
            for picture in _pictures(experiment, place, inputs, crop_px):
                rows += _write(temporary, picture, names, program)
        pd.DataFrame(rows).to_csv(temporary / MANIFEST, index=False)
    yield Progress("training data", len(places), len(places))
    return len(rows)


def strokes_of(labels: Array) -> Array:
    """Strokes for a classifier of pixels: where it is clear what a pixel is.

    Returns
    -------
    uint8
        0 at the edges of objects, `BACKGROUND` outside, `INSIDE` within.
    """
    padded = np.pad(labels, 1, mode="edge")
    height, width = labels.shape
    edge = np.zeros(labels.shape, bool)
    for dy in range(3):
        for dx in range(3):
            edge |= padded[dy : dy + height, dx : dx + width] != labels
    return np.where(edge, 0, np.where(labels > 0, INSIDE, BACKGROUND)).astype(np.uint8)


def _pictures(
    experiment: Experiment, place: SiteObjects, inputs: PipelineInput, crop_px: int
) -> list[_Picture]:
    """The images of a corrected place: the site, or squares around what was corrected."""
    where = place.plate, place.well, place.site
    corrections = Corrections(experiment)
    labels = corrections.truth(place)
    window = experiment.shifts.window(*where)
    top = left = 0
    if window is not None:
        labels, top, left = window.cut(labels, -1), window.margins[0], window.margins[2]
    images = site_inputs(experiment, inputs, *where, place.t).images.values()
    channels = tuple(image.reshape((-1, *image.shape[-2:])) for image in images)
    depth = max([len(labels), *map(len, channels)])
    # A plane beside stacks is the same on each of them.
    channels = tuple(np.broadcast_to(each, (depth, *each.shape[1:])) for each in channels)
    labels = np.broadcast_to(labels, (depth, *labels.shape[1:]))
    name = f"{place.plate}_{place.well}_s{place.site}_t{place.t}"
    if not crop_px:
        return [_Picture(place, name, (0, 0), channels, labels)]
    boxes = [edit.box for edit in corrections.edits() if edit.place == place and not edit.is_undone]
    found: dict[tuple[int, int], _Picture] = {}
    for _, _, y0, y1, x0, x1 in boxes:
        ys = _starts(y0 - top, y1 - top, crop_px, labels.shape[1])
        xs = _starts(x0 - left, x1 - left, crop_px, labels.shape[2])
        for y, x in itertools.product(ys, xs):
            part = (slice(None), slice(y, y + crop_px), slice(x, x + crop_px))
            cut = tuple(each[part] for each in channels)
            found[y, x] = _Picture(place, f"{name}_y{y}_x{x}", (y, x), cut, labels[part])
    return list(found.values())


def _starts(first: int, end: int, side: int, size: int) -> list[int]:
    """Where squares begin that cover a part, its middle in theirs, all within the image."""
    number = max(-(-(end - first) // side), 1)
    start = (first + end - number * side) // 2
    return sorted({min(max(start + n * side, 0), max(size - side, 0)) for n in range(number)})


def _write(
    folder: Path, picture: _Picture, names: Sequence[str], program: For
) -> list[dict[str, Any]]:
    """Write one image, or its planes, and say what was written."""
    depth = len(picture.labels)
    if program == "stardist" or depth == 1:
        planes: list[slice | int] = [slice(None) if depth > 1 else 0]
    else:
        planes = list(range(depth))
    rows = []
    for z in planes:
        name = picture.name if depth == 1 or isinstance(z, slice) else f"{picture.name}_z{z}"
        labels = _renumbered(picture.labels[z])
        channels = [each[z] for each in picture.channels]
        if program == "pixels":
            images = [f"images/{name}_{channel}.tif" for channel in names]
            for file, pixels in zip(images, channels, strict=True):
                _save(folder / file, pixels, "YX")
            masks = f"strokes/{name}.tif"
            _save(folder / masks, strokes_of(labels), "YX")
        else:
            images = [f"{name}.tif" if program == "cellpose" else f"images/{name}.tif"]
            masks = f"{name}_masks.tif" if program == "cellpose" else f"masks/{name}.tif"
            axes = "ZYX"[-labels.ndim :]
            _save(folder / masks, labels, axes)
            if len(channels) == 1:
                _save(folder / images[0], channels[0], axes)
            elif program == "cellpose":
                _save(folder / images[0], np.stack(channels), "C" + axes)
            else:  # StarDist has the channels last
                _save(folder / images[0], np.stack(channels, axis=-1), axes + "C")
        place = picture.place
        rows.append(
            {
                "image": ",".join(images),
                "labels": masks,
                "plate": place.plate,
                "well": place.well,
                "site": place.site,
                "t": place.t,
                "y": picture.corner[0],
                "x": picture.corner[1],
                "objects": int(labels.max(initial=0)),
                "channels": ",".join(names),
            }
        )
    return rows


def _renumbered(labels: Array) -> npt.NDArray[np.uint16]:
    """The same objects with the labels 1, 2, 3 …"""
    known, numbers = np.unique(labels, return_inverse=True)
    numbers = numbers.reshape(labels.shape)
    return (numbers if 0 in known else numbers + 1).astype(np.uint16)


def _save(path: Path, pixels: Array, axes: str) -> None:
    import tifffile

    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, pixels, photometric="minisblack", metadata={"axes": axes})
