"""Frames of a camera to OME-TIFF and OME-Zarr, against the best backend of ome-writers.

Both write the same frames with the same chunks and codec, and wait at the end until the disk has
them (fsync of each file). Ours has blosc and zstd at its own levels; the sizes are compared.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from timing import Contest

_SIZE = 2048
_CHUNK = 512


def _frames() -> list[Any]:
    """Camera noise on a slope; a few frames that come again and again."""
    rng = np.random.default_rng(0)
    slope = np.linspace(100, 1000, _SIZE)[:, None]
    return [rng.poisson(slope, (_SIZE, _SIZE)).astype(np.uint16) for _ in range(8)]


def _sync(path: Path) -> Path:
    for file in [path] if path.is_file() else path.rglob("*"):
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
    return path


def _fresh(folder: Path) -> Path:
    """A new folder in a folder. Nothing is deleted: for a minute after that ext4 makes files and
    folders ten times slower."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / str(len(list(folder.iterdir())))
    fresh.mkdir()
    return fresh


def _make_room(folder: Path) -> None:
    """Empty all files but those of first runs, which are compared in the end."""
    for path in folder.glob("*/[1-9]*/**/*"):
        if path.is_file():
            os.truncate(path, 0)


def _writer(
    package: Any,
    folder: Path,
    suffix: str,
    frames: list[Any],
    count: int,
    shards: Any,
    **settings: Any,
) -> Callable[[], Path]:
    """Write `count` frames with a package that has the interface of ome-writers."""

    def write() -> Path:
        path = _fresh(folder) / f"frames{suffix}"
        tiff = suffix == ".ome.tiff"
        chunks = None if tiff else {"y": _CHUNK, "x": _CHUNK}
        dims = package.dims_from_standard_axes({"t": count, "y": _SIZE, "x": _SIZE}, chunks, shards)
        made = package.AcquisitionSettings(
            root_path=str(path), dimensions=dims, dtype="uint16", **settings
        )
        with package.create_stream(made) as stream:
            for number in range(count):
                stream.append(frames[number % len(frames)])
        return _sync(path)

    return write


def _first_and_last(path: Path) -> Any:
    if path.is_file():
        import tifffile

        with tifffile.TiffFile(path) as file:
            return np.stack([file.pages[0].asarray(), file.pages[-1].asarray()])
    import zarr

    array: Any = zarr.open_array(path / "0", mode="r")
    return np.stack([array[0], array[-1]])


def _same(ours: Path, peer: Path) -> float:
    return float((_first_and_last(ours) == _first_and_last(peer)).all())


def _fastest(candidates: list[tuple[str, Callable[[], Path]]]) -> str:
    """The name of the one whose second run takes least time.

    In a process of its own, so that what it leaves in memory is not taken for ours.
    """
    if len(candidates) == 1:
        return candidates[0][0]

    def race() -> None:
        times = {}
        for backend, write in candidates:
            write()
            begin = perf_counter()
            write()
            times[backend] = perf_counter() - begin
        told.send(min(times, key=times.__getitem__))

    here, told = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=race)
    process.start()
    best: str = here.recv()
    process.join()
    return best


def _contest(
    folder: Path,
    full: bool,
    suffix: str,
    *,
    ours: dict[str, Any] | None = None,
    shards: Any = None,
    backends: tuple[str, ...] = (),
    **settings: Any,
) -> Contest:
    import ome_writers

    import napari_tmaps.streams as streams

    count, frames = (400 if full else 128), _frames()
    if suffix == ".ome.tiff":
        # Plain pages: of fewer the disk alone would be measured, which is the same for both. LZW:
        # the peer gives up 5 s after close, and would lose the rest.
        count = 48 if settings.get("compression") == "lzw" else 400

    def peer(backend: str, folder_name: str) -> Callable[[], Path]:
        return _writer(
            ome_writers, folder / folder_name, suffix, frames, count, shards, format=backend,
            **settings,
        )  # fmt: skip

    best = _fastest([(backend, peer(backend, f"race-{backend}")) for backend in backends])

    def floor() -> None:
        path = _fresh(folder / "floor") / "plain"
        with path.open("wb") as file:
            for number in range(count):
                file.write(frames[number % len(frames)])
        _sync(path)

    return Contest(
        f"ome-writers ({best})",
        ours=_writer(
            streams, folder / "ours", suffix, frames, count, shards, **settings, **(ours or {})
        ),
        peer=peer(best, "peer"),
        accuracy=_same,
        accuracy_is="same pixels",
        floor=floor,
        before=lambda: _make_room(folder),
    )


_ZARR = ("tensorstore", "zarr-python")


def zarr_none(folder: Path, full: bool) -> Contest:
    """Chunks of 512², a file each."""
    return _contest(folder, full, ".ome.zarr", backends=_ZARR)


def zarr_none_sharded(folder: Path, full: bool) -> Contest:
    """A shard for each frame."""
    shards = {"y": 4, "x": 4}
    return _contest(folder, full, ".ome.zarr", backends=_ZARR, shards=shards)


def zarr_none_sharded_long(folder: Path, full: bool) -> Contest:
    """A shard for 8 frames."""
    shards = {"t": 8, "y": 4, "x": 4}
    return _contest(folder, full, ".ome.zarr", backends=("tensorstore",), shards=shards)


def zarr_lz4(folder: Path, full: bool) -> Contest:
    """blosc-lz4, a shard for each frame."""
    shards = {"y": 4, "x": 4}
    return _contest(
        folder, full, ".ome.zarr", backends=_ZARR, shards=shards, compression="blosc-lz4"
    )


def zarr_zstd(folder: Path, full: bool) -> Contest:
    """blosc-zstd, a shard for each frame."""
    shards = {"y": 4, "x": 4}
    return _contest(
        folder, full, ".ome.zarr", backends=_ZARR, shards=shards, compression="blosc-zstd"
    )


def zarr_levels(folder: Path, full: bool) -> Contest:
    """Five levels, a shard for each frame, against the finest level alone."""
    shards = {"y": 4, "x": 4}
    return _contest(folder, full, ".ome.zarr", backends=_ZARR, shards=shards, ours={"levels": 5})


def tiff_none(folder: Path, full: bool) -> Contest:
    """OME-TIFF; the floor is a plain file."""
    return _contest(folder, full, ".ome.tiff", backends=("tifffile",))


def tiff_lzw(folder: Path, full: bool) -> Contest:
    """OME-TIFF with LZW."""
    return _contest(folder, full, ".ome.tiff", backends=("tifffile",), compression="lzw")
