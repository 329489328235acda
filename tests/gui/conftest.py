"""A small plate made of microscope files: 3 wells of a 96-well plate, 2 × 2 sites, 2 channels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Scan, make_planes
from napari_tmaps.model.progress import run
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.workflow import convert

WELLS = ("B02", "B03", "C03")
CHANNELS = ("DAPI", "Actin")
SIZE = 64
PIXEL_UM = 0.5


def plane_of(well: str, site: int, channel: str) -> np.ndarray:
    """Pixels of a plane: 1000 × well + 100 × site + 10 × channel, and a ramp of 0 … 7 along x."""
    base = 1000 * WELLS.index(well) + 100 * site + 10 * CHANNELS.index(channel)
    return np.full((SIZE, SIZE), base, np.uint16) + np.arange(SIZE, dtype=np.uint16) // 8


def make_scan(folder: Path, *, lost: tuple[tuple[str, int, str], ...] = ()) -> Scan:
    """Write the files of the plate and describe them; planes in `lost` are declared, not written."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for well in WELLS:
        for site in range(1, 5):
            for channel in CHANNELS:
                name = f"{well}_{site}_{channel}.tif"
                missing = (well, site, channel) in lost
                if not missing:
                    tifffile.imwrite(folder / name, plane_of(well, site, channel))
                rows.append(
                    {
                        "plate": "P1",
                        "well": well,
                        "site": site,
                        "channel": channel,
                        "path": "" if missing else name,
                        "missing": missing,
                        "height": SIZE,
                        "width": SIZE,
                        "dtype": "uint16",
                        "stage_y_um": (site - 1) // 2 * SIZE * PIXEL_UM,
                        "stage_x_um": (site - 1) % 2 * SIZE * PIXEL_UM,
                    }
                )
    planes = make_planes(**{key: [row[key] for row in rows] for key in rows[0]})
    return Scan(
        vendor="Test microscope",
        root=folder,
        planes=planes,
        channels=tuple(Channel(name) for name in CHANNELS),
        pixel_size_um=(PIXEL_UM, PIXEL_UM),
    )


def make_experiment(folder: Path, **options: Any) -> Path:
    """A converted experiment."""
    scan = make_scan(folder / "raw", **options)
    with Experiment.create(folder / "screen.tmaps") as experiment:
        experiment.add(scan)
        assert not run(convert(experiment))
        return experiment.path


@pytest.fixture(scope="session")
def experiment_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A converted experiment, only to be read."""
    return make_experiment(tmp_path_factory.mktemp("plate"))


@pytest.fixture
def experiment(experiment_path: Path) -> Iterator[Experiment]:
    """The experiment, open."""
    with Experiment.open(experiment_path) as opened:
        yield opened
