"""From the microscope's files to an OME-Zarr plate with its pyramid, against ome-zarr-py."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import zarr
from numcodecs.blosc import Blosc

from napari_tmaps.model.progress import run
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.streams.ngff import read_levels
from napari_tmaps.vendors import scan
from napari_tmaps.vendors.pixels import PlaneReader
from napari_tmaps.workflow import convert
from timing import Contest

_PATTERN = r"(?P<well>[A-H]\d\d)_s(?P<site>\d+)_c(?P<channel>\d)"
_SIZE = 2160


def _write_sites(folder: Path, sites: int) -> dict[str, list[Path]]:
    """Sites of two channels; noise on a slope, so that codecs have work to do."""
    rng = np.random.default_rng(0)
    slope = np.linspace(200, 3000, _SIZE)[:, None]
    found: dict[str, list[Path]] = {}
    for site in range(1, sites + 1):
        for channel in (1, 2):
            path = folder / f"B02_s{site}_c{channel}.tif"
            plane = rng.poisson(slope * channel, (_SIZE, _SIZE)).astype(np.uint16)
            tifffile.imwrite(path, plane, metadata=None)
            found.setdefault(f"B02/{site}", []).append(path)
    return found


def plate(folder: Path, full: bool) -> Contest:
    """Sites of 2 × 2160² pixels, read from TIFF and written with all pyramid levels."""
    from ome_zarr.writer import write_image

    source, out = folder / "source", folder / "out"
    source.mkdir()
    sites = _write_sites(source, 96 if full else 24)
    subset = list(sites)[:2]

    def ours() -> Path:
        return _convert(source, out / "ours", workers=1)

    def peer() -> Path:
        written = _fresh(out / "peer")
        for name in subset:
            image = np.stack([tifffile.imread(path) for path in sites[name]])
            group = zarr.open_group(str(written / name), mode="w")
            write_image(
                image[None, :, None],
                group,
                axes="tczyx",
                storage_options={"chunks": (1, 1, 1, 1080, 1080)},
            )
        return written

    def same_pixels(ours: Path, peer: Path) -> float:
        found = []
        for name, paths in sites.items():
            stored = read_levels(ours / "B" / "02" / name.split("/")[1])[0]
            found += [
                np.array_equal(stored[0, c, 0], tifffile.imread(p)) for c, p in enumerate(paths)
            ]
        return float(np.mean(found))

    return Contest(
        "ome-zarr-py write_image of what tifffile reads",
        ours,
        peer,
        accuracy=same_pixels,
        accuracy_is="share of planes that are the same, pixel by pixel",
        peer_share=len(subset) / len(sites),
        floor=_Floor(out / "ours", out / "floor", 1),
    )


def two_cores(folder: Path, full: bool) -> Contest:
    """The same by two workers, against one."""
    source = folder / "source"
    source.mkdir()
    sites = _write_sites(source, 96 if full else 24)

    def same_pixels(ours: Path, peer: Path) -> float:
        places = [Path("B", "02", name.split("/")[1]) for name in sites]
        pairs = [(read_levels(ours / place)[0], read_levels(peer / place)[0]) for place in places]
        return float(np.mean([np.array_equal(one[:], other[:]) for one, other in pairs]))

    return Contest(
        "one worker",
        lambda: _convert(source, folder / "two", workers=2),
        lambda: _convert(source, folder / "one", workers=1),
        accuracy=same_pixels,
        accuracy_is="share of sites that are the same, pixel by pixel",
        floor=_Floor(folder / "one", folder / "floor", 2),
    )


def _fresh(folder: Path) -> Path:
    """A new folder in a folder. What was written before stays: for some seconds after a tree was
    deleted, ext4 makes folders ten times slower, since it does not use their places again."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder / str(len(list(folder.iterdir())))


def _convert(source: Path, folder: Path, workers: int) -> Path:
    with Experiment.create(_fresh(folder)) as experiment:
        experiment.add(scan(source, pattern=_PATTERN), plate="p")
        run(convert(experiment, workers=workers))
        return experiment.plate("p").path


class _Floor:
    """The slower of codec and disk: as many threads as workers compress the chunks that a
    conversion stored, all levels, while another writes as many bytes and waits for the disk."""

    def __init__(self, experiments: Path, folder: Path, workers: int) -> None:
        self._experiments = experiments
        self._folder = folder
        self._workers = workers
        self._blocks: list[np.ndarray[Any, Any]] = []
        self._encoded: list[bytes] = []

    def __call__(self) -> None:
        if not self._blocks:  # when ours is there; the first round does not know
            self._prepare()
        parts = [self._blocks[n :: self._workers] for n in range(self._workers)]
        with ThreadPoolExecutor(self._workers + 1) as pool:
            tasks = [pool.submit(self._write), *(pool.submit(self._encode, part) for part in parts)]
        for task in tasks:
            task.result()

    def _prepare(self) -> None:
        self._folder.mkdir(exist_ok=True)
        for path in sorted((self._experiments / "0").rglob("zarr.json")):
            about = json.loads(path.read_text())
            if about["node_type"] != "array":
                continue
            codecs, chunk = about["codecs"], about["chunk_grid"]["configuration"]["chunk_shape"]
            if codecs[0]["name"] == "sharding_indexed":
                inner = codecs[0]["configuration"]
                codecs, chunk = inner["codecs"], inner["chunk_shape"]
            blosc = codecs[1]["configuration"]
            shuffle = {"noshuffle": 0, "shuffle": 1, "bitshuffle": 2}[blosc["shuffle"]]
            self._codec = Blosc(blosc["cname"], blosc["clevel"], shuffle, blosc["blocksize"])
            pixels = zarr.open_array(str(path.parent), mode="r")[:]
            for plane in pixels.reshape(-1, *pixels.shape[-2:]):
                for y in range(0, plane.shape[0], chunk[-2]):
                    for x in range(0, plane.shape[1], chunk[-1]):
                        block = plane[y : y + chunk[-2], x : x + chunk[-1]]
                        self._blocks.append(np.ascontiguousarray(block))
        self._encoded = self._encode(self._blocks)

    def _encode(self, blocks: list[np.ndarray[Any, Any]]) -> list[bytes]:
        return [bytes(self._codec.encode(block)) for block in blocks]

    def _write(self) -> None:
        # One file for what we store in many: a disk does not get faster than that.
        with (self._folder / "chunks").open("wb", buffering=0) as file:
            for data in self._encoded:
                file.write(data)
            os.fsync(file.fileno())


def read_plane(folder: Path, full: bool) -> Contest:
    """Planes read through our reader, against tifffile.imread."""
    sites = _write_sites(folder, 8 if full else 4)
    paths = [path for group in sites.values() for path in group]

    # One plane at a time, as the conversion does: keeping them all would time the page faults.
    def read_ours() -> Iterator[Any]:
        with closing(PlaneReader(folder, "tiff")) as reader:
            for path in paths:
                yield reader.read(path.name, 0, 0)

    def read_theirs() -> Iterator[Any]:
        return (tifffile.imread(path) for path in paths)

    def same_pixels(*_: Any) -> float:
        pairs = zip(read_ours(), read_theirs(), strict=True)
        return float(np.mean([np.array_equal(ours, theirs) for ours, theirs in pairs]))

    return Contest(
        "tifffile.imread",
        ours=lambda: sum(1 for _ in read_ours()),
        peer=lambda: sum(1 for _ in read_theirs()),
        accuracy=same_pixels,
        accuracy_is="share of planes that are the same, pixel by pixel",
        floor=lambda: [len(path.read_bytes()) for path in paths],
    )
