"""From the microscope's files to an OME-Zarr plate with its pyramid, against ome-zarr-py."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_tmaps.model.progress import run
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.streams.ngff import read_levels
from napari_tmaps.vendors import scan
from napari_tmaps.vendors.pixels import PlaneReader
from napari_tmaps.workflow import convert
from timing import Contest

_PATTERN = r"(?P<well>[A-H]\d\d)_s(?P<site>\d)_c(?P<channel>\d)"
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
    sites = _write_sites(source, 24 if full else 9)
    subset = list(sites)[:2]

    def ours() -> Path:
        shutil.rmtree(out / "ours.tmaps", ignore_errors=True)
        with Experiment.create(out / "ours.tmaps") as experiment:
            experiment.add(scan(source, pattern=_PATTERN), plate="p")
            run(convert(experiment, workers=1))
            return experiment.plate("p").path

    def peer() -> Path:
        import zarr

        shutil.rmtree(out / "peer", ignore_errors=True)
        for name in subset:
            image = np.stack([tifffile.imread(path) for path in sites[name]])
            group = zarr.open_group(str(out / "peer" / name), mode="w")
            write_image(
                image[None, :, None],
                group,
                axes="tczyx",
                storage_options={"chunks": (1, 1, 1, 1080, 1080)},
            )
        return out / "peer"

    def floor() -> None:
        for paths in sites.values():
            for path in paths:
                (out / "floor").write_bytes(path.read_bytes())

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
        floor=floor,
    )


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
