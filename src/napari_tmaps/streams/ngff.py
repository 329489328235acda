"""OME-Zarr images on disk: written plane by plane with all pyramid levels, and read.

Format: OME-NGFF 0.5 (zarr v3, the default) and 0.4 (zarr v2). What we write always has the axes
t c z y x; what we read may have fewer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import ExistsError, FormatError, InputError, NotFoundError
from napari_tmaps.model.channels import Channel
from napari_tmaps.streams.atomic import (
    disk_errors,
    hidden_beside,
    put_in_place,
    remove,
)
from napari_tmaps.streams.chunkfiles import LONGEST_CHUNK, ChunkFiles, Compression
from napari_tmaps.streams.ngff_groups import (
    read_attributes,
    read_info,
    read_levels,
    read_parts,
    update_labels,
    write_group,
    write_plain_group,
)
from napari_tmaps.streams.ngff_metadata import (
    OURS,
    VERSIONS,
    ImageInfo,
    channel_facts,
    multiscales,
    omero,
)
from napari_tmaps.streams.pixeltypes import IN_ZARR, stored_type
from napari_tmaps.streams.plainjson import plain

__all__ = [
    "VERSIONS",
    "ImageInfo",
    "ImageWriter",
    "read_attributes",
    "read_info",
    "read_levels",
    "read_parts",
    "update_labels",
    "write_group",
    "write_plain_group",
]

# Enough planes to find the contrast of a channel; all those of a long movie would take too long.
PLANES_FOR_CONTRAST = 16


class ImageWriter:
    """Writes one OME-Zarr image, plane by plane, at all pyramid levels.

    Used as a context manager: pixels go to a hidden folder beside `path`, which takes its place
    when the block ends well, and vanishes when it does not. Planes may come in any order and from
    several threads; those that never come are recorded as missing.

    Parameters
    ----------
    path
        Folder of the image. An OME-Zarr image that is there already is replaced.
    shape
        (t, c, z, y, x).
    dtype
        Type of the pixels; bool is stored as uint8.
    pixel_size_um
        (z, y, x); None where unknown: the axis then has scale 1 and no unit.
    time_step_s
        Between time points; None where unknown.
    translation_um
        Position of the centre of the first pixel (z, y, x).
    channels
        One for each c, or none at all. A channel without colour is given one.
    name
        Of the image; by default that of the folder without .ome.zarr.
    labels
        True for label images: they are thinned out, never averaged, in the coarser levels.
    version
        Of OME-NGFF: "0.5" (zarr v3, one file a plane and level) or "0.4" (zarr v2, one file a
        chunk; for programs that do not know 0.5).
    attributes
        Further facts as JSON values, kept under the key "tmaps".
    levels
        Number of pyramid levels; by default until both sides are at most 256 pixels.
    contrast
        (lowest, highest) intensity to show for each channel. None, for all or for one: found from
        the coarsest level of up to 16 planes spread over t and z, percentiles 0.1 and 99.9.
    compression
        blosc, zstd or none; by default blosc for images and zstd for labels.
    chunk
        Longest side of a chunk in pixels.
    sharded
        False: a file for each chunk instead of one a plane (0.5 only; 0.4 has no shards).
    keep_labels
        The folder is ours whatever is in it: it is replaced, but its labels live on.

    Raises
    ------
    InputError
        Arguments that do not fit each other or the format.
    ExistsError
        `path` exists, but is no OME-Zarr image.
    StorageError
        The disk is full, or refuses.
    """

    def __init__(
        self,
        path: Path,
        *,
        shape: tuple[int, int, int, int, int],
        dtype: npt.DTypeLike,
        pixel_size_um: tuple[float | None, float | None, float | None] = (None, None, None),
        time_step_s: float | None = None,
        translation_um: tuple[float, float, float] = (0.0, 0.0, 0.0),
        channels: Sequence[Channel] = (),
        name: str = "",
        labels: bool = False,
        version: str = "0.5",
        attributes: Mapping[str, Any] | None = None,
        levels: int | None = None,
        contrast: Sequence[tuple[float, float] | None] | None = None,
        compression: Compression | None = None,
        chunk: int = LONGEST_CHUNK,
        sharded: bool = True,
        keep_labels: bool = False,
    ) -> None:
        self.path = Path(path)
        self.shape = shape
        self.dtype = stored_type(dtype, IN_ZARR, "OME-Zarr")
        self._channels = tuple(channels)
        self._labels = labels
        self._version = version
        self._attributes = plain(attributes or {}, "attributes")
        self._contrast = contrast
        self._keep = keep_labels
        self._packing: dict[str, Any] = {
            "compression": compression or ("zstd" if labels else "blosc"),
            "longest": chunk,
            "sharded": sharded,
        }
        self._check(pixel_size_um, time_step_s, translation_um)

        from napari_tmaps.streams.pyramid import level_shapes

        self._sizes = level_shapes(shape[3], shape[4], levels)
        self._multiscales = multiscales(
            name=name or self.path.name.removesuffix(".zarr").removesuffix(".ome"),
            version=version,
            levels=len(self._sizes),
            pixel_size_um=pixel_size_um,
            translation_um=translation_um,
            time_step_s=time_step_s,
            labels=labels,
        )
        self._written: set[tuple[int, int, int]] = set()
        self._samples: dict[int, dict[int, npt.NDArray[Any]]] = {}
        self._levels: list[ChunkFiles] = []
        self._folder: Path | None = None

    def _check(
        self,
        pixel_size_um: Sequence[float | None],
        time_step_s: float | None,
        translation_um: Sequence[float],
    ) -> None:
        if self._version not in VERSIONS:
            raise InputError(
                f"OME-Zarr version '{self._version}' cannot be written; choose "
                f"{' or '.join(VERSIONS)}."
            )
        if len(self.shape) != 5 or min(self.shape) < 1:
            raise InputError(
                f"An image of shape {tuple(self.shape)} cannot be written: it takes five sizes of "
                "at least 1, for t, c, z, y and x."
            )
        if self._channels and len(self._channels) != self.shape[1]:
            raise InputError(
                f"The image has {self.shape[1]} channels, but {len(self._channels)} are described. "
                "Describe all of them or none."
            )
        if self._contrast is not None and len(self._contrast) != len(self._channels):
            raise InputError(
                f"There are {len(self._contrast)} contrast limits for {len(self._channels)} "
                "described channels. Give one for each channel, None where it should be found."
            )
        if self._labels and self.dtype.kind not in "iu":
            raise InputError(
                f"Labels are whole numbers, but these are {self.dtype.name}. Convert them to int32."
            )
        for size in (*pixel_size_um, time_step_s):
            if size is not None and not (np.isfinite(size) and size > 0):
                raise InputError(
                    f"{size} is no size of a pixel or step of time: it must be greater than 0. "
                    "Give None where it is unknown."
                )
        for axis, size, shift in zip("zyx", pixel_size_um, translation_um, strict=True):
            if not np.isfinite(shift):
                raise InputError(f"{axis} = {shift} µm is no position. Give 0 where it is unknown.")
            if size is None and shift != 0:
                raise InputError(
                    f"The image lies at {axis} = {shift} µm, but the size of its pixels along "
                    f"{axis} is unknown, so it cannot be placed. Give the size or no position."
                )

    def __enter__(self) -> Self:
        ours = self._keep or "multiscales" in _attributes_or_nothing(self.path)
        if self.path.exists() and not ours:
            raise ExistsError(
                f"'{self.path}' exists already, and is no OME-Zarr image that could be replaced. "
                "Choose another name, or remove it yourself."
            )
        self._levels.clear()
        self._written.clear()
        self._samples.clear()
        self._folder = hidden_beside(self.path)
        try:
            with disk_errors(self.path):
                for number, size in enumerate(self._sizes):
                    level = ChunkFiles(
                        self._folder / str(number),
                        shape=(*self.shape[:3], *size),
                        dtype=self.dtype,
                        zarr_format=2 if self._version == "0.4" else 3,
                        **self._packing,
                    )
                    level.create()
                    self._levels.append(level)
        except BaseException:
            remove(self._folder)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._folder is not None
        try:
            if kind is None:
                with disk_errors(self.path):
                    write_group(self._folder, self._metadata(), self._version)
                put_in_place(self._folder, self.path, keep="labels" if self._keep else None)
        finally:
            remove(self._folder)
            self._folder = None

    def write_plane(self, t: int, c: int, z: int, plane: npt.NDArray[Any]) -> None:
        """Write one plane (y, x) at all levels. Safe to call for different planes at a time.

        Raises
        ------
        InputError
            There is no such plane in the image, or its size or type does not fit.
        StorageError
            The disk is full, or refuses.
        """
        if self._folder is None:
            raise InputError(f"'{self.path}' is not open for writing: use it in a with block.")
        place = (t, c, z)
        if not all(0 <= index < size for index, size in zip(place, self.shape, strict=False)):
            raise InputError(
                f"There is no plane t={t}, c={c}, z={z} in an image of {self.shape[0]} time "
                f"points, {self.shape[1]} channels and {self.shape[2]} z planes; all count from 0."
            )
        if plane.shape != tuple(self.shape[3:]):
            raise InputError(
                f"Plane t={t}, c={c}, z={z} has the shape {plane.shape}, but the image has planes "
                f"of {tuple(self.shape[3:])} (y, x)."
            )
        if not np.can_cast(plane.dtype, self.dtype, "safe"):
            raise InputError(
                f"Plane t={t}, c={c}, z={z} is {plane.dtype.name}, which does not fit into "
                f"{self.dtype.name} without loss. Make the image {plane.dtype.name}, or convert "
                "the plane."
            )
        from napari_tmaps.streams.pyramid import pyramid

        planes = pyramid(
            plane.astype(self.dtype, copy=False), len(self._levels), labels=self._labels
        )
        with disk_errors(self.path):
            for level, pixels in zip(self._levels, planes, strict=True):
                level.write(place, pixels)
        index = t * self.shape[2] + z
        step = -(-self.shape[0] * self.shape[2] // PLANES_FOR_CONTRAST)
        if index % step == 0 or c not in self._samples:
            self._samples.setdefault(c, {})[index] = planes[-1].copy()
        self._written.add(place)

    def _metadata(self) -> dict[str, Any]:
        attributes: dict[str, Any] = {"multiscales": self._multiscales}
        if self._channels:
            windows = [self._window(c) for c in range(len(self._channels))]
            attributes["omero"] = omero(self._channels, windows, self.dtype)
        if self._labels:
            attributes["image-label"] = {}
            if "multiscales" in _attributes_or_nothing(self.path.parent.parent):
                attributes["image-label"] = {"source": {"image": "../../"}}
        ours = dict(self._attributes)
        facts = channel_facts(self._channels)
        if any(facts):
            ours["channels"] = facts
        missing = set(np.ndindex(*self.shape[:3])) - self._written
        if missing:
            ours["missing_planes"] = [list(place) for place in sorted(missing)]
        if ours:
            attributes[OURS] = ours
        return attributes

    def _window(self, c: int) -> tuple[float, float]:
        given = self._contrast[c] if self._contrast is not None else None
        if given is not None:
            return float(given[0]), float(given[1])
        samples = self._samples.get(c, {})
        values = [samples[index].ravel() for index in sorted(samples)]
        pixels = np.concatenate(values) if values else np.zeros(0, self.dtype)
        pixels = pixels[np.isfinite(pixels)]
        if not pixels.size:
            return 0.0, 1.0
        start, end = (float(value) for value in np.percentile(pixels, (0.1, 99.9)))
        return start, end if end > start else start + 1


def _attributes_or_nothing(path: Path) -> dict[str, Any]:
    try:
        return read_attributes(path)
    except (NotFoundError, FormatError):
        return {}
