"""Makes a small screen of several staining rounds, each shifted by an amount that we know."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile
from scipy.ndimage import gaussian_filter, shift

from napari_tmaps.store.experiment import Experiment
from napari_tmaps.vendors import scan
from napari_tmaps.workflow import convert

PATTERN = r"(?P<well>[A-H]\d\d)_s(?P<site>\d)_(?P<channel>DAPI|GFP)"
SHAPE = (128, 160)
SITES = (1, 2)
WELLS = ("B02", "B03")
MARGIN = 16


def true_shift(well: str, site: int, cycle: int) -> tuple[float, float]:
    """What moves the image of a cycle onto that of cycle 0."""
    if cycle == 0:
        return 0.0, 0.0
    return 3.0 * cycle + 0.25 * site, -5.0 + 2.5 * (well == "B03")


def scene(well: str, site: int) -> np.ndarray:
    """Bright spots on a dark ground, larger than an image."""
    rng = np.random.default_rng([ord(well[0]), int(well[1:]), site])
    spots = np.zeros((SHAPE[0] + 2 * MARGIN, SHAPE[1] + 2 * MARGIN))
    spots[rng.integers(0, spots.shape[0], 60), rng.integers(0, spots.shape[1], 60)] = 1
    return 100 + 90000 * gaussian_filter(spots, 3)


def picture(well: str, site: int, cycle: int, channel: str) -> np.ndarray:
    """What the microscope sees: DAPI shows the same in each cycle, GFP something else."""
    whole = scene(well, site + (0 if channel == "DAPI" else 10 + cycle))
    y, x = true_shift(well, site, cycle)
    moved = shift(whole, (-y, -x), order=3, mode="nearest")
    seen = moved[MARGIN : MARGIN + SHAPE[0], MARGIN : MARGIN + SHAPE[1]]
    rng = np.random.default_rng([site, cycle, len(channel)])
    return np.clip(np.rint(seen + rng.normal(0, 3, SHAPE)), 0, 65535).astype(np.uint16)


def write_round(folder: Path, cycle: int) -> None:
    """The files of one round."""
    folder.mkdir(parents=True)
    for well in WELLS:
        for site in SITES:
            for channel in ("DAPI", "GFP"):
                path = folder / f"{well}_s{site}_{channel}.tif"
                tifffile.imwrite(path, picture(well, site, cycle, channel))


def make_experiment(
    folder: Path, cycles: int = 2, without: tuple[str, ...] = (), *, converted: bool = True
) -> Experiment:
    """An experiment of so many rounds; `without` names files like "1/B02_s1_DAPI.tif"."""
    made = Experiment.create(folder / "rounds.tmaps", workflow_type="multiplexing")
    for cycle in range(cycles):
        write_round(folder / str(cycle), cycle)
        for name in without:
            if name.startswith(f"{cycle}/"):
                (folder / name).unlink()
        found = scan(folder / str(cycle), pattern=PATTERN)
        made.add(found, plate="p", acquisition=f"round{cycle}")
    list(convert(made, in_place=not converted))
    return made
