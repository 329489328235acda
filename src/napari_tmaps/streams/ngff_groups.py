"""Groups and images of an OME-Zarr as they lie on disk: attributes, levels, information."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from napari_tmaps.errors import FormatError, NotFoundError, StorageError
from napari_tmaps.streams.atomic import disk_errors, write_json, write_text
from napari_tmaps.streams.mounts import bring, open_array
from napari_tmaps.streams.ngff_metadata import ImageInfo, parse_info, unwrap, wrap
from napari_tmaps.streams.plainjson import plain
from napari_tmaps.streams.planefiles import PlaneParts, open_parts

if TYPE_CHECKING:
    import zarr


def read_levels(path: Path) -> tuple[zarr.Array[Any], ...]:
    """The arrays of an image, finest first, open for reading.

    Raises
    ------
    NotFoundError
        There is no OME-Zarr image.
    FormatError
        It is damaged.
    """
    return tuple(_open(path, name) for name in _level_names(path))


def read_parts(path: Path, most: int | None = None) -> tuple[PlaneParts, ...]:
    """The same for whoever reads small parts of planes of many images; see `planefiles`.

    Parameters
    ----------
    most
        So many levels, the finest first; None for all.

    Raises
    ------
    NotFoundError
        There is no OME-Zarr image.
    FormatError
        It is damaged.
    """
    names = _level_names(path)[:most]
    return tuple(open_parts(path / name, partial(_open, path, name)) for name in names)


def _open(path: Path, name: str) -> zarr.Array[Any]:
    from zarr.errors import ArrayNotFoundError

    try:
        return open_array(path / name)
    except StorageError:
        raise
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        OverflowError,
        ArrayNotFoundError,
    ) as error:
        raise FormatError(
            f"Level '{name}' of the image '{path}' cannot be read ({error}). The image is "
            "damaged: convert or copy it again."
        ) from error


def read_info(path: Path) -> ImageInfo:
    """What the metadata of an image say.

    Raises
    ------
    NotFoundError
        There is no OME-Zarr image.
    FormatError
        It is damaged, or of a version that is not read here.
    """
    arrays: list[tuple[tuple[int, ...], str]] = []
    for name in _level_names(path):
        described = _read_json(path / name / "zarr.json")
        if described is None:
            described = _read_json(path / name / ".zarray")
        if described is None:
            raise FormatError(
                f"Level '{name}' of the image '{path}' is missing. The image is damaged: convert "
                "or copy it again."
            )
        dtype = described.get("data_type", described.get("dtype", ""))
        arrays.append((tuple(described.get("shape", ())), str(dtype)))
    return parse_info(str(path), read_attributes(path), arrays)


def update_labels(
    path: Path, place: tuple[int, int], corner: tuple[int, int], region: npt.NDArray[Any]
) -> None:
    """Change a part of a plane of labels that are stored, at all levels.

    Only files that hold the part are written, each whole or not at all.

    Parameters
    ----------
    path
        Of an image that `ImageWriter` wrote.
    place
        (t, z) of the plane.
    corner
        First row and column of the part.
    region
        Labels (y, x).

    Raises
    ------
    NotFoundError, FormatError
        There is no such image, or it is damaged.
    StorageError
        The disk is full, or refuses.
    """
    import zarr

    (t, z), (top, left) = place, corner
    for number, name in enumerate(_level_names(path)):
        step = 1 << number  # coarser levels hold every second pixel of the finer one
        row, column = -(-top // step), -(-left // step)
        part = region[row * step - top :: step, column * step - left :: step]
        if part.size:
            array = zarr.open_array(path / name, mode="r+")
            with disk_errors(path):
                array[t, 0, z, row : row + part.shape[0], column : column + part.shape[1]] = part


def write_group(path: Path, attributes: Mapping[str, Any], version: str = "0.5") -> None:
    """Make a zarr group with attributes, or give an existing group new ones; atomic.

    Parameters
    ----------
    path
        Folder of the group: a plate, a row, a well, labels, an image.
    attributes
        As OME-NGFF names them ("plate", "well", "labels" …), and "tmaps" for our own; they replace
        all that were there. The version is added where the specification asks for it.

    Raises
    ------
    InputError
        An attribute that JSON cannot hold.
    StorageError
        The disk is full, or refuses.
    """
    from pydantic_core import to_json  # ten times as fast as json, which indents in Python

    file, content = group_file(path, attributes, version)
    write_text(file, to_json(content, indent=2).decode() + "\n")


def write_plain_group(path: Path, attributes: Mapping[str, Any], version: str = "0.5") -> None:
    """As `write_group`, for groups that OME-NGFF does not know: attributes are stored as they are.

    Raises
    ------
    InputError
        An attribute that JSON cannot hold.
    StorageError
        The disk is full, or refuses.
    """
    stored = plain(attributes, path.name)
    if version == "0.4":
        write_json(path / ".zgroup", {"zarr_format": 2})
        write_json(path / ".zattrs", stored)
    else:
        write_json(
            path / "zarr.json", {"zarr_format": 3, "node_type": "group", "attributes": stored}
        )


def group_file(
    path: Path,
    attributes: Mapping[str, Any],
    version: str,
    others: Mapping[str, Any] | None = None,
) -> tuple[Path, dict[str, Any]]:
    """The file that holds the attributes of a group, and what it says.

    Parameters
    ----------
    others
        Attributes that are neither OME's nor ours.
    """
    complete = {
        key: {"version": version} | value if key in ("plate", "well", "image-label") else value
        for key, value in plain(attributes, path.name).items()
    }
    stored = wrap(complete, version) | plain(others or {}, path.name)
    if version == "0.4":
        write_json(path / ".zgroup", {"zarr_format": 2})
        return path / ".zattrs", stored
    return path / "zarr.json", {"zarr_format": 3, "node_type": "group", "attributes": stored}


def read_attributes(path: Path) -> dict[str, Any]:
    """Attributes of a zarr group, without the wrapper "ome" that version 0.5 puts around them.

    Raises
    ------
    NotFoundError
        There is no zarr group.
    FormatError
        Its metadata are damaged.
    """
    group = _read_json(path / "zarr.json")
    if group is not None:
        return unwrap(group.get("attributes", {}))
    attributes = _read_json(path / ".zattrs")
    if attributes is None and not (path / ".zgroup").is_file():
        raise NotFoundError(
            f"There is no OME-Zarr at '{path}'. An OME-Zarr is a folder that holds zarr.json or "
            ".zattrs; choose that folder."
        )
    return attributes or {}


def _level_names(path: Path) -> list[str]:
    try:
        return [dataset["path"] for dataset in read_attributes(path)["multiscales"][0]["datasets"]]
    except (KeyError, IndexError, TypeError) as error:
        raise FormatError(
            f"'{path}' is a zarr group, but no image: its attributes list no multiscales datasets. "
            "Choose the folder of an image, e.g. <plate>/B/03/0."
        ) from error


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(bring(path).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(f"'{path}' cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise FormatError(
            f"'{path}' is damaged: it is no JSON ({error}). Convert or copy the image again."
        ) from error
    if not isinstance(value, dict):
        raise FormatError(f"'{path}' is damaged: it holds no JSON object. Copy the image again.")
    return value
