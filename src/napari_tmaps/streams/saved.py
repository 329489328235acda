"""What saving will take on the disk, and the proof that what was saved is what was meant."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError
from napari_tmaps.model.progress import Progress, finish
from napari_tmaps.streams.axes import take_plane
from napari_tmaps.streams.layerdata import CheckedLayer, LayerData, check_layer
from napari_tmaps.streams.layers import (
    ChannelSource,
    plan_files,
    saving_layers,
    sources_of,
)
from napari_tmaps.streams.ngff import read_parts
from napari_tmaps.streams.ometiff import DECODERS
from napari_tmaps.streams.planefiles import PlaneParts
from napari_tmaps.streams.saveoptions import SaveOptions

_LARGE = 4096**2
_PATCH, _PATCHES = 512, 6
"""Of planes of more pixels than `_LARGE`: length of the side of a patch, and patches along each."""


def estimated_bytes(layers: Sequence[LayerData], options: SaveOptions) -> int:
    """About how much saving the layers takes on the disk.

    The middle plane of each layer, or parts of a large one, is saved to a temporary folder with the
    same options; the rest is taken to pack as well as that.

    Raises
    ------
    InputError
        A layer that does not fit the format, or options that do not go together.
    """
    options.check()
    total = 0.0
    for layer in layers:
        checked = check_layer(layer, options.format)
        plane = _sample(checked)
        sample = replace(
            layer,
            data=plane,
            axes="YX" + "S" * (checked.samples > 1),
            scale_um=(),
            translation_um=(),
            features=None,
            metadata={},
        )
        with tempfile.TemporaryDirectory(prefix="tmaps-save-") as folder:
            files = finish(saving_layers([sample], Path(folder) / "plane", options))
            total += _size(files[0]) * math.prod(checked.shape) / math.prod(plane.shape[:2])
    return round(total)


def _sample(layer: CheckedLayer) -> npt.NDArray[Any]:
    """The middle plane; of one as large as a whole plate, patches from all over it."""
    t, c, z = (size // 2 for size in layer.shape[:3])
    height, width = layer.shape[3:]
    take = partial(take_plane, layer.data, layer.axes, t, c, z)
    if height * width <= _LARGE:
        return take()
    return np.concatenate(
        [np.concatenate([take(y, x) for x in _spread(width)], 1) for y in _spread(height)]
    )


def _spread(size: int) -> list[slice]:
    """A few parts of an axis, the first at its beginning and the last at its end."""
    length = min(size, _PATCH)
    return [slice(n, n + length) for n in map(int, np.linspace(0, size - length, _PATCHES))]


def proving_layers(
    layers: Sequence[LayerData], path: Path, options: SaveOptions, *, ending: str | None = None
) -> Generator[Progress, None, int]:
    """Read what `saving_layers` saved, plane by plane, and compare each pixel.

    Returns
    -------
    int
        How many planes were compared, all of them equal.

    Raises
    ------
    FormatError
        A plane differs, or cannot be read; the message says which.
    """
    images, inside = plan_files(layers, path, options, ending=ending)
    done = 0
    for target, group in (images | inside).items():
        sources = sources_of(group, split_rgb=options.format == "ome-zarr")
        size_t, _, size_z = group[0].shape[:3]
        total = size_t * size_z * len(sources)
        with closing(_planes_of(target, len(sources), size_z)) as read:
            for c, source in enumerate(sources):
                for t, z in np.ndindex(size_t, size_z):
                    if not np.array_equal(
                        read.plane(t, c, z), source.plane(t, z), equal_nan=_nan(source)
                    ):
                        raise FormatError(
                            f"Channel '{source.channel.name}' at t={t}, z={z} of '{target}' is not "
                            "what was saved. Save it again, and check the disk."
                        )
                    done += 1
                    yield Progress("comparing", done, total)
    return done


def _nan(source: ChannelSource) -> bool:
    return source.layer.dtype.kind == "f"


@dataclass(frozen=True)
class _TiffPlanes:
    file: Any
    channels: int
    size_z: int

    def plane(self, t: int, c: int, z: int) -> npt.NDArray[Any]:
        page = (t * self.channels + c) * self.size_z + z
        try:
            found: npt.NDArray[Any] = self.file.pages[page].asarray()
        except (OSError, *DECODERS) as error:
            raise _unreadable(Path(self.file.filehandle.path), error) from error
        return found

    def close(self) -> None:
        self.file.close()


@dataclass(frozen=True)
class _ZarrPlanes:
    parts: PlaneParts

    def plane(self, t: int, c: int, z: int) -> npt.NDArray[Any]:
        return self.parts.part(t, c, z, slice(None), slice(None))

    def close(self) -> None:
        """Nothing is open."""


def _planes_of(path: Path, channels: int, size_z: int) -> _TiffPlanes | _ZarrPlanes:
    if path.is_dir():
        return _ZarrPlanes(read_parts(path, 1)[0])
    import tifffile

    try:
        return _TiffPlanes(tifffile.TiffFile(path), channels, size_z)
    except (OSError, tifffile.TiffFileError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> FormatError:
    return FormatError(f"'{path}' cannot be read: {error}. Save it again.")


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
