"""OME-TIFF images: written plane by plane with pyramid and OME-XML, and read.

Format: OME-TIFF 6 (BigTIFF, smaller copies of each plane in its SubIFDs),
https://docs.openmicroscopy.org/ome-model/latest/ome-tiff.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError, InputError, NotFoundError, StorageError, unknown
from napari_tmaps.streams.atomic import disk_errors, replacing
from napari_tmaps.streams.axes import ORDER, SAMPLES, check_axes, full_shape, take_planes
from napari_tmaps.streams.omexml import OmeImage, parse_omexml
from napari_tmaps.streams.omexml_writer import image_omexml
from napari_tmaps.streams.pixeltypes import IN_OME_TIFF, stored_type

if TYPE_CHECKING:
    import tifffile

COMPRESSIONS = ("zlib", "zstd", "lzw", "none")
TILE = 512
# Smaller planes open fast without a pyramid, and stay readable for the simplest programs.
PYRAMID_FROM = 1024
DECODERS = (ValueError, RuntimeError, IndexError, KeyError, TypeError, struct.error)
"""What the library and its decoders raise on damaged files."""


def write_ometiff(
    path: Path, data: Any, axes: str = ORDER, *, compression: str = "zlib", labels: bool = False,
    **facts: Any,
) -> None:  # fmt: skip
    """Save an array as OME-TIFF, whole or not at all; a file that is there already is replaced.

    Parameters
    ----------
    data
        NumPy, dask or zarr array; a lazy one is computed plane by plane.
    axes
        One letter for each dimension, any order and subset of TCZYX, and S for RGB.
    compression
        zlib, which every program reads, zstd, lzw or none.
    labels
        True for label images: they are thinned out, never averaged, in the pyramid.
    facts
        Fields of `OmeImage`: name, pixel_size_um, channels …

    Raises
    ------
    InputError
        Axes that do not fit the array, or pixels that OME-TIFF cannot hold.
    StorageError
        The disk is full, or refuses.

    Examples
    --------
    >>> write_ometiff(path, stack, "ZYX", pixel_size_um=(2.0, 0.3, 0.3))  # doctest: +SKIP
    """
    axes = check_axes(axes, data.shape)
    image = OmeImage(
        shape=full_shape(axes, data.shape),
        dtype=np.dtype(data.dtype),
        samples=data.shape[axes.index(SAMPLES)] if SAMPLES in axes else 1,
        **facts,
    )
    write_planes(path, take_planes(data, axes), image, compression=compression, labels=labels)


def write_planes(
    path: Path, planes: Iterable[npt.NDArray[Any]], image: OmeImage, **options: Any
) -> None:
    """Save planes as OME-TIFF as they come: z fastest, then c, then t; see `writing_planes`."""
    for _ in writing_planes(path, planes, image, **options):
        pass


def writing_planes(
    path: Path,
    planes: Iterable[npt.NDArray[Any]],
    image: OmeImage,
    *,
    compression: str = "zlib",
    labels: bool = False,
    levels: int | None = None,
    tile: int = TILE,
) -> Iterator[int]:
    """Save planes as OME-TIFF, and tell after each how many are written; closing it saves nothing.

    Parameters and errors as `write_ometiff`, and:

    Parameters
    ----------
    levels
        Of the pyramid; None makes one for planes of more than `PYRAMID_FROM` pixels a side.
    tile
        Side of a tile in pixels, a multiple of 16.

    Raises
    ------
    InputError
        More or fewer planes than the image has, or one of another size or type.
    """
    import tifffile

    from napari_tmaps.streams.pyramid import level_shapes

    if compression not in COMPRESSIONS:
        raise unknown("compression", compression, COMPRESSIONS)
    path = Path(path)
    dtype = stored_type(image.dtype, IN_OME_TIFF, "OME-TIFF")
    expected = int(np.prod(image.shape[:3]))
    if levels is None:
        large = max(image.shape[3:]) > PYRAMID_FROM
        levels = len(level_shapes(*image.shape[3:])) if large else 1
    options: dict[str, Any] = {
        "photometric": "rgb" if image.samples > 1 else "minisblack",
        "planarconfig": "contig" if image.samples > 1 else None,
        "extrasamples": ["unassalpha"] if image.samples == 4 else None,
        "compression": None if compression == "none" else compression,
        # Differences of neighbours pack better; of floats only few programs can read them.
        "predictor": compression != "none" and dtype.kind != "f",
        "tile": (tile, tile),
        "metadata": None,
        "software": "napari-tmaps",
        **_resolution(image),
    }
    written = 0
    with replacing(path) as temporary:
        with disk_errors(path):
            file = tifffile.TiffWriter(temporary, bigtiff=True)
        try:
            for plane in planes:
                _check_plane(path, plane, written, image)
                head = image_omexml(image).encode() if written == 0 else None
                smaller = _pyramid(plane.astype(dtype, copy=False), levels, labels)
                with disk_errors(path):
                    file.write(smaller[0], subifds=levels - 1, description=head, **options)
                    for pixels in smaller[1:]:
                        file.write(pixels, subfiletype=1, **options)
                written += 1
                yield written
        finally:
            with disk_errors(path):
                file.close()
        if written != expected:
            raise InputError(
                f"'{path.name}' needs {expected} planes, {image.shape[:3]} of (t, c, z), but only "
                f"{written} came. Nothing was saved."
            )


def read_ometiff(path: Path, image: int = 0) -> tuple[npt.NDArray[Any], OmeImage]:
    """One image of an OME-TIFF: its pixels (t, c, z, y, x), of RGB (t, c, z, y, x, s), and facts.

    Parameters
    ----------
    image
        Which image of the file, from 0.

    Raises
    ------
    NotFoundError
        There is no such file, or no such image in it.
    FormatError
        The file is no OME-TIFF, or damaged.
    """
    with _open(Path(path)) as file:
        facts = _facts(file, image)
        series = file.series[image]
        axes, pixels = series.get_axes(squeeze=False), series.asarray(squeeze=False)
        order = [axis for axis in (*ORDER, SAMPLES) if axis in axes]
        if len(order) != len(axes):
            raise FormatError(
                f"'{path}' has the axes {axes}, of which only {ORDER} and {SAMPLES} are understood."
            )
        pixels = pixels.transpose([axes.index(axis) for axis in order])
        samples = (facts.samples,) if facts.samples > 1 else ()
        return pixels.reshape(*facts.shape, *samples), facts


def read_ometiff_facts(path: Path, image: int = 0) -> OmeImage:
    """What an OME-TIFF says of one of its images; no pixels are read. Errors as `read_ometiff`."""
    with _open(Path(path)) as file:
        return _facts(file, image)


@contextmanager
def _open(path: Path) -> Iterator[tifffile.TiffFile]:
    import tifffile

    if not path.is_file():
        raise NotFoundError(f"There is no file '{path}'. Check its name and folder.")
    try:
        with tifffile.TiffFile(path) as file:
            yield file
    except (FormatError, NotFoundError):
        raise
    except OSError as error:
        raise StorageError(f"'{path}' cannot be read: {error.strerror or error}.") from error
    except DECODERS as error:
        raise FormatError(
            f"'{path}' is damaged, or no TIFF: {error}. Copy it again from where it was saved."
        ) from error


def _facts(file: tifffile.TiffFile, image: int) -> OmeImage:
    if file.ome_metadata is None:
        raise FormatError(
            f"'{file.filehandle.path}' is a TIFF without OME-XML. Open it as a plain TIFF."
        )
    images = parse_omexml(file.ome_metadata)
    if not 0 <= image < len(images):
        raise NotFoundError(
            f"'{file.filehandle.path}' has no image {image}; it has {len(images)}, counted from 0."
        )
    return images[image]


def _check_plane(path: Path, plane: npt.NDArray[Any], number: int, image: OmeImage) -> None:
    size = image.shape[3:] if image.samples == 1 else (*image.shape[3:], image.samples)
    if number >= int(np.prod(image.shape[:3])):
        raise InputError(
            f"'{path.name}' holds {number} planes, {image.shape[:3]} of (t, c, z), but more came. "
            "Nothing was saved."
        )
    if plane.shape != size or not np.can_cast(plane.dtype, image.dtype, "safe"):
        raise InputError(
            f"Plane {number} for '{path.name}' has the shape {plane.shape} and type "
            f"{plane.dtype.name}; the image has planes of {size} and type {image.dtype.name}. "
            "Nothing was saved."
        )


def _pyramid(plane: npt.NDArray[Any], levels: int, labels: bool) -> list[npt.NDArray[Any]]:
    from napari_tmaps.streams.pyramid import pyramid

    if plane.ndim == 2:
        return pyramid(plane, levels, labels=labels)
    colors = [pyramid(plane[..., s], levels, labels=labels) for s in range(plane.shape[-1])]
    return [np.stack(level, axis=-1) for level in zip(*colors, strict=True)]


def _resolution(image: OmeImage) -> dict[str, Any]:
    """The TIFF's own tags for the size of a pixel, for programs that do not read OME-XML."""
    _, y, x = image.pixel_size_um
    if y is None or x is None:
        return {}
    return {"resolution": (_rational(1e4 / x), _rational(1e4 / y)), "resolutionunit": "CENTIMETER"}


def _rational(value: float) -> tuple[int, int]:
    """Nearest fraction of two numbers of 32 bits; older tifffile comes less near."""
    largest = 2**32 - 1
    found = Fraction(value).limit_denominator(max(1, min(largest, int(largest / value))))
    return found.numerator, found.denominator
