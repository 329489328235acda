"""Formats that a stream can be written in, the writers of each, and how a path tells which."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from napari_tmaps.errors import InputError, unknown
from napari_tmaps.streams.dimensions import _Model

TiffCompression = ("lzw", "zlib", "zstd", "none")
ZarrCompression = ("blosc-zstd", "blosc-lz4", "zstd", "none")


class _Format(_Model):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OmeTiffFormat(_Format):
    """OME-TIFF: one file, or a folder with a file for each position.

    Attributes
    ----------
    prefer_single_file
        "auto": one file if there is one position. "always": all positions in one. "never".
    multi_file_metadata
        Who tells of all files: each ("redundant"), the first ("master-tiff"), or one of its own
        ("companion-file").
    companion_file
        Its name; by default that of the stream, with the ending .companion.ome.
    """

    name: Literal["ome-tiff"] = "ome-tiff"
    backend: Literal["auto", "tifffile"] = "auto"
    suffix: str = ".ome.tiff"
    prefer_single_file: Annotated[
        Literal["auto", "always", "never"],
        BeforeValidator(lambda value: {True: "always", False: "never"}.get(value, value)),
    ] = "auto"
    multi_file_metadata: Literal["redundant", "master-tiff", "companion-file"] = "redundant"
    companion_file: str | None = None

    def is_single(self, num_positions: int) -> bool:
        """Whether all goes into one file."""
        if self.prefer_single_file == "auto":
            return num_positions == 1
        return self.prefer_single_file == "always"

    def get_output_path(self, root: str, num_positions: int = 1) -> str:
        """The file, or the folder of the files."""
        stem, suffix = split_suffix(root)
        return stem + (suffix or self.suffix) if self.is_single(num_positions) else stem


class OmeZarrFormat(_Format):
    """OME-Zarr: a folder.

    Attributes
    ----------
    backend
        Who writes the pixels: "tmaps" is our own writer and what "auto" takes, being the fastest.
    version
        Of OME-NGFF: "0.5" (zarr v3), or "0.4" (zarr v2, without shards).
    """

    name: Literal["ome-zarr"] = "ome-zarr"
    backend: Literal[
        "auto", "tmaps", "tensorstore", "zarr-python", "zarrs-python", "acquire-zarr"
    ] = "auto"
    suffix: str = ".ome.zarr"
    version: Literal["0.5", "0.4"] = "0.5"

    def get_output_path(self, root: str, num_positions: int = 1) -> str:
        """The folder."""
        stem, suffix = split_suffix(root)
        return stem + (suffix or self.suffix)


class ScratchFormat(_Format):
    """Arrays in memory; in files without a standard, if there is a path or memory is short."""

    name: Literal["scratch"] = "scratch"
    backend: Literal["scratch"] = "scratch"
    max_memory_bytes: Annotated[int, Field(ge=0)] = 4 * 2**30
    suffix: str = ""
    spill_to_disk: bool = True

    def get_output_path(self, root: str, num_positions: int = 1) -> str:
        """The path as it was given."""
        return root


Format = Annotated[OmeTiffFormat | OmeZarrFormat | ScratchFormat, Field(discriminator="name")]

_BY_WORD: dict[str, dict[str, str]] = {
    "ome-tiff": {"name": "ome-tiff"},
    "tiff": {"name": "ome-tiff"},
    "tifffile": {"name": "ome-tiff", "backend": "tifffile"},
    "ome-zarr": {"name": "ome-zarr"},
    "zarr": {"name": "ome-zarr"},
    **{
        word: {"name": "ome-zarr", "backend": word}
        for word in ("tmaps", "tensorstore", "zarr-python", "zarrs-python", "acquire-zarr")
    },
    "scratch": {"name": "scratch"},
    "memory": {"name": "scratch"},
}


def as_format(given: Any, root_path: str) -> Any:
    """What a user gives as format, as fields of one of the formats; "auto" looks at the path.

    Raises
    ------
    NotFoundError
        There is no such format or writer.
    """
    if given is None or (isinstance(given, str) and given.lower() == "auto"):
        return {"name": _inferred(root_path)}
    if isinstance(given, str):
        if given.lower() not in _BY_WORD:
            # a ValueError, which is what the check of settings passes on
            raise InputError(str(unknown("format", given, [*_BY_WORD, "auto"])))
        return dict(_BY_WORD[given.lower()])
    return given


def _inferred(root_path: str) -> str:
    if not root_path:
        return "scratch"
    ending = Path(root_path).suffix.lower()
    name = {".tif": "ome-tiff", ".tiff": "ome-tiff", ".zarr": "ome-zarr"}.get(ending)
    if name is None:
        warnings.warn(
            f"Output format could not be inferred from root_path '{root_path}'. Picking "
            "'ome-zarr'. Say which is meant (e.g. format='ome-zarr'), or give root_path an "
            "extension like .ome.zarr or .ome.tiff.",
            UserWarning,
            stacklevel=2,
        )
        return "ome-zarr"
    return name


def split_suffix(root: str) -> tuple[str, str]:
    """Path without ending, and the ending of an image (.ome.tiff, .tif, .ome.zarr …) if any."""
    for suffix in (".ome.tiff", ".ome.tif", ".ome.zarr", ".tiff", ".tif", ".zarr"):
        if root.lower().endswith(suffix) and len(Path(root).name) > len(suffix):
            return root[: -len(suffix)], root[-len(suffix) :]
    return root, ""


def scratch_folder() -> Path:
    """A new folder for arrays that memory cannot hold."""
    return Path(tempfile.mkdtemp(prefix="tmaps-scratch-"))
