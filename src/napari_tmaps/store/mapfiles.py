"""The files of a map: an OME-Zarr image of the whole plate that begins at half resolution.

    maps/<plate>/map.json                  which image, what it was made from, what is missing
                /<key>.ome.zarr/1, 2 …     levels, t c z y x; level 1 is half as fine as the sites
                               /labels/<type>/1, 2 …

Level 0 stays in the images of the sites, and is read from there. A part of a well is one shard (one
file a plane) at each of the finer levels, so that jobs never write the same file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError, StorageError
from napari_tmaps.model.channels import Channel
from napari_tmaps.store.mapplan import MapPlan
from napari_tmaps.streams import ngff
from napari_tmaps.streams.atomic import disk_errors, write_text
from napari_tmaps.streams.chunkfiles import ChunkFiles
from napari_tmaps.streams.mounts import open_array
from napari_tmaps.streams.ngff_metadata import AXES, multiscales, omero
from napari_tmaps.streams.planefiles import PlaneParts, open_parts
from napari_tmaps.streams.pyramid import pyramid

if TYPE_CHECKING:
    import zarr

_CHUNK = 512  # of the coarse levels
_LONGEST_CHUNK = 1024  # within a shard


@dataclass(frozen=True)
class MapFiles:
    """Where the map of a plate lies.

    Attributes
    ----------
    path
        The folder `maps/<plate>`.
    plan
        What the map is like.
    """

    path: Path
    plan: MapPlan

    @property
    def image(self) -> Path:
        """Folder of the OME-Zarr image."""
        return self.path / self.plan.folder

    def _folder(self, labels: str | None) -> Path:
        return self.image if labels is None else self.image / "labels" / labels

    def array(
        self, level: int, labels: str | None = None, *, write: bool = False
    ) -> zarr.Array[Any]:
        """One level of the image, or of the labels of an object type.

        Raises
        ------
        FormatError
            It is damaged or gone.
        """
        path = self._folder(labels) / str(level)
        try:
            return open_array(path, mode="r+" if write else "r")
        except StorageError:
            raise
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FormatError(
                f"Level {level} of the map '{self.image}' cannot be read ({error}). Build it "
                "again: remove the folder, and run illuminati."
            ) from error

    def parts(self, level: int, labels: str | None = None) -> PlaneParts:
        """The same, for those who only read parts of planes."""
        path = self._folder(labels) / str(level)
        return open_parts(path, lambda: self.array(level, labels))

    def create(self, labels: str | None = None) -> None:
        """Make the arrays, where they are not there; any number of jobs may do so at a time."""
        for level in range(1, self.plan.levels + 1):
            folder = self._folder(labels) / str(level)
            name = "zarr.json" if self.plan.version != "0.4" else ".zarray"
            if (folder / name).is_file():
                continue
            shape = self._shape(level, labels)
            shard = None
            if level <= self.plan.fine:
                shard = (self.plan.grid.part[0] >> level, self.plan.grid.part[1] >> level)
            dtype = "int32" if labels is not None else self.plan.dtype
            for file, text in _describe(shape, dtype, shard, self.plan.version).items():
                write_text(folder / file, text)

    def _shape(self, level: int, labels: str | None) -> tuple[int, ...]:
        channels = 1 if labels is not None else len(self.plan.channels)
        return (self.plan.times, channels, self.plan.depth, *self.plan.level_size(level))

    def write_part(
        self,
        place: tuple[int, int, int],
        corner: tuple[int, int],
        canvas: npt.NDArray[Any],
        labels: str | None = None,
        level: int = 0,
    ) -> None:
        """Write a part of a well at the finer levels.

        Parameters
        ----------
        place
            (t, c, z).
        corner
            Its first row and column at level 0.
        canvas
            Its pixels at `level` (y, x), of the size of a part.
        level
            0 or 1.
        """
        # What lies beyond the plate is no pixel of it, not even of value 0.
        height, width = self.plan.level_size(level)
        inside = canvas[: height - (corner[0] >> level), : width - (corner[1] >> level)]
        planes = pyramid(inside, self.plan.fine + 1 - level, labels=labels is not None)
        for number, plane in enumerate(planes, start=level):
            if number == 0:
                continue
            files = self._shards(number, labels)
            whole = np.zeros(files.shape[3:], plane.dtype)
            whole[: plane.shape[0], : plane.shape[1]] = plane
            shard = corner[0] // self.plan.grid.part[0], corner[1] // self.plan.grid.part[1]
            with disk_errors(self.image):
                files.write(place, whole, shard)

    def _shards(self, level: int, labels: str | None) -> ChunkFiles:
        part = self.plan.grid.part
        return ChunkFiles(
            self._folder(labels) / str(level),
            shape=(1, 1, 1, part[0] >> level, part[1] >> level),
            dtype=np.dtype(self.plan.dtype if labels is None else np.int32),
            zarr_format=2 if self.plan.version == "0.4" else 3,
            compression="blosc" if labels is None else "zstd",
        )

    def _write(
        self,
        level: int,
        place: tuple[int, int, int],
        corner: tuple[int, int],
        plane: npt.NDArray[Any],
        labels: str | None,
    ) -> None:
        height, width = self.plan.level_size(level)
        plane = plane[: height - corner[0], : width - corner[1]]
        y = slice(corner[0], corner[0] + plane.shape[0])
        x = slice(corner[1], corner[1] + plane.shape[1])
        with disk_errors(self.image):
            self.array(level, labels, write=True)[(*place, y, x)] = plane

    def write_coarse(
        self, place: tuple[int, int, int], labels: str | None = None
    ) -> npt.NDArray[Any]:
        """Make the coarser levels of a plane (t, c, z) from the last finer one.

        Returns
        -------
        array
            How many pixels of the finer one have each value, where values are uint8 or uint16; 0,
            which is also where nothing is, is not counted.
        """
        first, last = self.plan.fine, self.plan.levels
        source = self.array(first, labels)
        height, width = self.plan.level_size(first)
        # Bands of rows, so that a large plate does not fill the memory.
        rows = max(_CHUNK, 1 << (last - first))
        rows -= rows % (1 << (last - first))
        bins = 1 << (8 * source.dtype.itemsize) if source.dtype in (np.uint8, np.uint16) else 1
        counts = np.zeros(bins, np.int64)
        for top in range(0, height, rows):
            band = np.asarray(source[(*place, slice(top, top + rows), slice(0, width))])
            if bins > 1:
                counts += np.bincount(band.ravel(), minlength=bins)
            planes = pyramid(band, last - first + 1, labels=labels is not None, keep_all=True)
            for step, plane in enumerate(planes[1:], start=1):
                self._write(first + step, place, (top >> step, 0), plane, labels)
        counts[0] = 0
        return counts

    def write_metadata(
        self, contrast: Sequence[tuple[float, float]], object_types: Sequence[str]
    ) -> None:
        """Write with which other programs open the image, and the labels in it."""
        plan = self.plan
        channels = [
            Channel(**{key: value for key, value in facts.items() if key != "cycle"})
            for facts in plan.channels
        ]
        image = {
            "multiscales": self._multiscales(plan.plate, labels=False),
            "omero": omero(channels, contrast, np.dtype(plan.dtype)),
        }
        with disk_errors(self.image):
            ngff.write_group(self.image, image, plan.version)
            if object_types:
                labels = {"labels": sorted(object_types)}
                ngff.write_group(self.image / "labels", labels, plan.version)
            for name in object_types:
                attributes = {
                    "multiscales": self._multiscales(name, labels=True),
                    "image-label": {"source": {"image": "../../"}},
                }
                ngff.write_group(self._folder(name), attributes, plan.version)

    def _multiscales(self, name: str, *, labels: bool) -> list[dict[str, Any]]:
        blocks = multiscales(
            name=name,
            version=self.plan.version,
            levels=self.plan.levels + 1,
            pixel_size_um=self.plan.pixel_size_um,
            translation_um=(0.0, 0.0, 0.0),
            time_step_s=None,
            labels=labels,
        )
        blocks[0]["datasets"] = blocks[0]["datasets"][1:]  # level 0 is elsewhere
        return blocks


def read_state(path: Path) -> dict[str, Any]:
    """What `map.json` of a folder `maps/<plate>` says; empty where there is no map.

    Raises
    ------
    FormatError
        It is damaged.
    """
    file = path / "map.json"
    try:
        state: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise FormatError(
            f"'{file}' is damaged: {error}. Remove the folder and run illuminati again."
        ) from error
    return state


@lru_cache(maxsize=64)
def _describe(
    shape: tuple[int, ...], dtype: str, shard: tuple[int, int] | None, version: str
) -> Mapping[str, str]:
    """File → JSON text, as zarr itself describes such an array."""
    import numcodecs  # type: ignore[import-untyped]
    import zarr
    from zarr.codecs import BloscCodec, ZstdCodec
    from zarr.storage import MemoryStore

    labels = dtype == "int32"
    chunk = (_CHUNK, _CHUNK) if shard is None else (_share(shard[0]), _share(shard[1]))
    options: dict[str, Any]
    if version == "0.4":
        codec = (
            numcodecs.Zstd(level=1)
            if labels
            else numcodecs.Blosc("lz4", clevel=5, shuffle=numcodecs.Blosc.SHUFFLE)
        )
        options = {
            "zarr_format": 2,
            "chunk_key_encoding": {"name": "v2", "separator": "/"},
            "compressors": codec,
        }
    else:
        codec = (
            ZstdCodec(level=1) if labels else BloscCodec(cname="lz4", clevel=5, shuffle="shuffle")
        )
        options = {"zarr_format": 3, "dimension_names": list(AXES), "compressors": codec}
        if shard is not None and shard != chunk:
            options["shards"] = (1, 1, 1, *shard)
    files: dict[str, Any] = {}
    zarr.create_array(
        MemoryStore(files),
        shape=shape,
        dtype=dtype,
        chunks=(1, 1, 1, *chunk),
        fill_value=0,
        **options,
    )
    return {name: value.to_bytes().decode() for name, value in files.items()}


def _share(length: int) -> int:
    """The largest equal share of a length that is at most `_LONGEST_CHUNK`, if it is not tiny."""
    for count in range(1, 17):
        if length % count == 0 and length // count <= _LONGEST_CHUNK:
            return length // count
    return length
