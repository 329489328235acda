"""Illumination, alignment and the map of a plate."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from napari_tmaps.measure.illumination import (
    Gathering,
    add_planes,
    empty_sums,
    log_field,
    mean_and_std,
    smooth,
)
from napari_tmaps.measure.registration import find_shift
from napari_tmaps.model.progress import run
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.maps import open_map
from napari_tmaps.vendors import scan
from napari_tmaps.vendors.pixels import PlaneReader
from napari_tmaps.workflow import convert
from napari_tmaps.workflow.illuminati import IlluminatiArguments, PyramidBuilder
from napari_tmaps.workflow.local import run_step
from timing import Contest

_PATTERN = r"(?P<well>[A-H]\d\d)_s(?P<site>\d)_c(?P<channel>\d)"
_SIZE = 2160

Plane = npt.NDArray[Any]


def _planes(number: int, size: int = _SIZE) -> list[Plane]:
    rng = np.random.default_rng(0)
    slope = np.linspace(200, 3000, size)[:, None]
    return [rng.poisson(slope, (size, size)).astype(np.uint16) for _ in range(number)]


def statistics(folder: Path, full: bool) -> Contest:
    """Mean and deviation of logarithms of images in files, reading included; in NumPy by Welford.

    The limit is to read them and look at each pixel once.
    """
    paths = []
    for number, plane in enumerate(_planes(32 if full else 16)):
        paths.append(folder / f"{number}.tif")
        tifffile.imwrite(paths[-1], plane, metadata=None)

    def read() -> Iterator[Plane]:
        reader = PlaneReader(folder, "tiff")
        yield from (reader.read(path.name, 0, 0) for path in paths)
        reader.close()

    def ours() -> tuple[Plane, Plane]:
        images = Gathering()
        for plane in read():
            images.add(plane)
        sums = images.sums()
        assert sums is not None
        return mean_and_std(sums)

    def peer() -> tuple[Plane, Plane]:
        count, mean, spread = 0, np.zeros((_SIZE, _SIZE)), np.zeros((_SIZE, _SIZE))
        for path in paths:
            logs = np.log10(np.maximum(tifffile.imread(path), 1))
            count += 1
            delta = logs - mean
            mean += delta / count
            spread += delta * (logs - mean)
        return mean, np.sqrt(spread / (count - 1))

    return Contest(
        "the same in NumPy (Welford), without a histogram",
        ours,
        peer,
        accuracy=lambda a, b: float(max(np.abs(x - y).max() for x, y in zip(a, b, strict=True))),
        accuracy_is="largest difference of a logarithm",
        floor=lambda: [plane.copy() for plane in read()],  # files are mapped, not yet read
    )


def correction(folder: Path, full: bool) -> Contest:
    """One plane corrected by logarithms, against the formula in NumPy."""
    planes = _planes(4)
    sums = empty_sums((_SIZE, _SIZE), np.uint16)
    sums = add_planes(sums, planes)
    mean, std = (smooth(field) for field in mean_and_std(sums))
    field = log_field(mean, std)

    def peer() -> Plane:
        logs = (np.log10(np.maximum(planes[0], 1)) - mean) / std * std.mean() + mean.mean()
        return np.clip(np.rint(10**logs), 0, 65535).astype(np.uint16)

    return Contest(
        "the formula in NumPy",
        ours=lambda: field.correct(planes[0]),
        peer=peer,
        accuracy=lambda a, b: float(np.abs(a.astype(int) - b).max()),
        accuracy_is="largest difference, counts",
        floor=lambda: planes[0].copy(),
    )


def alignment(folder: Path, full: bool) -> Contest:
    """Two images of one site, shifted by whole pixels and noisy, against scikit-image."""
    from scipy.ndimage import gaussian_filter
    from skimage.registration import phase_cross_correlation

    rng = np.random.default_rng(1)
    spots = np.zeros((_SIZE + 64, _SIZE + 64))
    spots[rng.integers(0, _SIZE + 64, 600), rng.integers(0, _SIZE + 64, 600)] = 1
    scene = 200 + 600000 * gaussian_filter(spots, 8)
    true = (13, -21)
    images = [
        rng.poisson(scene[32 - y : 32 - y + _SIZE, 32 - x : 32 - x + _SIZE]).astype(np.uint16)
        for y, x in ((0, 0), (-true[0], -true[1]))
    ]

    def ours() -> tuple[float, float]:
        shift = find_shift(*images)
        return shift.y, shift.x

    def peer() -> tuple[float, float]:
        shift, *_ = phase_cross_correlation(*images, upsample_factor=20)
        return float(shift[0]), float(shift[1])

    def error(found: tuple[float, float]) -> float:
        return float(np.hypot(found[0] - true[0], found[1] - true[1]))

    return Contest(
        "skimage.registration.phase_cross_correlation, upsample_factor 20",
        ours,
        peer,
        accuracy=lambda a, b: error(a),
        accuracy_is="distance from the true shift, px",
        peer_accuracy=error,
    )


def _plate(folder: Path, wells: tuple[str, ...], size: int) -> Experiment:
    source = folder / "source"
    source.mkdir()
    planes = _planes(3, size)
    number = 0
    for well in wells:
        for site in range(1, 5):
            for channel in (1, 2):
                path = source / f"{well}_s{site}_c{channel}.tif"
                tifffile.imwrite(path, planes[number % 3], metadata=None)
                number += 1
    experiment = Experiment.create(folder / "plate.tmaps")
    experiment.add(scan(source, pattern=_PATTERN), plate="p")
    run(convert(experiment, workers=1))
    return experiment


def build(folder: Path, full: bool) -> Contest:
    """The coarse levels of a plate, against ome-zarr-py, which writes each site with 5 levels."""
    from ome_zarr.writer import write_image

    wells = ("A01", "A02", "B01", "B02") if full else ("A01", "A02")
    experiment = _plate(folder, wells, _SIZE)
    step = PyramidBuilder(experiment)

    def ours() -> Path:
        step.delete_previous_job_output()
        run(run_step(step, IlluminatiArguments(), workers=1))
        return experiment.path / "maps" / "p"

    def peer() -> Path:
        import zarr

        for site in (1, 2):
            path = folder / "peer" / str(site)
            shutil.rmtree(path, ignore_errors=True)
            pixels = np.stack([experiment.image("p", "A01", site, str(c))[0] for c in (1, 2)])
            group = zarr.open_group(path, mode="w")
            write_image(pixels, group, axes="cyx")
        return folder / "peer"

    def exact(maps: Path, _: Path) -> float:
        found = open_map(experiment, "p")
        fine, half = found.channel("1")[:2]
        size = 2 * min(half.shape[2], 500)
        pixels = fine.read(0, 0, slice(0, size), slice(0, size)).astype(np.uint32)
        mean = (pixels.reshape(size // 2, 2, size // 2, 2).sum(axis=(1, 3)) + 2) // 4
        stored = half.read(0, 0, slice(0, size // 2), slice(0, size // 2))
        return float((mean == stored).mean())

    return Contest(
        "ome-zarr-py write_image of each site",
        ours,
        peer,
        accuracy=exact,
        accuracy_is="share of pixels that are the exact mean of those below",
        peer_share=2 / (4 * len(wells)),
    )
